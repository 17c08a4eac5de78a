package uri

import (
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Unknown is a text that is no cap that this package knows, or not one that
// is allowed where it was found, kept as it is: a future release may make
// sense of it (uri.py UnknownURI). It may be a secret of any kind.
type Unknown struct {
	text secret.CapText
	err  error
}

// Kind returns KindUnknown. None of what it says about permissions applies.
func (c Unknown) Kind() Kind { return KindUnknown }

// Text returns the text as it was given, which may be a secret. It is empty
// for the zero value.
func (c Unknown) Text() string { return reveal(c.text) }

// Err says why the cap is unknown, if it could be seen: a *ParseError for a
// malformed cap of a known kind, a *ConstraintError for one that is not allowed
// where it was found. It is nil for a cap of a kind that is not known, which
// may be a good cap in the future (uri.py UnknownURI.get_error).
func (c Unknown) Err() error { return c.err }

// StorageIndex returns nothing.
func (c Unknown) StorageIndex() (si grid.StorageIndex, ok bool) { return si, false }

// ReadOnly returns nil: nobody knows how to diminish it.
func (c Unknown) ReadOnly() Cap { return nil }

// Verifier returns nil.
func (c Unknown) Verifier() Cap { return nil }

// reveal returns the text, which is empty for the zero value.
func reveal(text secret.CapText) string {
	if text.IsZero() {
		return ""
	}
	return text.RevealString()
}
