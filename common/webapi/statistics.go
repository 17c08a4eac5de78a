package webapi

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"time"
)

var statisticsTemplate = template.Must(template.New("statistics").Parse(`<h2>General</h2>
<ul>{{range .General}}
<li>{{.Name}}: {{.Files}} files / {{.Bytes}} bytes ({{.Size}})</li>{{end}}
</ul>
<h2>Raw Stats</h2>
<pre>{{.Raw}}</pre>
<p>For programs: <a href="/statistics?t=json">JSON</a>, <a href="/statistics?t=openmetrics">OpenMetrics</a></p>
`))

// general are the counters that 1.20 shows first (statistics.xhtml).
var general = []struct{ name, files, bytes string }{
	{"Files Uploaded (immutable)", "uploader.files_uploaded", "uploader.bytes_uploaded"},
	{"Files Downloaded (immutable)", "downloader.files_downloaded", "downloader.bytes_downloaded"},
	{"Files Published (mutable)", "mutable.files_published", "mutable.bytes_published"},
	{"Files Retrieved (mutable)", "mutable.files_retrieved", "mutable.bytes_retrieved"},
}

// statisticsHandler is /statistics, without and with t=json or t=openmetrics.
func statisticsHandler(stats *Stats, layout *Layout) http.Handler {
	return Formats{layout, map[string]http.HandlerFunc{
		"html": func(w http.ResponseWriter, r *http.Request) {
			if err := layout.Write(w, statisticsPage(stats.Snapshot())); err != nil {
				panic(err) // a template of ours is wrong
			}
		},
		"json": func(w http.ResponseWriter, r *http.Request) {
			if err := WriteJSON(w, http.StatusOK, "text/plain", stats.Snapshot()); err != nil {
				panic(err) // numbers are always JSON
			}
		},
		"openmetrics": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", openMetricsType)
			w.Header().Set("Cache-Control", "no-store")
			_, _ = io.WriteString(w, openMetrics(stats.Snapshot(), time.Since(stats.started))) // the peer has gone
		},
	}}
}

func statisticsPage(shot Snapshot) Page {
	type line struct {
		Name         string
		Files, Bytes int64
		Size         string
	}
	var lines []line
	for _, g := range general {
		n := shot.Counters[g.bytes]
		lines = append(lines, line{g.name, shot.Counters[g.files], n, AbbreviateSize(n)})
	}
	raw, err := json.MarshalIndent(shot, "", "    ")
	if err != nil {
		panic(err) // numbers are always JSON
	}
	return Page{Title: "Operational Statistics", Body: statisticsTemplate, Data: map[string]any{"General": lines, "Raw": string(raw)}}
}

// AbbreviateSize writes a number of bytes for people, as 21.8kB or 1.23GB
// (web/common.py abbreviate_size).
func AbbreviateSize(bytes int64) string {
	switch n := float64(bytes); {
	case bytes > 1_000_000_000:
		return fmt.Sprintf("%.2fGB", n/1e9)
	case bytes > 1_000_000:
		return fmt.Sprintf("%.2fMB", n/1e6)
	case bytes > 1_000:
		return fmt.Sprintf("%.1fkB", n/1e3)
	}
	return fmt.Sprintf("%dB", bytes)
}
