package webapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Formats answers GET and HEAD by the argument t of the URL, whose values are the
// keys, in lower case; "html" is what is answered without t (web/common.py
// MultiFormatResource). Other values are 400 with the words of 1.20, other methods
// 405.
type Formats struct {
	Layout *Layout // for errors
	ByName map[string]http.HandlerFunc
}

// ServeHTTP answers a request.
func (f Formats) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("t")
	if name == "" {
		name = "html"
	}
	handler := f.ByName[strings.ToLower(name)]
	switch {
	case !isReading(r.Method):
		w.Header().Set("Allow", "GET, HEAD")
		f.Layout.Error(w, r, &Error{http.StatusMethodNotAllowed, "This can only be read."})
	case handler == nil:
		f.Layout.Error(w, r, &Error{http.StatusBadRequest, fmt.Sprintf("Bad Format: Unknown t value: %.100q", name)})
	default:
		handler(w, r)
	}
}

// WriteJSON answers with a value as JSON, indented as 1.20 does. The content type
// differs between 1.20's pages: application/json, or text/plain on /statistics. An
// error means that the value cannot be JSON; nothing is answered then.
func WriteJSON(w http.ResponseWriter, status int, contentType string, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(value); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(text.Len()))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the peer has gone
	return nil
}
