package gridclient

import (
	"context"
	"iter"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// Listing is the content of one version of a directory; a *dirnode.Listing.
type Listing = interface {
	All() iter.Seq[dirformat.Entry]
	Get(name string) (dirformat.Entry, error)
	Len() int
}

// Directory opens a directory, for all that package dirnode can do with it. The
// error is a *ProhibitedError or a *dirnode.KindError.
func (c *Client) Directory(dir uri.Directory) (*dirnode.Directory, error) {
	if err := c.allowed(dir); err != nil {
		return nil, err
	}
	return c.dirs.Open(dir)
}

// List returns the children of a directory: see dirnode.Directory.List.
func (c *Client) List(ctx context.Context, dir uri.Directory) (Listing, error) {
	opened, err := c.Directory(dir)
	if err != nil {
		return nil, err
	}
	listing, err := opened.List(ctx)
	if err != nil {
		return nil, err
	}
	return listing, nil
}

// Child returns one child of a directory, or a *dirformat.NotFoundError.
func (c *Client) Child(ctx context.Context, dir uri.Directory, name string) (dirformat.Entry, error) {
	opened, err := c.Directory(dir)
	if err != nil {
		return dirformat.Entry{}, err
	}
	return opened.Get(ctx, name)
}

// Resolve follows a path of names from a directory: see dirnode.Directory.Walk.
func (c *Client) Resolve(ctx context.Context, dir uri.Directory, path ...string) (dirformat.Entry, error) {
	opened, err := c.Directory(dir)
	if err != nil {
		return dirformat.Entry{}, err
	}
	return opened.Walk(ctx, path...)
}

// Do changes a directory: see dirnode.Directory.Do.
func (c *Client) Do(ctx context.Context, dir uri.Directory, o dirnode.Operation) (dirnode.Result, error) {
	opened, err := c.Directory(dir)
	if err != nil {
		return dirnode.Result{}, err
	}
	return opened.Do(ctx, o)
}

// Move moves a child to another directory, or gives it another name: see
// dirnode.Directory.Move.
func (c *Client) Move(ctx context.Context, dir uri.Directory, from string, to uri.Directory, name string, overwrite dirformat.Overwrite) error {
	opened, err := c.Directory(dir)
	if err != nil {
		return err
	}
	target, err := c.Directory(to)
	if err != nil {
		return err
	}
	return opened.Move(ctx, from, target, name, overwrite)
}

// CreateDirectory stores a mutable directory, under a new key if key is zero: see
// dirnode.Client.Create.
func (c *Client) CreateDirectory(ctx context.Context, layout uri.Layout, key rsakey.PrivateKey, children []dirnode.Initial) (uri.Directory, error) {
	var made *dirnode.Directory
	var err error
	if key.IsZero() {
		made, err = c.dirs.Create(ctx, layout, children)
	} else {
		made, err = c.dirs.CreateWithKey(ctx, layout, key, children)
	}
	if err != nil {
		return uri.Directory{}, err
	}
	return made.Cap(), nil
}

// CreateImmutableDirectory stores an immutable directory: see
// dirnode.Client.CreateImmutable.
func (c *Client) CreateImmutableDirectory(ctx context.Context, children []dirnode.Initial) (uri.Directory, error) {
	made, err := c.dirs.CreateImmutable(ctx, children)
	if err != nil {
		return uri.Directory{}, err
	}
	return made.Cap(), nil
}
