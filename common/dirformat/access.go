package dirformat

import "github.com/besn0847/arm-tahoe/common/secret"

// Access says what kind of directory a table belongs to and what its reader may
// do. The zero value is the one of ReadOnly.
type Access struct {
	writeKey  secret.WriteKey // zero without the right to write
	immutable bool
}

// Writable is the access to a mutable directory by its write cap. The key is
// that of the mutable file in which the directory is stored.
func Writable(key secret.WriteKey) Access { return Access{writeKey: key} }

// ReadOnly is the access to a mutable directory by its read cap: write caps of
// children stay encrypted, and the table cannot be changed.
func ReadOnly() Access { return Access{} }

// Immutable is the access to an immutable directory. A new table of this kind
// can be filled until it is stored.
func Immutable() Access { return Access{immutable: true} }

// canWrite reports whether entries can be made.
func (a Access) canWrite() bool { return a.immutable || !a.writeKey.IsZero() }
