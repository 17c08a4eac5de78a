package dirformat

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// The keys of metadata that mean something here (dirnode.py update_metadata).
const (
	systemKey     = "tahoe"      // an object that only nodes write
	createTimeKey = "linkcrtime" // in systemKey: when the name was first linked
	modifyTimeKey = "linkmotime" // in systemKey: when the entry was last set
	oldCreateKey  = "ctime"      // what nodes before 1.4 called linkcrtime
	noWriteKey    = "no-write"   // true: store the child without its write cap
)

// Metadata is the JSON object that belongs to one directory entry. Its keys
// keep their order, and values of any kind pass through unchanged; numbers,
// strings and white space are spelled as Python's json module spells them.
//
// Metadata is a value that never changes; the zero value is the empty object.
// It is safe for concurrent use.
type Metadata struct {
	// text is the canonical form, the places in members point into it.
	text    []byte
	members []member
}

// A MetadataError says why the metadata of an entry were refused. It contains
// no part of them.
type MetadataError struct {
	// Offset is the place in the JSON text, in bytes.
	Offset int
	// Reason says what is wrong there.
	Reason string
}

// Error returns the refusal in one line.
func (e *MetadataError) Error() string {
	return fmt.Sprintf("metadata: %s at byte %d", e.Reason, e.Offset)
}

// ParseMetadata reads a JSON object as 1.20 accepts it: in UTF-8, with NaN and
// Infinity, with equal keys of which the last counts. It is refused with a
// *MetadataError if it is no object, nested more than 256 deep, has an integer
// of more than 4300 digits (which Python would not read) or is no JSON at all.
// A byte order mark and UTF-16, which Python would detect, are refused too.
func ParseMetadata(text []byte) (Metadata, error) {
	canonical, err := canonicalJSON(nil, text)
	if err != nil {
		return Metadata{}, err
	}
	return fromCanonical(canonical)
}

// fromCanonical takes ownership of text, which must be in canonical form.
func fromCanonical(text []byte) (Metadata, error) {
	if text[0] != '{' {
		return Metadata{}, &MetadataError{Reason: "not a JSON object"}
	}
	return Metadata{text: text, members: topMembers(text)}, nil
}

// topMembers finds the members of the object that text is the canonical form
// of.
func topMembers(text []byte) []member {
	var members []member
	for at := 1; text[at] != '}'; {
		var m member
		m.key = span{at, skipText(text, at)}
		m.value.from = m.key.to + len(": ")
		m.value.to = skipValue(text, m.value.from)
		members = append(members, m)
		if at = m.value.to; text[at] == ',' {
			at += len(", ")
		}
	}
	return members
}

// skipText returns where the string that begins at at ends.
func skipText(text []byte, at int) int {
	for at++; text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// skipValue returns where the canonical value that begins at at ends.
func skipValue(text []byte, at int) int {
	for depth := 0; ; {
		switch text[at] {
		case '"':
			at = skipText(text, at)
			continue
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				return at
			}
			if text[at] != ',' {
				depth--
			}
		}
		if at++; at == len(text) {
			return at
		}
	}
}

// Append appends the object in the spelling of json.dumps to dst.
func (m Metadata) Append(dst []byte) []byte {
	if len(m.text) == 0 {
		return append(dst, "{}"...)
	}
	return append(dst, m.text...)
}

// Len returns the number of keys.
func (m Metadata) Len() int { return len(m.members) }

// Get returns the value of key as JSON in the spelling of json.dumps. The
// slice must not be changed.
func (m Metadata) Get(key string) (value []byte, ok bool) {
	i := m.find(key)
	if i < 0 {
		return nil, false
	}
	return m.value(i), true
}

// find returns the place of key in m.members or -1.
func (m Metadata) find(key string) int {
	quoted := appendKey(nil, key)
	return slices.IndexFunc(m.members, func(e member) bool {
		return bytes.Equal(m.text[e.key.from:e.key.to], quoted)
	})
}

func (m Metadata) value(i int) []byte {
	e := m.members[i]
	return m.text[e.value.from:e.value.to:e.value.to]
}

func appendKey(dst []byte, key string) []byte {
	dst = append(dst, '"')
	for _, c := range key {
		dst = appendCharacter(dst, c)
	}
	return append(dst, '"')
}

// With returns m with the value of key set; a new key comes last. The value
// must be in canonical form.
func (m Metadata) With(key string, value []byte) Metadata {
	b := builder{}
	i := m.find(key)
	for j := range m.members {
		if j == i {
			b.add(m.key(j), value)
			continue
		}
		b.add(m.key(j), m.value(j))
	}
	if i < 0 {
		b.add(appendKey(nil, key), value)
	}
	return b.metadata()
}

// Without returns m without key.
func (m Metadata) Without(key string) Metadata {
	i := m.find(key)
	if i < 0 {
		return m
	}
	b := builder{}
	for j := range m.members {
		if j != i {
			b.add(m.key(j), m.value(j))
		}
	}
	return b.metadata()
}

func (m Metadata) key(i int) []byte {
	e := m.members[i]
	return m.text[e.key.from:e.key.to]
}

// builder collects members that are in canonical form.
type builder struct {
	text    []byte
	members []member
}

func (b *builder) add(key, value []byte) {
	from := len(b.text)
	b.text = append(append(b.text, key...), value...)
	end := from + len(key)
	b.members = append(b.members, member{span{from, end}, span{end, len(b.text)}})
}

func (b *builder) metadata() Metadata {
	text := appendMembers(nil, b.text, b.members)
	return Metadata{text: text, members: topMembers(text)}
}

// system returns the object under "tahoe", empty if there is none. 1.20 fails
// to update an entry where it is something else than an object; here that
// something is replaced.
func (m Metadata) system() Metadata {
	value, ok := m.Get(systemKey)
	if !ok {
		return Metadata{}
	}
	system, err := fromCanonical(value)
	if err != nil {
		return Metadata{}
	}
	return system
}

// LinkTimes returns when the name was first linked and when the entry was last
// set.
func (m Metadata) LinkTimes() (created, modified Seconds) {
	system := m.system()
	return system.seconds(createTimeKey), system.seconds(modifyTimeKey)
}

// Seconds is a time in metadata.
type Seconds struct {
	// Value counts seconds since 1970 (Unix time), with fractions.
	Value float64
	// OK is false if the metadata have no such number.
	OK bool
}

// Time returns the time to the microsecond. Times outside the years 0 to 9999
// and missing ones are the zero time.
func (s Seconds) Time() time.Time {
	const year0, year10000 = -62167219200, 253402300800
	if !s.OK || !(s.Value >= year0 && s.Value < year10000) {
		return time.Time{}
	}
	return time.UnixMicro(int64(s.Value * 1e6)).UTC()
}

// NoWrite reports whether the child must be stored without its write cap: the
// value of "no-write" is true in the sense of Python.
func (m Metadata) NoWrite() bool {
	value, ok := m.Get(noWriteKey)
	if !ok {
		return false
	}
	switch string(value) {
	case "false", "null", "0", "0.0", "-0.0", `""`, "[]", "{}":
		return false
	}
	return true
}

// Linked returns the metadata of an entry that is set at now: old are the
// entry's metadata until now, empty if the name is new; given are those the
// caller passes, nil for none (dirnode.py update_metadata).
//
// Given metadata replace all but "tahoe". In "tahoe", linkcrtime stays what it
// was, or becomes the old "ctime", or now; linkmotime becomes now.
func Linked(old Metadata, given *Metadata, now time.Time) Metadata {
	metadata := old
	if given != nil {
		metadata = given.Without(systemKey)
		if value, ok := old.Get(systemKey); ok {
			metadata = metadata.With(systemKey, value)
		}
	}
	stamp := appendFloat(nil, float64(now.Unix())+float64(now.Nanosecond())/1e9)
	system := metadata.system()
	if system.find(createTimeKey) < 0 {
		created := stamp
		if value, ok := old.Get(oldCreateKey); ok {
			created = value
		}
		system = system.With(createTimeKey, created)
	}
	system = system.With(modifyTimeKey, stamp)
	return metadata.With(systemKey, system.text)
}

// seconds returns the number under key. Integers count too.
func (m Metadata) seconds(key string) Seconds {
	value, ok := m.Get(key)
	if !ok {
		return Seconds{}
	}
	f, err := strconv.ParseFloat(string(value), 64)
	return Seconds{Value: f, OK: err == nil}
}
