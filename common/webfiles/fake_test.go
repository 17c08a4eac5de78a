package webfiles_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/download"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/gridclient"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/common/webfiles"
)

// fake is a grid in memory: contents by storage index, tables of directories as
// package dirformat and edits as package edit have them.
type fake struct {
	mu         sync.Mutex // guards the rest
	files      map[grid.StorageIndex][]byte
	tables     map[grid.StorageIndex]*dirformat.Table
	mutables   byte // how many mutable files there are
	prohibited map[grid.StorageIndex]string
	stopAfter  int64 // if not 0, downloads fail behind so many bytes
	failWith   error // if not nil, what changes answer
}

func newFake() *fake {
	return &fake{
		files:  map[grid.StorageIndex][]byte{},
		tables: map[grid.StorageIndex]*dirformat.Table{}, prohibited: map[grid.StorageIndex]string{},
	}
}

func siOf(c uri.Cap) grid.StorageIndex {
	si, ok := c.StorageIndex()
	if !ok {
		panic("no storage index")
	}
	return si
}

type memory struct {
	*bytes.Reader
	data      []byte
	stopAfter int64
}

func (memory) Close() {}

func (m memory) WriteRange(_ context.Context, w io.Writer, offset, length int64) (int64, error) {
	part := m.data[offset : offset+length]
	if m.stopAfter > 0 && int64(len(part)) > m.stopAfter {
		n, err := w.Write(part[:m.stopAfter])
		return int64(n), errors.Join(err, &download.NotEnoughSharesError{Needed: 3})
	}
	n, err := w.Write(part)
	return int64(n), err
}

func memoryOf(data []byte) memory { return memory{Reader: bytes.NewReader(data), data: data} }

func (f *fake) Open(_ context.Context, c uri.Cap) (webfiles.File, error) {
	if literal, ok := c.(uri.Literal); ok {
		return memoryOf(literal.Data.Reveal()), nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if reason, ok := f.prohibited[siOf(c)]; ok {
		return nil, &gridclient.ProhibitedError{Reason: reason}
	}
	data, ok := f.files[siOf(c)]
	switch {
	case !ok && c.Kind().IsMutable():
		return nil, &mutable.UnrecoverableError{Needed: 3}
	case !ok:
		return lost{c.(uri.CHK).Size}, nil
	}
	file := memoryOf(data)
	file.stopAfter = f.stopAfter
	return file, nil
}

// lost is a file without shares.
type lost struct{ size int64 }

func (l lost) Size() int64 { return l.size }
func (lost) Close()        {}
func (lost) WriteRange(context.Context, io.Writer, int64, int64) (int64, error) {
	return 0, &download.NotEnoughSharesError{Needed: 3}
}

func (f *fake) Spool(_ context.Context, r io.Reader, layout *uri.Layout) (webfiles.Spool, error) {
	data, err := io.ReadAll(r)
	if layout != nil && len(data) > 1<<20 {
		return nil, &mutable.TooLargeError{Size: int64(len(data)), Limit: 1 << 20}
	}
	return memoryOf(data), err
}

func chkOf(data []byte) uri.CHK {
	sum := sha256.Sum256(data)
	c := uri.CHK{K: 3, N: 10, Size: int64(len(data))}
	if err := c.Key.SetBytes(sum[:16]); err != nil {
		panic(err)
	}
	copy(c.UEBHash[:], sum[:])
	return c
}

func (f *fake) Upload(_ context.Context, r io.Reader, size int64) (uri.Cap, *upload.Result, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, nil, err
	}
	if len(data) <= uri.MaxLiteralSize {
		return uri.NewLiteral(data), &upload.Result{Size: int64(len(data))}, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failWith != nil {
		return nil, nil, f.failWith
	}
	c := chkOf(data)
	f.files[siOf(c)] = data
	return c, &upload.Result{Size: size, Pushed: 10, Happiness: 7}, nil
}

func (f *fake) newMutable(layout uri.Layout) uri.MutableWrite {
	f.mutables++
	c := uri.MutableWrite{Layout: layout, Fingerprint: [32]byte{f.mutables}}
	if err := c.Key.SetBytes(bytes.Repeat([]byte{f.mutables}, 16)); err != nil {
		panic(err)
	}
	return c
}

func (f *fake) CreateMutable(_ context.Context, layout uri.Layout, _ rsakey.PrivateKey, content mutable.Source) (uri.Cap, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.newMutable(layout)
	f.files[siOf(c)] = all(content)
	return c, nil
}

func all(content mutable.Source) []byte {
	data := make([]byte, content.Size())
	if n, err := content.ReadAt(data, 0); n < len(data) {
		panic(err)
	}
	return data
}

func (f *fake) Overwrite(_ context.Context, c uri.Cap, content mutable.Source) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[siOf(c)] = all(content)
	return nil
}

func (f *fake) Update(_ context.Context, c uri.Cap, offset int64, content mutable.Source) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.files[siOf(c)]
	if offset > int64(len(old)) {
		return &mutable.RangeError{Offset: offset, FileSize: int64(len(old))}
	}
	grown := append(bytes.Clone(old[:offset]), all(content)...)
	if len(grown) < len(old) {
		grown = append(grown, old[len(grown):]...)
	}
	f.files[siOf(c)] = grown
	return nil
}

func (f *fake) List(_ context.Context, dir uri.Directory) (webfiles.Listing, error) {
	if literal, ok := dir.File().(uri.Literal); ok {
		return dirformat.Parse(literal.Data.Reveal(), dirformat.Immutable())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if reason, ok := f.prohibited[siOf(dir)]; ok {
		return nil, &gridclient.ProhibitedError{Reason: reason}
	}
	table, ok := f.tables[siOf(dir)]
	if !ok {
		return nil, &mutable.UnrecoverableError{Needed: 3}
	}
	return table.Clone(), nil
}

func (f *fake) Child(ctx context.Context, dir uri.Directory, name string) (dirformat.Entry, error) {
	listing, err := f.List(ctx, dir)
	if err != nil {
		return dirformat.Entry{}, err
	}
	return listing.Get(name)
}

// at is when everything happens.
var at = time.Unix(1_700_000_000, 0)

func (f *fake) Do(_ context.Context, dir uri.Directory, o dirnode.Operation) (dirnode.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failWith != nil {
		return dirnode.Result{}, f.failWith
	}
	if !dir.Kind().IsWritable() {
		return dirnode.Result{}, dirnode.ErrNotWritable
	}
	var batch dirnode.Batch
	e := dirnode.NewEdit(o, at)
	batch.Add(e)
	table := f.tables[siOf(dir)].Clone()
	batch.Evaluate(table)
	f.tables[siOf(dir)] = table
	return e.Result(), e.Result().Err
}

func (f *fake) Move(ctx context.Context, dir uri.Directory, from string, to uri.Directory, name string, overwrite dirformat.Overwrite) error {
	if siOf(dir) == siOf(to) {
		_, err := f.Do(ctx, dir, dirnode.Rename{From: from, To: name, Overwrite: overwrite})
		return err
	}
	entry, err := f.Child(ctx, dir, from)
	if err != nil {
		return err
	}
	if _, err := f.Do(ctx, to, dirnode.Link{Name: name, Child: entry.Child(), Overwrite: overwrite}); err != nil {
		return err
	}
	_, err = f.Do(ctx, dir, dirnode.Unlink{Name: from})
	return err
}

func (f *fake) CreateDirectory(_ context.Context, layout uri.Layout, key rsakey.PrivateKey, children []dirnode.Initial) (uri.Directory, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failWith != nil {
		return uri.Directory{}, f.failWith
	}
	c := f.newMutable(layout)
	if !key.IsZero() {
		c = mutable.WriteCap(layout, key)
	}
	table, err := tableOf(children, dirformat.Writable(c.Key))
	if err != nil {
		return uri.Directory{}, err
	}
	f.tables[siOf(c)] = table
	return uri.NewDirectory(c)
}

func (f *fake) CreateImmutableDirectory(_ context.Context, children []dirnode.Initial) (uri.Directory, error) {
	table, err := tableOf(children, dirformat.Immutable())
	if err != nil {
		return uri.Directory{}, err
	}
	data := table.Append(nil)
	if len(data) <= uri.MaxLiteralSize {
		return uri.NewDirectory(uri.NewLiteral(data))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c := chkOf(data)
	f.tables[siOf(c)] = table
	return uri.NewDirectory(c)
}

func tableOf(children []dirnode.Initial, access dirformat.Access) (*dirformat.Table, error) {
	table := dirformat.New(access)
	for _, child := range children {
		if err := table.Put(child.Name, child.Child, child.Metadata); err != nil {
			return nil, err
		}
	}
	return table, nil
}

var (
	_ webfiles.Files       = (*fake)(nil)
	_ webfiles.Directories = (*fake)(nil)
)
