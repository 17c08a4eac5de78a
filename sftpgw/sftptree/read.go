package sftptree

import (
	"context"
	"io"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/gridclient"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfs"
)

// maxSizes bounds the mutable files of one listing whose sizes are asked for at
// the same time.
const maxSizes = 8

// Stat implements sftpfs.Tree.
func (t *tree) Stat(ctx context.Context, path []string) (sftpfs.Entry, error) {
	if len(path) == 0 {
		e := describe("", t.cap, true)
		return e, t.size(ctx, &e, t.cap)
	}
	dir, err := t.directory(ctx, path[:len(path)-1])
	if err != nil {
		return sftpfs.Entry{}, err
	}
	found, ok, err := child(ctx, dir, path[len(path)-1])
	if err != nil {
		return sftpfs.Entry{}, err
	}
	if !ok {
		return sftpfs.Entry{}, &sftpfs.MissingError{ParentReadOnly: !dir.Writable()}
	}
	e, cap := t.convert(found, !dir.Writable())
	return e, t.size(ctx, &e, cap)
}

// List implements sftpfs.Tree.
func (t *tree) List(ctx context.Context, path []string) ([]sftpfs.Entry, error) {
	dir, err := t.directory(ctx, path)
	if err != nil {
		return nil, err
	}
	listing, err := dir.List(ctx)
	if err != nil {
		return nil, translate(err)
	}
	entries := make([]sftpfs.Entry, 0, listing.Len())
	var sizes errgroup.Group
	sizes.SetLimit(maxSizes)
	for found := range listing.All() {
		e, cap := t.convert(found, !dir.Writable())
		entries = append(entries, e)
		if at := &entries[len(entries)-1]; e.Kind == sftpfs.File && e.Mutable {
			sizes.Go(func() error {
				t.size(ctx, at, cap) // one that cannot be read now is shown as empty
				return nil
			})
		}
	}
	sizes.Wait() // there are no errors
	return entries, nil
}

// convert describes an entry, all but the size of a mutable file. cap is nil if
// it is unknown.
func (t *tree) convert(found dirformat.Entry, parentReadOnly bool) (e sftpfs.Entry, cap uri.Cap) {
	cap, ok := found.Child().Known()
	if found.Err() != nil || !ok {
		return sftpfs.Entry{Name: found.Name(), Kind: sftpfs.Unknown, ReadOnly: true}, nil
	}
	e = describe(found.Name(), cap, parentReadOnly)
	readAttributes(&e, found.Metadata())
	if !e.Mutable && e.Kind == sftpfs.File && found.Metadata().NoWrite() {
		e.ReadOnly = true
	}
	return e, cap
}

// describe says what a cap is of. An immutable file can be changed if another one
// can take its place (sftpd.py _no_write).
func describe(name string, cap uri.Cap, parentReadOnly bool) sftpfs.Entry {
	e := sftpfs.Entry{Name: name}
	switch cap := cap.(type) {
	case uri.Directory:
		e.Kind = sftpfs.Dir
		_, writable := cap.File().(uri.MutableWrite)
		e.ReadOnly = !writable
	case uri.CHK:
		e.Size, e.ReadOnly = cap.Size, parentReadOnly
	case uri.Literal:
		e.Size, e.ReadOnly = int64(cap.Data.Len()), parentReadOnly
	case uri.MutableWrite:
		e.Mutable = true
	case uri.MutableRead:
		e.Mutable, e.ReadOnly = true, true
	default:
		e.Kind, e.ReadOnly = sftpfs.Unknown, true
	}
	return e
}

// size asks for the size of a mutable file.
func (t *tree) size(ctx context.Context, e *sftpfs.Entry, cap uri.Cap) error {
	if e.Kind != sftpfs.File || !e.Mutable {
		return nil
	}
	file, err := t.client.Open(ctx, cap)
	if err != nil {
		return translate(err)
	}
	defer file.Close()
	e.Size = file.Size()
	return nil
}

// Open implements sftpfs.Tree.
func (t *tree) Open(ctx context.Context, path []string) (sftpfs.Reader, error) {
	cap := t.cap
	if len(path) > 0 {
		entry, err := t.entry(ctx, path)
		if err != nil {
			return nil, err
		}
		known, ok := entry.Child().Known()
		if !ok {
			return nil, syscall.EACCES
		}
		cap = known
	}
	if _, ok := cap.(uri.Directory); ok {
		return nil, syscall.EISDIR
	}
	file, err := t.client.Open(ctx, cap)
	if err != nil {
		return nil, translate(err)
	}
	return &reader{file, ctx}, nil
}

// reader reads a file of the grid. The context is that of whoever opened it, as
// sftpfs.Tree says.
type reader struct {
	gridclient.File
	ctx context.Context
}

// ReadAt implements io.ReaderAt.
func (r *reader) ReadAt(p []byte, offset int64) (int, error) {
	if offset >= r.Size() {
		return 0, io.EOF
	}
	into := &fixed{left: p}
	n, err := r.WriteRange(r.ctx, into, offset, min(int64(len(p)), r.Size()-offset))
	if err == nil && n < int64(len(p)) {
		err = io.EOF
	}
	return int(n), translate(err)
}

// Close implements io.Closer.
func (r *reader) Close() error {
	r.File.Close()
	return nil
}

// fixed writes to a slice.
type fixed struct{ left []byte }

func (f *fixed) Write(p []byte) (int, error) {
	n := copy(f.left, p)
	f.left = f.left[n:]
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}
