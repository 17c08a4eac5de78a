package dirformat

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/besn0847/arm-tahoe/common/netstring"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/uri"
)

func readJSON(t testing.TB, name string, to any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to))
}

func writeKey(t testing.TB, text string) (key secret.WriteKey) {
	t.Helper()
	require.NoError(t, key.SetBytes(unhex(t, text)))
	return key
}

// latin1 returns the bytes that Python decoded as Latin-1.
func latin1(text string) string {
	var b []byte
	for _, c := range text {
		b = append(b, byte(c))
	}
	return string(b)
}

// tableVectors is testdata/tables.json, made by testdata/tables.py.
type tableVectors struct {
	WriteKey string `json:"writekey_hex"`
	Tables   []struct {
		Name      string
		Contents  string `json:"contents_hex"`
		Writable  listing
		ReadOnly  listing `json:"read_only"`
		Immutable listing
	}
	Caps []struct {
		Write, Read   string
		Writable      listing
		ReadOnly      *listing `json:"read_only"`
		Immutable     *listing
		Repacked      string `json:"repacked_sha256"`
		RepackedError string `json:"repacked_error"`
	}
	History []struct {
		Do, Name, Write, Read, Overwrite, Now, Error string
		Metadata                                     *string
		Contents                                     string `json:"contents_hex"`
	}
	Normalization struct{ Unicode, SHA256 string }
}

// listing is what 1.20 reads out of a table.
type listing struct {
	Error    string
	Children []listed
}

type listed struct {
	Name        string
	Write, Read *string
	Unknown     bool
	Metadata    string
}

func readTableVectors(t testing.TB) (v tableVectors) {
	t.Helper()
	readJSON(t, "tables.json", &v)
	require.NotEmpty(t, v.Tables)
	require.NotEmpty(t, v.Caps)
	require.NotEmpty(t, v.History)
	return v
}

// list returns the usable entries of a table as 1.20 lists them.
func list(table *Table) (found []listed) {
	for e := range table.All() {
		if e.Err() != nil {
			continue
		}
		_, known := e.Child().Known()
		found = append(found, listed{
			Name: e.Name(), Write: optional(e.Child().WriteText()), Read: optional(e.Child().ReadText()),
			Unknown: !known, Metadata: string(e.Metadata().Append(nil)),
		})
	}
	return found
}

// optional returns a pointer to the text in Latin-1, nil if it is empty.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	var runes []rune
	for _, b := range []byte(text) {
		runes = append(runes, rune(b))
	}
	text = string(runes)
	return &text
}

func requireListing(t *testing.T, want listing, contents []byte, a Access) {
	t.Helper()
	table, err := Parse(contents, a)
	if want.Error != "" {
		require.ErrorAs(t, err, new(*TableError), want.Error)
		return
	}
	require.NoError(t, err)
	got := list(table)
	if len(want.Children) == 0 {
		require.Empty(t, got)
		return
	}
	require.Equal(t, want.Children, got)
}

func TestTablesAreReadAsTahoeDoes(t *testing.T) {
	v := readTableVectors(t)
	key := writeKey(t, v.WriteKey)
	for _, row := range v.Tables {
		t.Run(row.Name, func(t *testing.T) {
			contents := unhex(t, row.Contents)
			requireListing(t, row.Writable, contents, Writable(key))
			requireListing(t, row.ReadOnly, contents, ReadOnly())
			requireListing(t, row.Immutable, contents, Immutable())
		})
	}
}

// TestCapsAreReadAsTahoeDoes has a table with one entry for many pairs of caps.
// What is packed anew of its usable entries must have the same bytes.
func TestCapsAreReadAsTahoeDoes(t *testing.T) {
	v := readTableVectors(t)
	key := writeKey(t, v.WriteKey)
	for _, row := range v.Caps {
		contents := tableOf(rawEntry("a", latin1(row.Read), encryptWriteCap(latin1(row.Write), key), "{}"))
		requireListing(t, row.Writable, contents, Writable(key))
		if row.ReadOnly != nil {
			requireListing(t, *row.ReadOnly, contents, ReadOnly())
		}
		if row.Immutable != nil {
			requireListing(t, *row.Immutable, tableOf(rawEntry("a", latin1(row.Read), nil, "{}")), Immutable())
		}
		require.Empty(t, row.RepackedError)
		table, err := Parse(contents, Writable(key))
		require.NoError(t, err)
		require.Equal(t, contents, table.Append(nil), "entries that nobody changes keep their bytes")
		require.Equal(t, row.Repacked, sum(repack(t, table).Append(nil)), "%q %q", row.Write, row.Read)
	}
}

// repack puts all usable entries into a new table.
func repack(t *testing.T, table *Table) *Table {
	t.Helper()
	anew := New(table.Access())
	for e := range table.All() {
		if e.Err() == nil {
			require.NoError(t, anew.Put(e.Name(), e.Child(), e.Metadata()))
		}
	}
	return anew
}

func sum(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

func rawEntry(name, readCap string, writeCap []byte, metadata string) []byte {
	raw := netstring.Append(nil, []byte(name))
	raw = netstring.Append(raw, []byte(readCap))
	raw = netstring.Append(raw, writeCap)
	return netstring.Append(raw, []byte(metadata))
}

func tableOf(entries ...[]byte) (contents []byte) {
	for _, e := range entries {
		contents = netstring.Append(contents, e)
	}
	return contents
}

// TestChangesAreThoseOfTahoe carries out a history of changes; after each the
// table must have the bytes that 1.20 gave it.
func TestChangesAreThoseOfTahoe(t *testing.T) {
	v := readTableVectors(t)
	contents := unhex(t, v.History[0].Contents)
	overwrites := map[string]Overwrite{"": Anything, "only files": OnlyFiles, "nothing": Nothing}
	for _, op := range v.History[1:] {
		t.Run(op.Do+" "+op.Name, func(t *testing.T) {
			table, err := Parse(contents, Writable(writeKey(t, v.WriteKey)))
			require.NoError(t, err)
			var given *Metadata
			if op.Metadata != nil {
				m := mustParse(t, *op.Metadata)
				given = &m
			}
			now := timeOf(t, op.Now)
			switch op.Do {
			case "link":
				child := uri.NewChild(latin1(op.Write), latin1(op.Read), false)
				err = table.Link(op.Name, child, given, now, overwrites[op.Overwrite])
			case "set metadata":
				err = table.SetMetadata(op.Name, *given, now)
			case "remove":
				_, err = table.Remove(op.Name)
			}
			switch op.Error {
			case "":
				require.NoError(t, err)
			case "ExistingChildError":
				require.ErrorAs(t, err, new(*ExistsError))
			case "NoSuchChildError":
				require.ErrorAs(t, err, new(*NotFoundError))
			}
			contents = unhex(t, op.Contents)
			require.Equal(t, string(contents), string(table.Append(nil)))
			require.EqualValues(t, len(contents), table.Size())
		})
	}
}

func TestWriteCapEncryptionOfTahoe(t *testing.T) {
	var v struct {
		WriteKey string `json:"writekey_hex"`
		Caps     []struct {
			Cap  string `json:"rwcap"`
			Data string `json:"rwcapdata_hex"`
		} `json:"rwcap_encryption"`
	}
	readJSON(t, "dirnode.json", &v)
	key := writeKey(t, v.WriteKey)
	require.Len(t, v.Caps, 2)
	for _, row := range v.Caps {
		require.Equal(t, row.Data, hex.EncodeToString(encryptWriteCap(row.Cap, key)))
		require.Equal(t, row.Cap, decryptWriteCap(unhex(t, row.Data), key))
	}
}

type packedVector struct {
	Packed  string
	Hex     string `json:"packed_hex"`
	Entries []packedEntry
}

type packedEntry struct {
	Name, Ro, Rw, Metadata string
	Data                   string `json:"rwcapdata_hex"`
}

// TestPackedTablesOfTahoe packs the entries of dirnode.json again.
func TestPackedTablesOfTahoe(t *testing.T) {
	var v struct {
		WriteKey  string       `json:"writekey_hex"`
		Mutable   packedVector `json:"pack_children_mutable"`
		Immutable packedVector `json:"pack_children_immutable"`
	}
	readJSON(t, "dirnode.json", &v)
	key := writeKey(t, v.WriteKey)

	table, err := Parse(unhex(t, v.Mutable.Hex), Writable(key))
	require.NoError(t, err)
	require.Equal(t, v.Mutable.Hex, hex.EncodeToString(repack(t, table).Append(nil)))
	i := 0
	for e := range table.All() {
		want := v.Mutable.Entries[i]
		i++
		require.Equal(t, want.Name, e.Name())
		require.Equal(t, want.Ro, e.Child().ReadText())
		require.Equal(t, want.Metadata, string(e.Metadata().Append(nil)))
	}
	require.Len(t, v.Mutable.Entries, i)

	table, err = Parse([]byte(v.Immutable.Packed), Immutable())
	require.NoError(t, err)
	require.Equal(t, 2, table.Len())
	require.Equal(t, v.Immutable.Packed, string(repack(t, table).Append(nil)))
}

func TestRealDirectoryOfTahoe(t *testing.T) {
	var v struct {
		Real struct {
			Cap       string
			Plaintext string `json:"plaintext_hex"`
			Entries   []packedEntry
		} `json:"real_directory"`
	}
	readJSON(t, "dirnode.json", &v)
	contents := unhex(t, v.Real.Plaintext)
	table, err := Parse(contents, accessOf(t, v.Real.Cap))
	require.NoError(t, err)
	require.Equal(t, contents, table.Append(nil))
	require.Equal(t, contents, repack(t, table).Append(nil))
	require.Equal(t, len(v.Real.Entries), table.Len())
	for _, want := range v.Real.Entries {
		e, err := table.Get(want.Name)
		require.NoError(t, err)
		require.NoError(t, e.Err())
		require.Equal(t, want.Ro, e.Child().ReadText())
		require.Equal(t, want.Rw, e.Child().WriteText())
		require.Equal(t, want.Metadata, string(e.Metadata().Append(nil)))
	}
}

// accessOf returns the access that a directory's cap gives.
func accessOf(t testing.TB, text string) Access {
	t.Helper()
	cap, err := uri.Parse(text)
	require.NoError(t, err)
	if !cap.Kind().IsMutable() {
		return Immutable()
	}
	directory, ok := cap.(uri.Directory)
	require.True(t, ok)
	file, ok := directory.File().(uri.MutableWrite)
	require.True(t, ok)
	return Writable(file.Key)
}

// TestDirectoriesOfAGrid packs the children that were asked for and compares
// with the hash of what the grid stored.
func TestDirectoriesOfAGrid(t *testing.T) {
	type childJSON struct {
		Write    string `json:"rw_uri"`
		Read     string `json:"ro_uri"`
		Metadata json.RawMessage
	}
	var all []struct {
		Name, Cap string
		Request   map[string][2]json.RawMessage `json:"request_body"`
		Children  map[string][2]json.RawMessage
		Size      int    `json:"packed_size"`
		Sum       string `json:"packed_sha256"`
	}
	readJSON(t, "grid.json", &all)
	require.Len(t, all, 7)
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			a := accessOf(t, v.Cap)
			table := New(a)
			for name, pair := range v.Request {
				var c childJSON
				require.NoError(t, json.Unmarshal(pair[1], &c))
				require.NoError(t, table.Put(name, uri.NewChild(c.Write, c.Read, a.immutable), mustParse(t, string(c.Metadata))))
			}
			contents := table.Append(nil)
			require.Len(t, contents, v.Size)
			require.Equal(t, v.Sum, sum(contents))

			read, err := Parse(contents, a)
			require.NoError(t, err)
			require.Equal(t, len(v.Children), read.Len())
			for name, pair := range v.Children {
				var want childJSON
				require.NoError(t, json.Unmarshal(pair[1], &want))
				e, err := read.Get(name)
				require.NoError(t, err)
				require.Equal(t, want.Write, e.Child().WriteText())
				require.Equal(t, want.Read, e.Child().ReadText())
				require.JSONEq(t, string(want.Metadata), string(e.Metadata().Append(nil)))
			}
		})
	}
}

// TestNormalFormCIsThatOfPython compares NFC for every code point. The digest
// changes only where a newer Unicode gives a new character a decomposition.
func TestNormalFormCIsThatOfPython(t *testing.T) {
	h := sha256.New()
	for c := rune(0); c < 0x110000; c++ {
		if c >= 0xd800 && c < 0xe000 {
			continue
		}
		name, err := Normalize(string([]rune{c, 'e', c, c}))
		require.NoError(t, err)
		h.Write([]byte(name))
	}
	want := readTableVectors(t).Normalization
	require.Equal(t, want.SHA256, fmt.Sprintf("%x", h.Sum(nil)), "Python has Unicode %s, Go %s", want.Unicode, norm.Version)
}

var someTime = time.Unix(1700000000, 0)

func testKey() secret.WriteKey { return secret.NewWriteKey([16]byte{1, 2, 3}) }

func testCap(n byte) uri.Child {
	var key [16]byte
	key[0] = n
	return uri.ChildOf(mustCap("URI:SSK:" + strings.Repeat("a", 25) + "e:" + strings.Repeat(string('a'+rune(n%16)), 51) + "a"))
}

func mustCap(text string) uri.Cap {
	c, err := uri.Parse(text)
	if err != nil {
		panic(err)
	}
	return c
}

// TestEntriesWithErrKeepTheirBytes differs from 1.20, which drops what it cannot
// show.
func TestEntriesWithErrKeepTheirBytes(t *testing.T) {
	bad := rawEntry("bad", "imm.URI:SSK:bad", nil, "not even JSON")
	table, err := Parse(tableOf(bad), Writable(testKey()))
	require.NoError(t, err)
	e, err := table.Get("bad")
	require.NoError(t, err)
	require.Error(t, e.Err())
	require.Zero(t, e.Metadata().Len())
	require.Empty(t, e.Child().ReadText())

	require.NoError(t, table.Link("other", testCap(1), nil, someTime, Anything))
	require.True(t, strings.HasPrefix(string(table.Append(nil)), string(tableOf(bad))))
	require.ErrorAs(t, table.Link("bad", testCap(1), nil, someTime, Nothing), new(*ExistsError))
	require.Error(t, table.SetMetadata("bad", Metadata{}, someTime))
	require.NoError(t, table.Link("bad", testCap(1), nil, someTime, OnlyFiles))
	e, err = table.Get("bad")
	require.NoError(t, err)
	require.NoError(t, e.Err())
}

func TestReadOnlyTablesCannotBeChanged(t *testing.T) {
	table, err := Parse(tableOf(rawEntry("a", "URI:LIT:", nil, "{}")), ReadOnly())
	require.NoError(t, err)
	require.ErrorIs(t, table.Put("b", testCap(1), Metadata{}), ErrNotWritable)
	require.ErrorIs(t, table.Link("b", testCap(1), nil, someTime, Anything), ErrNotWritable)
	require.ErrorIs(t, table.SetMetadata("a", Metadata{}, someTime), ErrNotWritable)
	_, err = table.Remove("a")
	require.ErrorIs(t, err, ErrNotWritable)
	require.Equal(t, 1, table.Len())
}

func TestWriteCapsNeedTheWriteKey(t *testing.T) {
	table := New(Writable(testKey()))
	require.NoError(t, table.Put("a", testCap(1), Metadata{}))
	contents := table.Append(nil)
	rows := []struct {
		name   string
		access Access
		want   string
	}{
		{"write cap", Writable(testKey()), testCap(1).WriteText()},
		{"read cap", ReadOnly(), ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			table, err := Parse(contents, row.access)
			require.NoError(t, err)
			e, err := table.Get("a")
			require.NoError(t, err)
			require.Equal(t, row.want, e.Child().WriteText())
			require.Equal(t, testCap(1).ReadText(), e.Child().ReadText())
		})
	}
	require.NotContains(t, string(contents), testCap(1).WriteText())
}

func TestImmutableDirectoriesHoldImmutableChildren(t *testing.T) {
	table := New(Immutable())
	var refusal *uri.ConstraintError
	require.ErrorAs(t, table.Put("a", testCap(1), Metadata{}), &refusal)
	require.Equal(t, uri.MustBeDeepImmutable, refusal.Constraint)
	require.NoError(t, table.Put("a", uri.ChildOf(mustCap("URI:LIT:")), Metadata{}))
	require.NoError(t, table.Put("b", uri.NewChild("", "imm.future", true), Metadata{}))
	require.Equal(t, "23:1:a,8:URI:LIT:,0:,2:{},,21:1:b,6:future,0:,2:{},,", string(table.Append(nil)))

	hidden, err := Parse(tableOf(rawEntry("a", testCap(1).ReadText(), nil, "{}")), Immutable())
	require.NoError(t, err)
	e, err := hidden.Get("a")
	require.NoError(t, err)
	require.ErrorAs(t, e.Err(), &refusal)
}

func TestNames(t *testing.T) {
	table := New(Writable(testKey()))
	require.NoError(t, table.Put("e\u0301", testCap(1), Metadata{}))
	e, err := table.Get("\u00e9")
	require.NoError(t, err)
	require.Equal(t, "\u00e9", e.Name())
	require.ErrorAs(t, table.Put("\xff", testCap(1), Metadata{}), new(*NameError))
	_, err = table.Get("\xff")
	require.ErrorAs(t, err, new(*NameError))
	_, err = table.Remove("\xed\xa0\x80")
	require.ErrorAs(t, err, new(*NameError))
	_, err = table.Get("e")
	require.EqualError(t, err, `no child "e"`)
}

func TestOrderIsThatOfCodePoints(t *testing.T) {
	names := []string{"", " ", "A", "Z", "a", "b", "z\u00e9", "\u00e9", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"}
	table := New(Writable(testKey()))
	for i := range names {
		require.NoError(t, table.Put(names[len(names)-1-i], testCap(byte(i)), Metadata{}))
	}
	var got []string
	for e := range table.All() {
		got = append(got, e.Name())
	}
	require.Equal(t, names, got)
	for range table.All() {
		break // stopping early is fine
	}
	_, err := table.Remove("A")
	require.NoError(t, err)
	require.Equal(t, len(names)-1, table.Len())
	require.Len(t, slices.Collect(table.All()), len(names)-1)
}

func TestParseRefusesLargeTables(t *testing.T) {
	_, err := Parse(make([]byte, MaxTableSize+1), ReadOnly())
	require.ErrorContains(t, err, "too large")
	_, err = Parse([]byte(strings.Repeat("0:,", MaxEntries+1)), ReadOnly())
	require.ErrorAs(t, err, new(*TableError)) // the first entry has no name
}

func TestErrorsNameTheEntry(t *testing.T) {
	good := rawEntry("a", "URI:LIT:", nil, "{}")
	rows := []struct {
		name     string
		contents []byte
		want     string
	}{
		{"cut", append(tableOf(good), "5:"...), "directory table: entry 1: entry: netstring: ends too early at byte 2"},
		{"no name", tableOf(good, good, []byte("")), "directory table: entry 2: name: netstring: ends too early at byte 0"},
		{"metadata", tableOf(good, rawEntry("b", "URI:LIT:", nil, "[]")), "directory table: entry 1: metadata: metadata: not a JSON object at byte 0"},
		{"name", tableOf(rawEntry("\xff", "URI:LIT:", nil, "{}")), "directory table: entry 0: name: name of a directory entry: not UTF-8"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse(row.contents, Writable(testKey()))
			require.EqualError(t, err, row.want)
		})
	}
	_, err := Parse(tableOf(good, rawEntry("b", "URI:LIT:", []byte("x"), "{}")), Immutable())
	require.EqualError(t, err, "directory table: entry 1: write cap: must be empty in an immutable directory")
}

func TestEntriesPrintNoSecret(t *testing.T) {
	table := New(Writable(testKey()))
	require.NoError(t, table.Put("a", testCap(1), Metadata{}))
	e, err := table.Get("a")
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, thing := range []any{e, &e, []Entry{e}} {
			require.NotContains(t, fmt.Sprintf(verb, thing), "aaaaaaaa")
		}
	}
}

func TestChildCapMACIsOverSaltAndCiphertext(t *testing.T) {
	data := encryptWriteCap("cap", testKey())
	key := taggedhash.ChildCapKey([16]byte(data), testKey())
	want := taggedhash.ChildCapMAC(key, data[:16+3])
	require.Equal(t, want[:], data[19:])
}

// sameAgain lists tables that parse and come out with other bytes, by name.
func sameAgain(t *testing.T, contents []byte, table *Table) (exception string) {
	t.Helper()
	var names []string
	rest := contents
	for len(rest) > 0 {
		raw, after, err := netstring.Parse(rest, len(rest))
		require.NoError(t, err)
		f, err := split(raw)
		require.NoError(t, err)
		name, err := Normalize(string(f.name))
		require.NoError(t, err)
		names, rest = append(names, name), after
	}
	switch {
	case len(names) > table.Len():
		return "a name is there twice"
	case !slices.IsSorted(names):
		return "names are out of order"
	}
	return ""
}

func FuzzParse(f *testing.F) {
	v := readTableVectors(f)
	for _, row := range v.Tables {
		f.Add(unhex(f, row.Contents))
	}
	for _, row := range v.History {
		f.Add(unhex(f, row.Contents))
	}
	key := writeKey(f, v.WriteKey)
	f.Fuzz(func(t *testing.T, contents []byte) {
		for _, a := range []Access{Writable(key), ReadOnly(), Immutable()} {
			table, err := Parse(contents, a)
			if err != nil {
				require.ErrorAs(t, err, new(*TableError))
				continue
			}
			again := table.Append(nil)
			require.EqualValues(t, len(again), table.Size())
			if sameAgain(t, contents, table) == "" {
				require.Equal(t, string(contents), string(again), "what parses re-encodes to the same bytes")
			}
			second, err := Parse(again, a)
			require.NoError(t, err)
			require.Equal(t, string(again), string(second.Append(nil)))
			require.Equal(t, list(table), list(second))
			if a.canWrite() {
				anew := repack(t, table)
				read, err := Parse(anew.Append(nil), a)
				require.NoError(t, err)
				require.Equal(t, list(table), list(read))
			}
		}
	})
}

// manyEntries returns a table of n entries of a usual kind.
func manyEntries(tb testing.TB, n int) *Table {
	tb.Helper()
	table := New(Writable(testKey()))
	for i := range n {
		var child uri.Child
		if i%4 == 0 {
			child = testCap(byte(i))
		} else {
			child = uri.ChildOf(mustCap("URI:CHK:" + strings.Repeat("a", 26) + ":" + strings.Repeat("b", 51) + "a:3:10:" + fmt.Sprint(i)))
		}
		require.NoError(tb, table.Link(fmt.Sprintf("a file with a number %06d.txt", i), child, nil, someTime, Nothing))
	}
	return table
}

func BenchmarkUnpack1000(b *testing.B) {
	contents := manyEntries(b, 1000).Append(nil)
	b.SetBytes(int64(len(contents)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(contents, Writable(testKey())); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPack1000(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(manyEntries(b, 1000).Append(nil))))
	}
}

// BenchmarkLinkAmong1000 is what one change of a directory costs.
func BenchmarkLinkAmong1000(b *testing.B) {
	contents := manyEntries(b, 1000).Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		table, err := Parse(contents, Writable(testKey()))
		if err != nil {
			b.Fatal(err)
		}
		if err := table.Link("one more", testCap(7), nil, someTime, Nothing); err != nil {
			b.Fatal(err)
		}
		table.Append(nil)
	}
}
