// Package placement decides which server gets which share, and measures how
// well the shares of a file are spread: the "servers of happiness".
//
// It follows Tahoe-LAFS 1.20.0: docs/specifications/servers-of-happiness.rst
// for the rules, immutable/happiness_upload.py (share_placement) for the
// placement, immutable/upload.py (PeerSelector, Tahoe2ServerSelector) for the
// rounds of asking, util/happinessutil.py for the measure and for the words of
// a failure. It is pure computation: no network, no clock, no goroutines.
//
// Servers are known here by their index in a list the caller keeps, in
// permuted order (package announce), best first. Shares are numbered from 0.
//
//   - [Happiness] measures any distribution of shares.
//   - [Place] computes one placement from what is known about the servers.
//   - [Selector] runs the rounds of an upload: it says whom to ask for which
//     shares, takes the answers, and ends with a result or an
//     [UnhappinessError].
//
// # Where this differs from 1.20, and why
//
// No two clients need the same placement (Tahoe's own depends on the order of
// Python's sets), so the differences below are invisible to other nodes.
//
//   - The order is that of the permuted list, in all ties. 1.20 iterates over
//     sets: with four servers and N = 3 a process keeps preferring the same
//     servers for every file. With the permuted order each file has an order
//     of its own and every server gets its part.
//   - In 1.20 the flow graph of existing shares gives every server the shares
//     of all (_servermap_flow_graph fills one list for all peers), so it may
//     count on a read-only server for a share that it does not hold. Here a
//     read-only server is only ever given what it holds.
//   - A share without a partner goes to the least loaded of all read-write
//     servers; 1.20 considers only those that already hold some share, and all
//     in turn if there are none.
//   - Rounds go on while a share has no home and a server is left that might
//     take it, not only until happiness is reached: a file is not left with
//     nine shares because one of ten servers was full.
package placement
