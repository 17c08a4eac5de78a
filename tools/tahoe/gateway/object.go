package gateway

import (
	"fmt"
	"strings"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// Object is what a request is about: the part of the URL behind the gateway's
// address. As that holds caps, it does not print.
type Object struct{ url secret.CapText }

// Unlinked is where objects are made that no directory knows of.
func Unlinked() Object { return Object{secret.NewCapText([]byte("uri"))} }

// At is the object of a cap, or what the path leads to from there. An empty path
// is the object itself; a path is in UTF-8, its names between slashes.
func At(root secret.CapText, path string) Object {
	url := "uri/" + Escape(root.RevealString())
	if path != "" {
		url += "/" + Escape(path)
	}
	return Object{secret.NewCapText([]byte(url))}
}

// In is At with a slash behind the cap even if the path is empty, as
// scripts/tahoe_put.py asks.
func In(root secret.CapText, path string) Object {
	return Object{secret.NewCapText([]byte("uri/" + Escape(root.RevealString()) + "/" + Escape(path)))}
}

// Child is an entry of a directory; slashes belong to the name.
func Child(directory secret.CapText, name string) Object {
	url := "uri/" + Escape(directory.RevealString()) + "/" + strings.ReplaceAll(Escape(name), "/", "%2F")
	return Object{secret.NewCapText([]byte(url))}
}

// Append adds to the path.
func (o Object) Append(path string) Object {
	return Object{secret.NewCapText([]byte(o.url.RevealString() + Escape(path)))}
}

// EndsWithSlash says whether the path does.
func (o Object) EndsWithSlash() bool { return strings.HasSuffix(o.url.RevealString(), "/") }

// Query adds arguments, which are in the form of URLs already.
func (o Object) Query(arguments ...string) Object {
	if len(arguments) == 0 {
		return o
	}
	return Object{secret.NewCapText([]byte(o.url.RevealString() + "?" + strings.Join(arguments, "&")))}
}

// Equal says whether requests on both go to the same place.
func (o Object) Equal(other Object) bool { return o.url.Equal(other.url) }

// Format writes nothing of the caps.
func (o Object) Format(state fmt.State, _ rune) { fmt.Fprint(state, "object(redacted)") }

// Escape is Python's urllib.parse.quote: all bytes but letters, digits and
// "_.-~/" become %XX.
func Escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("_.-~/", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
