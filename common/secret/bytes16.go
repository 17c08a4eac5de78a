package secret

import (
	"fmt"
	"log/slog"
)

// Size16 is the number of bytes in a Bytes16, an AES-128 key.
const Size16 = 16

// Bytes16 is a secret of 16 bytes of the kind K. Use it by the names of its
// kinds: WriteKey, ReadKey and so on.
type Bytes16[K kind] struct {
	hidden
}

func new16[K kind](b [Size16]byte) Bytes16[K] {
	return Bytes16[K]{hide(b[:])}
}

// SetBytes makes s hold a copy of b, which must have 16 bytes. Otherwise s
// stays as it is and the error is a *SizeError. Copies of the old value are
// not affected.
func (s *Bytes16[K]) SetBytes(b []byte) error {
	if len(b) != Size16 {
		return sizeError[K](Size16, len(b))
	}
	s.hidden = hide(b)
	return nil
}

// Reveal returns the bytes. It panics on the zero value.
func (s Bytes16[K]) Reveal() (b [Size16]byte) {
	copy(b[:], s.reveal())
	return b
}

// Equal tells in constant time whether both hold the same secret. It is false
// if one of them is a zero value.
func (s Bytes16[K]) Equal(other Bytes16[K]) bool {
	return s.equal(other.hidden)
}

// String returns a placeholder.
func (s Bytes16[K]) String() string { return placeholder[K]() }

// GoString returns a placeholder.
func (s Bytes16[K]) GoString() string { return placeholder[K]() }

// Format writes a placeholder, whatever the verb.
func (s Bytes16[K]) Format(state fmt.State, _ rune) { format[K](state) }

// LogValue returns a placeholder.
func (s Bytes16[K]) LogValue() slog.Value { return logValue[K]() }

// MarshalText returns a placeholder, never an error.
func (s Bytes16[K]) MarshalText() ([]byte, error) { return []byte(placeholder[K]()), nil }
