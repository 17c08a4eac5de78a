package base32

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEncodeAndDecode(t *testing.T) {
	// The texts come from caps in testdata/formats.json of the uri package
	// and from RFC 3548/4648 section 10, lower-cased and without padding.
	rows := []struct {
		name, bytes, text string
	}{
		{"empty", "", ""},
		{"one byte", "f", "my"},
		{"two bytes", "fo", "mzxq"},
		{"three bytes", "foo", "mzxw6"},
		{"four bytes", "foob", "mzxw6yq"},
		{"five bytes", "fooba", "mzxw6ytb"},
		{"six bytes", "foobar", "mzxw6ytboi"},
		{"LIT cap", "hello", "nbswy3dp"},
		{"sixteen bytes", "\x07\x0a\x0d\x10\x13\x16\x19\x1c\x1f\x22\x25\x28\x2b\x2e\x31\x34", "a4fa2eatcymryhzceuucwlrrgq"},
		{"all ones", "\xff\xff\xff\xff\xff", "77777777"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.text, Encode([]byte(row.bytes)))
			require.Equal(t, "x"+row.text, string(AppendEncode([]byte("x"), []byte(row.bytes))))
			require.Equal(t, len(row.text), EncodedLen(len(row.bytes)))
			got, err := Decode(row.text)
			require.NoError(t, err)
			require.Equal(t, row.bytes, string(got))
			exact := make([]byte, len(row.bytes))
			require.NoError(t, DecodeTo(exact, row.text))
			require.Equal(t, row.bytes, string(exact))
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	rows := []struct {
		name, text string
		want       DecodeError
	}{
		{"one character", "a", DecodeError{BadLength, 1}},
		{"three characters", "aaa", DecodeError{BadLength, 3}},
		{"six characters", "aaaaaa", DecodeError{BadLength, 6}},
		{"nine characters", "aaaaaaaaa", DecodeError{BadLength, 9}},
		{"upper case", "MY", DecodeError{BadCharacter, 0}},
		{"digit one", "a1", DecodeError{BadCharacter, 1}},
		{"padding", "my======", DecodeError{BadCharacter, 2}},
		{"newline", "mzxw\n", DecodeError{BadCharacter, 4}},
		{"byte above ASCII", "a\xe4", DecodeError{BadCharacter, 1}},
		{"lowest of two spare bits", "mb", DecodeError{TrailingBits, 1}},
		{"higher of two spare bits, which a2b lets pass", "mc", DecodeError{TrailingBits, 1}},
		{"four spare bits", "mzxb", DecodeError{TrailingBits, 3}},
		{"one spare bit", "mzxw7", DecodeError{TrailingBits, 4}},
		{"three spare bits", "mzxw6yr", DecodeError{TrailingBits, 6}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := Decode(row.text)
			require.Nil(t, got)
			var decodeError *DecodeError
			require.ErrorAs(t, err, &decodeError)
			require.Equal(t, row.want, *decodeError)
			require.NotContains(t, err.Error(), "mzx", "the text stays out of the error")
		})
	}
}

func TestDecodeToRefusesOtherSizes(t *testing.T) {
	for _, size := range []int{0, 15, 17, 32} {
		err := DecodeTo(make([]byte, size), strings.Repeat("a", Len16))
		var decodeError *DecodeError
		require.ErrorAs(t, err, &decodeError)
		require.Equal(t, BadLength, decodeError.Reason)
	}
}

func TestLengths(t *testing.T) {
	require.Equal(t, Len16, EncodedLen(16))
	require.Equal(t, Len20, EncodedLen(20))
	require.Equal(t, Len32, EncodedLen(32))
	possible := map[int]bool{}
	for n := range 64 {
		require.Len(t, Encode(make([]byte, n)), EncodedLen(n))
		possible[EncodedLen(n)] = true
	}
	for n := range 96 {
		size, ok := DecodedLen(n)
		require.Equal(t, possible[n], ok, n)
		if ok {
			require.Equal(t, n, EncodedLen(size))
		}
	}
	require.Equal(t, 1<<30/5*8+7, EncodedLen(1<<30), "no overflow with 32 bits")
}

func TestReasonNames(t *testing.T) {
	for _, reason := range []Reason{BadLength, BadCharacter, TrailingBits} {
		require.NotContains(t, reason.String(), "Reason(")
	}
	require.Equal(t, "base32.Reason(0)", Reason(0).String())
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"", "my", "mzxw6ytboi", "a4fa2eatcymryhzceuucwlrrgq", "mb", "a1", "aaa"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := Decode(text)
		if err != nil {
			require.Nil(t, b)
			return
		}
		require.Equal(t, text, Encode(b), "what parses re-encodes to the same text")
	})
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte("foobar"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Decode(Encode(b))
		require.NoError(t, err)
		require.True(t, bytes.Equal(b, got))
	})
}
