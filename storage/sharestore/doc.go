// Package sharestore is the storage core of a storage server: share files with
// leases in Tahoe's own directories and containers, behind both Foolscap and
// HTTPS. It is a grid.StorageCore, knows no decryption key, and takes its
// meaning from storage/server.py, immutable.py and mutable.py of Tahoe-LAFS
// 1.20.0.
//
//	shares/PP/SI/N            complete shares; SI in base 32, PP its first two characters
//	shares/incoming/SI.N      immutable shares being uploaded
//	shares/incoming/slot-M    changed copies of mutable shares, for a moment
//	corruption-advisories/    what clients say about shares
//
// A directory of 1.20 is used as it is, and 1.20 can take it back. incoming is
// emptied at every start, by 1.20 too; nobody looks for anything in it. That is
// why it is flat here, while 1.20 makes PP/SI there as well: on ext4 making and
// removing a directory costs more than all else that a small share needs.
//
// # What is durable when
//
// A share is acknowledged, listed, or said to be held only when a power cut
// cannot take it away any more. Tahoe itself never syncs.
//
//   - Immutable share: its bytes are synced in incoming, it is renamed, and the
//     directories whose names have changed are synced: SI always, PP if SI is
//     new, shares if PP is new. Then close returns.
//   - Mutable share: a changed copy is written to incoming and synced, renamed
//     over the old file, and the directory synced. A power cut at any point
//     leaves the old or the new container. Of several shares in one call some
//     may be old and some new; so it is with 1.20.
//   - Deleted share: unlinked, and the directory synced.
//   - New lease: written in place behind what is there and synced, then
//     counted in the header and synced. Renewed lease: written, not synced.
//   - Advisory: written, not synced.
//
// The lock of a storage index is held until its directory is synced, so that
// nobody sees a share before.
//
// # Copy or journal
//
// Context: test-and-set must be atomic. Choice: a changed copy replaces the
// file. A journal with group commit would wait for the disk once instead of
// twice, and would not copy: good for small changes of large MDMF shares. But
// between a crash and the replay share files would be mixtures, and a Python
// node started on the directory then would serve them; the journal would have
// to be synced, replayed, bounded and trusted. Price: each change costs the
// size of the share in reads and writes, which for directories (a few KiB) is
// nothing beside the syncs, and for an MDMF share of 100 MB on an SD card is
// ten seconds.
//
// # What it costs
//
// A wait is one sync that the disk has to finish before the next can begin. On
// a card where a sync takes 20 ms:
//
//	operation                         syncs           waits   time alone
//	store an immutable share          file + 1..3 dir     2   40 ms
//	create, change a mutable share    file + 1..3 dir     2   40 ms
//	delete a mutable share            1 dir               1   20 ms
//	add a lease                       2 x file            2   40 ms
//	renew a lease, read, list         none                0
//
// Directories are synced in batches: whoever comes while one is being synced
// joins the next. On ext4 a sync of one file or directory commits all that was
// done before, the other directories of the batch find nothing left to do, and
// whoever comes meanwhile shares the next commit; so 16 clients that store shares
// wait for about as many commits as one: some 400 shares per second at 20 ms,
// not 25.
//
// # Index
//
// Sums, sizes, and which leases end when are kept in a bbolt file, never synced
// while it is in use: changes are collected in memory and written out every
// five seconds or 4,096 buckets. A mark beside the file says that it was closed
// properly, in which epoch, and what its checksum is; if one of these is not so,
// it is not even opened, but made again in the background from the shares. So the index adds no sync to
// any operation, and a crash costs one walk through the directories, during
// which everything is served. It is at most 240 MiB, which is almost two
// million shares.
//
// Nothing that a client is told about a share comes from the index; the
// directory of its storage index is read each time.
package sharestore
