// Package sharecontainer reads and changes the files in which a storage server
// keeps shares: the share data, wrapped in a container with leases.
//
// It belongs to layer L1 and makes no file system call: it reads through an
// [io.ReaderAt] and answers with a [Plan] of what to write. Sources, all of
// Tahoe-LAFS 1.20.0: storage/immutable.py and immutable_schema.py
// ([Immutable]), storage/mutable.py and mutable_schema.py ([Mutable],
// [MutableUpdate]), storage/lease.py and lease_schema.py ([Lease]),
// storage/common.py and server.py ([SharePath], [Advisory]). All integers are
// big-endian.
//
// # Immutable container
//
//	offset  size  field
//	     0     4  version, 1 or 2
//	     4     4  data size, at most 2^32-1; written for the servers of old, never read
//	     8     4  number of leases n
//	    12     d  share data; d = size of the file - 12 - 72 n
//	  12+d  72 n  leases
//
// Lease: owner number (4; 0 = nobody in particular), renewal secret (32),
// cancel secret (32), expiry in seconds since 1970 (4).
//
// # Mutable container
//
//	offset  size  field
//	     0    32  magic, a line of text and five odd bytes; says version 1 or 2
//	    32    20  node id: the tub id of the server that recorded the write enabler
//	    52    32  write enabler, in plain
//	    84     8  data size d
//	    92     8  offset x of the extra leases; x - 468 is the size of the container
//	   100   368  four lease slots of 92
//	   468     d  share data, then rubbish up to x
//	     x     4  number of extra leases n
//	   x+4  92 n  extra leases
//
// Slot: owner number (4; 0 = empty slot), expiry (4), renewal secret (32),
// cancel secret (32), node id (20). A container never shrinks when its data
// does; it grows by moving the extra leases.
//
// # Versions
//
// In version 1 leases keep the secrets themselves, in version 2 the BLAKE2b-256
// of each. New files get version 2 ([NewestVersion]), existing ones keep theirs.
//
// # Why plans
//
// 1.20 changes a container by a row of small writes into the open file, and
// says in comments where "an interrupt here will corrupt" it. A server that
// must not lose shares when the power goes has to choose between replacing the
// file by a changed copy and writing a journal first, and this depends on the
// size of the share and on the disk; so the choice is not made here. A Plan is
// the complete, ordered list of the writes of one operation, or of several
// (all of slot_testv_and_readv_and_writev: creation, write vectors, new length,
// lease) computed before anything is written. It is a value that serves all
// ways: [Plan.Apply] does the writes in place; [Plan.Reader] is the whole new
// file, for a copy that replaces the old one; and the edits themselves can go
// into a journal, for they do not depend on what is in the file: applied again
// after any interruption, from the first on, they give the same file. Errors
// (a lease that is not there, data too large, a damaged container) show while
// planning, when nothing has been touched; 1.20 notices some of them halfway.
//
// # Where this is stricter or more lenient than 1.20
//
//   - Offsets, sizes and counts that do not fit into the file are a
//     [*CorruptError]. 1.20 would serve lease records as share data, or fail
//     with struct.error.
//   - If the last extra lease of a mutable container is cut off by the end of
//     the file (an interrupted write of 1.20 leaves that), the slot counts as
//     empty; 1.20 fails with struct.error on every access to the leases, for
//     ever.
//   - [MaxLeases] leases in one container; 1.20 has no limit.
package sharecontainer
