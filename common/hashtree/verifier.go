package hashtree

import (
	"slices"

	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// Verifier is a hash tree of which only some nodes are known, all of them
// proven by the root (hashtree.py IncompleteHashTree). It grows with what is
// added, not with the size of the tree: a reader that wants one segment of a
// huge file holds a few dozen nodes.
//
// Unlike in hashtree.py the root must be set first; there a tree without root
// accepts whatever it is given and computes a root from it. To find out the
// root from all nodes use Load, or set the root that came with them and check
// it elsewhere.
//
// Not safe for concurrent use.
type Verifier struct {
	leaves int
	nodes  sparse
	// The rest is scratch space of Add, kept to allocate once.
	given    []int // nodes of this call that were not known, highest number first
	computed []int // parents that became known in this call, highest number first
}

// NewVerifier returns a verifier for a tree of so many leaves with the given
// root, which must come from where the caller trusts it. The error is a
// *LeafCountError.
func NewVerifier(leaves int64, root taggedhash.Hash) (*Verifier, error) {
	count, err := CheckLeaves(leaves)
	if err != nil {
		return nil, err
	}
	v := &Verifier{leaves: count, nodes: make(sparse)}
	v.nodes.set(0, &root)
	return v, nil
}

// Leaves returns the number of leaves without filling.
func (v *Verifier) Leaves() int { return v.leaves }

// Root returns the root.
func (v *Verifier) Root() taggedhash.Hash {
	return *v.nodes.get(0)
}

// Node returns the hash of a node, and whether it is known.
func (v *Verifier) Node(node int) (hash taggedhash.Hash, known bool) {
	if p := v.nodes.get(node); p != nil {
		return *p, true
	}
	return taggedhash.Hash{}, false
}

// Leaf returns the hash of a leaf, and whether it is known.
func (v *Verifier) Leaf(leaf int) (hash taggedhash.Hash, known bool) {
	return v.Node(LeafNode(v.leaves, leaf))
}

// LeafNode makes the hash of a leaf a node that Add takes.
func (v *Verifier) LeafNode(leaf int, hash taggedhash.Hash) Node {
	return Node{Number: LeafNode(v.leaves, leaf), Hash: hash}
}

// AppendNeeded appends the numbers of the nodes that it still takes to prove a
// leaf: those of AppendChain that are not known. leaf must be below
// Width(Leaves()).
func (v *Verifier) AppendNeeded(dst []int, leaf int, includeLeaf bool) []int {
	start := len(dst)
	dst = AppendChain(dst, v.leaves, leaf, includeLeaf)
	needed := slices.DeleteFunc(dst[start:], func(node int) bool { return v.nodes.get(node) != nil })
	return dst[:start+len(needed)]
}

// Add takes in the nodes, in any order, if all of them are proven by what was
// known before and by each other. Otherwise nothing changes and the error is a
// *BadHashError, a *NotEnoughHashesError or a *NodeRangeError. Nodes that are
// known already may be given again and must be equal. (hashtree.py
// set_hashes; leaves are given as nodes here, see LeafNode.)
func (v *Verifier) Add(nodes []Node) error {
	v.given, v.computed = v.given[:0], v.computed[:0]
	err := v.place(nodes)
	if err == nil {
		slices.SortFunc(v.given, func(a, b int) int { return b - a })
		err = v.check()
	}
	if err != nil {
		v.forget(v.given)
		v.forget(v.computed)
	}
	return err
}

// place puts the nodes into the tree, not yet checked.
func (v *Verifier) place(nodes []Node) error {
	for i := range nodes {
		number := nodes[i].Number
		if number < 0 || number >= NumNodes(v.leaves) {
			return &NodeRangeError{Node: number, Leaves: v.leaves}
		}
		if known := v.nodes.get(number); known == nil {
			v.nodes.set(number, &nodes[i].Hash)
			v.given = append(v.given, number)
		} else if *known != nodes[i].Hash {
			return &BadHashError{Node: number, Leaves: v.leaves}
		}
	}
	return nil
}

// check proves every new node, those with the highest numbers first, so that
// a row is finished before the one above it. Each node with its sibling gives
// the parent, which must match if it is known and is new itself otherwise.
// Parents come up in falling order too, so two sorted lists are merged. The
// root is always known, which ends it.
func (v *Verifier) check() error {
	last := 0 // node checked before; its sibling needs no second check
	for g, c := 0, 0; g < len(v.given) || c < len(v.computed); {
		var node int
		if c == len(v.computed) || g < len(v.given) && v.given[g] > v.computed[c] {
			node = v.given[g]
			g++
		} else {
			node = v.computed[c]
			c++
		}
		if last != 0 && node == sibling(last) {
			continue
		}
		if err := v.checkPair(node); err != nil {
			return err
		}
		last = node
	}
	return nil
}

// checkPair proves a node and its sibling by their parent.
func (v *Verifier) checkPair(node int) error {
	left, right := v.nodes.get((node-1)|1), v.nodes.get(((node-1)|1)+1)
	if left == nil || right == nil {
		return &NotEnoughHashesError{Node: node, Missing: sibling(node), Leaves: v.leaves}
	}
	hash := taggedhash.InnerNode(left[:], right[:])
	above := parent(node)
	if known := v.nodes.get(above); known == nil {
		v.nodes.set(above, &hash)
		v.computed = append(v.computed, above)
	} else if *known != hash {
		return &BadHashError{Node: above, Leaves: v.leaves}
	}
	return nil
}

func (v *Verifier) forget(nodes []int) {
	for _, node := range nodes {
		v.nodes.unset(node)
	}
}
