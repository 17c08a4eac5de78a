package gridclient

import (
	"context"

	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// NotStoredError says that something has a cap already and is not stored yet.
type NotStoredError struct {
	Text string // why
}

// Error returns why.
func (e *NotStoredError) Error() string { return e.Text }

// Promise says that a storage index will be stored once the grid can do it: until
// kept is called, who opens it gets a *NotStoredError with what why returns, which
// must not block.
func (c *Client) Promise(si grid.StorageIndex, why func() string) (kept func()) {
	c.promised.Store(si, why)
	return func() { c.promised.Delete(si) }
}

// stored looks whether a storage index is promised only.
func (c *Client) stored(si grid.StorageIndex) error {
	if why, promised := c.promised.Load(si); promised {
		return &NotStoredError{Text: why.(func() string)()}
	}
	return nil
}

// Keep stores the empty directory that was promised with a key, unless an earlier
// run has stored it and could not note that.
func (c *Client) Keep(ctx context.Context, layout uri.Layout, key rsakey.PrivateKey) error {
	_, err := c.CreateDirectory(ctx, layout, key, nil)
	if err == nil {
		return nil
	}
	dir, openErr := c.dirs.Open(dirnode.Cap(layout, key))
	if openErr != nil {
		return openErr
	}
	if _, listErr := dir.List(ctx); listErr == nil {
		return nil
	}
	return err
}
