package immutable

import (
	"context"
	"math/bits"

	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

const (
	// smallTree is the number of nodes up to which a tree is read as a whole: 64
	// KiB, a file of 1024 segments.
	smallTree = 2048
	// windowNodes is how many neighbouring nodes of one row are read together in
	// larger trees.
	windowNodes = 256
)

// nodes reads nodes of a hash tree in a share, many at a time, so that reading
// a file from front to back takes few reads. What it holds is not proven. It keeps
// at most 64 KiB for a small tree and 8 KiB for each row of a large one.
type nodes struct {
	share   Share
	part    Part
	offset  int64 // of the tree in the share
	count   int   // nodes in the tree
	windows map[int]window
}

// window holds the hashes of nodes from first on.
type window struct {
	first  int
	hashes []byte
}

func newNodes(share Share, part Part, offset int64, leaves int64) *nodes {
	return &nodes{
		share: share, part: part, offset: offset,
		count:   hashtree.NumNodes(int(leaves)),
		windows: make(map[int]window),
	}
}

// read appends the nodes with the given numbers to dst. seg is for errors.
func (n *nodes) read(ctx context.Context, dst []hashtree.Node, numbers []int, seg int64) ([]hashtree.Node, error) {
	for _, number := range numbers {
		w, err := n.window(ctx, number, seg)
		if err != nil {
			return nil, err
		}
		h := w.hashes[(number-w.first)*hashtree.HashSize:]
		dst = append(dst, hashtree.Node{Number: number, Hash: taggedhash.Hash(h[:hashtree.HashSize])})
	}
	return dst, nil
}

// window returns the window that holds the node, reading it if necessary.
func (n *nodes) window(ctx context.Context, number int, seg int64) (window, error) {
	row, first, count := n.place(number)
	if w, ok := n.windows[row]; ok && w.first == first {
		return w, nil
	}
	w := window{first: first, hashes: make([]byte, count*hashtree.HashSize)}
	offset := n.offset + int64(first)*hashtree.HashSize
	if err := n.share.read(ctx, w.hashes, offset, n.part, seg); err != nil {
		return window{}, err
	}
	n.windows[row] = w
	return w, nil
}

// place says in which window of which row a node is. A small tree counts as one
// row.
func (n *nodes) place(number int) (row, first, count int) {
	if n.count <= smallTree {
		return 0, 0, n.count
	}
	row = bits.Len(uint(number+1)) - 1
	start, width := 1<<row-1, 1<<row
	first = number - (number-start)%windowNodes
	return row, first, min(windowNodes, start+width-first)
}
