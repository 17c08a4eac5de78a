package uri

import (
	"fmt"
	"log/slog"
)

// describe returns what is printed instead of a cap that is a secret: its kind
// and the abbreviated storage index.
func describe(c Cap, hasKey bool) string {
	if hasKey {
		if si, ok := c.StorageIndex(); ok {
			return "[" + c.Kind().String() + " si=" + si.Abbrev() + "]"
		}
	}
	return "[" + c.Kind().String() + "]"
}

// format writes the text of String for every verb and every flag.
func format(state fmt.State, c fmt.Stringer) {
	// An error of the destination is fmt's business.
	_, _ = state.Write([]byte(c.String()))
}

// String returns the kind and the abbreviated storage index.
func (c CHK) String() string { return describe(c, !c.Key.IsZero()) }

// String returns the text: verify caps are no secrets.
func (c CHKVerify) String() string { return c.Text() }

// String returns the kind and the number of bytes.
func (c Literal) String() string { return fmt.Sprintf("[%v of %d bytes]", c.Kind(), c.Data.Len()) }

// String returns the kind and the abbreviated storage index.
func (c MutableWrite) String() string { return describe(c, !c.Key.IsZero()) }

// String returns the kind and the abbreviated storage index.
func (c MutableRead) String() string { return describe(c, !c.Key.IsZero()) }

// String returns the text: verify caps are no secrets.
func (c MutableVerify) String() string { return c.Text() }

// String returns what is known and no secret.
func (c Unknown) String() string { return fmt.Sprintf("[%v of %d bytes]", c.Kind(), c.text.Len()) }

// String returns the text of a verify cap, or else the kind and the
// abbreviated storage index.
func (c Directory) String() string {
	switch file := c.file.(type) {
	case nil:
		return "[no directory]"
	case CHKVerify, MutableVerify:
		return c.Text()
	case CHK:
		return describe(c, !file.Key.IsZero())
	case MutableWrite:
		return describe(c, !file.Key.IsZero())
	case MutableRead:
		return describe(c, !file.Key.IsZero())
	}
	return describe(c, false)
}

// GoString returns String.
func (c CHK) GoString() string { return c.String() }

// GoString returns String.
func (c CHKVerify) GoString() string { return c.String() }

// GoString returns String.
func (c Literal) GoString() string { return c.String() }

// GoString returns String.
func (c MutableWrite) GoString() string { return c.String() }

// GoString returns String.
func (c MutableRead) GoString() string { return c.String() }

// GoString returns String.
func (c MutableVerify) GoString() string { return c.String() }

// GoString returns String.
func (c Directory) GoString() string { return c.String() }

// GoString returns String.
func (c Unknown) GoString() string { return c.String() }

// Format writes String, whatever the verb.
func (c CHK) Format(state fmt.State, _ rune) { format(state, c) }

// Format writes String, whatever the verb.
func (c CHKVerify) Format(state fmt.State, _ rune) { format(state, c) }

// Format writes String, whatever the verb.
func (c Literal) Format(state fmt.State, _ rune) { format(state, c) }

// Format writes String, whatever the verb.
func (c MutableWrite) Format(state fmt.State, _ rune) { format(state, c) }

// Format writes String, whatever the verb.
func (c MutableRead) Format(state fmt.State, _ rune) { format(state, c) }

// Format writes String, whatever the verb.
func (c MutableVerify) Format(state fmt.State, _ rune) { format(state, c) }

// Format writes String, whatever the verb.
func (c Directory) Format(state fmt.State, _ rune) { format(state, c) }

// Format writes String, whatever the verb.
func (c Unknown) Format(state fmt.State, _ rune) { format(state, c) }

// LogValue returns String.
func (c CHK) LogValue() slog.Value { return slog.StringValue(c.String()) }

// LogValue returns String.
func (c CHKVerify) LogValue() slog.Value { return slog.StringValue(c.String()) }

// LogValue returns String.
func (c Literal) LogValue() slog.Value { return slog.StringValue(c.String()) }

// LogValue returns String.
func (c MutableWrite) LogValue() slog.Value { return slog.StringValue(c.String()) }

// LogValue returns String.
func (c MutableRead) LogValue() slog.Value { return slog.StringValue(c.String()) }

// LogValue returns String.
func (c MutableVerify) LogValue() slog.Value { return slog.StringValue(c.String()) }

// LogValue returns String.
func (c Directory) LogValue() slog.Value { return slog.StringValue(c.String()) }

// LogValue returns String.
func (c Unknown) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns String, never an error.
func (c CHK) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText returns String, never an error.
func (c CHKVerify) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText returns String, never an error.
func (c Literal) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText returns String, never an error.
func (c MutableWrite) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText returns String, never an error.
func (c MutableRead) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText returns String, never an error.
func (c MutableVerify) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText returns String, never an error.
func (c Directory) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText returns String, never an error.
func (c Unknown) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func (c CHK) sealed()           {}
func (c CHKVerify) sealed()     {}
func (c Literal) sealed()       {}
func (c MutableWrite) sealed()  {}
func (c MutableRead) sealed()   {}
func (c MutableVerify) sealed() {}
func (c Directory) sealed()     {}
func (c Unknown) sealed()       {}
