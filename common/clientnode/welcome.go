package clientnode

import (
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/besn0847/arm-tahoe/common/introclient"
	"github.com/besn0847/arm-tahoe/common/webapi"
)

// mount adds the pages that every client node has.
func (n *Node) mount() {
	n.Web.Handle(webapi.Public, "/", webapi.Formats{Layout: n.Web.Layout(), ByName: map[string]http.HandlerFunc{
		"html": n.welcomePage, "json": n.welcomeJSON,
	}})
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
	for _, a := range n.Introducers.Servers() {
		answer.Servers = append(answer.Servers, describe(a))
	}
	if err := webapi.WriteJSON(w, http.StatusOK, "application/json", answer); err != nil {
		n.Log.Error("welcome page", "err", err)
	}
}

// serverJSON is one server on the welcome page.
type serverJSON struct {
	NodeID           string `json:"nodeid"`
	Nickname         string `json:"nickname"`
	Version          string `json:"version"`
	ConnectionStatus string `json:"connection_status"`
	AvailableSpace   *int64 `json:"available_space"`
	LastReceived     *int64 `json:"last_received_data"`
}

// describe tells what an announcement says. This version connects to no server.
func describe(a *introclient.Announced) serverJSON {
	return serverJSON{
		NodeID: string(a.ServerID()), Nickname: a.Fields.Nickname, Version: a.Fields.MyVersion,
		ConnectionStatus: "announced, " + a.Origin.String(),
	}
}

var welcomeTemplate = template.Must(template.New("welcome").Parse(`
<h2>Introducers</h2>
<table><tr><th>Name</th><th>Connection</th><th>Since</th></tr>
{{range .Introducers}}<tr><td>{{.Name}}</td><td>{{.Summary}}</td><td>{{.Since}}</td></tr>
{{else}}<tr><td colspan="3">none</td></tr>{{end}}</table>
<h2>Storage servers</h2>
<table><tr><th>Nickname</th><th>Server</th><th>Version</th><th>Known from</th><th>Since</th></tr>
{{range .Servers}}<tr><td>{{.Nickname}}</td><td>{{.ID}}</td><td>{{.Version}}</td><td>{{.Origin}}</td><td>{{.Since}}</td></tr>
{{else}}<tr><td colspan="5">none announced yet</td></tr>{{end}}</table>
`))

type welcomeIntroducer struct{ Name, Summary, Since string }

type welcomeServer struct{ Nickname, ID, Version, Origin, Since string }

func (n *Node) welcomePage(w http.ResponseWriter, _ *http.Request) {
	data := struct {
		Introducers []welcomeIntroducer
		Servers     []welcomeServer
	}{}
	for _, s := range n.Introducers.Status() {
		data.Introducers = append(data.Introducers, welcomeIntroducer{s.Petname, s.Summary(time.Now()), shortTime(s.Since)})
	}
	for _, a := range n.Introducers.Servers() {
		data.Servers = append(data.Servers, welcomeServer{
			a.Fields.Nickname, a.ServerID().Name(), a.Fields.MyVersion, origin(a), shortTime(a.Since),
		})
	}
	page := webapi.Page{Title: "Node " + n.Config.Node.Nickname, Body: welcomeTemplate, Data: data}
	if err := n.Web.Layout().Write(w, page); err != nil {
		n.Log.Error("welcome page", "err", err)
	}
}

func origin(a *introclient.Announced) string {
	if a.Introducer == "" {
		return a.Origin.String()
	}
	return fmt.Sprintf("%s, introducer %s", a.Origin, a.Introducer)
}

func shortTime(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.DateTime) + " UTC"
}
