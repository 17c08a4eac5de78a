package uri

import (
	"strings"

	"github.com/besn0847/arm-tahoe/common/base32"
)

// scanner takes fields from the text of a cap, one after the other. After the
// first error it does nothing any more.
type scanner struct {
	kind Kind
	rest string
	err  error
}

func (s *scanner) fail(field Field, reason Reason, err error) {
	if s.err == nil {
		s.err = &ParseError{Kind: s.kind, Field: field, Reason: reason, Err: err}
	}
}

// cap ends a scan: it returns c, or the error.
func (s *scanner) cap(c Cap) (Cap, error) {
	if s.err != nil {
		return nil, s.err
	}
	return c, nil
}

// base32 fills dst from as many characters as it takes.
func (s *scanner) base32(field Field, dst []byte) {
	if s.err != nil {
		return
	}
	// A field that is cut off is decoded too, for the better error: it holds
	// a colon, or has an impossible length.
	text := s.rest[:min(base32.EncodedLen(len(dst)), len(s.rest))]
	s.rest = s.rest[len(text):]
	if text == "" {
		s.fail(field, Missing, nil)
	} else if err := base32.DecodeTo(dst, text); err != nil {
		s.fail(field, BadBase32, err)
	}
}

// base32ToEnd decodes all that is left, except for a last newline.
func (s *scanner) base32ToEnd(field Field) []byte {
	data, err := base32.Decode(strings.TrimSuffix(s.rest, "\n"))
	if err != nil {
		s.fail(field, BadBase32, err)
	}
	s.rest = ""
	return data
}

// colon takes the colon before a field.
func (s *scanner) colon(field Field) {
	if s.err != nil {
		return
	}
	rest, ok := strings.CutPrefix(s.rest, ":")
	if !ok && s.rest == "" {
		s.fail(field, Missing, nil)
	} else if !ok {
		s.fail(s.previous(field), Trailing, nil)
	}
	s.rest = rest
}

// previous returns the field that something follows where a colon should
// stand before field.
func (s *scanner) previous(field Field) Field {
	switch field {
	case FieldUEBHash, FieldFingerprint:
		return firstField(s.kind)
	case FieldNeeded:
		return FieldUEBHash
	case FieldTotal:
		return FieldNeeded
	}
	return FieldTotal
}

// number takes decimal digits that make at most limit. Leading zeros are
// allowed, as in uri.py.
func (s *scanner) number(field Field, limit int64) int64 {
	if s.err != nil {
		return 0
	}
	n, i := int64(0), 0
	for ; i < len(s.rest) && '0' <= s.rest[i] && s.rest[i] <= '9'; i++ {
		digit := int64(s.rest[i] - '0')
		if n > (limit-digit)/10 {
			s.fail(field, OutOfRange, nil)
			return 0
		}
		n = n*10 + digit
	}
	switch {
	case s.rest == "":
		s.fail(field, Missing, nil)
	case i == 0:
		s.fail(field, BadNumber, nil)
	}
	s.rest = s.rest[i:]
	return n
}

// dropExtension forgets a colon and what follows it.
func (s *scanner) dropExtension() {
	if strings.HasPrefix(s.rest, ":") {
		s.rest = ""
	}
}

// end checks that nothing follows but one newline, before which "$" of a
// regular expression in Python matches too.
func (s *scanner) end() {
	if s.rest != "" && s.rest != "\n" {
		s.fail(FieldEnd, Trailing, nil)
	}
}

// firstField returns the field that a cap of the kind begins with.
func firstField(kind Kind) Field {
	if kind.IsVerifier() {
		return FieldStorageIndex
	}
	return FieldKey
}
