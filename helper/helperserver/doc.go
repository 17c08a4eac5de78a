// Package helperserver is the upload helper of a grid: it takes the ciphertext of
// immutable files from clients with a slow line, and makes and stores the shares
// in their place. It belongs to the role helper, and mains compose it with a Tub,
// the servers of the grid and a web server. It sees storage indexes, ciphertext
// and encoding parameters, and can import nothing that knows a key or a cap.
//
//	h, err := helperserver.New(helperserver.Config{Dir: dir, Servers: b, Uploader: u})
//	address, err := tub.Register(helperrpc.NewService(h, application), swissnum)
//	mux.Handle("/helper_status", helperserver.StatusHandler(h))
//	stats.Produce(func(v webapi.Values) { // for /statistics
//		if s, err := h.Stats(); err == nil {
//			s.Add(v)
//		}
//	})
//
// At the end: Close, which lets no upload begin, ends those under way and keeps
// what they have fetched, while the Tub and the servers are still there.
//
// Source: Tahoe-LAFS 1.20.0, immutable/offloaded.py (Helper, CHKUploadHelper,
// CHKCheckerAndUEBFetcher, CHKCiphertextFetcher) and web/status.py
// (HelperStatus).
//
// # Files
//
// In the node's directory helper, as 1.20 has them, so that a directory can go
// from one to the other:
//
//	CHK_incoming/SI   ciphertext that is being fetched, from the beginning on
//	CHK_encoding/SI   all of it; removed when the shares are stored
//	CHK_synced/SI     ours alone: how much of it is surely on the disk
//
// An upload that failed, for whatever reason, goes on where it stood when a client
// comes back with the file.
//
// # What is fetched how
//
// Up to Window requests of ChunkSize bytes are under way with one client. Clients
// of 1.20 take that: Foolscap gives calls to an object in the order sent
// (broker.py doNextCall), and remote_read_encrypted has done its work, and moved
// its offset, before it returns: every step from FileHandle.read to
// deferredutil.until is a Deferred that has fired. A test in tools/interop holds
// it. The first request is alone, since it may have to skip what is here already,
// and so that whatever goes wrong first does so by itself.
//
// 1.20's helper goes on after an answer that is too short. Here that is an error:
// clients do it only when their file has become shorter, which for 1.20 ends in
// asking the same for ever.
//
// # What protects the result
//
//   - After a crash of this program, what was written is in the file: it is
//     complete up to its size. After a crash of the machine that is not sure, so
//     only as much is used as CHK_synced vouches for. The kernel's id of the boot
//     tells which it was.
//   - What a client sends is not checked here, and cannot be: nothing says what
//     the ciphertext of a storage index is but the key. Whoever knows a storage
//     index can spoil an upload of it through the same helper. Our clients find
//     that out (package helperclient compares the root of the ciphertext's hash
//     tree with the one in the URI extension block); those of 1.20 do not, with
//     any helper.
//   - That a file is in the grid is said only if all its shares are, and all
//     servers that have some show the same URI extension block. One share's word
//     suffices for 1.20.
//
// # Differences from 1.20
//
// Sizes and parameters are asked for before ciphertext and checked against what
// the machine can do. There are limits: see [Config]. Several clients of one file
// are taken one after the other, as in 1.20; one that joins with another file is
// not noticed before it is needed. An upload that nobody has begun holds nothing
// and is not counted as active. Each client is told once, not twice, that its
// ciphertext is not needed any more.
package helperserver
