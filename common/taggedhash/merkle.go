package taggedhash

import "strconv"

// InnerNode returns the hash of an inner node of a Merkle tree from those of
// its children (hashtree.py pair_hash). Both must have Size bytes; they are
// slices because trees are kept as flat bytes.
func InnerNode(left, right []byte) Hash {
	return pair(tagInnerNode, left[:Size], right[:Size])
}

// EmptyLeaf returns the hash that fills leaf number i of a Merkle tree up to
// the next power of two (hashtree.py empty_leaf_hash). i counts from the
// first real leaf and must not be negative.
func EmptyLeaf(i int) Hash {
	var buf [20]byte
	return tagged(tagEmptyLeaf, strconv.AppendInt(buf[:0], int64(i), 10))
}
