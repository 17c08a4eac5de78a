package dirformat

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// The JSON here is that of Python's json module, not of RFC 8259: NaN,
// Infinity and -Infinity are numbers, a string may hold half of a surrogate
// pair, and of equal keys the last one counts. What 1.20 stored by
// json.dumps(json.loads(text)) is what canonicalJSON returns, byte for byte.

const (
	// maxDepth bounds how deep objects and arrays may be nested in metadata.
	// Python's own limit depends on its call stack.
	maxDepth = 256
	// maxIntegerDigits is sys.int_info.default_max_str_digits: Python refuses
	// to read longer integers, and with them the whole directory.
	maxIntegerDigits = 4300
	// fewMembers is the size of objects whose keys are compared one by one.
	fewMembers = 8
)

// jsonReader reads one JSON value and writes it in the canonical form. Between
// uses it may be kept for its buffers.
type jsonReader struct {
	in      []byte
	at      int
	depth   int
	out     []byte   // canonical form so far
	members []member // of the objects that are open, innermost last
}

// member is one key and value of an object, as places in jsonReader.out.
type member struct{ key, value span }

type span struct{ from, to int }

// canonicalJSON appends the canonical form of the one value in text to dst.
func canonicalJSON(dst, text []byte) ([]byte, error) {
	r := jsonReader{out: dst}
	err := r.read(text)
	return r.out, err
}

// read appends the canonical form of the one value in text to r.out.
func (r *jsonReader) read(text []byte) error {
	r.in, r.at, r.depth, r.members = text, 0, 0, r.members[:0]
	if err := r.value(); err != nil {
		return err
	}
	r.space()
	if r.at != len(r.in) {
		return r.refuse("something follows the value")
	}
	return nil
}

func (r *jsonReader) refuse(reason string) error {
	return &MetadataError{Offset: r.at, Reason: reason}
}

func (r *jsonReader) space() {
	for r.at < len(r.in) && bytes.IndexByte([]byte(" \t\n\r"), r.in[r.at]) >= 0 {
		r.at++
	}
}

// peek returns the next byte after white space, 0 at the end.
func (r *jsonReader) peek() byte {
	r.space()
	if r.at == len(r.in) {
		return 0
	}
	return r.in[r.at]
}

// take consumes c if it is next after white space.
func (r *jsonReader) take(c byte) bool {
	if r.peek() != c || r.at == len(r.in) {
		return false
	}
	r.at++
	return true
}

func (r *jsonReader) value() error {
	switch r.peek() {
	case '{':
		return r.nested(r.object)
	case '[':
		return r.nested(r.array)
	case '"':
		return r.text()
	}
	for _, word := range []string{"null", "true", "false", "NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(r.in[r.at:], []byte(word)) {
			r.at += len(word)
			r.out = append(r.out, word...)
			return nil
		}
	}
	return r.number()
}

func (r *jsonReader) nested(read func() error) error {
	if r.depth++; r.depth > maxDepth {
		return r.refuse("nested too deep")
	}
	r.at++ // the opening bracket
	err := read()
	r.depth--
	return err
}

func (r *jsonReader) array() error {
	r.out = append(r.out, '[')
	for first := true; !r.take(']'); first = false {
		if err := r.separator(first); err != nil {
			return err
		}
		if err := r.value(); err != nil {
			return err
		}
	}
	r.out = append(r.out, ']')
	return nil
}

// separator reads the comma before every element but the first.
func (r *jsonReader) separator(first bool) error {
	if first {
		return nil
	}
	if !r.take(',') {
		return r.refuse("no comma or closing bracket")
	}
	if c := r.peek(); c == ']' || c == '}' {
		return r.refuse("nothing after the comma")
	}
	r.out = append(r.out, ", "...)
	return nil
}

func (r *jsonReader) object() error {
	start, outer := len(r.out), len(r.members)
	r.out = append(r.out, '{')
	for first := true; !r.take('}'); first = false {
		if err := r.separator(first); err != nil {
			return err
		}
		if err := r.member(); err != nil {
			return err
		}
	}
	r.out = append(r.out, '}')
	r.dropDuplicates(start, r.members[outer:])
	r.members = r.members[:outer]
	return nil
}

func (r *jsonReader) member() error {
	key := len(r.out)
	if r.peek() != '"' {
		return r.refuse("no string for a key")
	}
	if err := r.text(); err != nil {
		return err
	}
	end := len(r.out)
	if !r.take(':') {
		return r.refuse("no colon after a key")
	}
	r.out = append(r.out, ": "...)
	inner := len(r.members)
	if err := r.value(); err != nil {
		return err
	}
	r.members = append(r.members[:inner], member{span{key, end}, span{end + 2, len(r.out)}})
	return nil
}

// dropDuplicates rewrites the object that begins at start if keys are equal:
// the last value moves to the place of the first, as in a Python dict.
func (r *jsonReader) dropDuplicates(start int, members []member) {
	if !r.hasDuplicates(members) {
		return
	}
	place := make(map[string]int, len(members))
	var kept []member
	for _, m := range members {
		key := string(r.out[m.key.from:m.key.to])
		if i, ok := place[key]; ok {
			kept[i].value = m.value
			continue
		}
		place[key] = len(kept)
		kept = append(kept, m)
	}
	object := appendMembers(nil, r.out, kept)
	r.out = append(r.out[:start], object...)
}

func (r *jsonReader) hasDuplicates(members []member) bool {
	if len(members) > fewMembers {
		seen := make(map[string]bool, len(members))
		for _, m := range members {
			seen[string(r.out[m.key.from:m.key.to])] = true
		}
		return len(seen) < len(members)
	}
	for i, m := range members {
		for _, other := range members[:i] {
			if bytes.Equal(r.out[m.key.from:m.key.to], r.out[other.key.from:other.key.to]) {
				return true
			}
		}
	}
	return false
}

// appendMembers appends an object; the members are places in text.
func appendMembers(dst, text []byte, members []member) []byte {
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, text[m.key.from:m.key.to]...)
		dst = append(dst, ": "...)
		dst = append(dst, text[m.value.from:m.value.to]...)
	}
	return append(dst, '}')
}

// number reads what Python's scanner calls a number.
func (r *jsonReader) number() error {
	start := r.at
	r.skip("-")
	digits := r.at
	r.skipDigits()
	if size := r.at - digits; size == 0 || size > 1 && r.in[digits] == '0' {
		r.at = start
		return r.refuse("not a JSON value")
	}
	integer := r.at
	if err := r.fraction(); err != nil {
		return err
	}
	text := r.in[start:r.at]
	if r.at == integer {
		return r.integer(text, integer-digits)
	}
	f, _ := strconv.ParseFloat(string(text), 64) // out of range is infinite, as in Python
	r.out = appendFloat(r.out, f)
	return nil
}

func (r *jsonReader) fraction() error {
	if r.skip(".") && r.skipDigits() == 0 {
		return r.refuse("no digits after the point")
	}
	if !r.skip("eE") {
		return nil
	}
	r.skip("+-")
	if r.skipDigits() == 0 {
		return r.refuse("no digits in the exponent")
	}
	return nil
}

func (r *jsonReader) integer(text []byte, digits int) error {
	if digits > maxIntegerDigits {
		return r.refuse("integer with too many digits")
	}
	if string(text) == "-0" {
		text = text[1:]
	}
	r.out = append(r.out, text...)
	return nil
}

// skip consumes one byte if it is among chars.
func (r *jsonReader) skip(chars string) bool {
	if r.at == len(r.in) || bytes.IndexByte([]byte(chars), r.in[r.at]) < 0 {
		return false
	}
	r.at++
	return true
}

func (r *jsonReader) skipDigits() (n int) {
	for r.skip("0123456789") {
		n++
	}
	return n
}

// appendFloat spells a float as repr() of Python does, and json.dumps with it.
func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	e := bytes.LastIndexByte(dst, 'e')
	exponent, _ := strconv.Atoi(string(dst[e+1:])) // AppendFloat wrote it
	if exponent < -4 || exponent >= 16 {
		return dst
	}
	dst = strconv.AppendFloat(dst[:start], f, 'f', -1, 64)
	if bytes.IndexByte(dst[start:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// text reads a string and writes it with everything but printable ASCII
// escaped (ensure_ascii).
func (r *jsonReader) text() error {
	r.at++ // the quote
	r.out = append(r.out, '"')
	for {
		if r.at == len(r.in) {
			return r.refuse("string without an end")
		}
		switch c := r.in[r.at]; {
		case c == '"':
			r.at++
			r.out = append(r.out, '"')
			return nil
		case c < ' ':
			return r.refuse("control character in a string")
		case c == '\\':
			if err := r.escape(); err != nil {
				return err
			}
		default:
			if err := r.character(); err != nil {
				return err
			}
		}
	}
}

// character reads one character that is not escaped. Python decodes with
// surrogatepass, so three bytes for half of a surrogate pair are one too.
func (r *jsonReader) character() error {
	c, size := utf8.DecodeRune(r.in[r.at:])
	if c == utf8.RuneError && size <= 1 {
		if c, size = decodeSurrogate(r.in[r.at:]); size == 0 {
			return r.refuse("not UTF-8")
		}
	}
	r.at += size
	r.out = appendCharacter(r.out, c)
	return nil
}

func decodeSurrogate(b []byte) (c rune, size int) {
	if len(b) < 3 || b[0] != 0xed || b[1] < 0xa0 || b[1] > 0xbf || b[2] < 0x80 || b[2] > 0xbf {
		return 0, 0
	}
	return 0xd000 | rune(b[1]&0x3f)<<6 | rune(b[2]&0x3f), 3
}

const (
	escapes   = `"\/bfnrt`
	unescaped = "\"\\/\b\f\n\r\t"
)

func (r *jsonReader) escape() error {
	if r.at+1 == len(r.in) {
		return r.refuse("string without an end")
	}
	if i := bytes.IndexByte([]byte(escapes), r.in[r.at+1]); i >= 0 {
		r.out = appendCharacter(r.out, rune(unescaped[i]))
		r.at += 2
		return nil
	}
	c, ok := parseEscape(r.in[r.at:])
	if !ok {
		return r.refuse("unknown escape in a string")
	}
	r.at += 6
	// Two escapes for the halves of a pair come out as the same two escapes.
	r.out = appendCharacter(r.out, c)
	return nil
}

// parseEscape reads \uXXXX.
func parseEscape(b []byte) (c rune, ok bool) {
	if len(b) < 6 || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

func appendCharacter(dst []byte, c rune) []byte {
	if i := bytes.IndexByte([]byte(unescaped), byte(c)); i >= 0 && c < 0x80 && c != '/' {
		return append(dst, '\\', escapes[i])
	}
	switch {
	case c >= ' ' && c <= '~':
		return append(dst, byte(c))
	case c > 0xffff:
		high, low := utf16.EncodeRune(c)
		return appendEscape(appendEscape(dst, high), low)
	default:
		return appendEscape(dst, c)
	}
}

func appendEscape(dst []byte, c rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[c>>12&15], hex[c>>8&15], hex[c>>4&15], hex[c&15])
}
