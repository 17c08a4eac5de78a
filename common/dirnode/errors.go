package dirnode

import (
	"errors"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/uri"
)

// ErrNotWritable says that the cap of a directory does not permit changes
// (NotWriteableError).
var ErrNotWritable = errors.New("directory is read-only with this cap")

// ErrBusy says that too many edits wait for the directory.
var ErrBusy = errors.New("too many changes wait for the directory; try again later")

// errNoFiles is the error of clients without Config.Files.
var errNoFiles = errors.New("immutable directories are not available here: no immutable files configured")

// A KindError says that a cap is not that of a directory that can be read.
type KindError struct {
	Kind uri.Kind
}

// Error gives the kind.
func (e *KindError) Error() string { return e.Kind.String() + " is not the cap of a directory" }

// A NotDirectoryError says that a path leads through something that is no
// directory.
type NotDirectoryError struct {
	// Name is that of the child, empty for the beginning of the path.
	Name string
}

// Error gives the name.
func (e *NotDirectoryError) Error() string { return fmt.Sprintf("%q is not a directory", e.Name) }
