package secret

import (
	"fmt"
	"log/slog"
)

// Bytes is a secret of the kind K and of any length, also none. Use it by the
// names of its kinds.
type Bytes[K kind] struct {
	hidden
}

func newBytes[K kind](b []byte) Bytes[K] {
	return Bytes[K]{hide(b)}
}

// Reveal returns the bytes in a slice of the caller's own. It panics on the
// zero value.
func (s Bytes[K]) Reveal() []byte {
	return []byte(s.reveal())
}

// RevealString returns the bytes as a string, without a copy. It panics on the
// zero value.
func (s Bytes[K]) RevealString() string {
	return s.reveal()
}

// Len returns the number of bytes, 0 for the zero value.
func (s Bytes[K]) Len() int {
	if s.IsZero() {
		return 0
	}
	return len(*s.text)
}

// Equal tells, in a time that depends on the lengths only, whether both hold
// the same secret. It is false if one of them is a zero value.
func (s Bytes[K]) Equal(other Bytes[K]) bool {
	return s.equal(other.hidden)
}

// String returns a placeholder.
func (s Bytes[K]) String() string { return placeholder[K]() }

// GoString returns a placeholder.
func (s Bytes[K]) GoString() string { return placeholder[K]() }

// Format writes a placeholder, whatever the verb.
func (s Bytes[K]) Format(state fmt.State, _ rune) { format[K](state) }

// LogValue returns a placeholder.
func (s Bytes[K]) LogValue() slog.Value { return logValue[K]() }

// MarshalText returns a placeholder, never an error.
func (s Bytes[K]) MarshalText() ([]byte, error) { return []byte(placeholder[K]()), nil }
