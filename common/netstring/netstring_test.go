package netstring

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAppendAndParse(t *testing.T) {
	rows := []struct{ name, value, want string }{
		{"empty", "", "0:,"},
		{"vector of formats.json", "abc", "3:abc,"},
		{"ten bytes", "0123456789", "10:0123456789,"},
		{"colons and commas", ":,:", "3::,:,"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, "x"+row.want, string(Append([]byte("x"), []byte(row.value))))
			require.Equal(t, int64(len(row.want)), Size(int64(len(row.value))))
			value, rest, err := Parse([]byte(row.want+"rest"), len(row.value))
			require.NoError(t, err)
			require.Equal(t, row.value, string(value))
			require.Equal(t, "rest", string(rest))
		})
	}
}

func TestParseRefuses(t *testing.T) {
	rows := []struct {
		name, text string
		limit      int
		want       ParseError
	}{
		{"nothing", "", 9, ParseError{Truncated, 0}},
		{"only a length", "12", 99, ParseError{Truncated, 2}},
		{"no value", "3:", 9, ParseError{Truncated, 2}},
		{"short value", "3:ab", 9, ParseError{Truncated, 4}},
		{"no room for the comma", "3:abc", 9, ParseError{Truncated, 5}},
		{"no length", ":abc,", 9, ParseError{BadLength, 0}},
		{"sign", "+3:abc,", 9, ParseError{BadLength, 0}},
		{"minus", "-1:,", 9, ParseError{BadLength, 0}},
		{"space", " 3:abc,", 9, ParseError{BadLength, 0}},
		{"underscore", "1_0:0123456789,", 99, ParseError{BadLength, 1}},
		{"leading zero", "03:abc,", 9, ParseError{LeadingZero, 0}},
		{"two zeros", "00:,", 9, ParseError{LeadingZero, 0}},
		{"above the limit", "4:abcd,", 3, ParseError{TooLong, 0}},
		{"limit of nothing", "1:a,", 0, ParseError{TooLong, 0}},
		{"second digit above the limit", "10:0123456789,", 9, ParseError{TooLong, 1}},
		{"would overflow 64 bits", strings.Repeat("9", 40) + ":", math.MaxInt, ParseError{}},
		{"wrong end", "3:abcd", 9, ParseError{NoComma, 5}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			value, rest, err := Parse([]byte(row.text), row.limit)
			require.Nil(t, value)
			require.Nil(t, rest)
			var parseError *ParseError
			require.ErrorAs(t, err, &parseError)
			if row.want.Reason == 0 {
				require.Equal(t, TooLong, parseError.Reason)
				return
			}
			require.Equal(t, row.want, *parseError)
		})
	}
}

func TestValueHasNoSpareCapacity(t *testing.T) {
	input := []byte("3:abc,def")
	value, _, err := Parse(input, 3)
	require.NoError(t, err)
	_ = append(value, "XXXX"...)
	require.Equal(t, "3:abc,def", string(input), "appending to the value leaves the input alone")
}

func TestReasonNames(t *testing.T) {
	for reason := Truncated; reason <= NoComma; reason++ {
		require.NotContains(t, reason.String(), "Reason(")
		require.Contains(t, (&ParseError{Reason: reason}).Error(), reason.String())
	}
	require.Equal(t, "netstring.Reason(0)", Reason(0).String())
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "0:,", "3:abc,", "3:abc,rest", "03:abc,", "99999999999999999999:", "1:a"} {
		f.Add([]byte(seed), 1<<20)
	}
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		value, rest, err := Parse(b, limit)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(value), limit)
		require.True(t, bytes.Equal(b, append(Append(nil, value), rest...)), "what parses re-encodes to the same bytes")
	})
}
