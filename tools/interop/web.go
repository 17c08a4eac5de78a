package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	// connectTimeout is how long a node may take to find its servers. Foolscap
	// waits longer and longer between attempts at a server that was down.
	connectTimeout = 2 * time.Minute
	// requestTimeout bounds one look at the welcome page.
	requestTimeout = time.Minute
	// maxWelcome bounds the welcome page, in bytes.
	maxWelcome = 1 << 20
)

// Welcome is what GET /?t=json of a client node answers, as far as it is needed
// here (web/root.py, Root.render_JSON).
type Welcome struct {
	Introducers struct {
		Statuses []string `json:"statuses"`
	} `json:"introducers"`
	Servers []Server `json:"servers"`
}

// Server is one storage server a node has heard of.
type Server struct {
	NodeID           string `json:"nodeid"` // v0-KEY
	Nickname         string `json:"nickname"`
	ConnectionStatus string `json:"connection_status"`
	Version          string `json:"version"`
}

// httpConnected is the ConnectionStatus of a server in use over HTTP
// (storage_client.py, HTTPNativeStorageServer). With Foolscap it is a sentence:
// "Connected to 127.0.0.1:4711 via tcp" (util/connection_status.py).
const httpConnected = "connected"

// Connected tells whether the node can use the server now.
func (s Server) Connected() bool {
	return s.OverHTTP() || strings.HasPrefix(s.ConnectionStatus, "Connected ")
}

// OverHTTP tells whether the node is connected to the server over HTTP.
func (s Server) OverHTTP() bool { return s.ConnectionStatus == httpConnected }

// Welcome asks the node which introducers and servers it knows.
func (n *Node) Welcome() (Welcome, error) {
	client := http.Client{Timeout: requestTimeout}
	defer client.CloseIdleConnections()
	answer, err := client.Get(n.webURL + "/?t=json")
	if err != nil {
		return Welcome{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return Welcome{}, fmt.Errorf("ask %s for its servers: %s", n.Name, answer.Status)
	}
	var welcome Welcome
	err = json.NewDecoder(io.LimitReader(answer.Body, maxWelcome)).Decode(&welcome)
	return welcome, err
}

// WaitConnected returns once the node is connected to exactly numServers storage
// servers, itself among them if it is one. The test ends if that takes more than
// two minutes.
func (n *Node) WaitConnected(t testing.TB, numServers int) {
	t.Helper()
	var last Welcome
	err := poll(connectTimeout, func() (bool, error) {
		welcome, err := n.Welcome()
		last = welcome
		return countConnected(welcome.Servers) == numServers, err
	})
	if err != nil {
		t.Fatalf("interop: %s is not connected to %d servers: %v\n%+v", n.Name, numServers, err, last)
	}
}

func countConnected(servers []Server) int {
	count := 0
	for _, s := range servers {
		if s.Connected() {
			count++
		}
	}
	return count
}
