package introserver

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// maxRows bounds each table of the page; the JSON counts all.
const maxRows = 1000

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// pageData is what the template shows.
type pageData struct {
	NodeID, Version, Rendered string
	Announced, Subscribed     string // summaries
	Status                    Status
	MoreAnnouncements         int // that are not shown
	MoreSubscribers           int
	Time                      string // format of times
}

// Page returns the introducer's status page, as web/introweb.py has it: HTML, and
// with ?t=json the number of announcements and subscriptions of each service. It
// answers "/" to everybody: it shows no FURL. The JSON is application/json, where
// 1.20 says text/html, which lets the name of a service be read as markup; and only GET and
// HEAD are answered, where 1.20 takes any method. The version is what the page tells
// of this program. Whoever serves it adds the other pages and checks the Host.
func (s *Service) Page(nodeID grid.TubID, version string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		switch format := strings.ToLower(r.URL.Query().Get("t")); {
		case r.URL.Path != "/":
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "this page can be read only", http.StatusMethodNotAllowed)
		case format == "json":
			send(w, "application/json", s.json)
		case format == "html" || format == "":
			send(w, "text/html; charset=utf-8", func() ([]byte, error) { return s.html(nodeID, version) })
		default:
			http.Error(w, fmt.Sprintf("Unknown t value: %q; it is html or json", format), http.StatusBadRequest)
		}
	})
}

func send(w http.ResponseWriter, contentType string, render func() ([]byte, error)) {
	body, err := render()
	if err != nil {
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(body) // who does not want it gets nothing else
}

// json is IntroducerRoot.render_JSON.
func (s *Service) json() ([]byte, error) {
	announcements, subscriptions := s.counts()
	text, err := json.MarshalIndent(struct {
		Subscriptions map[string]int `json:"subscription_summary"`
		Announcements map[string]int `json:"announcement_summary"`
	}{subscriptions, announcements}, "", " ")
	return append(text, '\n'), err
}

func (s *Service) html(nodeID grid.TubID, version string) ([]byte, error) {
	const format = "2006-01-02 15:04:05"
	announcements, subscriptions := s.counts()
	data := pageData{
		NodeID: nodeID.String(), Version: version, Rendered: s.config.Now().Format(format), Time: format,
		Announced: summary(announcements), Subscribed: summary(subscriptions), Status: s.Status(),
	}
	data.MoreAnnouncements = shorten(&data.Status.Announcements)
	data.MoreSubscribers = shorten(&data.Status.Subscribers)
	var page bytes.Buffer
	err := pageTemplate.Execute(&page, data)
	return page.Bytes(), err
}

// shorten leaves maxRows and returns how many it has cut.
func shorten[T any](list *[]T) int {
	more := max(0, len(*list)-maxRows)
	*list = (*list)[:len(*list)-more]
	return more
}

// summary writes counts as in "storage: 3, other: 1".
func summary(counts map[string]int) string {
	var parts []string
	for _, service := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s: %d", service, counts[service]))
	}
	return strings.Join(parts, ", ")
}
