package announce

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits on JSON texts from the network or from files.
const (
	// MaxMessageSize bounds an announcement and a grid manager's files, in
	// bytes. An announcement of 1.20 takes 700 bytes and 400 more for each
	// certificate.
	MaxMessageSize = 64 << 10
	// MaxDepth bounds the nesting of objects and lists; 1.20 needs 4.
	MaxDepth = 32
)

// Member is one field of a JSON object.
type Member struct {
	Name  string
	Value json.RawMessage
}

// object is a JSON object as Python reads it: of a repeated name the last
// value counts and the first place.
type object []Member

// get answers the value of a field, or nil.
func (o object) get(name string) json.RawMessage {
	for _, m := range o {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// parseObject reads a JSON object of limited size and depth. The values are
// slices of copies, not of text.
func parseObject(field string, text []byte) (object, error) {
	if err := checkText(field, text); err != nil {
		return nil, err
	}
	if !json.Valid(text) {
		return nil, formatError(field, "not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, formatError(field, "not a JSON object")
	}
	var o object
	index := make(map[string]int)
	for d.More() {
		var m Member
		if err := m.read(d); err != nil {
			return nil, &FormatError{Field: field, Reason: "not JSON", Err: err}
		}
		if i, repeated := index[m.Name]; repeated {
			o[i].Value = m.Value
			continue
		}
		index[m.Name] = len(o)
		o = append(o, m)
	}
	return o, nil
}

func (m *Member) read(d *json.Decoder) error {
	name, err := d.Token()
	if err != nil {
		return err
	}
	text, ok := name.(string)
	if !ok {
		return io.ErrUnexpectedEOF // cannot happen: the text is valid
	}
	m.Name = text
	return d.Decode(&m.Value)
}

// checkText applies the limits that must hold before a JSON parser sees text.
func checkText(field string, text []byte) error {
	if len(text) > MaxMessageSize {
		return formatError(field, fmt.Sprintf("%d bytes, more than %d", len(text), MaxMessageSize))
	}
	if !utf8.Valid(text) {
		return formatError(field, "not UTF-8")
	}
	if depth(text) > MaxDepth {
		return formatError(field, fmt.Sprintf("nested deeper than %d", MaxDepth))
	}
	return nil
}

// depth is the greatest number of open brackets outside strings.
func depth(text []byte) int {
	deepest, open := 0, 0
	inString, escaped := false, false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped, inString = c == '\\', c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			open++
			deepest = max(deepest, open)
		case c == '}' || c == ']':
			open--
		}
	}
	return deepest
}

// parseValue reads any JSON value, numbers as json.Number. The text must have
// passed checkText.
func parseValue(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// equalValues compares as Python's == does: the order of names is free, and 1,
// 1.0 and true are equal.
func equalValues(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && equalMaps(a, b)
	case []any:
		b, ok := b.([]any)
		return ok && equalLists(a, b)
	case string, nil:
		return a == b
	}
	x, ok := newNumber(a)
	if !ok {
		return false
	}
	y, ok := newNumber(b)
	return ok && x.compare(y) == 0
}

func equalMaps(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for name, value := range a {
		other, ok := b[name]
		if !ok || !equalValues(value, other) {
			return false
		}
	}
	return true
}

func equalLists(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equalValues(a[i], b[i]) {
			return false
		}
	}
	return true
}

// number is a JSON number (or truth value, which Python counts as one) as
// Python reads it: an integer of any size or a 64-bit float.
type number struct {
	whole *big.Int // nil for a float
	float float64
}

func newNumber(v any) (number, bool) {
	switch v := v.(type) {
	case bool:
		n := new(big.Int)
		if v {
			n.SetInt64(1)
		}
		return number{whole: n}, true
	case json.Number:
		if n, ok := new(big.Int).SetString(v.String(), 10); ok {
			return number{whole: n}, true
		}
		f, _ := strconv.ParseFloat(v.String(), 64) // too large: infinite, as in Python
		return number{float: f}, true
	}
	return number{}, false
}

// compare is -1, 0 or 1, exactly, also between integers and floats.
func (x number) compare(y number) int {
	if x.whole != nil && y.whole != nil {
		return x.whole.Cmp(y.whole)
	}
	return x.exact().Cmp(y.exact())
}

func (x number) exact() *big.Float {
	if x.whole != nil {
		return new(big.Float).SetInt(x.whole)
	}
	return big.NewFloat(x.float)
}

// appendString writes a JSON string as Python's json.dumps does: everything
// outside the printable ASCII characters is escaped, in lower-case hex.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		dst = appendRune(dst, r)
	}
	return append(dst, '"')
}

// shortEscapes are the characters with an escape of one letter.
var shortEscapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`,
}

func appendRune(dst []byte, r rune) []byte {
	if escape, ok := shortEscapes[r]; ok {
		return append(dst, escape...)
	}
	switch {
	case r >= ' ' && r <= '~':
		return append(dst, byte(r))
	case r <= 0xffff:
		return fmt.Appendf(dst, `\u%04x`, r)
	default:
		high, low := utf16.EncodeRune(r)
		return fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
	}
}
