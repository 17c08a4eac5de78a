package dirnode

import (
	"container/list"
	"sync"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
)

// key names a directory with what its reader may see.
type key struct {
	si        grid.StorageIndex
	writable  bool
	immutable string // text of the cap of an immutable directory
}

// node is what all handles of one directory share.
type node struct {
	key  key
	size int64 // that the cache counts; guarded by the cache

	mu      sync.Mutex // guards all below
	version mutablelayout.Header
	table   *dirformat.Table // prepared and never changed; nil if not known
	waiting []*waiter
	working bool // somebody publishes edits
}

// perNode is what a node takes besides its table, in bytes.
const perNode = 512

// tableFactor is how many bytes of memory the cache counts for each of a table.
const tableFactor = 4

// cache keeps the nodes used last.
type cache struct {
	max int64

	mu    sync.Mutex // guards all below
	nodes map[key]*list.Element
	order *list.List // of *node, last used first
	size  int64
}

func newCache(size int64) *cache {
	return &cache{max: size, nodes: make(map[key]*list.Element), order: list.New()}
}

// node returns what is kept of a directory.
func (c *cache) node(k key) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.nodes[k]; ok {
		c.order.MoveToFront(e)
		return e.Value.(*node)
	}
	n := &node{key: k, size: perNode}
	c.nodes[k] = c.order.PushFront(n)
	c.size += n.size
	c.trim()
	return n
}

// trim drops the nodes used longest ago. Handles keep theirs.
func (c *cache) trim() {
	for c.size > c.max && c.order.Len() > 1 {
		oldest := c.order.Remove(c.order.Back()).(*node)
		delete(c.nodes, oldest.key)
		c.size -= oldest.size
	}
}

// keep makes the table the one that is known of the node. One that is too large
// for the cache is not kept.
func (c *cache) keep(n *node, v mutablelayout.Header, t *dirformat.Table) {
	t.Prepare()
	size := perNode + tableFactor*t.Size()
	if size > c.max {
		t, size = nil, perNode
	}
	n.mu.Lock()
	n.version, n.table = v, t
	n.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.nodes[n.key]; ok && e.Value == n {
		c.size += size - n.size
		n.size = size
		c.trim()
	}
}

// known returns the table if it is that of the version.
func (n *node) known(v mutablelayout.Header) (*dirformat.Table, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.table, n.table != nil && n.version == v
}
