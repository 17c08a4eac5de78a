package dirformat

import (
	"errors"
	"fmt"
)

// ErrNotWritable says that a table was opened without the right to change it
// (NotWriteableError).
var ErrNotWritable = errors.New("directory is read-only")

// A TableError says why bytes are no directory table. It contains neither caps
// nor names.
type TableError struct {
	// Entry counts the entries from 0.
	Entry int
	// Field is the part of the entry: "entry", "name", "read cap", "write cap"
	// or "metadata"; "table" if it is about the whole.
	Field string
	// Err says what is wrong with it: a *netstring.ParseError, a
	// *MetadataError or just a text.
	Err error
}

// Error gives the place and the reason.
func (e *TableError) Error() string {
	return fmt.Sprintf("directory table: entry %d: %s: %v", e.Entry, e.Field, e.Err)
}

// Unwrap returns Err.
func (e *TableError) Unwrap() error { return e.Err }

// A NameError says that a text cannot be the name of an entry.
type NameError struct {
	// Reason says why.
	Reason string
}

// Error returns the refusal in one line.
func (e *NameError) Error() string { return "name of a directory entry: " + e.Reason }

// An ExistsError says that an entry would have replaced one that must stay
// (ExistingChildError).
type ExistsError struct {
	// Name is the name in question.
	Name string
	// Directory is true if only files may be replaced and this is none.
	Directory bool
}

// Error gives the name.
func (e *ExistsError) Error() string {
	if e.Directory {
		return fmt.Sprintf("child %q already exists as a directory", e.Name)
	}
	return fmt.Sprintf("child %q already exists", e.Name)
}

// A NotFoundError says that there is no entry of a name (NoSuchChildError).
type NotFoundError struct {
	// Name is the name in question.
	Name string
}

// Error gives the name.
func (e *NotFoundError) Error() string { return fmt.Sprintf("no child %q", e.Name) }
