package webapi

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Segments splits the path of a request at its slashes and then undoes the
// percent-encoding of each part, as Twisted does: "/uri/URI%3ALIT%3A/a%2Fb" is
// "uri", "URI:LIT:", "a/b". The first slash begins the first part, so "/" has one
// part, which is empty, and "/uri/" has two. The parts may be any bytes. The error
// is an *Error with status 400.
func Segments(u *url.URL) ([]string, error) {
	raw := u.RawPath // as it came, if it was not encoded in Go's own way
	if raw == "" {
		raw = u.EscapedPath()
	}
	if raw == "" { // "GET http://host HTTP/1.1"
		raw = "/"
	}
	if raw[0] != '/' {
		return nil, &Error{http.StatusBadRequest, "The path does not begin with a slash."}
	}
	parts := strings.Split(raw[1:], "/")
	for i, part := range parts {
		text, err := url.PathUnescape(part)
		if err != nil {
			return nil, &Error{http.StatusBadRequest, "The path has a percent sign that two hexadecimal digits do not follow."}
		}
		parts[i] = text
	}
	return parts, nil
}

// Names checks parts of a path that are names of files and directories: UTF-8,
// and none empty (web/common.py humanize_exception, EmptyPathnameComponentError).
// The error is an *Error with status 400.
func Names(parts []string) error {
	for _, part := range parts {
		switch {
		case part == "":
			return &Error{http.StatusBadRequest, "The webapi does not allow empty pathname components, i.e. a double slash"}
		case !utf8.ValidString(part):
			return &Error{http.StatusBadRequest, "The path is not UTF-8."}
		}
	}
	return nil
}

// Path returns a path for links that leads to the parts, each percent-encoded: the
// opposite of Segments.
func Path(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteByte('/')
		b.WriteString(escape(part))
	}
	return b.String()
}

// escape encodes all but RFC 3986's unreserved characters: url.PathEscape leaves
// colons, and 1.20 writes %3A in links. A browser takes away the parts "." and
// "..", however they are encoded; caps never are these, names are seldom.
func escape(part string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(part) {
		c := part[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}
