package webapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/version"
)

// Link is an entry of the navigation.
type Link struct {
	Path string // as "/statistics"
	Text string
}

// Layout is what all pages of a node have in common. It is not changed once the
// server serves, and safe for concurrent use then.
type Layout struct {
	Nickname string
	Title    string // what the node is, as "storage node"; may be empty
	Nav      []Link
}

//go:embed page.css
var pageCSS string

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// pagePolicy lets a page have our style and send its forms to us, and nothing else.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// Page is the part of a page that is not the layout's.
type Page struct {
	Status int    // 0: 200
	Title  string // in plain text
	// Body is executed with Data; Text is a paragraph that stands for it if it is
	// nil.
	Body *template.Template
	Data any
	Text string
}

// Write answers with a page. No script, style or image but the layout's works on
// it. If the template fails, the answer is 500 and the error is returned, for the
// log.
func (l *Layout) Write(w http.ResponseWriter, page Page) error {
	text, err := l.render(page)
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cache-Control", "no-store")
	if err != nil {
		writeText(w, http.StatusInternalServerError, "The node could not make this page.")
		return err
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	if page.Status == 0 {
		page.Status = http.StatusOK
	}
	w.WriteHeader(page.Status)
	_, _ = w.Write(text) // the peer has gone
	return nil
}

func (l *Layout) render(page Page) ([]byte, error) {
	var body, whole bytes.Buffer
	if page.Body != nil {
		if err := page.Body.Execute(&body, page.Data); err != nil {
			return nil, err
		}
	}
	err := pageTemplate.Execute(&whole, map[string]any{
		"Layout": l, "Page": page, "Version": version.Get().Version,
		"CSS": template.CSS(pageCSS), "Body": template.HTML(body.String()),
	})
	return whole.Bytes(), err
}

// Error answers with an error: as a page if a browser asks, otherwise as plain
// text, as 1.20 does for errors that it knows (web/common.py render_exception).
// An error without an *Error in it is 500, and its text is not shown: log it.
func (l *Layout) Error(w http.ResponseWriter, r *http.Request, err error) {
	status, text := statusOf(err)
	if !wantsHTML(r) {
		w.Header().Set("Cache-Control", "no-store")
		writeText(w, status, text)
		return
	}
	_ = l.Write(w, Page{Status: status, Title: strconv.Itoa(status) + " " + http.StatusText(status), Text: text})
}

// wantsHTML: programs send */* or nothing.
func wantsHTML(r *http.Request) bool {
	for _, accept := range r.Header.Values("Accept") {
		if strings.Contains(strings.ToLower(accept), "text/html") {
			return true
		}
	}
	return false
}

func writeText(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)+1))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // the peer has gone
}
