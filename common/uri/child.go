package uri

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// Child is what one entry of a directory points to, or a cap that is to be
// attached to one: either a known cap, or texts that are kept as they are, or
// an error. It does what nodemaker.py create_from_cap and unknown.py
// UnknownNode do together, without making a node.
//
// Verify caps count as unknown here: they give no access to a child. (1.20
// does the same with those of mutable files and all directories. With one of
// an immutable file it fails to list the directory.)
//
// The zero value is an entry without any cap, which is allowed everywhere.
type Child struct {
	known       Cap
	write, read secret.CapText // of an unknown child; zero if there is none
	err         error
}

// NewChild makes a child from the texts in the write and the read slot, either
// of which may be empty. With deepImmutable it is for an immutable directory.
// It never fails; the error is kept for Err, so that operations that leave the
// entry alone are not stopped by it.
func NewChild(write, read string, deepImmutable bool) Child {
	text := write
	if text == "" {
		text = read
	}
	if text == "" {
		return Child{}
	}
	if c := FromText(text, deepImmutable); c.Kind().IsKnown() && !c.Kind().IsVerifier() {
		return Child{known: c}
	}
	return newUnknownChild(write, read, deepImmutable)
}

// ChildOf makes a child of a cap, for any directory; AllowedInImmutable says
// whether an immutable one may hold it. The cap should be known and no verify
// cap; others are treated as their text in the write slot would be.
func ChildOf(c Cap) Child {
	if kind := c.Kind(); kind.IsKnown() && !kind.IsVerifier() {
		return Child{known: c}
	}
	return NewChild(c.Text(), "", false)
}

// newUnknownChild is UnknownNode.__init__ of unknown.py, which explains the
// reasons.
func newUnknownChild(write, read string, deepImmutable bool) Child {
	write, read, err := moveToReadSlot(write, read, deepImmutable)
	if err != nil {
		return Child{err: err}
	}
	if unknown, ok := FromText(read, deepImmutable).(Unknown); ok && read != "" && unknown.err != nil {
		return Child{err: unknown.err}
	}
	c := Child{}
	if write != "" {
		c.write = secret.NewCapText([]byte(write))
	}
	if read != "" {
		c.read = secret.NewCapText([]byte(strengthen(read, deepImmutable)))
	}
	return c
}

// moveToReadSlot checks which slots are used. A single text in the write slot
// belongs into the read slot if it says itself that it permits no writing.
// Without such a prefix nobody knows how to diminish it.
func moveToReadSlot(write, read string, deepImmutable bool) (newWrite, newRead string, err error) {
	if write == "" {
		return "", read, nil
	}
	immutable := strings.HasPrefix(write, PrefixImmutable)
	readOnly := strings.HasPrefix(write, PrefixReadOnly)
	switch {
	case read == "" && immutable, read == "" && readOnly && !deepImmutable:
		return "", write, nil
	case read == "":
		return "", "", &ConstraintError{Constraint: MustNotBeUnknownRW}
	case deepImmutable, strings.HasPrefix(read, PrefixImmutable):
		// Nothing immutable has a write cap.
		return "", "", &ConstraintError{Constraint: MustBeDeepImmutable}
	}
	return write, read, nil
}

// strengthen gives a read cap the prefix that says what it may be at most.
func strengthen(read string, deepImmutable bool) string {
	switch {
	case strings.HasPrefix(read, PrefixImmutable):
		return read
	case deepImmutable:
		return PrefixImmutable + strings.TrimPrefix(read, PrefixReadOnly)
	case strings.HasPrefix(read, PrefixReadOnly):
		return read
	}
	return PrefixReadOnly + read
}

// Known returns the cap and true if it is of a known kind and readable.
func (c Child) Known() (known Cap, ok bool) { return c.known, c.known != nil }

// Err says why the child cannot be attached to a directory, or is nil. With an
// error there is neither a known cap nor a text: a *ParseError or a
// *ConstraintError.
func (c Child) Err() error { return c.err }

// WriteText returns the text for the write slot, which is a secret; it is
// empty if the child is known to be read-only, or if nothing is known.
func (c Child) WriteText() string {
	if c.known == nil {
		return reveal(c.write)
	}
	if c.known.Kind().IsWritable() {
		return c.known.Text()
	}
	return ""
}

// ReadText returns the text of the read-only cap, which is a secret. That of an
// unknown child begins with a prefix.
func (c Child) ReadText() string {
	if c.known == nil {
		return reveal(c.read)
	}
	return c.known.ReadOnly().Text()
}

// ReadSlot returns the text for the read slot of a directory entry: ReadText
// without a prefix that the directory implies (unknown.py strip_prefix_for_ro).
// "imm." stays in a mutable directory.
func (c Child) ReadSlot(deepImmutable bool) string {
	text := c.ReadText()
	if rest, ok := strings.CutPrefix(text, PrefixImmutable); ok {
		if deepImmutable {
			return rest
		}
		return text
	}
	return strings.TrimPrefix(text, PrefixReadOnly)
}

// AllowedInImmutable says whether an immutable directory may hold the child.
// An unknown read cap is allowed as long as nothing speaks against it.
func (c Child) AllowedInImmutable() bool {
	if c.known != nil {
		return !c.known.Kind().IsMutable()
	}
	return c.err == nil && c.write.IsZero()
}

// AllegedImmutable says whether an unknown child claims to be immutable. It is
// false for a known one.
func (c Child) AllegedImmutable() bool {
	return c.known == nil && c.AllowedInImmutable() &&
		(c.read.IsZero() || strings.HasPrefix(reveal(c.read), PrefixImmutable))
}

// String returns what may be printed of the child.
func (c Child) String() string {
	switch {
	case c.err != nil:
		return "[" + c.err.Error() + "]"
	case c.known != nil:
		return c.known.String()
	}
	return "[unknown child]"
}

// Format writes String, whatever the verb.
func (c Child) Format(state fmt.State, _ rune) { format(state, c) }

// LogValue returns String.
func (c Child) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns String, never an error.
func (c Child) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
