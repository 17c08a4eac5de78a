package furl

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Limits of a FURL. Foolscap has none.
const (
	MaxTextSize = 4096 // bytes in the whole text
	MaxHints    = 64
)

// scheme begins every FURL.
const scheme = "pb://"

// tubIDLen is how many characters of the first part are the tub id; more are
// reserved for extensions and ignored (furl.py decode_furl).
const tubIDLen = base32.Len20

// The reasons why a text is no FURL. Errors wrap them.
var (
	ErrTooLong  = errors.New("longer than 4096 bytes")
	ErrScheme   = errors.New(`does not begin with "pb://"`)
	ErrSyntax   = errors.New("is not of the form pb://TUBID@HINTS/NAME")
	ErrTubID    = errors.New("tub id is not 32 characters of base 32")
	ErrHint     = errors.New("empty or impossible connection hint")
	ErrTooMany  = errors.New("more than 64 connection hints")
	ErrBadBytes = errors.New("spaces or control characters")
)

// FURL names an object behind a tub and says where the tub may be reached. It
// is an immutable value, safe for concurrent use. The zero value names nothing.
// It prints with the swissnum redacted.
type FURL struct {
	tub      grid.TubID
	hints    []string
	swissnum secret.Swissnum
}

// New returns a FURL of its parts. The hints, which are copied, may be none;
// each is a text as in a FURL. The swissnum may be any text that Parse allows.
func New(tub grid.TubID, hints []string, swissnum secret.Swissnum) (FURL, error) {
	if swissnum.Len() == 0 {
		return FURL{}, fmt.Errorf("FURL: %w", ErrSyntax)
	}
	f := FURL{tub: tub, hints: slices.Clone(hints), swissnum: swissnum}
	if err := checkHints(f.hints); err != nil {
		return FURL{}, fmt.Errorf("FURL: %w", err)
	}
	return Parse(f.Text())
}

// NewSwissnum returns 160 random bits in base 32, as Tubs invent them (pb.py
// Tub.generateSwissnumber). The random source is crypto/rand if r is nil.
func NewSwissnum(r io.Reader) (secret.Swissnum, error) {
	if r == nil {
		r = rand.Reader
	}
	var bits [20]byte
	if _, err := io.ReadFull(r, bits[:]); err != nil {
		return secret.Swissnum{}, fmt.Errorf("make a swissnum: %w", err)
	}
	return secret.NewSwissnum([]byte(base32.Encode(bits[:]))), nil
}

// Parse reads a FURL. Errors do not carry the text. The tub id is put into
// lower case, and what follows its 32 characters is dropped; else Text gives the
// same text back.
func Parse(text string) (FURL, error) {
	f, err := parse(text)
	if err != nil {
		return FURL{}, fmt.Errorf("FURL: %w", err)
	}
	return f, nil
}

func parse(text string) (f FURL, err error) {
	if len(text) > MaxTextSize {
		return f, ErrTooLong
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return f, ErrBadBytes
	}
	rest, ok := strings.CutPrefix(text, scheme)
	if !ok {
		return f, ErrScheme
	}
	tub, rest, ok := strings.Cut(rest, "@")
	if !ok {
		return f, ErrSyntax
	}
	hints, name, ok := strings.Cut(rest, "/")
	if !ok || name == "" {
		return f, ErrSyntax
	}
	if f.tub, err = parseTubID(tub); err != nil {
		return f, err
	}
	if f.hints, err = parseHints(hints); err != nil {
		return f, err
	}
	f.swissnum = secret.NewSwissnum([]byte(name))
	return f, nil
}

func parseTubID(text string) (grid.TubID, error) {
	id, err := grid.ParseTubID(strings.ToLower(text[:min(len(text), tubIDLen)]))
	if err != nil {
		return grid.TubID{}, ErrTubID
	}
	return id, nil
}

func parseHints(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	if strings.Count(text, ",") >= MaxHints {
		return nil, ErrTooMany
	}
	hints := strings.Split(text, ",")
	return hints, checkHints(hints)
}

func checkHints(hints []string) error {
	if len(hints) > MaxHints {
		return ErrTooMany
	}
	for _, hint := range hints {
		if hint == "" || strings.ContainsAny(hint, ",/") {
			return ErrHint
		}
	}
	return nil
}

// IsZero says whether f is the zero value, which names nothing.
func (f FURL) IsZero() bool { return f.swissnum.IsZero() }

// TubID returns the tub that has the object.
func (f FURL) TubID() grid.TubID { return f.tub }

// Hints returns the connection hints, in a slice of the caller's own; see
// [ParseHint].
func (f FURL) Hints() []string { return slices.Clone(f.hints) }

// Swissnum returns the secret name of the object.
func (f FURL) Swissnum() secret.Swissnum { return f.swissnum }

// WithHints returns the FURL with other hints.
func (f FURL) WithHints(hints []string) (FURL, error) { return New(f.tub, hints, f.swissnum) }

// Equal tells whether both name the same object: hints do not count
// (referenceable.py SturdyRef). It is false if one of them is a zero value.
func (f FURL) Equal(other FURL) bool {
	return f.tub == other.tub && f.swissnum.Equal(other.swissnum)
}

// Text returns the FURL with its secret. It panics on the zero value.
func (f FURL) Text() string { return f.public() + f.swissnum.RevealString() }

// String returns the FURL with its swissnum redacted.
func (f FURL) String() string {
	if f.IsZero() {
		return "[no FURL]"
	}
	return f.public() + f.swissnum.String()
}

func (f FURL) public() string {
	return scheme + f.tub.String() + "@" + strings.Join(f.hints, ",") + "/"
}

// Format writes what String returns, whatever the verb.
func (f FURL) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, f.String()) }

// GoString returns what String returns.
func (f FURL) GoString() string { return f.String() }

// LogValue returns what String returns.
func (f FURL) LogValue() slog.Value { return slog.StringValue(f.String()) }

// MarshalText returns what String returns, never an error.
func (f FURL) MarshalText() ([]byte, error) { return []byte(f.String()), nil }
