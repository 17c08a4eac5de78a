package webfiles

import (
	"context"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/common/webapi"
)

// request is one request while it is answered.
type request struct {
	*Handler
	w     http.ResponseWriter
	r     *http.Request
	ctx   context.Context
	query url.Values
	form  *form // once readForm was called, nil for a body that is no form
}

// close lets go of what the form brought.
func (q *request) close() {
	if q.form != nil {
		q.form.close()
	}
}

// arg returns an argument and whether there is one: of the query, or else of the
// form (common.py get_arg).
func (q *request) arg(name string) (string, bool) {
	if values := q.query[name]; len(values) > 0 {
		return values[0], true
	}
	if q.form != nil {
		if values := q.form.values[name]; len(values) > 0 {
			return values[0], true
		}
	}
	return "", false
}

// get is arg with a default.
func (q *request) get(name, otherwise string) string {
	if value, ok := q.arg(name); ok {
		return value
	}
	return otherwise
}

// t is the argument that says what is wanted.
func (q *request) t() string { return strings.TrimSpace(q.get("t", "")) }

// badRequest is an error with status 400.
func badRequest(format string, args ...any) error {
	return &webapi.Error{Status: http.StatusBadRequest, Text: fmt.Sprintf(format, args...)}
}

// parseBool is common.py boolean_of_arg.
func parseBool(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "t", "1", "on":
		return true, true
	case "false", "f", "0", "off":
		return false, true
	}
	return false, false
}

func (q *request) boolean(name string, otherwise bool) (bool, error) {
	text, given := q.arg(name)
	if !given {
		return otherwise, nil
	}
	value, ok := parseBool(text)
	if !ok {
		return false, badRequest("invalid boolean argument: %.100q", text)
	}
	return value, nil
}

// replace is common.py parse_replace_arg: what may be replaced.
func (q *request) replace() (dirformat.Overwrite, error) {
	text := q.get("replace", "true")
	if strings.EqualFold(text, "only-files") {
		return dirformat.OnlyFiles, nil
	}
	value, ok := parseBool(text)
	switch {
	case !ok:
		return 0, badRequest("invalid replace= argument: %.100q", text)
	case value:
		return dirformat.Anything, nil
	}
	return dirformat.Nothing, nil
}

// format is what format= and mutable= ask for.
type format struct {
	given   bool // false: nothing was asked for
	mutable bool
	layout  uri.Layout
}

// format is common.py get_format.
func (q *request) format() (format, error) {
	text := q.get("format", "")
	switch strings.ToUpper(text) {
	case "":
		isMutable, err := q.boolean("mutable", false)
		return format{given: isMutable, mutable: isMutable, layout: uri.SDMF}, err
	case "CHK":
		return format{given: true}, nil
	case "SDMF":
		return format{given: true, mutable: true, layout: uri.SDMF}, nil
	case "MDMF":
		return format{given: true, mutable: true, layout: uri.MDMF}, nil
	}
	return format{}, badRequest("Unknown format: %.100s, I know CHK, SDMF, MDMF", text)
}

// directoryLayout is the layout of a new directory. CHK is as good as nothing for
// directories in directories (common.py get_mutable_type).
func (q *request) directoryLayout() (uri.Layout, error) {
	f, err := q.format()
	if err != nil || !f.mutable {
		return q.MutableLayout, err
	}
	return f.layout, nil
}

// offset is common.py parse_offset_arg, nil without one.
func (q *request) offset() (*int64, error) {
	text, given := q.arg("offset")
	if !given {
		return nil, nil
	}
	value, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return nil, badRequest("offset= must be a number of bytes")
	}
	return &value, nil
}

// key is common.py get_keypair, the zero key without one.
func (q *request) key() (rsakey.PrivateKey, error) {
	text, given := q.arg("private-key")
	if !given {
		return rsakey.PrivateKey{}, nil
	}
	der, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return rsakey.PrivateKey{}, badRequest("private-key= must be an RSA private key, DER in URL-safe base 64")
	}
	key, err := rsakey.Import(der)
	if err != nil {
		return rsakey.PrivateKey{}, badRequest("private-key= is no RSA private key that can be used: %v", err)
	}
	return key, nil
}

// contentType is the type of the body, without parameters.
func (q *request) contentType() (mediaType string, params map[string]string) {
	mediaType, params, err := mime.ParseMediaType(q.r.Header.Get("Content-Type"))
	if err != nil {
		return "", nil
	}
	return mediaType, params
}

// readAll reads the body, which may have so many bytes.
func (q *request) readAll(limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(q.r.Body, limit+1))
	if err != nil {
		return nil, bodyError(err)
	}
	if int64(len(body)) > limit {
		return nil, tooLarge("the body of this request may have %d bytes at most", limit)
	}
	return body, nil
}

func tooLarge(format string, args ...any) error {
	return &webapi.Error{Status: http.StatusRequestEntityTooLarge, Text: "FileTooLargeError: " + fmt.Sprintf(format, args...)}
}

// bodyError is the answer to a body that could not be read, if anybody is there.
func bodyError(err error) error {
	return &webapi.Error{Status: http.StatusBadRequest, Text: "The body of the request ended too early, or is malformed: " + err.Error()}
}

// text answers with a sentence or a cap.
func (q *request) text(status int, text string) error {
	h := q.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store")
	q.w.WriteHeader(status)
	_, _ = io.WriteString(q.w, text) // the peer has gone
	return nil
}

// done answers a POST, with a redirection if when_done says so (common.py
// handle_when_done).
func (q *request) done(status int, text string) error {
	if to := q.get("when_done", ""); to != "" {
		return q.redirect(http.StatusFound, to)
	}
	return q.text(status, text)
}

// redirect answers with another address, which browsers understand relative to
// this one.
func (q *request) redirect(status int, to string) error {
	h := q.w.Header()
	h.Set("Location", header(to))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	q.w.WriteHeader(status)
	_, _ = fmt.Fprintf(q.w, "<html><body><a href=\"%s\">click here</a></body></html>\n", html.EscapeString(to))
	return nil
}

// header makes a text fit for a header.
func header(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text)
}
