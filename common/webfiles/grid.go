package webfiles

import (
	"context"
	"io"
	"iter"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// File is one version of a file, open for reading. WriteRange writes length bytes
// from offset on to w, as many as there are, and nothing that was not verified.
type File = interface {
	Size() int64
	WriteRange(ctx context.Context, w io.Writer, offset, length int64) (int64, error)
	Close()
}

// Spool is the body of a request that was kept, to be read more than once. It is
// for one goroutine at a time.
type Spool = interface {
	io.ReadSeeker
	io.ReaderAt
	Size() int64
	Close()
}

// Files are the files of a grid. Caps are those of files, never of directories.
// Safe for concurrent use.
type Files interface {
	// Open opens any file that can be read with the cap.
	Open(ctx context.Context, file uri.Cap) (File, error)
	// Spool keeps all of r. With layout it is for a mutable file, and more than
	// such a file can hold is an error.
	Spool(ctx context.Context, r io.Reader, layout *uri.Layout) (Spool, error)
	// Upload stores an immutable file. The size may be immutable.UnknownSize.
	Upload(ctx context.Context, r io.Reader, size int64) (uri.Cap, *upload.Result, error)
	// CreateMutable stores a mutable file, under a new key if key is zero.
	CreateMutable(ctx context.Context, layout uri.Layout, key rsakey.PrivateKey, content mutable.Source) (uri.Cap, error)
	// Overwrite replaces the content of a mutable file.
	Overwrite(ctx context.Context, file uri.Cap, content mutable.Source) error
	// Update replaces a part of a mutable file, or extends it.
	Update(ctx context.Context, file uri.Cap, offset int64, content mutable.Source) error
}

// Listing is the content of one version of a directory.
type Listing = interface {
	All() iter.Seq[dirformat.Entry]
	Get(name string) (dirformat.Entry, error)
	Len() int
}

// Directories are the directories of a grid. Safe for concurrent use.
type Directories interface {
	List(ctx context.Context, dir uri.Directory) (Listing, error)
	Child(ctx context.Context, dir uri.Directory, name string) (dirformat.Entry, error)
	// Do changes a directory.
	Do(ctx context.Context, dir uri.Directory, o dirnode.Operation) (dirnode.Result, error)
	// Move moves a child of dir to another directory, or gives it another name.
	Move(ctx context.Context, dir uri.Directory, from string, to uri.Directory, name string, overwrite dirformat.Overwrite) error
	// CreateDirectory stores a mutable directory, under a new key if key is zero.
	CreateDirectory(ctx context.Context, layout uri.Layout, key rsakey.PrivateKey, children []dirnode.Initial) (uri.Directory, error)
	CreateImmutableDirectory(ctx context.Context, children []dirnode.Initial) (uri.Directory, error)
}
