package sftpfs

import (
	"io"
	"os"
	"sync"
	"syscall"
)

// FileHandle is an open file of a session. Its methods may be called
// concurrently; it stores nothing after Finish.
type FileHandle struct {
	session *Session
	path    string
	flags   openFlags

	node   *node  // a file that is open to write, or nil
	reader Reader // a file as it was opened, if there is no node
	entry  Entry  // of reader
	place  place  // of reader, when it was opened

	mu       sync.Mutex // guards what is below
	arrived  sync.Cond  // a write of those that Expect announced was made
	expected int        // writes announced and not yet made
	stage    stage
	err      error // of Finish
	dropped  bool  // the session ended before the file was closed
	closed   bool
}

// stage is how far the end of a handle is.
type stage uint8

const (
	inUse     stage = iota
	finishing       // Begin was called
	finished        // err is known
)

func newFileHandle(s *Session, path string, flags openFlags) *FileHandle {
	h := &FileHandle{session: s, path: path, flags: flags}
	h.arrived.L = &h.mu
	return h
}

func (h *FileHandle) handlePath() string { return h.path }

// attach opens the file: with others, if somebody writes to it.
func (h *FileHandle) attach(p place) error {
	g := h.session.gateway
	if !h.changes() {
		n := g.find(p)
		if n != nil && n.present() {
			h.node = n
			return nil
		}
		if n != nil {
			g.release(n)
		}
		return h.openReader(p)
	}
	n := g.findOrAdd(p)
	n.change.Lock()
	err := h.prepare(n, p)
	n.change.Unlock()
	if err != nil {
		g.release(n)
		return err
	}
	h.node = n
	return nil
}

// changes tells whether the file may be another one after the handle is closed.
func (h *FileHandle) changes() bool { return h.flags.write || h.flags.create || h.flags.truncate }

// openReader opens a file that nobody writes to.
func (h *FileHandle) openReader(p place) error {
	ctx, cancel := h.session.operation()
	defer cancel()
	entry, err := p.tree.Stat(ctx, p.path)
	switch {
	case err != nil:
		return err
	case entry.Kind == Dir:
		return syscall.EISDIR
	case entry.Kind != File:
		return syscall.EACCES
	}
	h.reader, err = p.tree.Open(h.session.ctx, p.path)
	h.entry, h.place = entry, p
	return err
}

// prepare makes a node ready for this handle. Its change is held.
func (h *FileHandle) prepare(n *node, p place) error {
	if !n.present() {
		if n.gone { // removed between lookup and lock
			return syscall.ENOENT
		}
		ctx, cancel := h.session.operation()
		defer cancel()
		return n.prepare(ctx, p, h.flags)
	}
	if h.flags.create && h.flags.exclusive {
		return syscall.EEXIST
	}
	if h.flags.truncate {
		return n.resize(0)
	}
	return nil
}

// ReadAt reads what the file holds now.
func (h *FileHandle) ReadAt(p []byte, offset int64) (int, error) {
	if !h.flags.read {
		return 0, Status(syscall.EBADF)
	}
	if offset < 0 {
		return 0, Status(syscall.EINVAL)
	}
	var n int
	var err error
	if h.node != nil {
		n, err = h.node.readAt(p, offset)
	} else if offset >= h.reader.Size() {
		err = io.EOF
	} else {
		n, err = h.reader.ReadAt(p, offset)
	}
	return n, Status(err)
}

// WriteAt writes to the spool of the file.
func (h *FileHandle) WriteAt(p []byte, offset int64) (int, error) {
	defer h.Made()
	if !h.flags.write {
		return 0, Status(syscall.EBADF)
	}
	n, err := h.node.writeAt(p, offset, h.flags.appending)
	return n, Status(err)
}

// Readable tells whether the file was opened to read.
func (h *FileHandle) Readable() bool { return h.flags.read }

// Writable tells whether the file was opened to write.
func (h *FileHandle) Writable() bool { return h.flags.write }

// Same tells whether both handles write to, or see, the same open file.
func (h *FileHandle) Same(other *FileHandle) bool { return h.node != nil && h.node == other.node }

// Expect announces a call of WriteAt, or of Made: Sync and Finish wait for it.
func (h *FileHandle) Expect() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expected++
}

// Made says that one of the writes that Expect announced is over.
func (h *FileHandle) Made() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.expected > 0 {
		h.expected--
	}
	h.arrived.Broadcast()
}

// Sync stores the file, once the writes that were announced have been made.
func (h *FileHandle) Sync() error {
	if !h.changes() {
		return nil
	}
	h.mu.Lock()
	for h.expected > 0 && !h.dropped {
		h.arrived.Wait()
	}
	incomplete := h.expected > 0 || h.dropped && h.stage == inUse
	h.mu.Unlock()
	if incomplete {
		return Status(syscall.EIO)
	}
	return Status(h.node.store())
}

// Begin says that the client has closed the handle: from now on the file is
// stored even if the session ends. Finish must follow.
func (h *FileHandle) Begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stage = finishing
}

// Finish is Sync at the end: Close, which must follow, does no more than give its
// answer. It may take as long as it takes to store the file.
func (h *FileHandle) Finish() {
	err := h.Sync()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stage, h.err = finished, err
	h.arrived.Broadcast()
}

// TransferError is called by the request server when the session ends and the
// file is still open: what was written is dropped, it may be half of something.
func (h *FileHandle) TransferError(error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dropped = true
	h.arrived.Broadcast()
}

// Close stores the file, unless that was begun before or the file is dropped,
// and gives the handle back.
func (h *FileHandle) Close() error {
	if !h.end() {
		return Status(syscall.EBADF)
	}
	h.session.dropHandle(h.path)
	if h.node != nil {
		h.session.gateway.release(h.node)
	} else if err := h.reader.Close(); err != nil {
		return Status(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// end has the file finished; ok is false at the second call.
func (h *FileHandle) end() (ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.closed = true
	if h.stage == inUse && !h.dropped {
		h.mu.Unlock()
		h.Finish()
		h.mu.Lock()
	}
	for h.stage == finishing {
		h.arrived.Wait()
	}
	return true
}

// stat returns the attributes of the open file.
func (h *FileHandle) stat() (Entry, error) {
	if h.node != nil {
		return h.node.stat(), nil
	}
	return h.entry, nil
}

// DirHandle is an open directory of a session: its entries when it was opened.
type DirHandle struct {
	session *Session
	path    string
	entries []Entry
}

func (h *DirHandle) handlePath() string { return h.path }

// ListAt is that of sftp.ListerAt.
func (h *DirHandle) ListAt(list []os.FileInfo, offset int64) (int, error) {
	if offset >= int64(len(h.entries)) {
		return 0, io.EOF
	}
	n := min(len(list), len(h.entries)-int(offset))
	for i := range n {
		list[i] = h.session.info(h.entries[int(offset)+i])
	}
	return n, nil
}

// Close gives the handle back.
func (h *DirHandle) Close() error {
	h.session.dropHandle(h.path)
	return nil
}
