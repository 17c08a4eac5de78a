package dirformat

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/besn0847/arm-tahoe/common/netstring"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// An Entry is one child of a directory. It is a value that never changes and is
// safe for concurrent use. It prints neither caps nor metadata.
type Entry struct {
	name     string
	child    uri.Child
	err      error
	metadata []byte // JSON, checked unless err is set
	raw      []byte // the packed entry without its netstring
}

// Name returns the name, in Unicode normal form C.
func (e Entry) Name() string { return e.name }

// Child returns what the entry points to. It has no cap if Err is not nil.
func (e Entry) Child() uri.Child { return e.child }

// Err says why the child cannot be used: a *uri.ParseError or
// *uri.ConstraintError for caps that are malformed or not allowed in this
// directory. 1.20 does not show such entries and drops them with the next
// change; a Table keeps them as they are.
func (e Entry) Err() error { return e.err }

// Metadata returns the metadata.
func (e Entry) Metadata() Metadata {
	m, err := ParseMetadata(e.metadata)
	if err != nil {
		return Metadata{} // of an entry with Err, which nobody checked
	}
	return m
}

// Same reports whether both entries are stored as the same bytes, of tables with
// the same access.
func (e Entry) Same(other Entry) bool { return bytes.Equal(e.raw, other.raw) }

// IsDirectory reports whether the child is known to be a directory.
func (e Entry) IsDirectory() bool {
	known, ok := e.child.Known()
	return ok && known.Kind().IsDirectory()
}

// String returns the name and what may be printed of the child.
func (e Entry) String() string { return e.name + " " + e.child.String() }

// GoString returns String.
func (e Entry) GoString() string { return e.String() }

// Normalize returns a name as directories hold it: in Unicode normal form C
// (encodingutil.py normalize). A text that is not UTF-8 is a *NameError.
func Normalize(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", &NameError{Reason: "not UTF-8"}
	}
	if strings.IndexFunc(name, func(c rune) bool { return c >= utf8.RuneSelf }) < 0 {
		return name, nil
	}
	return norm.NFC.String(name), nil
}

// newEntry packs an entry (dirnode.py _pack_normalized_children).
func newEntry(name string, child uri.Child, m Metadata, a Access) Entry {
	readCap, writeCap := child.ReadSlot(a.immutable), []byte(nil)
	if !a.immutable {
		writeCap = encryptWriteCap(child.WriteText(), a.writeKey)
	}
	metadata := m.Append(nil)
	size := 0
	for _, part := range []int{len(name), len(readCap), len(writeCap), len(metadata)} {
		size += int(netstring.Size(int64(part)))
	}
	raw := make([]byte, 0, size)
	raw = netstring.Append(raw, []byte(name))
	raw = netstring.Append(raw, []byte(readCap))
	raw = netstring.Append(raw, writeCap)
	raw = netstring.Append(raw, metadata)
	return Entry{name: name, child: child, metadata: metadata, raw: raw}
}

// fields are the four parts of a packed entry. 1.20 ignores what follows them.
type fields struct {
	name, readCap, writeCap, metadata []byte
}

// split takes a packed entry apart. The error is a *TableError without a number.
func split(raw []byte) (f fields, err error) {
	rest := raw
	for _, part := range []struct {
		name string
		to   *[]byte
	}{
		{"name", &f.name}, {"read cap", &f.readCap}, {"write cap", &f.writeCap}, {"metadata", &f.metadata},
	} {
		if *part.to, rest, err = netstring.Parse(rest, MaxTableSize); err != nil {
			return fields{}, &TableError{Field: part.name, Err: err}
		}
	}
	return f, nil
}

// reader takes entries out of a table. It keeps a buffer.
type reader struct {
	access Access
	json   jsonReader
}

// entry reads a packed entry (dirnode.py _unpack_contents). The error is a
// *TableError without a number.
func (r *reader) entry(raw []byte) (Entry, error) {
	f, err := split(raw)
	if err != nil {
		return Entry{}, err
	}
	name, err := Normalize(string(f.name))
	if err != nil {
		return Entry{}, &TableError{Field: "name", Err: err}
	}
	if r.access.immutable && len(f.writeCap) > 0 {
		return Entry{}, &TableError{Field: "write cap", Err: errWriteCapInImmutable}
	}
	e := Entry{name: name, raw: raw, metadata: f.metadata}
	e.child, e.err = r.child(f)
	if e.err != nil {
		return e, nil // 1.20 does not look at the metadata either
	}
	r.json.out = r.json.out[:0]
	if err := r.json.read(f.metadata); err != nil {
		return Entry{}, &TableError{Field: "metadata", Err: err}
	}
	if r.json.out[0] != '{' {
		return Entry{}, &TableError{Field: "metadata", Err: errNoObject}
	}
	return e, nil
}

var (
	errWriteCapInImmutable = errors.New("must be empty in an immutable directory")
	errNoObject            = &MetadataError{Reason: "not a JSON object"}
)

// child makes the child out of the caps. Spaces behind them may hide their
// length and are dropped.
func (r *reader) child(f fields) (uri.Child, error) {
	writeCap := ""
	if !r.access.writeKey.IsZero() {
		writeCap = strings.TrimRight(decryptWriteCap(f.writeCap, r.access.writeKey), " ")
	}
	child := uri.NewChild(writeCap, strings.TrimRight(string(f.readCap), " "), r.access.immutable)
	if err := child.Err(); err != nil {
		return child, err
	}
	if r.access.immutable && !child.AllowedInImmutable() {
		return child, errNotDeepImmutable(child)
	}
	return child, nil
}

// errNotDeepImmutable is MustBeDeepImmutableError.
func errNotDeepImmutable(child uri.Child) error {
	kind := uri.KindUnknown
	if known, ok := child.Known(); ok {
		kind = known.Kind()
	}
	return &uri.ConstraintError{Kind: kind, Constraint: uri.MustBeDeepImmutable}
}
