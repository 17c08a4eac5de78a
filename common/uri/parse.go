package uri

import (
	"strings"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// MaxTextSize is the largest number of bytes of a text that is parsed. It is
// far above what any cap needs; only literals and extensions of MDMF caps have
// no limit of their own.
const MaxTextSize = 1 << 20

// Prefixes by which the holder of a cap says what it may be at most. They
// stand before caps of unknown kinds in directories (uri.py
// ALLEGED_READONLY_PREFIX, ALLEGED_IMMUTABLE_PREFIX).
const (
	PrefixReadOnly  = "ro."
	PrefixImmutable = "imm."
)

// Beginnings that uri.py from_string reserves for tests of how future caps are
// treated. They are unknown kinds, but are known not to obey a constraint.
const (
	testWritable = "x-tahoe-future-test-writeable:"
	testMutable  = "x-tahoe-future-test-mutable:"
)

// Parse reads the text of a cap. Unlike FromText it never returns an Unknown:
// every text that is not a cap of a known kind is an error, a *ParseError or,
// if a prefix forbids what follows it, a *ConstraintError.
func Parse(text string) (Cap, error) {
	return parse(text, false)
}

// FromText reads the text of a cap where unknown ones must be kept: it returns
// an Unknown for every text that it cannot read or that is not allowed, with
// the text as it was. With deepImmutable only caps are allowed that show
// nothing mutable (uri.py from_string).
func FromText(text string, deepImmutable bool) Cap {
	c, err := parse(text, deepImmutable)
	if err == nil {
		return c
	}
	if e, ok := err.(*ParseError); ok && e.Reason == UnknownKind {
		err = nil // it may well be a cap, only of a kind not yet invented
	}
	return Unknown{text: secret.NewCapText([]byte(text)), err: err}
}

// parse is both of the above.
func parse(text string, deepImmutable bool) (Cap, error) {
	if len(text) > MaxTextSize {
		return nil, &ParseError{Field: FieldText, Reason: TooLong}
	}
	text, canBeMutable, canBeWritable := cutPrefix(text, !deepImmutable)
	kind, body, ok := cutKind(text)
	if !ok {
		return nil, explainUnknown(text, canBeMutable, canBeWritable)
	}
	if err := constrain(kind, canBeMutable, canBeWritable); err != nil {
		return nil, err
	}
	return parseKind(kind, body)
}

// cutPrefix removes one prefix and says what it allows; nothing more than the
// place allows, of course.
func cutPrefix(text string, allowed bool) (rest string, canBeMutable, canBeWritable bool) {
	if rest, ok := strings.CutPrefix(text, PrefixImmutable); ok {
		return rest, false, false
	}
	if rest, ok := strings.CutPrefix(text, PrefixReadOnly); ok {
		return rest, allowed, false
	}
	return text, allowed, allowed
}

// constrain checks what a kind permits. Verify caps are allowed everywhere.
func constrain(kind Kind, canBeMutable, canBeWritable bool) error {
	switch {
	case kind.IsMutable() && !canBeMutable:
		return &ConstraintError{Kind: kind, Constraint: MustBeDeepImmutable}
	case kind.IsWritable() && !canBeWritable:
		return &ConstraintError{Kind: kind, Constraint: MustBeReadOnly}
	}
	return nil
}

// explainUnknown returns the error for a text of no known kind.
func explainUnknown(text string, canBeMutable, canBeWritable bool) error {
	writable, mutable := strings.HasPrefix(text, testWritable), strings.HasPrefix(text, testMutable)
	switch {
	case (writable || mutable) && !canBeMutable:
		return &ConstraintError{Constraint: MustBeDeepImmutable}
	case writable && !canBeWritable:
		return &ConstraintError{Constraint: MustBeReadOnly}
	}
	return &ParseError{Field: FieldText, Reason: UnknownKind}
}

// parseKind reads what follows the prefix of a kind.
func parseKind(kind Kind, body string) (Cap, error) {
	file, err := parseFile(kind.file(), body)
	if !kind.IsDirectory() {
		return file, err
	}
	if err != nil {
		if e, ok := err.(*ParseError); ok {
			e.Kind = kind // and not that of the file inside
		}
		return nil, err
	}
	return Directory{file}, nil
}

func parseFile(kind Kind, body string) (Cap, error) {
	switch kind {
	case KindCHK, KindCHKVerify:
		return parseCHK(kind, body)
	case KindLiteral:
		return parseLiteral(body)
	}
	return parseMutable(kind, body)
}
