// Package upload stores the shares of an immutable file whose ciphertext and
// size are known: it selects servers for them, pushes the shares while package
// chkencode makes them, and goes on or begins again when servers fail. It is
// layer L3 (client engine) and knows no key, so that the helper service can use
// it too. Keys, caps and plaintext are the business of package immutable.
//
// # Selection
//
// Package placement decides; this package asks. The first 2N permitted servers
// are asked at the same time, each once: those that would get a share if nothing
// of the file was there are asked to allocate it at once, which also tells what
// they hold; the others are asked what they hold. If nothing was there and all
// have granted what they were asked, that was all. A new small file so takes
// three round trips, 1.20 takes five: allocate, one write, close (which costs
// nothing over HTTPS, where the last byte completes a share).
//
// # Failures
//
// A server that fails while shares are pushed is dropped. As long as the others
// have the happiness that is asked for, the upload goes on without it (1.20.0:
// encode.py _remove_shareholder). Otherwise, where 1.20 gives up, everything is
// aborted and begins again without that server, if the ciphertext can be read
// again and other servers can take its place. In the end there is either a
// [Result], or an error and nothing left allocated, as far as servers can be
// reached; what is allocated on others they drop by themselves.
//
// # Memory
//
// Besides what package chkencode needs, there are buffers for writes on their
// way: [BufferSize] each, [MaxBuffers] for all uploads of an [Uploader] together,
// so 16 MiB at most. Where there is none left, writes go out one at a time and
// without a copy.
//
// Source: Tahoe-LAFS 1.20.0, immutable/upload.py (Tahoe2ServerSelector,
// CHKUploader) and immutable/layout.py (WriteBucketProxy).
package upload
