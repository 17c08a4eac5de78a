package clientnode

import (
	"cmp"
	"html/template"
	"net/http"
	"time"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/webapi"
)

// mount adds the pages that every client node has.
func (n *Node) mount() {
	n.Web.Handle(webapi.Public, "/", webapi.Formats{Layout: n.Web.Layout(), ByName: map[string]http.HandlerFunc{
		"html": n.welcomePage, "json": n.welcomeJSON,
	}})
	if n.HelperStatus == nil {
		n.HelperStatus = n.absent("Helper Status", "No helper is running")
	}
	n.Web.Handle(webapi.Public, "/helper_status", n.HelperStatus)
	if n.Local == nil {
		n.Web.Handle(webapi.Public, "/storage", n.absent("Storage Server Status", "No Storage Server Running"))
	}
}

// absent is the page of a service that this node has not, with an empty object for
// programs (web/status.py HelperStatus; web/storage.py, where that is status 500).
func (n *Node) absent(title, text string) http.Handler {
	return webapi.Formats{Layout: n.Web.Layout(), ByName: map[string]http.HandlerFunc{
		"html": func(w http.ResponseWriter, _ *http.Request) {
			n.written(n.Web.Layout().Write(w, webapi.Page{Title: title, Text: text}))
		},
		"json": func(w http.ResponseWriter, _ *http.Request) {
			n.written(webapi.WriteJSON(w, http.StatusOK, "application/json", struct{}{}))
		},
	}}
}

// written logs that a page could not be made.
func (n *Node) written(err error) {
	if err != nil {
		n.Log.Error("web page", "err", err)
	}
}

// welcomeJSON is web/root.py Root.render_JSON.
func (n *Node) welcomeJSON(w http.ResponseWriter, _ *http.Request) {
	type introducers struct {
		Statuses []string `json:"statuses"`
	}
	answer := struct {
		Introducers introducers  `json:"introducers"`
		Servers     []serverJSON `json:"servers"`
	}{introducers{[]string{}}, []serverJSON{}}
	for _, s := range n.Introducers.Status() {
		answer.Introducers.Statuses = append(answer.Introducers.Statuses, s.Summary(time.Now()))
	}
	for _, s := range n.Grid.Status() {
		answer.Servers = append(answer.Servers, describe(s))
	}
	n.written(webapi.WriteJSON(w, http.StatusOK, "application/json; charset=utf-8", answer))
}

// serverJSON is one server on the welcome page. What is not known is null.
type serverJSON struct {
	NodeID           string  `json:"nodeid"`
	ConnectionStatus string  `json:"connection_status"`
	AvailableSpace   *int64  `json:"available_space"`
	Nickname         string  `json:"nickname"`
	Version          *string `json:"version"`
	// LastReceived is in Unix seconds, not later than when it was.
	LastReceived *float64 `json:"last_received_data"`
}

// describe is web/root.py Root._describe_server.
func describe(s broker.Status) serverJSON {
	described := serverJSON{NodeID: string(s.ID), Nickname: s.Nickname, ConnectionStatus: summary(s)}
	if version := s.Version.ApplicationVersion; version != "" {
		described.Version = &version
		space := s.Version.AvailableSpace
		described.AvailableSpace = &space
	}
	if s.Connected {
		since := float64(s.Since.UnixMicro()) / 1e6
		described.LastReceived = &since
	}
	return described
}

// summary is one line on a connection. For those that 1.20 has a word for it is
// that (storage_client.py, util/connection_status.py).
func summary(s broker.Status) string {
	switch {
	case s.Connected && s.Protocol == broker.ProtocolHTTPS:
		return "connected"
	case s.Connected && s.Protocol == broker.ProtocolLocal:
		return "Connected to this node"
	case s.Connected:
		return "Connected to " + cmp.Or(s.Address, "the server") + " via tcp"
	case s.Since.IsZero():
		return "Trying to connect"
	}
	return "disconnected"
}

var welcomeTemplate = template.Must(template.New("welcome").Parse(`
<h2>Introducers</h2>
<table><tr><th>Name</th><th>Connection</th><th>Since</th></tr>
{{range .Introducers}}<tr><td>{{.Name}}</td><td>{{.Summary}}</td><td>{{.Since}}</td></tr>
{{else}}<tr><td colspan="3">none</td></tr>{{end}}</table>
<h2>Helper</h2>
<p>{{.Helper}}</p>
<h2>Storage servers</h2>
<p>Connected to {{.Connected}} of {{len .Servers}} known storage servers.</p>
<table><tr><th>Nickname</th><th>Server</th><th>Connection</th><th>Since</th><th>Latency</th><th>Available</th><th>Version</th></tr>
{{range .Servers}}<tr><td>{{.Nickname}}</td><td>{{.ID}}</td><td>{{.Summary}}{{with .Problem}}: {{.}}{{end}}</td><td>{{.Since}}</td><td>{{.Latency}}</td><td>{{.Space}}</td><td>{{.Version}}</td></tr>
{{else}}<tr><td colspan="7">none announced yet</td></tr>{{end}}</table>
<h2>Services of this node</h2>
<ul><li>{{if .Storage}}<a href="/storage">Storage server</a>: running{{else}}Not running a storage server{{end}}</li>
<li><a href="/helper_status">Helper</a></li><li>Files are stored as {{.Shares.K}}-of-{{.Shares.N}}, on {{.Shares.Happy}} servers at least</li></ul>
<h2>Open a file or directory</h2>
<form action="/uri" method="get"><label>Cap <input type="text" name="uri" required></label> <input type="submit" value="View File or Directory"></form>
<h2>Upload</h2>
<form action="/uri" method="post" enctype="multipart/form-data"><input type="hidden" name="t" value="upload">
<label><input type="radio" name="format" value="chk" checked> Immutable</label>
<label><input type="radio" name="format" value="sdmf"> SDMF</label>
<label><input type="radio" name="format" value="mdmf"> MDMF</label>
<input type="file" name="file"> <input type="submit" value="Upload File"></form>
<form action="/uri" method="post" enctype="multipart/form-data"><input type="hidden" name="t" value="mkdir"><input type="hidden" name="redirect_to_result" value="true"><input type="submit" value="Create a directory"></form>
`))

type welcomeIntroducer struct{ Name, Summary, Since string }

type welcomeServer struct{ Nickname, ID, Summary, Problem, Since, Latency, Space, Version string }

func (n *Node) welcomePage(w http.ResponseWriter, _ *http.Request) {
	data := struct {
		Introducers []welcomeIntroducer
		Servers     []welcomeServer
		Connected   int
		Storage     bool
		Helper      string
		Shares      any
	}{Storage: n.Local != nil, Helper: n.helperSummary(), Shares: n.Config.Client.Shares}
	for _, s := range n.Introducers.Status() {
		data.Introducers = append(data.Introducers, welcomeIntroducer{s.Petname, s.Summary(time.Now()), shortTime(s.Since)})
	}
	for _, s := range n.Grid.Status() {
		if s.Connected {
			data.Connected++
		}
		data.Servers = append(data.Servers, row(s))
	}
	n.written(n.Web.Layout().Write(w, webapi.Page{
		Title: "Node " + n.Config.Node.Nickname, Body: welcomeTemplate, Data: data,
	}))
}

// helperSummary is a sentence on the helper that this node uses.
func (n *Node) helperSummary() string {
	if n.Helper == nil {
		return "Not configured"
	}
	switch info := n.Helper.Info(); {
	case info.Connected:
		return "Connected, " + info.Version
	case info.Err != nil:
		return "Not used: " + info.Err.Error()
	}
	return "Not connected: files are uploaded without it"
}

// row is a server for people. Everybody may see the page: of problems it has only
// what a server or this program said, without addresses of FURLs.
func row(s broker.Status) welcomeServer {
	r := welcomeServer{
		Nickname: s.Nickname, ID: s.ID.Name(), Summary: summary(s), Since: shortTime(s.Since),
		Version: s.Version.ApplicationVersion,
	}
	if s.Problem != nil {
		r.Problem = s.Problem.Error()
	}
	if s.Latency > 0 {
		r.Latency = s.Latency.Round(10 * time.Microsecond).String()
	}
	if s.Version.ApplicationVersion != "" {
		r.Space = webapi.AbbreviateSize(s.Version.AvailableSpace)
	}
	return r
}

func shortTime(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.DateTime) + " UTC"
}
