package sftpfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/besn0847/arm-tahoe/sftpgw/spool"
)

// node is a file that is open to write, for all handles of its place.
type node struct {
	gateway *Gateway
	id      uint64 // orders locks

	place place // guarded by gateway.mu
	refs  int   // guarded by gateway.mu

	// change is held by whoever changes the content, attributes or place, or
	// stores the file, in this order of ids for several nodes, and across network
	// and disk. Whoever only looks does not wait for it.
	change sync.Mutex

	mu       sync.RWMutex // guards what is below; not held across the network
	ready    bool         // it was prepared
	stored   bool         // there is an entry on the grid
	gone     bool         // the entry was removed or replaced; nothing is stored any more
	dirty    bool         // it is not on the grid as it is here
	failed   error        // the content is lost
	entry    Entry        // as it was on the grid
	pending  Attributes   // set, and to be stored with the content
	written  time.Time    // zero: not since it was opened
	size     int64
	base     Reader // what was there before, nil for nothing
	baseSize int64  // how much of base counts
	previous Reader // the base before, or nil
	over     *spool.File
}

func newNode(g *Gateway, p place, id uint64) *node {
	return &node{gateway: g, id: id, place: p, over: spool.New(g.quota)}
}

// prepare makes a new node ready for handles, as the flags of open say. change is
// held.
func (n *node) prepare(ctx context.Context, p place, flags openFlags) error {
	entry, err := p.tree.Stat(ctx, p.path)
	var missing *MissingError
	switch {
	case errors.As(err, &missing) && flags.create:
		return n.create(p, missing, flags)
	case err != nil:
		return err
	case entry.Kind == Dir:
		return fmt.Errorf("it is a directory: %w", syscall.EISDIR)
	case entry.Kind != File:
		return fmt.Errorf("a cap of this kind needs a later version of this program: %w", syscall.EACCES)
	case flags.create && flags.exclusive:
		return syscall.EEXIST
	case entry.ReadOnly:
		return syscall.EACCES
	}
	var base Reader
	if !flags.truncate {
		if base, err = p.tree.Open(n.gateway.ctx, p.path); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ready, n.stored, n.entry, n.base = true, true, entry, base
	if base != nil {
		n.size = base.Size()
		n.baseSize = n.size
	}
	n.dirty = flags.truncate && entry.Size > 0
	return nil
}

// create prepares a file that was not there. An exclusive one is made on the grid
// at once, empty, as in 1.20: another gateway must not make it too.
func (n *node) create(p place, missing *MissingError, flags openFlags) error {
	if missing.ParentReadOnly {
		return syscall.EACCES
	}
	n.mu.Lock()
	n.ready, n.dirty, n.written = true, true, time.Now()
	n.pending.Mode = flags.mode
	n.entry = Entry{Name: p.path[len(p.path)-1]}
	n.mu.Unlock()
	if !flags.exclusive {
		return nil
	}
	return n.storeAt(n.gateway.ctx, p, true)
}

// readAt reads what is there now. A concurrent write may be seen in part.
func (n *node) readAt(p []byte, offset int64) (int, error) {
	n.mu.RLock()
	if n.failed != nil {
		n.mu.RUnlock()
		return 0, n.failed
	}
	size, base, baseSize := n.size, n.base, n.baseSize
	if offset >= size {
		n.mu.RUnlock()
		return 0, io.EOF
	}
	var eof error
	if int64(len(p)) > size-offset {
		p, eof = p[:size-offset], io.EOF
	}
	holes, err := n.readSpool(p, offset)
	n.mu.RUnlock()
	if err != nil {
		return 0, err
	}
	for _, h := range holes {
		if err := readBase(base, baseSize, p[h.Offset-offset:h.End()-offset], h.Offset); err != nil {
			return 0, err
		}
	}
	return len(p), eof
}

// readSpool fills p from the spool and returns the parts that are not in it.
func (n *node) readSpool(p []byte, offset int64) (holes []spool.Extent, err error) {
	end := offset + int64(len(p))
	for at := offset; at < end; {
		part, ok := n.over.Next(at)
		if !ok || part.Offset >= end {
			return append(holes, spool.Extent{Offset: at, Size: end - at}), nil
		}
		if part.Offset > at {
			holes = append(holes, spool.Extent{Offset: at, Size: part.Offset - at})
		}
		stop := min(end, part.End())
		if _, err := n.over.ReadAt(p[part.Offset-offset:stop-offset], part.Offset); err != nil {
			return nil, err
		}
		at = stop
	}
	return holes, nil
}

// readBase fills p from what was there before, and with zeros behind it.
func readBase(base Reader, baseSize int64, p []byte, offset int64) error {
	inside := max(0, min(int64(len(p)), baseSize-offset))
	clear(p[inside:])
	if inside == 0 {
		return nil
	}
	got, err := base.ReadAt(p[:inside], offset)
	if int64(got) == inside {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// writeAt writes p at an offset, or at the end if end is set.
func (n *node) writeAt(p []byte, offset int64, end bool) (int, error) {
	n.change.Lock()
	defer n.change.Unlock()
	if end {
		offset = n.size
	}
	if offset < 0 || offset > MaxFileSize-int64(len(p)) {
		return 0, syscall.EFBIG
	}
	if n.failed != nil {
		return 0, n.failed
	}
	n.mu.Lock()
	written, err := n.over.WriteAt(p, offset)
	if err == nil && len(p) > 0 {
		n.size = max(n.size, offset+int64(len(p)))
		n.changed()
	}
	scattered := n.over.NumExtents() > maxExtents
	n.mu.Unlock()
	if err == nil && scattered {
		err = n.fillGap()
	}
	return written, err
}

// changed notes that the content is another one from now on.
func (n *node) changed() { n.dirty, n.written, n.pending.Modified = true, time.Now(), nil }

// fillGap copies the smallest gap between what was written into the spool.
// change is held.
func (n *node) fillGap() error {
	gap, ok := n.over.SmallestGap()
	if !ok {
		return nil
	}
	buffer := make([]byte, min(gap.Size, 64<<10))
	for gap.Size > 0 {
		p := buffer[:min(gap.Size, int64(len(buffer)))]
		if err := readBase(n.base, n.baseSize, p, gap.Offset); err != nil {
			return err
		}
		n.mu.Lock()
		_, err := n.over.WriteAt(p, gap.Offset)
		n.mu.Unlock()
		if err != nil {
			return err
		}
		gap.Offset += int64(len(p))
		gap.Size -= int64(len(p))
	}
	return nil
}

// truncate changes the size.
func (n *node) truncate(size int64) error {
	n.change.Lock()
	defer n.change.Unlock()
	return n.resize(size)
}

// resize is truncate while change is held.
func (n *node) resize(size int64) error {
	if size < 0 || size > MaxFileSize {
		return syscall.EFBIG
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.failed != nil:
		return n.failed
	case size == n.size:
		return nil
	}
	n.baseSize = min(n.baseSize, size)
	n.size = size
	n.changed()
	return n.over.Truncate(size)
}

// setAttributes changes attributes: at once on the grid, or with the content if
// that is still to be stored.
func (n *node) setAttributes(ctx context.Context, a Attributes) error {
	n.change.Lock()
	defer n.change.Unlock()
	n.mu.Lock()
	later := n.dirty || n.gone
	n.mu.Unlock()
	if !later {
		p := n.gateway.placeOf(n)
		if err := p.tree.SetAttributes(ctx, p.path, a); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if a.Mode != nil {
		n.pending.Mode = a.Mode
	}
	if a.Modified != nil {
		n.pending.Modified = a.Modified
	}
	return nil
}

// stat returns the entry as it is here.
func (n *node) stat() Entry {
	n.mu.RLock()
	defer n.mu.RUnlock()
	e := n.entry
	e.Size = n.size
	if !n.written.IsZero() {
		e.Modified = n.written
	}
	if n.pending.Modified != nil {
		e.Modified = *n.pending.Modified
	}
	if n.pending.Mode != nil {
		e.Mode, e.HasMode = *n.pending.Mode, true
	}
	return e
}

// onlyHere tells whether there is no entry on the grid yet.
func (n *node) onlyHere() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.ready && !n.stored && !n.gone
}

// present tells whether the file exists, here or on the grid.
func (n *node) present() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.ready && !n.gone
}

// discard frees what the node holds. Nobody uses it any more.
func (n *node) discard() {
	n.mu.Lock()
	defer n.mu.Unlock()
	var err error
	for _, base := range []Reader{n.base, n.previous} {
		if base != nil {
			err = errors.Join(err, base.Close())
		}
	}
	n.base, n.previous = nil, nil
	if err = errors.Join(err, n.over.Close()); err != nil {
		n.gateway.log.Warn("sftp: close a spool", "err", err)
	}
}
