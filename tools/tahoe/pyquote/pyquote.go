// Package pyquote writes texts as the command line of Tahoe-LAFS 1.20 quotes
// them (util/encodingutil.py quote_output, quote_local_unicode_path), and bytes
// as Python's repr does, so that scripts which read that output work with either
// program. Output is UTF-8, whatever the locale says.
package pyquote

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Path quotes a path or a name: single quotes, unless something in it would be
// misread; then double quotes, with backslashes.
func Path(path string) string { return quote(path, true, true) }

// Text quotes a text only if something in it would be misread. Line ends count
// as harmless.
func Text(text string) string {
	if !utf8.ValidString(text) {
		return quoteBytes(text)
	}
	return quote(text, false, false)
}

// plain says whether a character stands for itself within single quotes.
func plain(r rune) bool {
	return r >= 0x20 && r <= 0x7e && r != '\'' || r >= 0xa0 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfdcf || r >= 0xfdf0 && r <= 0xfffc
}

func quote(text string, marks, newlines bool) string {
	harmful := func(r rune) bool { return !plain(r) && (newlines || r != '\n') }
	switch {
	case strings.ContainsFunc(text, harmful):
		return escape(text, newlines)
	case marks || strings.HasPrefix(text, `"`):
		return "'" + text + "'"
	}
	return text
}

func escape(text string, newlines bool) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case strings.ContainsRune("\"$`\\", r):
			b.WriteString("\\" + string(r))
		case plain(r) || r == '\'' || r == '\n' && !newlines:
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, "\\x%02x", r)
		case r <= 0xffff:
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			fmt.Fprintf(&b, "\\U%08x", r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// quoteBytes writes what is no UTF-8; line ends stay.
func quoteBytes(text string) string {
	var b strings.Builder
	b.WriteString(`b"`)
	for i := range len(text) {
		switch c := text[i]; {
		case strings.IndexByte("\"$`\\", c) >= 0:
			b.WriteString("\\" + string(rune(c)))
		case c >= 0x20 && c <= 0x7e || c == '\n':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "\\x%02x", c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Repr writes bytes as Python's repr of a bytes object.
func Repr(data []byte) string {
	mark := byte('\'')
	if strings.Contains(string(data), "'") && !strings.Contains(string(data), `"`) {
		mark = '"'
	}
	var b strings.Builder
	b.WriteString("b" + string(rune(mark)))
	for _, c := range data {
		b.WriteString(reprByte(c, mark))
	}
	b.WriteByte(mark)
	return b.String()
}

func reprByte(c, mark byte) string {
	switch {
	case c == mark || c == '\\':
		return "\\" + string(rune(c))
	case c == '\n':
		return `\n`
	case c == '\r':
		return `\r`
	case c == '\t':
		return `\t`
	case c < 0x20 || c >= 0x7f:
		return fmt.Sprintf("\\x%02x", c)
	}
	return string(rune(c))
}
