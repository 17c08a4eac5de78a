package pyquote

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What Python 3.13 with Tahoe-LAFS 1.20.0 gives for quote_output(s),
// quote_output(s, quotemarks=False) and repr.
func TestPath(t *testing.T) {
	for path, want := range map[string]string{
		"":        "''",
		"/a b/ü":  "'/a b/ü'",
		"it's":    `"it's"`,
		"a'$\n":   `"a'\$\x0a"`,
		"😀\u0085": `"\U0001f600\x85"`,
		"\ufdd0":  `"\ufdd0"`,
	} {
		require.Equal(t, want, Path(path))
	}
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"":             "",
		"URI:CHK:a:b":  "URI:CHK:a:b",
		"a\nb":         "a\nb",
		`"a"`:          `'"a"'`,
		"a\n'\\":       "\"a\n'\\\\\"",
		"a\tb":         `"a\x09b"`,
		"\xff\"\n\x01": "b\"\\xff\\\"\n\\x01\"",
	} {
		require.Equal(t, want, Text(text))
	}
}

func TestRepr(t *testing.T) {
	for text, want := range map[string]string{
		"":              `b''`,
		"it's":          `b"it's"`,
		`"'`:            `b'"\''`,
		"a\\\n\r\t\x00": `b'a\\\n\r\t\x00'`,
		"\x7f\xff":      `b'\x7f\xff'`,
	} {
		require.Equal(t, want, Repr([]byte(text)))
	}
}
