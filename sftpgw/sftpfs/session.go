package sftpfs

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"syscall"

	"github.com/pkg/sftp"
)

// Session is one SFTP session: what one client has open. The request server calls
// it from several goroutines.
type Session struct {
	gateway *Gateway
	user    string
	root    Tree
	// ctx is that of the session itself: reads and lookups end with it.
	ctx context.Context

	mu     sync.Mutex // guards what is below
	open   map[string]Handle
	opened []Handle // opened, and not yet asked for by Opened
	last   uint64
}

// Handle is what a client has opened: a *FileHandle or a *DirHandle.
type Handle interface{ handlePath() string }

// Handlers returns the handlers for a request server of package sftp.
func (s *Session) Handlers() sftp.Handlers {
	h := handlers{s}
	return sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h}
}

// Opened returns what was opened, in this order, one at each call: the request
// server has a name for each handle, which its handlers do not get to know. It
// is nil if nothing is left.
func (s *Session) Opened() Handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.opened) == 0 {
		return nil
	}
	h := s.opened[0]
	s.opened = s.opened[1:]
	return h
}

// handlePrefix begins the paths that stand for handles: the request server keeps
// the path of a handle and asks for that where the client means the handle. No
// path of a client holds a zero byte: see splitPath.
const handlePrefix = "/\x00/"

// newHandle takes a handle from the limits and returns its path.
func (s *Session) newHandle() (path string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= HandlesPerSession {
		return "", syscall.EMFILE
	}
	if err := s.gateway.countHandle(s.user); err != nil {
		return "", err
	}
	s.last++
	path = handlePrefix + strconv.FormatUint(s.last, 10)
	s.open[path] = nil
	return path, nil
}

// addHandle makes a new handle known.
func (s *Session) addHandle(path string, h Handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[path] = h
	s.opened = append(s.opened, h)
}

// dropHandle gives a handle back to the limits.
func (s *Session) dropHandle(path string) {
	s.mu.Lock()
	_, ok := s.open[path]
	delete(s.open, path)
	s.mu.Unlock()
	if ok {
		s.gateway.releaseHandle(s.user)
	}
}

// file returns the open file of a handle's path; ok is false if the path is
// that of a client.
func (s *Session) file(path string) (h *FileHandle, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok = s.open[path].(*FileHandle)
	return h, ok
}

// operation returns the context of one operation.
func (s *Session) operation() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.ctx, s.gateway.config.Timeout)
}

// stat returns the entry at a path, as it is on the grid or as it is written.
func (s *Session) stat(p place) (Entry, error) {
	if n := s.gateway.find(p); n != nil {
		defer s.gateway.release(n)
		if n.present() {
			return n.stat(), nil
		}
	}
	ctx, cancel := s.operation()
	defer cancel()
	return p.tree.Stat(ctx, p.path)
}

// list returns the entries of a directory and what is being written there.
func (s *Session) list(p place) ([]Entry, error) {
	ctx, cancel := s.operation()
	defer cancel()
	entries, err := p.tree.List(ctx, p.path)
	if err != nil {
		return nil, err
	}
	at := make(map[string]int, len(entries))
	for i, e := range entries {
		at[e.Name] = i
	}
	for _, n := range s.gateway.below(p) {
		name := s.gateway.placeOf(n).path
		if i, ok := at[name[len(name)-1]]; ok && n.present() {
			entry := n.stat()
			entry.Name = entries[i].Name
			entries[i] = entry
		} else if n.onlyHere() {
			entries = append(entries, n.stat())
		}
		s.gateway.release(n)
	}
	return entries, nil
}

// openFlags are how a file is opened.
type openFlags struct {
	read, write, appending, create, truncate, exclusive bool

	mode *uint32 // permissions of a file that is made, nil for the usual ones
}

// openFile opens a file. OpenSSH's server passes the flags on to open(2), which
// decides what their combinations mean.
func (s *Session) openFile(path string, flags openFlags) (*FileHandle, error) {
	if !flags.read && !flags.write {
		return nil, fmt.Errorf("open to read or to write: %w", syscall.EINVAL)
	}
	resolve := s.resolve
	if flags.create {
		resolve = s.resolveNew
	}
	p, err := resolve(path)
	if err != nil {
		return nil, err
	}
	name, err := s.newHandle()
	if err != nil {
		return nil, err
	}
	h := newFileHandle(s, name, flags)
	if err := h.attach(p); err != nil {
		s.dropHandle(name)
		return nil, err
	}
	s.addHandle(name, h)
	return h, nil
}

// openDir opens a directory.
func (s *Session) openDir(path string) (*DirHandle, error) {
	p, err := s.resolve(path)
	if err != nil {
		return nil, err
	}
	name, err := s.newHandle()
	if err != nil {
		return nil, err
	}
	entries, err := s.list(p)
	if err != nil {
		s.dropHandle(name)
		return nil, err
	}
	h := &DirHandle{session: s, path: name, entries: entries}
	s.addHandle(name, h)
	return h, nil
}
