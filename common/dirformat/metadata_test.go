package dirformat

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// metadataVectors is testdata/metadata.json, made by testdata/metadata.py.
type metadataVectors struct {
	Accepted []struct {
		Text   string `json:"text_hex"`
		Dumped string `json:"dumped"`
	} `json:"accepted"`
	Refused    []string `json:"refused_hex"`
	NotObjects []string `json:"not_objects_hex"`
	Updates    []struct {
		Old    *string `json:"old"`
		Given  *string `json:"given"`
		Now    string  `json:"now"`
		Result string  `json:"result"`
	} `json:"updates"`
	NoWrite []struct {
		Value string `json:"value"`
		Is    bool   `json:"is"`
	} `json:"no_write"`
	Floats []struct {
		Text string `json:"text"`
		Repr string `json:"repr"`
	} `json:"floats"`
}

func readMetadataVectors(t testing.TB) (v metadataVectors) {
	t.Helper()
	text, err := os.ReadFile("testdata/metadata.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &v))
	return v
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	return b
}

func mustParse(t testing.TB, text string) Metadata {
	t.Helper()
	m, err := ParseMetadata([]byte(text))
	require.NoError(t, err, text)
	return m
}

func TestMetadataIsSpelledAsPythonDoes(t *testing.T) {
	for _, row := range readMetadataVectors(t).Accepted {
		text := unhex(t, row.Text)
		m, err := ParseMetadata(text)
		require.NoError(t, err, "%q", text)
		require.Equal(t, row.Dumped, string(m.Append(nil)), "%q", text)
		require.Equal(t, m, mustParse(t, row.Dumped), "the canonical form stays the same")
	}
}

func TestMetadataRefusedByPythonIsRefused(t *testing.T) {
	v := readMetadataVectors(t)
	for _, row := range append(v.Refused, v.NotObjects...) {
		text := unhex(t, row)
		_, err := ParseMetadata(text)
		var refusal *MetadataError
		require.ErrorAs(t, err, &refusal, "%q", text)
		require.NotEmpty(t, refusal.Reason)
		require.LessOrEqual(t, refusal.Offset, len(text))
	}
}

// TestMetadataRefusedHereOnly names what Python would read and we do not.
func TestMetadataRefusedHereOnly(t *testing.T) {
	rows := []struct{ name, text string }{
		{"nested deeper than 256", `{"a":` + strings.Repeat("[", 256) + strings.Repeat("]", 256) + "}"},
		{"byte order mark", "\xef\xbb\xbf{}"},
		{"UTF-16", "\xff\xfe{\x00}\x00"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := ParseMetadata([]byte(row.text))
			require.ErrorAs(t, err, new(*MetadataError))
		})
	}
}

func TestFloatsAreSpelledAsPythonDoes(t *testing.T) {
	for _, row := range readMetadataVectors(t).Floats {
		f, err := strconv.ParseFloat(row.Text, 64)
		require.NoError(t, err)
		require.Equal(t, row.Repr, string(appendFloat(nil, f)))
	}
}

func TestLinkedIsUpdateMetadata(t *testing.T) {
	for _, row := range readMetadataVectors(t).Updates {
		old, given := Metadata{}, (*Metadata)(nil)
		if row.Old != nil {
			old = mustParse(t, *row.Old)
		}
		if row.Given != nil {
			m := mustParse(t, *row.Given)
			given = &m
		}
		got := Linked(old, given, timeOf(t, row.Now))
		require.Equal(t, row.Result, string(got.Append(nil)), "old %s, given %s", old.Append(nil), row.Result)
	}
}

// timeOf reads seconds as Python's repr(time.time()) gives them.
func timeOf(t testing.TB, seconds string) time.Time {
	t.Helper()
	f, err := strconv.ParseFloat(seconds, 64)
	require.NoError(t, err)
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(math.Round(fraction*1e9)))
}

func TestLinkedReplacesSystemMetadataThatAreNoObject(t *testing.T) {
	got := Linked(mustParse(t, `{"tahoe": "linkcrtime", "a": 1}`), nil, time.Unix(3, 0))
	require.Equal(t, `{"tahoe": {"linkcrtime": 3.0, "linkmotime": 3.0}, "a": 1}`, string(got.Append(nil)))
}

func TestNoWrite(t *testing.T) {
	for _, row := range readMetadataVectors(t).NoWrite {
		m := mustParse(t, `{"no-write":`+row.Value+`}`)
		require.Equal(t, row.Is, m.NoWrite(), row.Value)
	}
	require.False(t, Metadata{}.NoWrite())
}

func TestMetadataGet(t *testing.T) {
	m := mustParse(t, `{"a":{"b":["}",{"c":"]"}]},"é\"\n":1.50,"z":[]}`)
	require.Equal(t, 3, m.Len())
	rows := []struct{ key, value string }{
		{"a", `{"b": ["}", {"c": "]"}]}`}, {"é\"\n", "1.5"}, {"z", "[]"},
	}
	for _, row := range rows {
		value, ok := m.Get(row.key)
		require.True(t, ok, row.key)
		require.Equal(t, row.value, string(value))
	}
	_, ok := m.Get("b")
	require.False(t, ok)
	require.Equal(t, "{}", string(Metadata{}.Append(nil)))
}

func TestLinkTimes(t *testing.T) {
	created, modified := mustParse(t, `{"tahoe":{"linkcrtime":1000000000.25,"linkmotime":7}}`).LinkTimes()
	require.Equal(t, Seconds{1000000000.25, true}, created)
	require.Equal(t, time.Date(2001, 9, 9, 1, 46, 40, 250_000_000, time.UTC), created.Time())
	require.Equal(t, time.Unix(7, 0).UTC(), modified.Time())

	rows := []struct{ name, text string }{
		{"none", `{}`}, {"no object", `{"tahoe":[1]}`}, {"no number", `{"tahoe":{"linkcrtime":"1"}}`},
		{"not a number", `{"tahoe":{"linkcrtime":NaN}}`}, {"infinite", `{"tahoe":{"linkcrtime":-Infinity}}`},
		{"far away", `{"tahoe":{"linkcrtime":1e300}}`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			created, modified := mustParse(t, row.text).LinkTimes()
			require.True(t, created.Time().IsZero())
			require.True(t, modified.Time().IsZero())
		})
	}
}

func FuzzParseMetadata(f *testing.F) {
	v := readMetadataVectors(f)
	for _, row := range v.Accepted {
		f.Add(unhex(f, row.Text))
	}
	for _, row := range v.Refused {
		f.Add(unhex(f, row))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseMetadata(text)
		if err != nil {
			require.ErrorAs(t, err, new(*MetadataError))
			return
		}
		canonical := m.Append(nil)
		again, err := ParseMetadata(canonical)
		require.NoError(t, err)
		require.Equal(t, canonical, again.Append(nil))
		require.LessOrEqual(t, len(canonical), 8*len(text)+400)
		updated := Linked(m, &m, time.Unix(1, 0))
		require.True(t, updated.Len() >= m.Len())
	})
}
