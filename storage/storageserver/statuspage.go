package storageserver

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// pageSource is the page. It shows no secret: the node id is that of the Tub.
//
//go:embed status.html
var pageSource string

// page is parsed when somebody looks at it, so that a node that nobody looks at
// does not hold it.
var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("status").Funcs(template.FuncMap{
		"space": abbreviateSpace, "exact": exactSpace, "kinds": strings.Join,
		"utc": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	}).Parse(pageSource))
})

// pageData is what the template shows; a nil Status says that there is no
// storage server.
type pageData struct {
	*status
	Nickname, NodeID string
	Expiration       string   // which leases expire
	Kinds            []string // of shares that may expire
}

// StatusHandler serves the status page, in HTML and with ?t=json in JSON, as
// 1.20 does below /storage (web/storage.py). It looks at the method and the
// argument, not at the path. Without a service, for a node that stores nothing,
// the page says so, and the JSON is 500, which is how 1.20 says it.
func StatusHandler(s *Service) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		switch format := r.URL.Query().Get("t"); strings.ToLower(format) {
		case "", "html":
			s.serveHTML(w)
		case "json":
			s.serveJSON(w)
		default:
			http.Error(w, fmt.Sprintf("Unknown t value: %q", format), http.StatusBadRequest)
		}
	})
}

// serveJSON answers in text/plain, as 1.20.
func (s *Service) serveJSON(w http.ResponseWriter) {
	if s == nil {
		http.Error(w, "this node has no storage server", http.StatusInternalServerError)
		return
	}
	body, err := json.MarshalIndent(s.status(), "", " ")
	if err != nil {
		s.cfg.Log.Error("storage status in JSON", "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	write(w, append(body, '\n'))
}

func (s *Service) serveHTML(w http.ResponseWriter) {
	data, log := pageData{}, slog.New(slog.DiscardHandler)
	if s != nil {
		log = s.cfg.Log
		now := s.status()
		set := s.cfg.Node.Storage.Expire
		data = pageData{
			status: &now, Nickname: s.cfg.Node.Node.Nickname, NodeID: s.cfg.Certificate.TubID().String(),
			Expiration: s.expiration(), Kinds: kindsToExpire(set),
		}
	}
	var body bytes.Buffer
	if err := page().Execute(&body, data); err != nil {
		log.Error("storage status page", "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	write(w, body.Bytes())
}

func write(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // who asked has gone, or it was HEAD
}

// expiration says in a sentence which leases expire.
func (s *Service) expiration() string {
	set := s.cfg.Node.Storage.Expire
	switch {
	case !set.Enabled:
		return ""
	case !set.CutoffDate.IsZero():
		return "Leases made or renewed before " + set.CutoffDate.UTC().Format(time.DateOnly) + " (UTC) have expired."
	case set.OverrideLeaseSeconds != nil:
		return fmt.Sprintf("Leases that were not renewed for %d days have expired.", *set.OverrideLeaseSeconds/(24*60*60))
	}
	return "No lease expires: expire.override_lease_duration is not set."
}

// abbreviateSpace writes bytes as 1.20 does on its page (util/abbreviate.py
// abbreviate_space): 1.23 GB, in powers of 1000.
func abbreviateSpace(value any) string {
	size, ok := value.(int64)
	if !ok {
		return "?"
	}
	if size < 1024 {
		return strconv.FormatInt(size, 10) + " B"
	}
	units := []string{"kB", "MB", "GB", "TB", "PB", "EB"}
	scaled, unit := float64(size)/1000, 0
	for scaled >= 1000 && unit < len(units)-1 {
		scaled, unit = scaled/1000, unit+1
	}
	return strconv.FormatFloat(scaled, 'f', 2, 64) + " " + units[unit]
}

// exactSpace writes bytes to the last one, in brackets.
func exactSpace(value any) string {
	if size, ok := value.(int64); ok {
		return fmt.Sprintf("(%d)", size)
	}
	return ""
}
