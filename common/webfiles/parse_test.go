package webfiles

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseRange(t *testing.T) {
	const size = 200
	tests := []struct {
		text    string
		want    span
		partial bool
		refused bool
	}{
		{"", span{0, size}, false, false},
		{"bytes=0-0", span{0, 1}, true, false},
		{"bytes=10-19", span{10, 10}, true, false},
		{"bytes=190-", span{190, 10}, true, false},
		{"bytes=190-500", span{190, 10}, true, false},
		{"bytes=-5", span{195, 5}, true, false},
		{"bytes=-500", span{0, size}, true, false},
		{"bytes= 1-2 , 5-6", span{1, 2}, true, false},
		{"bytes=200-", span{}, false, true},
		{"bytes=200-300", span{}, false, true},
		{"bytes=1-2,x", span{0, size}, false, false},
		{"bytes=19-10", span{0, size}, false, false},
		{"bytes=-0", span{0, size}, false, false},
		{"bytes=-", span{0, size}, false, false},
		{"bytes=--5", span{0, size}, false, false},
		{"bytes=99999999999999999999-", span{0, size}, false, false},
		{"lines=1-2", span{0, size}, false, false},
	}
	for _, tt := range tests {
		got, partial, err := parseRange(tt.text, size)
		require.Equal(t, tt.refused, err != nil, tt.text)
		if !tt.refused {
			require.Equal(t, tt.want, got, tt.text)
			require.Equal(t, tt.partial, partial, tt.text)
		}
	}
	got, partial, err := parseRange("bytes=-5", 0)
	require.NoError(t, err)
	require.False(t, partial)
	require.Equal(t, span{}, got)
}

func FuzzParseRange(f *testing.F) {
	for _, text := range []string{"bytes=1-2", "bytes=-5", "bytes=5-", "bytes=1-2,3-4", "bytes=-9223372036854775808"} {
		f.Add(text, int64(100))
	}
	f.Fuzz(func(t *testing.T, text string, size int64) {
		if size < 0 {
			return
		}
		got, partial, err := parseRange(text, size)
		if err != nil {
			return
		}
		require.GreaterOrEqual(t, got.offset, int64(0))
		require.LessOrEqual(t, got.offset+got.length, size)
		require.True(t, got.length > 0 || !partial)
	})
}

func FuzzParseChildren(f *testing.F) {
	f.Add([]byte(`{"a": ["filenode", {"ro_uri": "URI:LIT:", "metadata": {"x": 1}}], "b": ["unknown", {"rw_uri": "x", "ro_uri": "ro.y"}]}`))
	f.Add([]byte(`{"a": null}`))
	f.Add([]byte(`{"a": [1, 2, 3]}`))
	f.Add([]byte(` `))
	f.Fuzz(func(t *testing.T, body []byte) {
		children, err := parseChildren(body)
		if err != nil {
			require.Empty(t, children)
			return
		}
		for i, c := range children {
			require.NoError(t, c.child.Err())
			require.True(t, i == 0 || children[i-1].name < c.name)
		}
	})
}

// TestMediaType: the types that programs and browsers rely on.
func TestMediaType(t *testing.T) {
	for name, want := range map[string]string{
		"": "text/plain", "unknown": "text/plain", "a.b.PNG": "image/png", "x.tar.gz": "application/gzip",
		".html": "text/html", "a/b.txt": "text/plain", "foo.jpg": "image/jpeg",
	} {
		require.Equal(t, want, mediaType(name), name)
	}
}
