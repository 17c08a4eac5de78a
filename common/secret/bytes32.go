package secret

import (
	"fmt"
	"log/slog"
)

// Size32 is the number of bytes in a Bytes32.
const Size32 = 32

// Bytes32 is a secret of 32 bytes of the kind K. Use it by the names of its
// kinds: WriteEnabler, RenewalSecret and so on.
type Bytes32[K kind] struct {
	hidden
}

func new32[K kind](b [Size32]byte) Bytes32[K] {
	return Bytes32[K]{hide(b[:])}
}

// SetBytes makes s hold a copy of b, which must have 32 bytes. Otherwise s
// stays as it is and the error is a *SizeError. Copies of the old value are
// not affected.
func (s *Bytes32[K]) SetBytes(b []byte) error {
	if len(b) != Size32 {
		return sizeError[K](Size32, len(b))
	}
	s.hidden = hide(b)
	return nil
}

// Reveal returns the bytes. It panics on the zero value.
func (s Bytes32[K]) Reveal() (b [Size32]byte) {
	copy(b[:], s.reveal())
	return b
}

// Equal tells in constant time whether both hold the same secret. It is false
// if one of them is a zero value.
func (s Bytes32[K]) Equal(other Bytes32[K]) bool {
	return s.equal(other.hidden)
}

// String returns a placeholder.
func (s Bytes32[K]) String() string { return placeholder[K]() }

// GoString returns a placeholder.
func (s Bytes32[K]) GoString() string { return placeholder[K]() }

// Format writes a placeholder, whatever the verb.
func (s Bytes32[K]) Format(state fmt.State, _ rune) { format[K](state) }

// LogValue returns a placeholder.
func (s Bytes32[K]) LogValue() slog.Value { return logValue[K]() }

// MarshalText returns a placeholder, never an error.
func (s Bytes32[K]) MarshalText() ([]byte, error) { return []byte(placeholder[K]()), nil }
