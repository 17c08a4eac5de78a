package dirnode

import (
	"bytes"
	"context"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// Initial is a child of a directory that is being made. Its metadata are stored as
// they are (dirnode.py pack_children).
type Initial struct {
	Name     string
	Child    uri.Child
	Metadata dirformat.Metadata
}

// Create stores a new mutable directory (create_new_mutable_directory). Errors are
// those of mutable.Client.Create, and those of dirformat.Table.Put.
func (c *Client) Create(ctx context.Context, layout uri.Layout, children []Initial) (*Directory, error) {
	file, err := c.cfg.Mutable.CreateNew(ctx, layout, content(children))
	return c.created(file, err)
}

// CreateWithKey is Create with a key that the caller has.
func (c *Client) CreateWithKey(ctx context.Context, layout uri.Layout, key rsakey.PrivateKey, children []Initial) (*Directory, error) {
	file, err := c.cfg.Mutable.CreateFrom(ctx, layout, key, content(children))
	return c.created(file, err)
}

// Cap returns the cap of the directory that a key makes, whether it is stored
// already or not.
func Cap(layout uri.Layout, key rsakey.PrivateKey) uri.Directory {
	dir, err := uri.NewDirectory(mutable.WriteCap(layout, key))
	if err != nil {
		panic("dirnode: " + err.Error()) // a mutable file can be a directory
	}
	return dir
}

func (c *Client) created(file *mutable.File, err error) (*Directory, error) {
	if err != nil {
		return nil, err
	}
	dir, err := uri.NewDirectory(file.Cap())
	if err != nil {
		return nil, err
	}
	return c.Open(dir)
}

// content packs the children for the file that is to hold them.
func content(children []Initial) func(*mutable.File) (mutable.Source, error) {
	return func(file *mutable.File) (mutable.Source, error) {
		access := dirformat.ReadOnly()
		if w, ok := file.Cap().(uri.MutableWrite); ok {
			access = dirformat.Writable(w.Key)
		}
		data, err := pack(children, access)
		return bytes.NewReader(data), err
	}
}

func pack(children []Initial, access dirformat.Access) ([]byte, error) {
	t := dirformat.New(access)
	for _, child := range children {
		if err := t.Put(child.Name, child.Child, child.Metadata); err != nil {
			return nil, err
		}
	}
	return t.Append(nil), nil
}

// CreateImmutable stores a new immutable directory, whose children must be deeply
// immutable, otherwise the error is a *uri.ConstraintError
// (create_immutable_directory).
func (c *Client) CreateImmutable(ctx context.Context, children []Initial) (*Directory, error) {
	data, err := pack(children, dirformat.Immutable())
	if err != nil {
		return nil, err
	}
	file := uri.Cap(uri.NewLiteral(data))
	if len(data) > uri.MaxLiteralSize {
		if c.cfg.Files == nil {
			return nil, errNoFiles
		}
		if file, err = c.cfg.Files.PutImmutable(ctx, data); err != nil {
			return nil, err
		}
	}
	dir, err := uri.NewDirectory(file)
	if err != nil {
		return nil, err
	}
	return c.Open(dir)
}
