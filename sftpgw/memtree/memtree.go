// Package memtree is a small grid in memory for tests of the SFTP gateway: an
// implementation of sftpfs.Tree that stores what it is given. It is not part of
// any program.
package memtree

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfs"
)

// Grid holds directories and files, which caps lead to. Safe for concurrent use.
type Grid struct {
	mu    sync.Mutex // guards everything below it
	roots map[string]*Tree
	fail  error
	gate  chan struct{}
	held  int
	// stores counts calls of Store, and changed the bytes that were said to have
	// changed in them.
	stores, changed int64
}

// Tree is a root of a Grid.
type Tree struct {
	grid     *Grid
	id       string
	root     *node
	readOnly bool
}

// node is a file or directory; children is nil for files.
type node struct {
	children map[string]*link
	content  []byte
	mutable  bool
}

// link is an entry of a directory.
type link struct {
	node     *node
	mode     *uint32
	modified time.Time
}

// maxFileSize is the size of a file in bytes: all of it is in memory.
const maxFileSize = 64 << 20

// New returns a grid with an empty directory for each cap. Caps that begin with
// "ro-" lead to the directory of the rest of their text, and permit to read only.
func New(caps ...string) *Grid {
	g := &Grid{roots: make(map[string]*Tree)}
	for _, cap := range caps {
		root := &node{children: make(map[string]*link)}
		g.roots[cap] = &Tree{grid: g, id: cap, root: root}
		g.roots["ro-"+cap] = &Tree{grid: g, id: "ro-" + cap, root: root, readOnly: true}
	}
	return g
}

// AddFile makes a cap lead to a file.
func (g *Grid) AddFile(cap, content string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.roots[cap] = &Tree{grid: g, id: cap, root: &node{content: []byte(content)}, readOnly: true}
}

// AddMutable adds a mutable file to the directory of a cap.
func (g *Grid) AddMutable(cap, name, content string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.roots[cap].root.children[name] = &link{node: &node{content: []byte(content), mutable: true}, modified: time.Now()}
}

// Fail has Store return an error from now on, nil for none.
func (g *Grid) Fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail = err
}

// Hold has Store wait until release is called.
func (g *Grid) Hold() (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gate := make(chan struct{})
	g.gate = gate
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.gate = nil
		close(gate)
	}
}

// Held returns how many calls of Store wait for release.
func (g *Grid) Held() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

// Stores returns how often Store was called, and how many bytes it was told had
// changed.
func (g *Grid) Stores() (calls, changed int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stores, g.changed
}

// Root returns the tree of a cap.
func (g *Grid) Root(_ context.Context, cap secret.CapText) (sftpfs.Tree, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.roots[cap.RevealString()]; t != nil {
		return t, nil
	}
	return nil, syscall.ENOENT
}

// ID is that of sftpfs.Tree.
func (t *Tree) ID() string { return t.id }

// walk returns what is at a path; l is nil for the root.
func (t *Tree) walk(path []string) (n *node, l *link, err error) {
	n = t.root
	for i, name := range path {
		if n.children == nil {
			return nil, nil, syscall.ENOTDIR
		}
		l = n.children[name]
		switch {
		case l != nil:
			n = l.node
		case i == len(path)-1:
			return nil, nil, &sftpfs.MissingError{ParentReadOnly: t.readOnly}
		default:
			return nil, nil, syscall.ENOENT
		}
	}
	return n, l, nil
}

// parent returns the directory above a path, which is to be changed.
func (t *Tree) parent(path []string) (dir *node, name string, err error) {
	if len(path) == 0 {
		return nil, "", syscall.EBUSY
	}
	dir, _, err = t.walk(path[:len(path)-1])
	switch {
	case err != nil:
		return nil, "", err
	case dir.children == nil:
		return nil, "", syscall.ENOTDIR
	case t.readOnly:
		return nil, "", syscall.EACCES
	}
	return dir, path[len(path)-1], nil
}

func (t *Tree) entry(name string, n *node, l *link) sftpfs.Entry {
	e := sftpfs.Entry{Name: name, Size: int64(len(n.content)), Mutable: n.mutable, ReadOnly: t.readOnly}
	if n.children != nil {
		e.Kind = sftpfs.Dir
	}
	if l != nil {
		e.Modified = l.modified
		if l.mode != nil {
			e.Mode, e.HasMode = *l.mode, true
		}
		e.ReadOnly = e.ReadOnly || e.HasMode && e.Kind == sftpfs.File && e.Mode&0o200 == 0
	}
	return e
}

// Stat is that of sftpfs.Tree.
func (t *Tree) Stat(_ context.Context, path []string) (sftpfs.Entry, error) {
	t.grid.mu.Lock()
	defer t.grid.mu.Unlock()
	n, l, err := t.walk(path)
	if err != nil {
		return sftpfs.Entry{}, err
	}
	name := ""
	if len(path) > 0 {
		name = path[len(path)-1]
	}
	return t.entry(name, n, l), nil
}

// List is that of sftpfs.Tree.
func (t *Tree) List(_ context.Context, path []string) ([]sftpfs.Entry, error) {
	t.grid.mu.Lock()
	defer t.grid.mu.Unlock()
	n, _, err := t.walk(path)
	if err != nil {
		return nil, err
	}
	if n.children == nil {
		return nil, syscall.ENOTDIR
	}
	var entries []sftpfs.Entry
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		entries = append(entries, t.entry(name, n.children[name].node, n.children[name]))
	}
	return entries, nil
}

// reader is an open file.
type reader struct {
	*bytes.Reader
	n *node
	t *Tree
	// content is what n had; once a mutable file has other content, this cannot be
	// read any more.
	content []byte
}

func (r reader) ReadAt(p []byte, offset int64) (int, error) {
	r.t.grid.mu.Lock()
	current := !r.n.mutable || len(r.content) == 0 || len(r.n.content) > 0 && &r.n.content[0] == &r.content[0]
	r.t.grid.mu.Unlock()
	if !current {
		return 0, syscall.ESTALE
	}
	return r.Reader.ReadAt(p, offset)
}

func (reader) Close() error { return nil }

// Open is that of sftpfs.Tree.
func (t *Tree) Open(_ context.Context, path []string) (sftpfs.Reader, error) {
	t.grid.mu.Lock()
	defer t.grid.mu.Unlock()
	n, _, err := t.walk(path)
	if err != nil {
		return nil, err
	}
	if n.children != nil {
		return nil, syscall.EISDIR
	}
	return reader{bytes.NewReader(n.content), n, t, n.content}, nil
}

// Store is that of sftpfs.Tree.
func (t *Tree) Store(_ context.Context, path []string, c sftpfs.Content, exclusive bool) (sftpfs.Entry, error) {
	if err := t.grid.admit(c); err != nil {
		return sftpfs.Entry{}, err
	}
	if c.Size > maxFileSize {
		return sftpfs.Entry{}, syscall.ENOSPC
	}
	data := make([]byte, c.Size)
	if n, err := c.ReadAt(data, 0); n < len(data) && err != io.EOF {
		return sftpfs.Entry{}, err
	}
	t.grid.mu.Lock()
	defer t.grid.mu.Unlock()
	dir, name, err := t.parent(path)
	if err != nil {
		return sftpfs.Entry{}, err
	}
	l := dir.children[name]
	switch {
	case l != nil && exclusive:
		return sftpfs.Entry{}, syscall.EEXIST
	case l != nil && l.node.children != nil:
		return sftpfs.Entry{}, syscall.EISDIR
	case l != nil && l.node.mutable:
		l.node.content = data
	case l != nil:
		l.node = &node{content: data}
	default:
		l = &link{node: &node{content: data}}
		dir.children[name] = l
	}
	l.modified = time.Now()
	l.set(c.Attributes)
	return t.entry(name, l.node, l), nil
}

// admit counts a call of Store, and holds or fails it.
func (g *Grid) admit(c sftpfs.Content) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gate := g.gate; gate != nil {
		g.held++
		g.mu.Unlock()
		<-gate
		g.mu.Lock()
		g.held--
	}
	g.stores++
	for _, e := range c.Changed {
		g.changed += e.Size
	}
	return g.fail
}

func (l *link) set(a sftpfs.Attributes) {
	if a.Mode != nil {
		l.mode = a.Mode
	}
	if a.Modified != nil {
		l.modified = *a.Modified
	}
}

// Mkdir is that of sftpfs.Tree.
func (t *Tree) Mkdir(_ context.Context, path []string) error {
	t.grid.mu.Lock()
	defer t.grid.mu.Unlock()
	dir, name, err := t.parent(path)
	if err != nil {
		return err
	}
	if dir.children[name] != nil {
		return syscall.EEXIST
	}
	dir.children[name] = &link{node: &node{children: make(map[string]*link)}, modified: time.Now()}
	return nil
}

// Remove is that of sftpfs.Tree.
func (t *Tree) Remove(_ context.Context, path []string, directory bool) error {
	t.grid.mu.Lock()
	defer t.grid.mu.Unlock()
	dir, name, err := t.parent(path)
	if err != nil {
		return err
	}
	l := dir.children[name]
	switch {
	case l == nil:
		return syscall.ENOENT
	case directory && l.node.children == nil:
		return syscall.ENOTDIR
	case !directory && l.node.children != nil:
		return syscall.EISDIR
	case len(l.node.children) > 0:
		return syscall.ENOTEMPTY
	}
	delete(dir.children, name)
	return nil
}

// Rename is that of sftpfs.Tree.
func (t *Tree) Rename(_ context.Context, from []string, tree sftpfs.Tree, to []string, replace bool) error {
	t.grid.mu.Lock()
	defer t.grid.mu.Unlock()
	dir, name, err := t.parent(from)
	if err != nil {
		return err
	}
	target, newName, err := tree.(*Tree).parent(to)
	if err != nil {
		return err
	}
	l, old := dir.children[name], target.children[newName]
	switch {
	case l == nil:
		return syscall.ENOENT
	case old == l:
		return nil
	case old != nil && !replace:
		return syscall.EEXIST
	case old != nil && old.node.children != nil && l.node.children == nil:
		return syscall.EISDIR
	case old != nil && old.node.children == nil && l.node.children != nil:
		return syscall.ENOTDIR
	case old != nil && len(old.node.children) > 0:
		return syscall.ENOTEMPTY
	}
	delete(dir.children, name)
	target.children[newName] = l
	return nil
}

// Link is that of sftpfs.Tree.
func (t *Tree) Link(_ context.Context, from []string, tree sftpfs.Tree, to []string) error {
	t.grid.mu.Lock()
	defer t.grid.mu.Unlock()
	n, l, err := t.walk(from)
	if err != nil {
		return err
	}
	if n.children != nil {
		return syscall.EPERM
	}
	target, name, err := tree.(*Tree).parent(to)
	if err != nil {
		return err
	}
	if target.children[name] != nil {
		return syscall.EEXIST
	}
	target.children[name] = &link{node: n, mode: l.mode, modified: l.modified}
	return nil
}

// SetAttributes is that of sftpfs.Tree.
func (t *Tree) SetAttributes(_ context.Context, path []string, a sftpfs.Attributes) error {
	t.grid.mu.Lock()
	defer t.grid.mu.Unlock()
	dir, name, err := t.parent(path)
	if err != nil {
		return err
	}
	l := dir.children[name]
	if l == nil {
		return syscall.ENOENT
	}
	l.set(a)
	return nil
}

// Space is that of sftpfs.Tree: 64 MiB, of which half are free.
func (t *Tree) Space(context.Context) (sftpfs.Space, error) {
	return sftpfs.Space{Total: 64 << 20, Free: 32 << 20}, nil
}
