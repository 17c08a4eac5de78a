package dirnode

import (
	"context"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// Link attaches a child (set_node, set_uri). Given metadata replace those the name
// had, nil keeps them.
func (d *Directory) Link(ctx context.Context, name string, child uri.Child, m *dirformat.Metadata, overwrite dirformat.Overwrite) error {
	_, err := d.Do(ctx, Link{Name: name, Child: child, Metadata: m, Overwrite: overwrite})
	return err
}

// SetChildren attaches several children, all or none of them (set_children).
func (d *Directory) SetChildren(ctx context.Context, children ...Link) error {
	_, err := d.Do(ctx, SetChildren(children))
	return err
}

// Unlink removes a child and returns it (delete). Without an entry of the name,
// where that is allowed, it returns the zero Entry.
func (d *Directory) Unlink(ctx context.Context, what Unlink) (dirformat.Entry, error) {
	r, err := d.Do(ctx, what)
	return r.Old, err
}

// SetMetadata replaces the metadata of a child (set_metadata_for).
func (d *Directory) SetMetadata(ctx context.Context, name string, m dirformat.Metadata) error {
	_, err := d.Do(ctx, SetMetadata{Name: name, Metadata: m})
	return err
}

// Move gives a child another name, in this directory or in another one
// (move_child_to). In the same directory it is one step. Otherwise the child is
// linked there first and then removed here, unless the name stands for something
// else by then: after an error it may be in both, and never in none.
func (d *Directory) Move(ctx context.Context, from string, to *Directory, name string, overwrite dirformat.Overwrite) error {
	if !d.Writable() || !to.Writable() {
		return ErrNotWritable
	}
	if uri.Equal(d.cap, to.cap) {
		_, err := d.Do(ctx, Rename{From: from, To: name, Overwrite: overwrite})
		return err
	}
	entry, err := d.Walk(ctx, from)
	if err != nil {
		return err
	}
	metadata := entry.Metadata()
	if err := to.Link(ctx, name, entry.Child(), &metadata, overwrite); err != nil {
		return err
	}
	_, err = d.Do(ctx, Unlink{Name: from, Only: &entry})
	return err
}

// Mkdir makes a directory with children and attaches it (create_subdirectory).
// If the name exists and must stay, the new directory is not attached and the
// error is a *dirformat.ExistsError, which is noticed before it is made if
// possible.
func (d *Directory) Mkdir(ctx context.Context, name string, layout uri.Layout, children []Initial, m *dirformat.Metadata, overwrite dirformat.Overwrite) (*Directory, error) {
	return d.makeAndLink(ctx, name, m, overwrite, func() (*Directory, error) {
		return d.client.Create(ctx, layout, children)
	})
}

// MkdirImmutable is Mkdir for an immutable directory.
func (d *Directory) MkdirImmutable(ctx context.Context, name string, children []Initial, m *dirformat.Metadata, overwrite dirformat.Overwrite) (*Directory, error) {
	return d.makeAndLink(ctx, name, m, overwrite, func() (*Directory, error) {
		return d.client.CreateImmutable(ctx, children)
	})
}

func (d *Directory) makeAndLink(ctx context.Context, name string, m *dirformat.Metadata, overwrite dirformat.Overwrite, create func() (*Directory, error)) (*Directory, error) {
	if !d.Writable() {
		return nil, ErrNotWritable
	}
	normal, err := dirformat.Normalize(name)
	if err != nil {
		return nil, err
	}
	if overwrite == dirformat.Nothing {
		if l, err := d.List(ctx); err != nil {
			return nil, err
		} else if _, err := l.Get(normal); err == nil {
			return nil, &dirformat.ExistsError{Name: normal}
		}
	}
	made, err := create()
	if err != nil {
		return nil, err
	}
	if err := d.Link(ctx, normal, uri.ChildOf(made.cap), m, overwrite); err != nil {
		return nil, err
	}
	return made, nil
}
