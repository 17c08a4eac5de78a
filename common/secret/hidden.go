package secret

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// hidden keeps the bytes of one secret out of reach of fmt, slog and json.
type hidden struct {
	_ [0]func() // == does not compile: it would compare addresses
	// text is nil if there is no secret. A string and not a slice or an
	// array, because fmt follows pointers to those; see the package comment.
	text *string
}

func hide(b []byte) hidden {
	text := string(b)
	return hidden{text: &text}
}

// IsZero says whether there is no secret in here, as in the zero value.
func (h hidden) IsZero() bool {
	return h.text == nil
}

// reveal panics on the zero value.
func (h hidden) reveal() string {
	if h.text == nil {
		panic("secret: Reveal of a zero value, which holds no secret")
	}
	return *h.text
}

// equal tells in constant time whether both hold the same bytes. Lengths are
// no secret.
func (h hidden) equal(other hidden) bool {
	if h.text == nil || other.text == nil {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(*h.text), []byte(*other.text)) == 1
}

// kind tells kinds of secrets apart at compile time. Its types are empty.
type kind interface {
	name() string
}

// placeholder is what is printed instead of a secret.
func placeholder[K kind]() string {
	var k K
	return "[redacted " + k.name() + "]"
}

// format writes the placeholder for every verb and every flag.
func format[K kind](state fmt.State) {
	// An error of the destination is fmt's business.
	_, _ = state.Write([]byte(placeholder[K]()))
}

func logValue[K kind]() slog.Value {
	return slog.StringValue(placeholder[K]())
}
