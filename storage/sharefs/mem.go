package sharefs

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"syscall"
)

// Mem is a file system in memory that knows what is durable. The zero value
// is not usable; see NewMem.
type Mem struct {
	mu    sync.Mutex // guards everything below, and all nodes
	root  *memNode
	calls int
	hook  func(Call) Fault
	down  bool
	space Space
}

// Call is one call of a file system.
type Call struct {
	Seq  int    // from 0, over all calls
	Op   string // "write", "syncdir" ...
	Name string
}

// Fault is what becomes of a call.
type Fault struct {
	Err   error // the call fails with it, without an effect
	Short int   // of a write with Err, how many bytes are written nevertheless
	Crash bool  // the power goes: this and all later calls fail, without an effect
}

// Errors of a disk.
var (
	ErrIO       error = syscall.EIO
	ErrFull     error = syscall.ENOSPC
	ErrPowerCut       = &fs.PathError{Op: "any", Path: ".", Err: syscall.ENODEV}
)

// NewMem returns an empty file system with space bytes free.
func NewMem(space int64) *Mem {
	return &Mem{root: newMemDir(), space: Space{space, space, space}}
}

// OnCall sets what is asked before each call what shall become of it; nil for
// nothing. It may be called concurrently, and may wait (a slow disk).
func (m *Mem) OnCall(hook func(Call) Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hook = hook
}

// Calls counts the calls so far.
func (m *Mem) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// SetSpace sets the bytes free. Writing does not consume them.
func (m *Mem) SetSpace(free int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.space = Space{free, free, free}
}

// Crash returns what is on the disk after a power cut now. Of what was not
// synced each change is there if keep answers true: nil for none of them.
// The old Mem should not be used any more.
func (m *Mem) Crash(keep func() bool) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = true
	if keep == nil {
		keep = func() bool { return false }
	}
	return &Mem{root: m.root.survivor(keep, map[*memNode]*memNode{}), space: m.space}
}

// Half is a keep for Crash: each change with even chances.
func Half(seed uint64) func() bool {
	r := rand.New(rand.NewPCG(seed, 0))
	return func() bool { return r.Uint64()&1 == 0 }
}

// begin asks the hook. With an error the call must not do anything else than
// to write Short bytes.
func (m *Mem) begin(op, name string) (Fault, error) {
	m.mu.Lock()
	call := Call{m.calls, op, name}
	m.calls++
	hook := m.hook
	m.mu.Unlock()
	var fault Fault
	if hook != nil {
		fault = hook(call)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = m.down || fault.Crash
	if m.down {
		return Fault{}, ErrPowerCut
	}
	if fault.Err != nil {
		return fault, pathError(op, name, fault.Err)
	}
	return Fault{}, nil
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// memNode is a file or a directory. What is durable is kept apart from the
// changes since.
type memNode struct {
	data    []byte // of a file; as it is now
	durable []byte
	writes  []memWrite // since the last sync

	names        map[string]*memNode // of a directory; nil for a file
	durableNames map[string]*memNode
	renames      []memName // since the last sync
}

// memWrite is a change of a file: bytes at an offset or, if data is nil, a
// new size.
type memWrite struct {
	offset int64
	data   []byte
}

// memName is a change of a directory: a name for a node, or none if it is nil.
type memName struct {
	name string
	node *memNode
}

func newMemDir() *memNode {
	return &memNode{names: map[string]*memNode{}, durableNames: map[string]*memNode{}}
}

func (n *memNode) isDir() bool { return n.names != nil }

func (n *memNode) set(name string, node *memNode) {
	setName(n.names, memName{name, node})
	n.renames = append(n.renames, memName{name, node})
}

func setName(names map[string]*memNode, change memName) {
	if change.node == nil {
		delete(names, change.name)
		return
	}
	names[change.name] = change.node
}

func (n *memNode) write(w memWrite) {
	n.data = w.apply(n.data)
	n.writes = append(n.writes, w)
}

func (w memWrite) apply(b []byte) []byte {
	end := w.offset + int64(len(w.data))
	if grow := end - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	if w.data == nil {
		return b[:w.offset:w.offset]
	}
	copy(b[w.offset:], w.data)
	return b
}

// sync makes the present state of a file or directory durable.
func (n *memNode) sync() {
	n.writes, n.renames = nil, nil
	n.durable = append([]byte(nil), n.data...)
	n.durableNames = map[string]*memNode{}
	for name, child := range n.names {
		n.durableNames[name] = child
	}
}

func (n *memNode) syncAll() {
	n.sync()
	for _, child := range n.names {
		child.syncAll()
	}
}

// survivor copies what a power cut leaves of n. A file under several names
// (after a rename of which the disk remembers one half) stays one.
func (n *memNode) survivor(keep func() bool, seen map[*memNode]*memNode) *memNode {
	if copied := seen[n]; copied != nil {
		return copied
	}
	left := &memNode{}
	seen[n] = left
	if n.isDir() {
		left.names = n.survivingNames(keep, seen)
	} else {
		left.data = n.survivingData(keep)
	}
	left.sync()
	return left
}

// survivingData applies each change with even chances, a third of those only
// in part: a torn write.
func (n *memNode) survivingData(keep func() bool) []byte {
	data := append([]byte(nil), n.durable...)
	for _, w := range n.writes {
		if !keep() {
			continue
		}
		if w.data != nil && !keep() && keep() {
			w.data = w.data[:len(w.data)/2]
		}
		data = w.apply(data)
	}
	return data
}

func (n *memNode) survivingNames(keep func() bool, seen map[*memNode]*memNode) map[string]*memNode {
	names := map[string]*memNode{}
	for name, child := range n.durableNames {
		names[name] = child
	}
	for _, change := range n.renames {
		if keep() {
			setName(names, change)
		}
	}
	for name, child := range names {
		names[name] = child.survivor(keep, seen)
	}
	return names
}

// walk finds a node. The mutex is held.
func (m *Mem) walk(op, name string) (*memNode, error) {
	n := m.root
	if name == "." {
		return n, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if !n.isDir() {
			return nil, pathError(op, name, syscall.ENOTDIR)
		}
		if n = n.names[part]; n == nil {
			return nil, pathError(op, name, fs.ErrNotExist)
		}
	}
	return n, nil
}

// parent finds the directory of a name and its last part. The mutex is held.
func (m *Mem) parent(op, name string) (*memNode, string, error) {
	dir, err := m.walk(op, path.Dir(name))
	if err != nil {
		return nil, "", err
	}
	if !dir.isDir() {
		return nil, "", pathError(op, name, syscall.ENOTDIR)
	}
	return dir, path.Base(name), nil
}

// Open opens a file to read.
func (m *Mem) Open(name string) (File, error) { return m.open("open", name) }

// Edit opens a file to read and write.
func (m *Mem) Edit(name string) (File, error) { return m.open("edit", name) }

func (m *Mem) open(op, name string) (File, error) {
	if _, err := m.begin(op, name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.walk(op, name)
	if err != nil {
		return nil, err
	}
	if n.isDir() {
		return nil, pathError(op, name, syscall.EISDIR)
	}
	return &memFile{m, n, name}, nil
}

// Create makes a file.
func (m *Mem) Create(name string) (File, error) {
	if _, err := m.begin("create", name); err != nil {
		return nil, err
	}
	n := &memNode{}
	if err := m.add("create", name, n); err != nil {
		return nil, err
	}
	return &memFile{m, n, name}, nil
}

// Mkdir makes a directory.
func (m *Mem) Mkdir(name string) error {
	if _, err := m.begin("mkdir", name); err != nil {
		return err
	}
	return m.add("mkdir", name, newMemDir())
}

func (m *Mem) add(op, name string, n *memNode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(op, name)
	if err != nil {
		return err
	}
	if dir.names[base] != nil {
		return pathError(op, name, fs.ErrExist)
	}
	dir.set(base, n)
	return nil
}

// Rename moves a file.
func (m *Mem) Rename(from, to string) error {
	if _, err := m.begin("rename", from); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.walk("rename", from)
	if err != nil {
		return err
	}
	source, sourceBase, err := m.parent("rename", from)
	if err != nil {
		return err
	}
	target, targetBase, err := m.parent("rename", to)
	if err != nil {
		return err
	}
	target.set(targetBase, n)
	source.set(sourceBase, nil)
	return nil
}

// Remove removes a file or an empty directory.
func (m *Mem) Remove(name string) error {
	if _, err := m.begin("remove", name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.walk("remove", name)
	if err != nil {
		return err
	}
	if len(n.names) > 0 {
		return pathError("remove", name, syscall.ENOTEMPTY)
	}
	dir, base, err := m.parent("remove", name)
	if err != nil {
		return err
	}
	dir.set(base, nil)
	return nil
}

// ReadDir returns the names in a directory.
func (m *Mem) ReadDir(name string) ([]string, error) {
	if _, err := m.begin("readdir", name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, err := m.walk("readdir", name)
	if err != nil {
		return nil, err
	}
	if !dir.isDir() {
		return nil, pathError("readdir", name, syscall.ENOTDIR)
	}
	names := make([]string, 0, len(dir.names))
	for name := range dir.names {
		names = append(names, name)
	}
	return names, nil
}

// SyncDir makes the names in a directory durable.
func (m *Mem) SyncDir(name string) error {
	if _, err := m.begin("syncdir", name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, err := m.walk("syncdir", name)
	if err != nil {
		return err
	}
	dir.sync()
	return nil
}

// SyncAll makes everything durable.
func (m *Mem) SyncAll() error {
	if _, err := m.begin("syncall", "."); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.root.syncAll()
	return nil
}

// Space returns what was set.
func (m *Mem) Space() (Space, error) {
	if _, err := m.begin("space", "."); err != nil {
		return Space{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.space, nil
}

// memFile is an open file; it outlives its name.
type memFile struct {
	fs   *Mem
	node *memNode
	name string
}

// ReadAt reads.
func (f *memFile) ReadAt(b []byte, offset int64) (int, error) {
	if _, err := f.fs.begin("read", f.name); err != nil {
		return 0, err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if offset >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.node.data[offset:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes.
func (f *memFile) WriteAt(b []byte, offset int64) (int, error) {
	fault, err := f.fs.begin("write", f.name)
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	n := len(b)
	if err != nil {
		n = min(fault.Short, n)
	}
	if n > 0 {
		f.node.write(memWrite{offset, append([]byte(nil), b[:n]...)})
	}
	return n, err
}

// Truncate sets the size.
func (f *memFile) Truncate(size int64) error {
	if _, err := f.fs.begin("truncate", f.name); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.write(memWrite{offset: size})
	return nil
}

// Size returns the size.
func (f *memFile) Size() (int64, error) {
	if _, err := f.fs.begin("size", f.name); err != nil {
		return 0, err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), nil
}

// Sync makes the bytes durable.
func (f *memFile) Sync() error {
	if _, err := f.fs.begin("sync", f.name); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.sync()
	return nil
}

// Close closes.
func (f *memFile) Close() error {
	_, err := f.fs.begin("close", f.name)
	return err
}
