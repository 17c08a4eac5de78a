// Package storagerpc is Tahoe's storage protocol over Foolscap: the server's
// half over a grid.StorageCore and the client's half as a grid.StorageServer.
// It belongs to layer L2.
//
// Each method has a file of its own in which both halves stand together:
//
//	version.go      RIStorageServer.get_version
//	allocate.go     RIStorageServer.allocate_buckets
//	bucketwriter.go RIBucketWriter
//	buckets.go      RIStorageServer.get_buckets
//	bucketreader.go RIBucketReader
//	lease.go        RIStorageServer.add_lease
//	readv.go        RIStorageServer.slot_readv
//	writev.go       RIStorageServer.slot_testv_and_readv_and_writev
//	corrupt.go      RIStorageServer.advise_corrupt_share
//
// What they share: server.go, session.go (what belongs to one connection) and
// readmemory.go of the server, client.go of the client, errors.go (remote
// exceptions and errors of package grid, both ways), values.go (what arguments
// and answers are made of).
//
// Source: interfaces.py, storage/server.py (FoolscapStorageServer),
// storage/immutable.py, storage/mutable.py and storage_client.py of 1.20.0.
//
// # A server
//
//	server := storagerpc.NewServer(core, storagerpc.ServerOptions{Logger: log})
//	address, err := tub.Register(server, swissnum)
//
// An upload ends with the connection it was begun on. Calls on one connection
// are served in the order sent, as 1.20 does and its clients rely on, except
// that those which wait for a disk to be in sync (closing a share, changing
// mutable shares) do not hold up calls about other storage indexes: so what
// one gateway does at a time shares the syncs of the core.
//
// # What differs from 1.20 on purpose
//
//   - Storage indexes have 16 bytes; 1.20 takes shorter ones.
//   - The operator of test vectors is checked before the write enabler.
//   - What one answer may hold is bounded (ServerOptions.MaxRead), and so is
//     what all of them hold together (ServerOptions.ReadMemory): a call for
//     more is a builtins.MemoryError. What one call may carry is bounded by the
//     Tub's Limits.Message, 32 MiB unless set: more is a Violation.
//   - One connection has at most ServerOptions.MaxWriters uploads; what is
//     beyond is treated like what does not fit on the disk.
//   - An error of the disk shows as a builtins.Exception without a path.
package storagerpc
