// Package sharelayout reads and writes the frame of an immutable share: the
// header with its table of offsets, the places of blocks, hash trees and URI
// extension block (UEB), and the share hash chain. It is layer L1 (formats); it
// checks no hash and moves no block.
//
// The share is what a server hands out under one share number, without the
// container that the server keeps it in. All integers are big-endian. Version 2
// has 8-byte fields (but for the version itself); it is written only when the
// share data or an offset of version 1 would reach 2^32.
//
//	v1    v2    field
//	0x00  0x00  version, 4 bytes: 1 or 2
//	0x04  0x04  block size (written for readers before 1.3.0, not used)
//	0x08  0x0c  share data size (likewise)
//	0x0c  0x14  offset of the data (0x24 or 0x44)
//	0x10  0x1c  offset of the plaintext hash tree (an area that nobody uses)
//	0x14  0x24  offset of the crypttext hash tree
//	0x18  0x2c  offset of the block hash tree
//	0x1c  0x34  offset of the share hash chain
//	0x20  0x3c  offset of the UEB's length
//	0x24  0x44  data: one block for each segment, without gaps
//	            plaintext hash tree: zeros, as large as the next two
//	            crypttext hash tree: all nodes, 32 bytes each, root first
//	            block hash tree: likewise
//	            share hash chain: entries of node number (2 bytes) and hash (32)
//	            UEB length: 4 (v1) or 8 (v2) bytes
//	            UEB
//
// Writers leave no gaps. Readers follow the offsets and use neither the block
// size, the data size nor the plaintext offset. Shares written before the
// plaintext hashes were given up have hashes in the plaintext area; they read
// the same.
//
// Source: Tahoe-LAFS 1.20.0, immutable/layout.py (WriteBucketProxy,
// WriteBucketProxy_v2, ReadBucketProxy, make_write_bucket_proxy) and
// immutable/downloader/share.py (_satisfy_offsets).
package sharelayout
