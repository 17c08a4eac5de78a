package sftpfs

import (
	"context"
	"io"
	"time"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/sftpgw/spool"
)

// Tree is a directory, or a single file, with everything below it: what a cap
// leads to. Paths are names, the empty path is the root. Names are not empty,
// valid UTF-8, and normalized.
//
// Errors that a client should tell apart wrap a syscall.Errno: ENOENT, ENOTDIR,
// EISDIR, EEXIST, ENOTEMPTY, EACCES (a cap, or the no-write of an entry, does not
// permit it), ENOSPC, EINVAL, EOPNOTSUPP. All others are failures whose text the
// client gets, so there must be no secret in it. Implementations are safe for
// concurrent use.
type Tree interface {
	// ID tells roots apart: two trees with the same root have the same one.
	ID() string
	// Stat returns what is at a path. If nothing but the last name is missing
	// the error is a *MissingError.
	Stat(ctx context.Context, path []string) (Entry, error)
	// List returns the entries of a directory in any order.
	List(ctx context.Context, path []string) ([]Entry, error)
	// Open opens a file to read. The content stays that of one version as long
	// as it is open. ctx is that of all reads.
	Open(ctx context.Context, path []string) (Reader, error)
	// Store makes or replaces the file at a path and returns its entry. With
	// exclusive it must not exist. A mutable file stays the same one and gets
	// the content.
	Store(ctx context.Context, path []string, content Content, exclusive bool) (Entry, error)
	// Mkdir makes an empty directory.
	Mkdir(ctx context.Context, path []string) error
	// Remove removes a file, or an empty directory if directory is set.
	Remove(ctx context.Context, path []string, directory bool) error
	// Rename moves an entry to a path in a tree, perhaps another one, of the same
	// implementation. An existing file there is replaced in one step if replace
	// is set, and so is an empty directory by a directory; otherwise it is
	// EEXIST, EISDIR, ENOTDIR or ENOTEMPTY.
	Rename(ctx context.Context, from []string, tree Tree, to []string, replace bool) error
	// Link attaches a file a second time, where nothing must be.
	Link(ctx context.Context, from []string, tree Tree, to []string) error
	// SetAttributes changes the attributes of an entry.
	SetAttributes(ctx context.Context, path []string, a Attributes) error
	// Space returns how much there is room for.
	Space(ctx context.Context) (Space, error)
}

// Roots gives trees.
type Roots interface {
	// Root returns what a cap leads to. The error is EINVAL or ENOENT for texts
	// that are no caps of files or directories.
	Root(ctx context.Context, cap secret.CapText) (Tree, error)
}

// Reader is an open file. ReadAt may be called concurrently.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Kind is what an entry is.
type Kind uint8

// The kinds of entries.
const (
	File    Kind = iota
	Dir          // a directory
	Unknown      // a cap of a later version
)

// Entry is what is known of a file or directory without opening it.
type Entry struct {
	Name string // the last of its path; "" for a root
	Kind Kind
	Size int64 // bytes; 0 for directories
	// Mutable says that Store changes the file itself, so that what was opened
	// before cannot be read any more.
	Mutable bool
	// ReadOnly says that neither the content nor, if it is a directory, the
	// entries may be changed.
	ReadOnly bool
	// Mode holds the permissions that were set, if HasMode.
	Mode     uint32
	HasMode  bool
	Modified time.Time
}

// Attributes are what setstat changes; nil stays as it is.
type Attributes struct {
	Mode     *uint32 // permission bits
	Modified *time.Time
}

func (a Attributes) empty() bool { return a.Mode == nil && a.Modified == nil }

// Content is what is stored in a file. It does not change while Store runs.
type Content struct {
	io.ReaderAt
	Size int64
	// Changed holds, for a file that was opened without truncating it, the parts
	// that may differ from what is stored. Base is the size of what is stored, -1
	// if all of the content is new.
	Changed []spool.Extent
	Base    int64
	// Attributes are to be set as well.
	Attributes Attributes
}

// Space is the room of a grid for what its users store, in bytes: shares take
// more by the factor N/k.
type Space struct{ Total, Free int64 }

// MissingError says that nothing is at a path, but a directory at the path above
// it.
type MissingError struct {
	// ParentReadOnly says that the directory cannot be changed.
	ParentReadOnly bool
}
