package uri

import (
	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// MaxLiteralSize is the largest number of bytes that an upload makes a literal
// of (immutable/upload.py Uploader.URI_LIT_SIZE_THRESHOLD). Larger literals are
// read all the same.
const MaxLiteralSize = 55

// Literal is the read cap of a small file, which it holds (uri.py
// LiteralFileURI).
type Literal struct {
	Data secret.Content
}

// NewLiteral returns the cap of a file with the given content. It keeps a
// copy.
func NewLiteral(data []byte) Literal {
	return Literal{Data: secret.NewContent(data)}
}

// Kind returns KindLiteral.
func (c Literal) Kind() Kind { return KindLiteral }

// Text returns the text, which is a secret.
func (c Literal) Text() string {
	return string(base32.AppendEncode([]byte(prefixes[KindLiteral]), c.Data.Reveal()))
}

// StorageIndex returns nothing: there are no shares.
func (c Literal) StorageIndex() (si grid.StorageIndex, ok bool) { return si, false }

// ReadOnly returns c.
func (c Literal) ReadOnly() Cap { return c }

// Verifier returns nil: there is nothing to verify.
func (c Literal) Verifier() Cap { return nil }

// parseLiteral reads what follows the prefix.
func parseLiteral(body string) (Cap, error) {
	s := scanner{kind: KindLiteral, rest: body}
	data := s.base32ToEnd(FieldData)
	return s.cap(NewLiteral(data))
}
