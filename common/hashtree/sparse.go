package hashtree

import "github.com/besn0847/arm-tahoe/common/taggedhash"

// pageNodes is the number of neighbouring nodes that are allocated together.
// A chain in a large tree then takes about two KiB for each of its lower
// rows, and a tree that is known completely hardly more than its nodes.
const pageNodes = 64

// page holds neighbouring nodes. Bit i of known says whether nodes[i] is.
type page struct {
	known uint64
	nodes [pageNodes]taggedhash.Hash
}

// sparse holds some nodes of a tree by their number.
type sparse map[int]*page

// get returns nil for an unknown node, also for a number that no tree has. The
// hash must not be changed.
func (s sparse) get(node int) *taggedhash.Hash {
	if node < 0 {
		return nil
	}
	p := s[node/pageNodes]
	if p == nil || p.known&(1<<(node%pageNodes)) == 0 {
		return nil
	}
	return &p.nodes[node%pageNodes]
}

func (s sparse) set(node int, hash *taggedhash.Hash) {
	p := s[node/pageNodes]
	if p == nil {
		p = new(page)
		s[node/pageNodes] = p
	}
	p.known |= 1 << (node % pageNodes)
	p.nodes[node%pageNodes] = *hash
}

// unset forgets a node, and its page with its last node, so that wrong hashes
// from a peer leave no memory behind.
func (s sparse) unset(node int) {
	p := s[node/pageNodes]
	p.known &^= 1 << (node % pageNodes)
	if p.known == 0 {
		delete(s, node/pageNodes)
	}
}
