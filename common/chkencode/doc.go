// Package chkencode turns the ciphertext of an immutable (CHK) file into its
// shares and pushes them, segment by segment, into one [Sink] for each share.
// It is layer L3 (client engine). It knows no key and no server: package
// immutable gives it ciphertext, the helper service gives it what a client sent,
// and the sinks are somebody else's too.
//
// For each segment it makes the blocks (erasure code), hashes them and the
// segment, and hands the blocks to the sinks; at the end it sends the hash trees,
// the share hash chain and the URI extension block (UEB). A share is written
// front to back without gaps:
//
//	header, blocks, zeros (plaintext hash tree), crypttext hash tree,
//	block hash tree, share hash chain, UEB
//
// The plaintext hash area is left zero, and the two passes over the plaintext
// that 1.20 makes for hashes it no longer publishes are not made. With k = 1 all
// shares have the same blocks, so each is hashed once and there is one block
// hash tree.
//
// # Memory
//
// There are at most a few segments in memory (workers + 1, and never more than
// 64 MiB of them unless a single one is larger), 128 KiB for each share to
// gather small writes, and the hashes: 32 bytes for each segment and share while
// encoding, up to four times that while the trees are sent. A file of 10 GiB
// takes 12 MiB of hashes at 3-of-10 with segments of 1 MiB.
//
// # Concurrency
//
// Reading and hashing the whole ciphertext is serial by nature. Whatever else is
// to be done for a segment is done by up to four workers in parallel, each on a
// segment of its own; each sink has one goroutine that writes its blocks in
// order. Encode waits for all of them before it returns.
//
// Source: Tahoe-LAFS 1.20.0, immutable/encode.py (Encoder) and
// immutable/layout.py (WriteBucketProxy).
package chkencode
