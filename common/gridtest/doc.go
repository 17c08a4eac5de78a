// Package gridtest is a grid of storage servers in this process, for tests of
// the client engine: real share stores (storage/sharestore) on file systems in
// memory, behind a seam where tests put faults. It is a broker.Servers.
//
// A server can refuse, hang, be slow, lie, fail after some calls, or lose its
// connection; see [Server.OnCall] and [Server.Lie]. What is stored can be
// listed, damaged and removed below the client's feet; what clients left
// allocated can be counted.
//
// It is test-only: nothing but tests may import it, and so it may import
// anything.
package gridtest
