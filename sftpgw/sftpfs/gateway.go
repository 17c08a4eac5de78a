package sftpfs

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"
	_ "time/tzdata" // images have no zone data

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/sftpgw/spool"
)

// Limits and times where Config says nothing.
const (
	DefaultTimeout        = 2 * time.Minute
	DefaultHandlesPerUser = 1024
	DefaultSpoolSize      = 4 << 30
	// HandlesPerSession bounds the open files and directories of one session.
	HandlesPerSession = 256
	// MaxFileSize is how large a file may become, in bytes.
	MaxFileSize = 1 << 40
	// maxExtents bounds the parts that the spool of one file consists of.
	maxExtents = 4096
)

// Config says what a gateway is made of.
type Config struct {
	Roots Roots
	// SpoolDir is the directory of temporary files, "" for that of the system.
	SpoolDir string
	// SpoolSize bounds the bytes in the spools of all files that are open; 0 is
	// DefaultSpoolSize.
	SpoolSize int64
	// Timeout bounds an operation, except reading and storing files; 0 is
	// DefaultTimeout.
	Timeout time.Duration
	// HandlesPerUser bounds what a name has open in all of its sessions; 0 is
	// DefaultHandlesPerUser.
	HandlesPerUser int
	// Location is the zone of the times in listings; nil is time.Local.
	Location *time.Location
	Log      *slog.Logger
}

// Gateway is the filesystem that all sessions share. Safe for concurrent use.
type Gateway struct {
	config Config
	roots  Roots
	log    *slog.Logger
	quota  *spool.Quota

	// ctx is that of storing files, which goes on after a session has ended; cancel
	// ends it.
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex // guards what is below, and the place and refs of nodes
	nodes    map[string]*node
	sequence uint64
	handles  map[string]int // by user
}

// New returns a gateway.
func New(config Config) *Gateway {
	if config.Timeout == 0 {
		config.Timeout = DefaultTimeout
	}
	if config.HandlesPerUser == 0 {
		config.HandlesPerUser = DefaultHandlesPerUser
	}
	if config.SpoolSize == 0 {
		config.SpoolSize = DefaultSpoolSize
	}
	if config.Location == nil {
		config.Location = time.Local
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Gateway{
		config: config, roots: config.Roots, log: config.Log,
		quota: spool.NewQuota(config.SpoolDir, config.SpoolSize),
		ctx:   ctx, cancel: cancel,
		nodes: make(map[string]*node), handles: make(map[string]int),
	}
}

// Close ends what is still being stored. Sessions should have ended before.
func (g *Gateway) Close() { g.cancel() }

// Open returns a session of a user whose login is for a cap. It lasts until ctx
// ends.
func (g *Gateway) Open(ctx context.Context, user string, cap secret.CapText) (*Session, error) {
	s := &Session{gateway: g, user: user, ctx: ctx, open: make(map[string]Handle)}
	p, err := s.below(cap, nil)
	if err != nil {
		return nil, err
	}
	s.root = p.tree
	return s, nil
}

// countHandle takes a handle of a user, or returns EMFILE.
func (g *Gateway) countHandle(user string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.handles[user] >= g.config.HandlesPerUser {
		return syscall.EMFILE
	}
	g.handles[user]++
	return nil
}

func (g *Gateway) releaseHandle(user string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.handles[user]--; g.handles[user] == 0 {
		delete(g.handles, user)
	}
}

// find returns the open file at a place with one reference more, or nil.
func (g *Gateway) find(p place) *node {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.nodes[p.key()]
	if n != nil {
		n.refs++
	}
	return n
}

// findOrAdd is find, but adds a node that is still to be prepared.
func (g *Gateway) findOrAdd(p place) *node {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.nodes[p.key()]
	if n == nil {
		g.sequence++
		n = newNode(g, p, g.sequence)
		g.nodes[p.key()] = n
	}
	n.refs++
	return n
}

// release gives a reference of a node back; the last one forgets the node.
func (g *Gateway) release(n *node) {
	g.mu.Lock()
	n.refs--
	last := n.refs == 0
	if key := n.place.key(); last && g.nodes[key] == n {
		delete(g.nodes, key)
	}
	g.mu.Unlock()
	if last {
		n.discard()
	}
}

// forget takes a node out of its place, which is another file's or nobody's from
// now on. Its handles keep it.
func (g *Gateway) forget(n *node) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if key := n.place.key(); g.nodes[key] == n {
		delete(g.nodes, key)
	}
}

// placeOf returns where a node is now.
func (g *Gateway) placeOf(n *node) place {
	g.mu.Lock()
	defer g.mu.Unlock()
	return n.place
}

// move takes a node to another place.
func (g *Gateway) move(n *node, to place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.moveLocked(n, to)
}

func (g *Gateway) moveLocked(n *node, to place) {
	if key := n.place.key(); g.nodes[key] == n {
		delete(g.nodes, key)
	}
	n.place = to
	g.nodes[to.key()] = n
}

// moveBelow takes all nodes below a directory to where it is now.
func (g *Gateway) moveBelow(from, to place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	prefix := from.key() + "/"
	var moved []*node
	for key, n := range g.nodes {
		if strings.HasPrefix(key, prefix) {
			moved = append(moved, n)
		}
	}
	for _, n := range moved {
		rest := n.place.path[len(from.path):]
		path := append(append([]string(nil), to.path...), rest...)
		g.moveLocked(n, place{to.tree, path})
	}
}

// below returns the open files right in a directory, each with a reference more.
func (g *Gateway) below(dir place) []*node {
	g.mu.Lock()
	defer g.mu.Unlock()
	var nodes []*node
	for _, n := range g.nodes {
		if len(n.place.path) == len(dir.path)+1 && (place{n.place.tree, n.place.path[:len(dir.path)]}).key() == dir.key() {
			n.refs++
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// SpoolUsed returns how many bytes are in the spools of open files.
func (g *Gateway) SpoolUsed() int64 { return g.quota.Used() }
