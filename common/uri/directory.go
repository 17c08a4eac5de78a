package uri

import (
	"strings"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Directory is the cap of a directory: that of the file which holds its table
// of children (uri.py _DirectoryBaseURI and the nine classes based on it). It
// permits with the directory what the cap of the file permits with the file.
// The zero value is not usable.
type Directory struct {
	file Cap
}

// NewDirectory returns the cap of the directory in a file (uri.py
// wrap_dirnode_cap, and the constructors of directory verify caps). file must
// be neither nil nor a Directory nor an Unknown; the error is a *WrapError.
func NewDirectory(file Cap) (Directory, error) {
	if file == nil {
		return Directory{}, &WrapError{}
	}
	if kind := file.Kind(); !kind.IsKnown() || kind.IsDirectory() {
		return Directory{}, &WrapError{Kind: kind}
	}
	return Directory{file}, nil
}

// File returns the cap of the file that holds the directory. It is a CHK,
// CHKVerify, Literal, MutableWrite, MutableRead or MutableVerify.
func (c Directory) File() Cap { return c.file }

// Kind returns one of the kinds whose IsDirectory is true.
func (c Directory) Kind() Kind {
	if c.file == nil {
		return KindUnknown
	}
	return c.file.Kind().directory()
}

// Text returns the text, which is a secret unless the kind is a verifier.
func (c Directory) Text() string {
	return prefixes[c.Kind()] + strings.TrimPrefix(c.file.Text(), prefixes[c.file.Kind()])
}

// StorageIndex returns that of the file.
func (c Directory) StorageIndex() (si grid.StorageIndex, ok bool) { return c.file.StorageIndex() }

// ReadOnly returns the directory in the read cap of the file.
func (c Directory) ReadOnly() Cap { return Directory{c.file.ReadOnly()} }

// Verifier returns the directory in the verify cap of the file, or nil if it
// has none.
func (c Directory) Verifier() Cap {
	if verifier := c.file.Verifier(); verifier != nil {
		return Directory{verifier}
	}
	return nil
}

// WrapError says that something cannot be the file of a directory.
type WrapError struct {
	Kind Kind // of what was given; KindUnknown also for nil
}

// Error gives the kind.
func (e *WrapError) Error() string {
	return "directory in something that is no file: " + e.Kind.String()
}
