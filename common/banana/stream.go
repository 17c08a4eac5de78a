package banana

import (
	"errors"
	"io"
	"strings"
)

// token is a token without its body.
type token struct {
	kind   byte
	number uint64 // the header
}

// token reads up to the body of the next token that is not PING, PONG or ERROR.
func (r *Reader) token() (token, error) {
	for {
		t, err := r.anyToken()
		if err != nil {
			return t, err
		}
		switch t.kind {
		case tokenPing:
			if r.Ping != nil {
				r.Ping(t.number)
			}
		case tokenPong:
		case tokenError:
			return t, r.remoteError(t)
		case tokenInt, tokenString, tokenNeg, tokenFloat, tokenLongInt, tokenLongNeg,
			tokenVocab, tokenOpen, tokenClose, tokenAbort:
			return t, nil
		case tokenList:
			return t, r.protocolErrorf("oldbanana peer detected, compatibility code not yet written")
		default:
			return t, r.protocolErrorf("Invalid Type Byte 0x%x", t.kind)
		}
	}
}

func (r *Reader) anyToken() (token, error) {
	var h header
	for {
		b, err := r.in.ReadByte()
		if err != nil {
			if err == io.EOF && h.size > 0 {
				err = io.ErrUnexpectedEOF
			}
			return token{}, err
		}
		if b >= 0x80 {
			if h.overflow {
				return token{}, r.protocolErrorf("token prefix above 2**%d", headerBits)
			}
			return token{b, h.value}, nil
		}
		if err := h.add(b); err != nil {
			return token{}, r.located(err)
		}
	}
}

func (r *Reader) remoteError(t token) error {
	if t.number > MaxErrorSize {
		return r.protocolErrorf("oversized ERROR token")
	}
	text := make([]byte, t.number)
	if _, err := io.ReadFull(r.in, text); err != nil {
		return err
	}
	return &RemoteError{string(text)}
}

// skip reads to the end of the message, whose open sequences r.open counts. As
// in the original, the numbers of CLOSE tokens do not matter here.
func (r *Reader) skip() error {
	isType := false
	for depth := r.open; depth > 0; {
		t, err := r.token()
		if err != nil {
			return err
		}
		switch t.kind {
		case tokenOpen:
			if isType {
				return r.protocolErrorf("OPEN token followed by OPEN")
			}
			r.opens++
			depth++
		case tokenClose:
			depth--
		default:
			if err := r.discardBody(t); err != nil {
				return err
			}
		}
		isType = t.kind == tokenOpen
	}
	return nil
}

// discardBody reads over the body of a token.
func (r *Reader) discardBody(t token) error {
	switch t.kind {
	case tokenString, tokenLongInt, tokenLongNeg:
		return r.discard(t.number)
	case tokenFloat:
		return r.discard(8)
	case tokenVocab:
		_, err := r.word(t)
		return err
	}
	return nil
}

func (r *Reader) discard(n uint64) error {
	const step = 1 << 20
	for n > 0 {
		skipped, err := r.in.Discard(int(min(n, step)))
		if err != nil {
			return err
		}
		n -= uint64(skipped)
	}
	return nil
}

func (r *Reader) protocolErrorf(format string, args ...any) error {
	return r.located(protocolErrorf(format, args...))
}

func (r *Reader) located(err error) error {
	var p *ProtocolError
	if errors.As(err, &p) {
		p.Where = r.where()
	}
	return err
}

// where describes the open sequences as banana.py describeReceive does.
func (r *Reader) where() string {
	var b strings.Builder
	b.WriteString("<RootUnslicer>")
	for i, kind := range r.stack {
		if i == 0 && kind == "call" {
			kind = "methodcall"
		}
		b.WriteString(".<" + safeName(kind) + ">")
	}
	return b.String()
}

// fatal tells errors that end the stream from violations. What Admit, Reserve
// and extensions return must wrap a *Violation, else it is fatal.
func fatal(err error) bool {
	var v *Violation
	return err != nil && !errors.As(err, &v)
}
