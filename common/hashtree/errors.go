package hashtree

import "fmt"

// BadHashError says that a hash contradicts what is known already or what
// came with it (hashtree.py BadHashError).
type BadHashError struct {
	// Node is the number of the node for which two hashes were found. The
	// wrong one may be any of those that its hash was computed from.
	Node   int
	Leaves int // of the tree
}

// Error gives the node, and the leaf if it is one.
func (e *BadHashError) Error() string {
	return "hash tree: wrong hash at or below " + name(e.Node, e.Leaves)
}

// NotEnoughHashesError says that a hash cannot be checked because another one
// is missing (hashtree.py NotEnoughHashesError).
type NotEnoughHashesError struct {
	Node    int // that cannot be checked
	Missing int // node that it takes
	Leaves  int // of the tree
}

// Error gives both nodes.
func (e *NotEnoughHashesError) Error() string {
	return fmt.Sprintf("hash tree: cannot check %s without %s", name(e.Node, e.Leaves), name(e.Missing, e.Leaves))
}

// NodeRangeError says that a tree has no such node.
type NodeRangeError struct {
	Node   int
	Leaves int // of the tree
}

// Error gives the number and the size of the tree.
func (e *NodeRangeError) Error() string {
	return fmt.Sprintf("hash tree: no node %d in a tree of %d nodes", e.Node, NumNodes(e.Leaves))
}

// name describes a node as hashtree.py _name_hash does.
func name(node, leaves int) string {
	s := fmt.Sprintf("node %d of %d", node, NumNodes(leaves))
	if leaf := node - LeafNode(leaves, 0); leaf >= 0 {
		s += fmt.Sprintf(" (leaf %d of %d)", leaf, leaves)
	}
	return s
}
