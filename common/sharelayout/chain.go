package sharelayout

import (
	"encoding/binary"
	"math/bits"

	"github.com/besn0847/arm-tahoe/common/erasure"
)

const (
	// shareHashSize is the size of an entry of the share hash chain.
	shareHashSize = 2 + HashSize
	// maxShareHashes is the number of nodes in the share hash tree of 256
	// shares: no chain has more.
	maxShareHashes = 2*erasure.MaxShares - 1
)

// ShareHash is an entry of the share hash chain.
type ShareHash struct {
	// Node is the node's number in the share hash tree: 0 is the root, the
	// children of i are 2i+1 and 2i+2. 0..65535 when parsed.
	Node int
	// Hash is the node's hash.
	Hash [HashSize]byte
}

// AppendShareHashes appends the chain's bytes to dst. Nodes must be 0..65535.
func AppendShareHashes(dst []byte, chain []ShareHash) []byte {
	for _, e := range chain {
		dst = binary.BigEndian.AppendUint16(dst, uint16(e.Node))
		dst = append(dst, e.Hash[:]...)
	}
	return dst
}

// ParseShareHashes reads a share hash chain that fills b, in the order in which
// it is written. The order means nothing. The error is an [*Error]: a size that
// is no multiple of 34, more than 511 entries, or a node that is there twice.
// Whether the nodes belong to the share's chain is for the hash tree to say.
func ParseShareHashes(b []byte) ([]ShareHash, error) {
	if len(b)%shareHashSize != 0 || len(b) > maxShareHashes*shareHashSize {
		return nil, errorf("share hash chain", "takes %d bytes, must be a multiple of %d up to %d", len(b), shareHashSize, maxShareHashes*shareHashSize)
	}
	chain := make([]ShareHash, 0, len(b)/shareHashSize)
	seen := make(map[int]bool, cap(chain))
	for ; len(b) > 0; b = b[shareHashSize:] {
		e := ShareHash{int(binary.BigEndian.Uint16(b)), [HashSize]byte(b[2:])}
		if seen[e.Node] {
			return nil, errorf("share hash chain", "node %d is there twice", e.Node)
		}
		seen[e.Node] = true
		chain = append(chain, e)
	}
	return chain, nil
}

// chainEntries returns how many entries the chain of each of numShares shares
// has: the siblings on the way to the root, and the share's own leaf.
func chainEntries(numShares int) int {
	return bits.Len(uint(numShares-1)) + 1
}

// ChainNodes returns the nodes of the share hash tree that share shnum of
// numShares carries (0 <= shnum < numShares <= 256): the sibling of each node on
// the way from its leaf to below the root, and the leaf itself.
//
// They are in the order in which 1.20 writes them. Readers do not care, but only
// so are whole shares the same byte for byte. It is the order in which CPython
// walks a set of small integers (encode.py, send_all_share_hash_trees, iterates
// over the set that hashtree.py, needed_hashes, returns), and ascending by
// chance for most.
func ChainNodes(numShares, shnum int) []int {
	leaf := 1<<bits.Len(uint(numShares-1)) - 1 + shnum
	var set pythonSet
	for node := leaf; node != 0; node = (node - 1) / 2 {
		set.add(sibling(node))
	}
	set.add(leaf)
	return set.walk()
}

// sibling returns the other child of node's parent. node is not the root.
func sibling(node int) int {
	if node%2 == 1 {
		return node + 1
	}
	return node - 1
}

// pythonSet is CPython's set (Objects/setobject.c, 3.7 to 3.13) of non-negative
// integers, as far as it decides the order of iteration. The zero value is the
// empty set.
type pythonSet struct {
	table []int // node + 1, or 0 if free; a power of two long
	used  int
}

const (
	setMinSize      = 8 // PySet_MINSIZE
	setLinearProbes = 9 // LINEAR_PROBES
	setPerturbShift = 5 // PERTURB_SHIFT
)

// add is set_add_entry; n must not be in the set. The hash of n is n.
func (s *pythonSet) add(n int) {
	if s.table == nil {
		s.table = make([]int, setMinSize)
	}
	s.place(n)
	s.used++
	if mask := len(s.table) - 1; s.used*5 >= mask*3 {
		s.grow()
	}
}

// place is the search for a free slot.
func (s *pythonSet) place(n int) {
	mask := len(s.table) - 1
	perturb, i := n, n&mask
	for {
		probes := 0
		if i+setLinearProbes <= mask {
			probes = setLinearProbes
		}
		for j := i; j <= i+probes; j++ {
			if s.table[j] == 0 {
				s.table[j] = n + 1
				return
			}
		}
		perturb >>= setPerturbShift
		i = (i*5 + 1 + perturb) & mask
	}
}

// grow is set_table_resize to four times the number of elements.
func (s *pythonSet) grow() {
	size := setMinSize
	for size <= s.used*4 {
		size *= 2
	}
	old := s.walk()
	s.table = make([]int, size)
	for _, n := range old {
		s.place(n)
	}
}

// walk returns the elements in the order of iteration.
func (s *pythonSet) walk() []int {
	nodes := make([]int, 0, s.used)
	for _, n := range s.table {
		if n != 0 {
			nodes = append(nodes, n-1)
		}
	}
	return nodes
}
