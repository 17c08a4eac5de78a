package uri

import (
	"crypto/subtle"
	"encoding"
	"fmt"
	"log/slog"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Cap is the right to do something with a file or directory. Its types are
// CHK, CHKVerify, Literal, MutableWrite, MutableRead, MutableVerify, Directory
// and Unknown, and there are no others. Caps are immutable values, safe for
// concurrent use. They cannot be compared with ==; see Equal.
type Cap interface {
	// Kind says what the text begins with, and so what the cap permits.
	Kind() Kind
	// Text returns the real text. It must not get into a log or an error
	// unless the kind is a verifier.
	Text() string
	// StorageIndex returns where the shares are. ok is false for literals,
	// which have none, and unknown caps.
	StorageIndex() (si grid.StorageIndex, ok bool)
	// ReadOnly returns the cap that permits reading but not writing: the cap
	// itself if that is all it permits, or less. It is nil for unknown caps.
	ReadOnly() Cap
	// Verifier returns the cap that permits checking but not reading. It is
	// nil for literals and directories in literals, which need none, and for
	// unknown caps.
	Verifier() Cap

	// What prints in all ways, redacted unless the kind is a verifier.
	fmt.Stringer
	fmt.GoStringer
	fmt.Formatter
	slog.LogValuer
	encoding.TextMarshaler

	sealed()
}

// Equal says whether both caps have the same text, in a time that depends on
// the lengths only. Two nil caps are equal.
func Equal(a, b Cap) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return subtle.ConstantTimeCompare([]byte(a.Text()), []byte(b.Text())) == 1
}
