package helperserver

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strconv"
	"sync"
	"time"
)

//go:embed status.html
var pageSource string

// page is parsed when somebody looks at it.
var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("helper").Funcs(template.FuncMap{
		"utc": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	}).Parse(pageSource))
})

// StatusHandler serves the page /helper_status, in HTML and with ?t=json as 1.20
// does (web/status.py HelperStatus). Without a helper it says that there is none.
// It shows no secret.
func StatusHandler(h *Helper) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
			return
		}
		var body []byte
		var contentType string
		var err error
		switch format := r.FormValue("t"); format {
		case "", "html":
			contentType = "text/html; charset=utf-8"
			body, err = statusHTML(h)
		case "json":
			contentType = "text/plain"
			body, err = statusJSON(h)
		default:
			http.Error(w, "unknown format "+strconv.Quote(format)+": t is html or json", http.StatusBadRequest)
			return
		}
		if err != nil {
			http.Error(w, "the helper's directory cannot be read; the log says why", http.StatusInternalServerError)
			h.log.Error("make the status page", "err", err)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
}

func statusJSON(h *Helper) ([]byte, error) {
	if h == nil {
		return []byte("{}\n"), nil
	}
	stats, err := h.Stats()
	if err != nil {
		return nil, err
	}
	text, err := stats.MarshalJSON()
	return append(text, '\n'), err
}

func statusHTML(h *Helper) ([]byte, error) {
	data := struct {
		Running bool
		Stats   Stats
		Uploads []UploadStatus
	}{Running: h != nil}
	if h != nil {
		var err error
		if data.Stats, err = h.Stats(); err != nil {
			return nil, err
		}
		data.Uploads = h.Uploads()
	}
	var b bytes.Buffer
	err := page().Execute(&b, data)
	return b.Bytes(), err
}
