// Package base32 reads and writes the base 32 that Tahoe-LAFS uses in caps,
// storage indexes, keys and secrets: the alphabet of RFC 3548 in lower case,
// without padding.
//
// It belongs to layer L0 and follows src/allmydata/util/base32.py of
// Tahoe-LAFS 1.20.0 (b2a, a2b and the BASE32STR_* expressions that uri.py
// builds its patterns from).
//
// Five bits go into a character, so the last character of a text may carry
// bits that belong to no byte. They must be clear. This is the rule of the
// cap patterns in uri.py; a2b itself is laxer by accident (init_s8 asks for
// one clear bit less than there are spare ones), so that two texts can stand
// for the same bytes. No Tahoe writer ever emits such a text, and a parser
// that refuses it keeps the property that what parses re-encodes to the same
// text. Upper case, white space and padding are refused, as a2b does.
package base32

import (
	"encoding/base32"
	"fmt"
)

// Alphabet holds the 32 characters in the order of their values.
const Alphabet = "abcdefghijklmnopqrstuvwxyz234567"

// Lengths of the texts that occur most: 16 bytes (storage indexes, AES keys),
// 20 bytes (tub ids) and 32 bytes (hashes, secrets).
const (
	Len16 = 26
	Len20 = 32
	Len32 = 52
)

// invalid marks a byte outside the alphabet in values.
const invalid = 0xff

var (
	encoding = base32.NewEncoding(Alphabet).WithPadding(base32.NoPadding)
	values   = makeValues()
)

func makeValues() (table [256]byte) {
	for i := range table {
		table[i] = invalid
	}
	for i := range len(Alphabet) {
		table[Alphabet[i]] = byte(i)
	}
	return table
}

// EncodedLen returns the number of characters that n bytes take. n must not
// be negative.
func EncodedLen(n int) int {
	// Not (n*8+4)/5, which overflows a 32-bit int above 256 MiB.
	return n/5*8 + (n%5*8+4)/5
}

// DecodedLen returns the number of bytes that n characters stand for, and
// whether any number of bytes encodes to n characters at all: lengths of 1, 3
// and 6 modulo 8 do not occur.
func DecodedLen(n int) (size int, ok bool) {
	size = n/8*5 + n%8*5/8
	return size, EncodedLen(size) == n
}

// Encode returns the text of b. The empty slice gives the empty text.
func Encode(b []byte) string {
	return encoding.EncodeToString(b)
}

// AppendEncode appends the text of b to dst and returns the longer slice.
func AppendEncode(dst, b []byte) []byte {
	return encoding.AppendEncode(dst, b)
}

// Decode returns the bytes that text stands for, in a slice of the caller's
// own. Every error is a *DecodeError.
func Decode(text string) ([]byte, error) {
	size, ok := DecodedLen(len(text))
	if !ok {
		return nil, &DecodeError{Reason: BadLength, Offset: len(text)}
	}
	dst := make([]byte, size)
	if err := decode(dst, text); err != nil {
		return nil, err
	}
	return dst, nil
}

// DecodeTo fills dst with the bytes that text stands for. A text of any other
// size than len(dst) bytes is refused. After an error dst holds rubbish. Every
// error is a *DecodeError.
func DecodeTo(dst []byte, text string) error {
	if size, ok := DecodedLen(len(text)); !ok || size != len(dst) {
		return &DecodeError{Reason: BadLength, Offset: len(text)}
	}
	return decode(dst, text)
}

// decode needs a dst of exactly the size that DecodedLen gives for text.
func decode(dst []byte, text string) error {
	var bits uint32 // the lowest numBits bits are still to be written
	numBits := 0
	pos := 0
	for i := range len(text) {
		v := values[text[i]]
		if v == invalid {
			return &DecodeError{Reason: BadCharacter, Offset: i}
		}
		bits = bits<<5 | uint32(v)
		numBits += 5
		if numBits >= 8 {
			numBits -= 8
			dst[pos] = byte(bits >> numBits)
			pos++
		}
	}
	if bits&(1<<numBits-1) != 0 {
		return &DecodeError{Reason: TrailingBits, Offset: len(text) - 1}
	}
	return nil
}

// Reason says why a text was refused.
type Reason int

// The reasons for a refusal.
const (
	BadLength    Reason = iota + 1 // no number of bytes, or not the wanted one, has a text of this length
	BadCharacter                   // a character outside Alphabet
	TrailingBits                   // the last character has bits that belong to no byte
)

// String names the reason in a few words.
func (r Reason) String() string {
	switch r {
	case BadLength:
		return "impossible length"
	case BadCharacter:
		return "character outside the alphabet"
	case TrailingBits:
		return "trailing bits are not zero"
	}
	return fmt.Sprintf("base32.Reason(%d)", int(r))
}

// DecodeError is the error of all decoding functions. It never carries the
// text, which may be a secret.
type DecodeError struct {
	Reason Reason
	Offset int // of the offending character; for BadLength the length of the text
}

// Error gives the reason and the place.
func (e *DecodeError) Error() string {
	if e.Reason == BadLength {
		return fmt.Sprintf("base32: %v of %d characters", e.Reason, e.Offset)
	}
	return fmt.Sprintf("base32: %v at character %d", e.Reason, e.Offset)
}
