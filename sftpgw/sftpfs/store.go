package sftpfs

import (
	"context"
	"errors"
	"io"
	"slices"
	"syscall"

	"github.com/besn0847/arm-tahoe/sftpgw/spool"
)

// store brings the file to the grid as it is here, if that differs.
func (n *node) store() error {
	n.change.Lock()
	defer n.change.Unlock()
	return n.storeNow()
}

// storeNow is store while change is held. A directory above may be renamed
// meanwhile, so a path that is not there any more is looked up again.
func (n *node) storeNow() error {
	for {
		n.mu.RLock()
		needless, failed := !n.dirty || n.gone, n.failed
		n.mu.RUnlock()
		if failed != nil || needless {
			return failed
		}
		p := n.gateway.placeOf(n)
		err := n.storeAt(n.gateway.ctx, p, false)
		if !errors.Is(err, syscall.ENOENT) || slices.Equal(p.path, n.gateway.placeOf(n).path) {
			return err
		}
	}
}

// storeAt stores the file at a place, whose entry must not exist if exclusive is
// set. change is held.
func (n *node) storeAt(ctx context.Context, p place, exclusive bool) error {
	n.mu.RLock()
	content := Content{
		ReaderAt: content{n}, Size: n.size, Base: -1, Attributes: n.pending,
		Changed: n.over.Extents(),
	}
	if n.base != nil {
		content.Base = n.base.Size()
		content.Changed = behind(content.Changed, n.baseSize, n.size)
	}
	n.mu.RUnlock()
	entry, err := p.tree.Store(ctx, p.path, content, exclusive)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.stored, n.dirty, n.entry = true, false, entry
	n.mu.Unlock()
	if entry.Mutable {
		n.rebase(p)
	}
	return nil
}

// behind adds what lies between the part of the base that counts and the end of
// the file: it is zero, whatever the base had there.
func behind(list []spool.Extent, baseSize, size int64) []spool.Extent {
	if size <= baseSize {
		return list
	}
	i := len(list)
	for i > 0 && list[i-1].Offset >= baseSize {
		i--
	}
	if i > 0 && list[i-1].End() >= baseSize {
		i--
		baseSize = list[i].Offset
	}
	return append(list[:i:i], spool.Extent{Offset: baseSize, Size: size - baseSize})
}

// rebase goes on from the version of a mutable file that was just stored: parts
// of the one before cannot be read any more.
func (n *node) rebase(p place) {
	base, err := p.tree.Open(n.gateway.ctx, p.path)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.previous != nil {
		err = errors.Join(err, n.previous.Close())
	}
	n.previous, n.base = n.base, nil // somebody may still read it
	if err = errors.Join(err, n.over.Close()); err != nil {
		n.failed = err
		return
	}
	n.base, n.baseSize = base, base.Size()
}

// content reads a node while it is stored.
type content struct{ n *node }

func (c content) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, syscall.EINVAL
	}
	n, err := c.n.readAt(p, offset)
	if err == io.EOF && n == len(p) {
		err = nil
	}
	return n, err
}
