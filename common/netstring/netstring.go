// Package netstring reads and writes netstrings: the decimal length of a
// value, a colon, the value, a comma. Tahoe-LAFS uses them inside its hashes,
// in the URI extension block and in directory tables.
//
// It belongs to layer L0 and follows src/allmydata/util/netstring.py of
// Tahoe-LAFS 1.20.0.
//
// split_netstring there hands the length to Python's int(), so it also takes
// " 3", "+3", "03" and "1_0". No writer of Tahoe-LAFS ever made one (netstring
// formats with %d), and in a directory table such a length would let the same
// entries have many spellings. This package takes the canonical form only:
// digits, no leading zero except for "0" itself.
package netstring

import (
	"fmt"
	"strconv"
)

// Append appends the netstring of value to dst and returns the longer slice.
func Append(dst, value []byte) []byte {
	dst = AppendHeader(dst, len(value))
	dst = append(dst, value...)
	return append(dst, ',')
}

// AppendHeader appends what stands before a value of size bytes, the length
// and the colon. It is for callers that produce the value piecewise; they add
// the closing comma themselves. size must not be negative.
func AppendHeader(dst []byte, size int) []byte {
	dst = strconv.AppendInt(dst, int64(size), 10)
	return append(dst, ':')
}

// Size returns the number of bytes that a value of size bytes takes as a
// netstring.
func Size(size int64) int64 {
	digits := int64(1)
	for n := size; n >= 10; n /= 10 {
		digits++
	}
	return digits + size + 2
}

// Parse takes the first netstring from b. It returns its value and what
// follows it, both as parts of b. A value of more than limit bytes is refused.
// Every error is a *ParseError; value and rest are nil then.
func Parse(b []byte, limit int) (value, rest []byte, err error) {
	size, body, err := parseHeader(b, limit)
	if err != nil {
		return nil, nil, err
	}
	if len(body) <= size {
		return nil, nil, &ParseError{Reason: Truncated, Offset: len(b)}
	}
	if body[size] != ',' {
		return nil, nil, &ParseError{Reason: NoComma, Offset: len(b) - len(body) + size}
	}
	return body[:size:size], body[size+1:], nil
}

// parseHeader returns the length and what follows the colon.
func parseHeader(b []byte, limit int) (size int, body []byte, err error) {
	n := int64(0) // ten times a 32-bit limit does not overflow it
	for i, c := range b {
		switch {
		case c == ':' && i > 0:
			return int(n), b[i+1:], nil
		case c < '0' || c > '9':
			return 0, nil, &ParseError{Reason: BadLength, Offset: i}
		case i == 1 && b[0] == '0':
			return 0, nil, &ParseError{Reason: LeadingZero, Offset: 0}
		}
		digit := int64(c - '0')
		if int64(limit) < digit || n > (int64(limit)-digit)/10 {
			return 0, nil, &ParseError{Reason: TooLong, Offset: i}
		}
		n = n*10 + digit
	}
	return 0, nil, &ParseError{Reason: Truncated, Offset: len(b)}
}

// Reason says why bytes are no netstring.
type Reason int

// The reasons for a refusal.
const (
	Truncated   Reason = iota + 1 // the bytes end before the netstring does
	BadLength                     // no length, or another character than a digit in it
	LeadingZero                   // a length that is not in its shortest form
	TooLong                       // a length above the caller's limit
	NoComma                       // no comma where the value ends
)

// String names the reason in a few words.
func (r Reason) String() string {
	switch r {
	case Truncated:
		return "ends too early"
	case BadLength:
		return "length is not a decimal number"
	case LeadingZero:
		return "length has a leading zero"
	case TooLong:
		return "longer than allowed here"
	case NoComma:
		return "no comma after the value"
	}
	return fmt.Sprintf("netstring.Reason(%d)", int(r))
}

// ParseError is the error of Parse. It never carries the value.
type ParseError struct {
	Reason Reason
	Offset int // of the offending byte, counted from the start of the netstring
}

// Error gives the reason and the place.
func (e *ParseError) Error() string {
	return fmt.Sprintf("netstring: %v at byte %d", e.Reason, e.Offset)
}
