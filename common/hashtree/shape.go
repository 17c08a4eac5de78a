package hashtree

import (
	"fmt"
	"math/bits"

	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// HashSize is the number of bytes in a node.
const HashSize = taggedhash.Size

// MaxLeaves is the largest number of leaves of a tree. With it, node numbers
// and byte offsets into all nodes fit an int of 32 bits. It stands for 16 TiB
// in segments of 1 MiB, or 2 TiB in segments of 128 KiB.
const MaxLeaves = 1 << 24

// LeafCountError says that a tree cannot have so many leaves.
type LeafCountError struct {
	Leaves int64
}

// Error gives the number and the limit.
func (e *LeafCountError) Error() string {
	return fmt.Sprintf("hash tree with %d leaves: must have from 0 to %d", e.Leaves, MaxLeaves)
}

// CheckLeaves turns a number of leaves, as it comes from a peer, into an int
// that all functions of this package accept. The error is a *LeafCountError.
func CheckLeaves(leaves int64) (int, error) {
	if leaves < 0 || leaves > MaxLeaves {
		return 0, &LeafCountError{leaves}
	}
	return int(leaves), nil
}

// Width returns the number of leaves after filling up: the next power of two,
// at least 1. leaves must be from 0 to MaxLeaves, as for all functions here.
func Width(leaves int) int {
	if leaves <= 1 {
		return 1
	}
	return 1 << bits.Len(uint(leaves-1))
}

// NumNodes returns the number of nodes of the tree.
func NumNodes(leaves int) int {
	return 2*Width(leaves) - 1
}

// Size returns the number of bytes of all nodes of the tree.
func Size(leaves int) int {
	return NumNodes(leaves) * HashSize
}

// ChainLen returns the number of nodes in a chain, without the leaf itself.
func ChainLen(leaves int) int {
	return bits.Len(uint(Width(leaves))) - 1
}

// LeafNode returns the number of the node that is the given leaf.
func LeafNode(leaves, leaf int) int {
	return Width(leaves) - 1 + leaf
}

// AppendChain appends the numbers of the nodes that, with the root, prove a
// leaf: the siblings of all nodes from the leaf up to below the root, lowest
// first. With includeLeaf the leaf itself comes before them. This is
// needed_hashes of hashtree.py, whose result is a set. leaf must be below
// Width(leaves).
func AppendChain(dst []int, leaves, leaf int, includeLeaf bool) []int {
	node := LeafNode(leaves, leaf)
	if includeLeaf {
		dst = append(dst, node)
	}
	for ; node > 0; node = parent(node) {
		dst = append(dst, sibling(node))
	}
	return dst
}

func parent(node int) int { return (node - 1) / 2 }

// sibling must not be asked for the root, which has none. Left children are
// odd, right children even.
func sibling(node int) int {
	if node%2 == 1 {
		return node + 1
	}
	return node - 1
}
