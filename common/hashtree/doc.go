// Package hashtree builds and checks the Merkle trees of Tahoe-LAFS: over the
// blocks of a share, over the shares of a file, over the segments of a
// ciphertext.
//
// It belongs to layer L0 and follows src/allmydata/hashtree.py of Tahoe-LAFS
// 1.20.0. Leaves are filled up to a power of two with hashes of their own
// (taggedhash.EmptyLeaf). The nodes are numbered row by row from the root, and
// this is also their order in shares, 32 bytes each:
//
//	              0
//	      1               2
//	  3       4       5       6
//	7   8   9  10  11  12  13  14    leaves 0 to 7
//
// The children of node i are 2i+1 and 2i+2. A tree without any leaf has one
// node: the filling for leaf 0.
//
// Tree has all nodes and is what a writer uses. Verifier starts with the root
// and takes in other nodes as it can prove them; it is what a reader uses.
//
// Neither is safe for concurrent use while it changes.
package hashtree
