// Package storagehttp is the storage protocol over HTTPS ("Great Black Swamp")
// of Tahoe-LAFS 1.20.0: NURLs, the server's half over a grid.StorageCore and
// the client's half as a grid.StorageServer. It belongs to layer L2.
//
// Each endpoint has a file of its own in which both halves stand together:
//
//	version.go   GET   /storage/v1/version
//	shares.go    GET   /storage/v1/{immutable,mutable}/SI/shares
//	read.go      GET   /storage/v1/{immutable,mutable}/SI/N
//	allocate.go  POST  /storage/v1/immutable/SI
//	upload.go    PATCH /storage/v1/immutable/SI/N and PUT .../abort
//	lease.go     PUT   /storage/v1/lease/SI
//	corrupt.go   POST  /storage/v1/{immutable,mutable}/SI/N/corrupt
//	slot.go      POST  /storage/v1/mutable/SI/read-test-write
//
// What they share: nurl.go (how a server is named), tls.go (how it is
// recognised), path.go, headers.go, ranges.go, cbor.go (what requests are made
// of), handler.go, server.go, body.go (server), client.go, errors.go (client).
//
// Source: storage/http_server.py, http_client.py and http_common.py of 1.20.0;
// docs/specifications/http-storage-node-protocol.rst differs in places, and the
// program wins. HTTP/1.1 only, without ALPN, as 1.20.
//
// # Limits of the server
//
// What a peer makes the server hold in memory is bounded: MaxAllocateSize and
// MaxCorruptSize for small bodies, as in 1.20; HandlerOptions.MaxSlotWrite (64
// MiB) for one read-test-write, for which 1.20 allows 2^48 bytes in a temporary
// file, and HandlerOptions.BodyMemory (128 MiB) for all of them together; shares
// pass in both directions through buffers of 128 KiB. A peer has a minute for
// each 128 KiB that it sends or takes. ServerOptions, MaxHeaderSize, HeaderTime
// and IdleTime bound connections.
//
// Choice: memory, not a temporary file, because a grid.StorageCore takes byte
// slices, and a byte string is never copied out of the body. Price: a client
// gets 413 for changes of more than 64 MiB to one share, which is a mutable file
// of 192 MiB with 3-of-10. An operator with more memory can raise it.
//
// # What differs from 1.20 on purpose
//
//   - Answers carry Content-Length; 1.20 sends all in chunks.
//   - The texts of 400 do not repeat secrets.
//   - Share numbers above 255 in bodies, CBOR with a key twice, and a PATCH with
//     a body shorter than its range are 400; 1.20 stores the first, takes the
//     last of the second and answers 500 to the third.
//   - Secrets must be strict base 64; Python skips what is not of its alphabet.
//   - The client does not offer gzip, which no server of 1.20 uses.
package storagehttp
