// Package immutable encodes and decodes immutable files (CHK): it has the keys,
// encrypts, computes caps, and reads files back from their shares, checking every
// hash before a byte is released. It is layer L3 (client engine). Where shares
// are, and when to ask which server, is not its business: it writes into
// [chkencode.Sink]s and reads from [Source]s.
//
// # Encoding
//
// A file's key is random or made from its plaintext and a convergence secret,
// which takes a pass over the plaintext of its own. The ciphertext is AES-128-CTR
// with a zero IV, one stream over the whole file. Package chkencode does the
// rest. Files of up to 55 bytes are normally literal caps (upload.py,
// URI_LIT_SIZE_THRESHOLD); this package encodes them too, but not empty ones, for
// which 1.20 divides by zero as well.
//
// [Uploader] makes a cap of plaintext and has the shares stored by somebody else:
// package upload, or the client of a helper. Plaintext that can be sought is read
// twice, once for the key; what comes only once is kept in memory up to one
// segment, else in a nameless temporary file, encrypted with a key that only this
// process has. With a random key and a known size it is not kept at all.
//
// # Decoding
//
// What a reader believes follows from the cap:
//
//	UEB hash in the cap       proves the UEB
//	share_root_hash           proves a share's hash chain, which ends in
//	root of the block tree,   which proves the block hashes, which prove blocks
//	crypttext_root_hash       proves the segment hashes, which prove a segment
//
// [Verifier] holds what is proven about a file, [ShareReader] reads proven blocks
// from one share on one server, [SegmentDecoder] makes segments of them, and
// [Reader] puts them together: any k shares, any range, changing to another share
// where one is bad. The network client reuses the parts below Reader.
//
// A share's block size, data size, plaintext hash tree and its offset are not
// used and may hold anything.
//
// Source: Tahoe-LAFS 1.20.0, immutable/upload.py (FileHandle,
// EncryptAnUploadable), immutable/downloader/{node,share,fetcher,segmentation}.py,
// immutable/filenode.py (DecryptingConsumer), immutable/checker.py.
package immutable
