package dirformat

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/netstring"
	"github.com/besn0847/arm-tahoe/common/uri"
)

const (
	// MaxTableSize bounds the tables that are read, in bytes: the same as the
	// mutable files that hold them, mutablelayout.MaxSegmentSize.
	MaxTableSize = 256 << 20
	// MaxEntries bounds the entries of a table that is read. Each takes about
	// 200 bytes of memory besides its own.
	MaxEntries = 1 << 19
)

// A Table is the content of a directory. Entries that are not changed keep their
// bytes, whatever wrote them. Not safe for concurrent use.
type Table struct {
	access  Access
	entries map[string]Entry
	order   []string // names in order, nil if not known
}

// New returns the table of an empty directory.
func New(a Access) *Table {
	return &Table{access: a, entries: make(map[string]Entry)}
}

// Parse reads the content of a directory. The table refers to contents, which
// must not be changed any more. The error is a *TableError; an entry whose caps
// cannot be used is none, see Entry.Err.
//
// If two names are the same in normal form C, the later entry replaces the
// earlier one, as in 1.20.
func Parse(contents []byte, a Access) (*Table, error) {
	if len(contents) > MaxTableSize {
		return nil, &TableError{Field: "table", Err: errTooLarge}
	}
	t := New(a)
	r := reader{access: a}
	for number, rest := 0, contents; len(rest) > 0; number++ {
		if number == MaxEntries {
			return nil, &TableError{Entry: number, Field: "table", Err: errTooMany}
		}
		var raw []byte
		var err error
		if raw, rest, err = netstring.Parse(rest, MaxTableSize); err != nil {
			return nil, &TableError{Entry: number, Field: "entry", Err: err}
		}
		e, err := r.entry(raw)
		if err != nil {
			return nil, numbered(err, number)
		}
		t.entries[e.name] = e
	}
	return t, nil
}

var (
	errTooLarge = errors.New("too large")
	errTooMany  = errors.New("too many entries")
)

// numbered sets the number in a *TableError.
func numbered(err error, number int) error {
	var e *TableError
	if errors.As(err, &e) {
		e.Entry = number
	}
	return err
}

// Clone returns a table with the same entries, which may be changed without
// changing this one. Reading tables that share entries is safe from several
// goroutines once the order of their names is known, see Prepare.
func (t *Table) Clone() *Table {
	return &Table{access: t.access, entries: maps.Clone(t.entries), order: t.order}
}

// Prepare makes All, Append, Get, Len and Size safe for concurrent use, until
// the table is changed.
func (t *Table) Prepare() { t.names() }

// Access returns what the table was opened with.
func (t *Table) Access() Access { return t.access }

// Len returns the number of entries.
func (t *Table) Len() int { return len(t.entries) }

// All returns the entries in the order of their names by code points, those
// with Err among them. The table must not be changed meanwhile.
func (t *Table) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, name := range t.names() {
			if !yield(t.entries[name]) {
				return
			}
		}
	}
}

// names returns the names in order. Go compares the bytes of UTF-8, which is the
// order of code points and so that of Python.
func (t *Table) names() []string {
	if t.order == nil {
		t.order = slices.AppendSeq(make([]string, 0, len(t.entries)), maps.Keys(t.entries))
		slices.Sort(t.order)
	}
	return t.order
}

// Get returns the entry of a name, which need not be normalized, or a
// *NotFoundError or *NameError.
func (t *Table) Get(name string) (Entry, error) {
	normal, err := Normalize(name)
	if err != nil {
		return Entry{}, err
	}
	e, ok := t.entries[normal]
	if !ok {
		return Entry{}, &NotFoundError{Name: normal}
	}
	return e, nil
}

// Put makes an entry of exactly these parts, in place of one of the same name if
// there is one. This is how the first children of a new directory are written
// (dirnode.py pack_children); changes go through Link and SetMetadata. The
// error is a *NameError, ErrNotWritable, child.Err or, in an immutable
// directory, a *uri.ConstraintError.
func (t *Table) Put(name string, child uri.Child, m Metadata) error {
	normal, err := t.check(name, child)
	if err != nil {
		return err
	}
	t.put(normal, child, m)
	return nil
}

// check returns the normalized name if the child may be attached under it.
func (t *Table) check(name string, child uri.Child) (normal string, err error) {
	if !t.access.canWrite() {
		return "", ErrNotWritable
	}
	if err := child.Err(); err != nil {
		return "", err
	}
	if t.access.immutable && !child.AllowedInImmutable() {
		return "", errNotDeepImmutable(child)
	}
	return Normalize(name)
}

// put takes a normalized name and a child that passed check.
func (t *Table) put(name string, child uri.Child, m Metadata) {
	if _, ok := t.entries[name]; !ok {
		t.order = nil
	}
	t.entries[name] = newEntry(name, child, m, t.access)
}

// Overwrite says what Link may replace.
type Overwrite int

const (
	// Anything may be replaced.
	Anything Overwrite = iota
	// OnlyFiles lets nothing be replaced that is known to be a directory
	// (ONLY_FILES).
	OnlyFiles
	// Nothing may be replaced.
	Nothing
)

// Link attaches a child under a name at the time now (dirnode.py Adder). Given
// metadata replace those the name had before, nil keeps them; Linked tells the
// rest. If they say "no-write", only the read-only cap is stored. Errors are
// those of Put, and *ExistsError; then nothing has changed.
//
// An entry with Err counts as existing and its metadata stay, where 1.20 does not
// see it.
func (t *Table) Link(name string, child uri.Child, given *Metadata, now time.Time, overwrite Overwrite) error {
	normal, err := t.check(name, child)
	if err != nil {
		return err
	}
	old, exists := t.entries[normal]
	if exists && overwrite == Nothing {
		return &ExistsError{Name: normal}
	}
	if exists && overwrite == OnlyFiles && old.IsDirectory() {
		return &ExistsError{Name: normal, Directory: true}
	}
	metadata := Metadata{}
	if exists {
		metadata = old.Metadata()
	}
	return t.link(normal, child, Linked(metadata, given, now))
}

func (t *Table) link(name string, child uri.Child, m Metadata) error {
	if m.NoWrite() && child.WriteText() != "" {
		child = uri.NewChild("", child.ReadText(), t.access.immutable)
		if err := child.Err(); err != nil {
			return err
		}
	}
	t.put(name, child, m)
	return nil
}

// SetMetadata gives an entry new metadata at the time now, see Linked
// (dirnode.py MetadataSetter). If they say "no-write", the write cap is dropped.
// The error is ErrNotWritable, a *NotFoundError, a *NameError or that of the
// entry; then nothing has changed.
func (t *Table) SetMetadata(name string, given Metadata, now time.Time) error {
	e, err := t.Get(name)
	if err != nil {
		return err
	}
	if _, err := t.check(e.name, e.child); err != nil {
		return err
	}
	if e.err != nil {
		return e.err
	}
	return t.link(e.name, e.child, Linked(e.Metadata(), &given, now))
}

// Remove removes the entry of a name and returns it. The error is
// ErrNotWritable, a *NotFoundError or a *NameError.
func (t *Table) Remove(name string) (Entry, error) {
	if !t.access.canWrite() {
		return Entry{}, ErrNotWritable
	}
	e, err := t.Get(name)
	if err != nil {
		return Entry{}, err
	}
	delete(t.entries, e.name)
	t.order = nil
	return e, nil
}

// Size returns the number of bytes that Append appends.
func (t *Table) Size() int64 {
	size := int64(0)
	for _, e := range t.entries {
		size += netstring.Size(int64(len(e.raw)))
	}
	return size
}

// Append appends the content of the directory to dst (dirnode.py
// _pack_normalized_children).
func (t *Table) Append(dst []byte) []byte {
	dst = slices.Grow(dst, int(t.Size())) // all of it is in memory already
	for e := range t.All() {
		dst = netstring.Append(dst, e.raw)
	}
	return dst
}
