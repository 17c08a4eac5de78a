package dirnode

import (
	"context"
	"iter"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// A Directory is a directory, reached by a cap. Safe for concurrent use.
type Directory struct {
	client *Client
	node   *node
	cap    uri.Directory
	file   *mutable.File // nil if it is immutable
}

// Cap returns the cap that the directory was opened or made with.
func (d *Directory) Cap() uri.Directory { return d.cap }

// Mutable reports whether the directory may change, be it by others.
func (d *Directory) Mutable() bool { return d.file != nil }

// Writable reports whether it can be changed with this cap.
func (d *Directory) Writable() bool { return d.file != nil && d.file.Writable() }

// StorageIndex returns where its shares are; ok is false for a literal one.
func (d *Directory) StorageIndex() (si grid.StorageIndex, ok bool) { return d.cap.StorageIndex() }

func (d *Directory) access() dirformat.Access {
	if d.file == nil {
		return dirformat.Immutable()
	}
	if w, ok := d.cap.File().(uri.MutableWrite); ok {
		return dirformat.Writable(w.Key)
	}
	return dirformat.ReadOnly()
}

// A Listing is the content of one version of a directory. It never changes and is
// safe for concurrent use.
type Listing struct {
	table   *dirformat.Table
	version mutablelayout.Header
}

// All returns the children in the order of their names. Those with an error, see
// dirformat.Entry.Err, are among them; 1.20 does not show them.
func (l *Listing) All() iter.Seq[dirformat.Entry] { return l.table.All() }

// Get returns the child of a name, which need not be normalized, or a
// *dirformat.NotFoundError or *dirformat.NameError.
func (l *Listing) Get(name string) (dirformat.Entry, error) { return l.table.Get(name) }

// Len returns the number of children.
func (l *Listing) Len() int { return l.table.Len() }

// Size returns the size of the table in bytes, which is that of the directory's
// file.
func (l *Listing) Size() int64 { return l.table.Size() }

// Version names the version of a mutable directory; it is zero for others.
func (l *Listing) Version() mutablelayout.Header { return l.version }

// List returns the children as they are now.
func (d *Directory) List(ctx context.Context) (*Listing, error) {
	if d.file == nil {
		return d.listImmutable(ctx)
	}
	for try := 0; ; try++ {
		s, err := d.file.Current(ctx)
		if err != nil {
			return nil, err
		}
		table, err := d.table(ctx, s)
		if err == nil {
			return &Listing{table: table, version: s.Version()}, nil
		}
		if try == maxReads || !isGone(err) {
			return nil, err
		}
	}
}

// maxReads bounds how often a directory is read again because its version has
// gone meanwhile.
const maxReads = 12

// table returns the table of a version, which must not be changed.
func (d *Directory) table(ctx context.Context, s *mutable.Snapshot) (*dirformat.Table, error) {
	if t, ok := d.node.known(s.Version()); ok {
		return t, nil
	}
	data, err := s.ReadAll(ctx, dirformat.MaxTableSize)
	if err != nil {
		return nil, err
	}
	t, err := dirformat.Parse(data, d.access())
	if err != nil {
		return nil, err
	}
	d.client.cache.keep(d.node, s.Version(), t)
	return t, nil
}

func (d *Directory) listImmutable(ctx context.Context) (*Listing, error) {
	if t, ok := d.node.known(mutablelayout.Header{}); ok {
		return &Listing{table: t}, nil
	}
	data, err := d.readImmutable(ctx)
	if err != nil {
		return nil, err
	}
	t, err := dirformat.Parse(data, dirformat.Immutable())
	if err != nil {
		return nil, err
	}
	d.client.cache.keep(d.node, mutablelayout.Header{}, t)
	return &Listing{table: t}, nil
}

func (d *Directory) readImmutable(ctx context.Context) ([]byte, error) {
	if literal, ok := d.cap.File().(uri.Literal); ok {
		return literal.Data.Reveal(), nil
	}
	if d.client.cfg.Files == nil {
		return nil, errNoFiles
	}
	return d.client.cfg.Files.ReadAll(ctx, d.cap.File(), dirformat.MaxTableSize)
}

// Get returns one child as it is now, see Listing.Get.
func (d *Directory) Get(ctx context.Context, name string) (dirformat.Entry, error) {
	l, err := d.List(ctx)
	if err != nil {
		return dirformat.Entry{}, err
	}
	return l.Get(name)
}

// Walk follows a path of names and returns the last child (get_child_at_path).
// The path must not be empty. The error is that of a listing, that of
// dirformat.Entry.Err, or a *NotDirectoryError.
func (d *Directory) Walk(ctx context.Context, path ...string) (entry dirformat.Entry, err error) {
	at := d
	for i, name := range path {
		if i > 0 {
			if at, err = d.client.child(entry); err != nil {
				return dirformat.Entry{}, err
			}
		}
		if entry, err = at.Get(ctx, name); err != nil {
			return dirformat.Entry{}, err
		}
		if err := entry.Err(); err != nil {
			return dirformat.Entry{}, err
		}
	}
	return entry, nil
}

// child opens the directory that an entry points to.
func (c *Client) child(entry dirformat.Entry) (*Directory, error) {
	known, ok := entry.Child().Known()
	if !ok || !entry.IsDirectory() {
		return nil, &NotDirectoryError{Name: entry.Name()}
	}
	return c.Open(known)
}

// Child opens the directory of a name.
func (d *Directory) Child(ctx context.Context, name string) (*Directory, error) {
	entry, err := d.Walk(ctx, name)
	if err != nil {
		return nil, err
	}
	return d.client.child(entry)
}
