package hashtree

import (
	"bytes"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// Tree is a complete hash tree (hashtree.py HashTree). Reading from several
// goroutines is safe as long as none of them calls SetLeaf.
type Tree struct {
	nodes  []byte // all nodes in their order
	leaves int    // without filling
}

// Build returns the tree over the given leaves, which are hashes one after the
// other. leaves is copied. Anything else than whole hashes, or more than
// MaxLeaves of them, is an error: *SizeError or *LeafCountError.
func Build(leaves []byte) (*Tree, error) {
	if len(leaves)%HashSize != 0 {
		return nil, &SizeError{What: "leaves", Got: len(leaves), Want: len(leaves) / HashSize * HashSize}
	}
	count, err := CheckLeaves(int64(len(leaves) / HashSize))
	if err != nil {
		return nil, err
	}
	t := &Tree{nodes: make([]byte, Size(count)), leaves: count}
	copy(t.nodes[LeafNode(count, 0)*HashSize:], leaves)
	t.fill()
	for node := LeafNode(count, 0) - 1; node >= 0; node-- {
		t.combine(node)
	}
	return t, nil
}

// Load returns the tree with the given nodes, as they stand in a share, for
// so many leaves. It computes the tree from its leaves and refuses nodes that
// differ, so the root vouches for all of it; whether the root is the right one
// is for the caller to check. nodes is copied. The error is a *SizeError, a
// *LeafCountError or a *BadHashError.
func Load(nodes []byte, leaves int) (*Tree, error) {
	if _, err := CheckLeaves(int64(leaves)); err != nil {
		return nil, err
	}
	if len(nodes) != Size(leaves) {
		return nil, &SizeError{What: "nodes", Got: len(nodes), Want: Size(leaves)}
	}
	first := LeafNode(leaves, 0) * HashSize
	t, err := Build(nodes[first : first+leaves*HashSize])
	if err != nil {
		return nil, err
	}
	for node := NumNodes(leaves) - 1; node >= 0; node-- {
		if !bytes.Equal(t.node(node), nodes[node*HashSize:][:HashSize]) {
			return nil, &BadHashError{Node: node, Leaves: leaves}
		}
	}
	return t, nil
}

// fill writes the leaves that only fill up the row.
func (t *Tree) fill() {
	for leaf := t.leaves; leaf < Width(t.leaves); leaf++ {
		hash := taggedhash.EmptyLeaf(leaf)
		copy(t.node(LeafNode(t.leaves, leaf)), hash[:])
	}
}

// combine computes an inner node from its children.
func (t *Tree) combine(node int) {
	hash := taggedhash.InnerNode(t.node(2*node+1), t.node(2*node+2))
	copy(t.node(node), hash[:])
}

func (t *Tree) node(node int) []byte {
	return t.nodes[node*HashSize:][:HashSize:HashSize]
}

// Leaves returns the number of leaves without filling.
func (t *Tree) Leaves() int { return t.leaves }

// NumNodes returns the number of nodes.
func (t *Tree) NumNodes() int { return len(t.nodes) / HashSize }

// Root returns the hash that stands for the whole tree.
func (t *Tree) Root() taggedhash.Hash { return t.Node(0) }

// Node returns the hash of a node, which must be below NumNodes.
func (t *Tree) Node(node int) taggedhash.Hash {
	return taggedhash.Hash(t.node(node))
}

// Leaf returns the hash of a leaf, which must be below Width(Leaves()).
func (t *Tree) Leaf(leaf int) taggedhash.Hash {
	return t.Node(LeafNode(t.leaves, leaf))
}

// Nodes returns all nodes in their order, as a share holds them. The slice
// belongs to the tree and must not be changed.
func (t *Tree) Nodes() []byte { return t.nodes }

// AppendNodes appends all nodes in their order to dst and returns the longer
// slice.
func (t *Tree) AppendNodes(dst []byte) []byte { return append(dst, t.nodes...) }

// Chain returns the nodes that, with the root, prove a leaf: those of
// AppendChain, in its order.
func (t *Tree) Chain(leaf int, includeLeaf bool) []Node {
	numbers := AppendChain(nil, t.leaves, leaf, includeLeaf)
	chain := make([]Node, len(numbers))
	for i, number := range numbers {
		chain[i] = Node{Number: number, Hash: t.Node(number)}
	}
	return chain
}

// SetLeaf changes one leaf and the nodes above it, for a file of which one
// segment is rewritten. leaf must be below Leaves.
func (t *Tree) SetLeaf(leaf int, hash taggedhash.Hash) {
	node := LeafNode(t.leaves, leaf)
	copy(t.node(node), hash[:])
	for node > 0 {
		node = parent(node)
		t.combine(node)
	}
}

// Node is one node of a tree by its number.
type Node struct {
	Number int
	Hash   taggedhash.Hash
}

// SizeError says that bytes that should hold nodes have the wrong length.
type SizeError struct {
	What      string // "leaves" or "nodes"
	Got, Want int    // bytes; for leaves, Want is the next smaller length that would do
}

// Error gives both lengths.
func (e *SizeError) Error() string {
	return fmt.Sprintf("hash tree: %s take %d bytes, should be %d", e.What, e.Got, e.Want)
}
