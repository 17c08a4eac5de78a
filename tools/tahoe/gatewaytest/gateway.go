// Package gatewaytest is a gateway in memory for tests of commands: it answers the
// requests that these send, with caps of the real form, and keeps files and
// directories in maps. It is no model of a grid: every check that commands do not
// depend on is left out.
package gatewaytest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/besn0847/arm-tahoe/common/base32"
)

// Gateway is a gateway that lives as long as its test.
type Gateway struct {
	URL string // with a slash at the end

	// Before, if not nil, may answer a request instead, and says whether it did.
	// Set it between requests only.
	Before func(http.ResponseWriter, *http.Request) bool

	mu          sync.Mutex
	files       map[string][]byte            // by read and write caps
	directories map[string]map[string]string // by read and write caps: caps by names
	writeCaps   map[string]string            // of mutable files and directories, by read caps
	requests    []string
	running     int
	mostRunning int
}

// New starts a gateway.
func New(t testing.TB) *Gateway {
	g := &Gateway{files: map[string][]byte{}, directories: map[string]map[string]string{}, writeCaps: map[string]string{}}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	g.URL = server.URL + "/"
	return g
}

// Requests returns what was asked so far, without caps, and forgets it.
func (g *Gateway) Requests() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer func() { g.requests = nil }()
	return g.requests
}

// MostAtOnce returns how many requests ran side by side at most.
func (g *Gateway) MostAtOnce() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mostRunning
}

// Mkdir makes an empty directory and returns its write cap.
func (g *Gateway) Mkdir() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mkdir()
}

func (g *Gateway) mkdir() string {
	write, read := newCap("URI:DIR2:"), newCap("URI:DIR2-RO:")
	children := map[string]string{}
	g.directories[write], g.directories[read], g.writeCaps[read] = children, children, write
	return write
}

// ReadCap returns the cap that only reads what the write cap may write.
func (g *Gateway) ReadCap(write string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	for read, w := range g.writeCaps {
		if w == write {
			return read
		}
	}
	return write
}

// Link puts a cap of any kind into a directory.
func (g *Gateway) Link(directory, name, c string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.directories[directory][name] = c
}

// Entry returns the cap at a name, "" if there is none.
func (g *Gateway) Entry(directory, name string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.directories[directory][name]
}

// Store keeps an immutable file and returns its cap, which is that of all files
// of this text.
func (g *Gateway) Store(text string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.store([]byte(text))
}

func (g *Gateway) store(text []byte) string {
	hash := sha256.Sum256(text)
	c := fmt.Sprintf("URI:CHK:%s:%s:1:1:%d", base32.Encode(hash[:16]), base32.Encode(hash[:]), len(text))
	g.files[c] = text
	return c
}

// StoreMutable keeps a mutable file and returns its write cap.
func (g *Gateway) StoreMutable(text string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.storeMutable([]byte(text))
}

func (g *Gateway) storeMutable(text []byte) string {
	write, read := newCap("URI:SSK:"), newCap("URI:SSK-RO:")
	g.files[write], g.files[read], g.writeCaps[read] = text, text, write
	return write
}

// Text returns what is in a file.
func (g *Gateway) Text(c string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return string(g.files[c])
}

// Tree returns the files below a directory by their paths.
func (g *Gateway) Tree(directory string) map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	found := map[string]string{}
	var walk func(directory, path string)
	walk = func(directory, path string) {
		for name, c := range g.directories[directory] {
			if _, is := g.directories[c]; is {
				found[path+name+"/"] = ""
				walk(c, path+name+"/")
				continue
			}
			found[path+name] = string(g.files[c])
		}
	}
	walk(directory, "")
	return found
}

func newCap(prefix string) string {
	var random [48]byte
	rand.Read(random[:])
	return prefix + base32.Encode(random[:16]) + ":" + base32.Encode(random[16:])
}

// ServeHTTP answers a request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !g.begin(w, r) {
		return
	}
	defer g.end()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it broke off, and nothing is kept
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	segments := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/uri"), "/")[1:]
	for i := range segments {
		segments[i], _ = url.PathUnescape(segments[i])
	}
	status, text := g.answer(r, segments, body)
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func (g *Gateway) begin(w http.ResponseWriter, r *http.Request) bool {
	g.mu.Lock()
	query := ""
	if r.URL.RawQuery != "" {
		query = "?" + r.URL.RawQuery
	}
	segments := append(strings.SplitN(r.URL.EscapedPath(), "/", 4), "", "")
	g.requests = append(g.requests, r.Method+" "+strings.Join(segments[3:], "")+query)
	g.running++
	g.mostRunning = max(g.mostRunning, g.running)
	g.mu.Unlock()
	if g.Before != nil && g.Before(w, r) {
		g.end()
		return false
	}
	return true
}

func (g *Gateway) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
}

func (g *Gateway) answer(r *http.Request, segments []string, body []byte) (int, []byte) {
	kind := r.URL.Query().Get("t")
	if len(segments) == 0 {
		return g.unlinked(r, kind, body)
	}
	c, rest := segments[0], slices.DeleteFunc(segments[1:], func(s string) bool { return s == "" })
	switch r.Method + " " + kind {
	case "GET json":
		return g.describe(c, rest)
	case "GET ":
		found, ok := g.walk(c, rest)
		if text, isFile := g.files[found]; ok && isFile {
			return 200, text
		}
		return missing(rest)
	case "DELETE ":
		return g.remove(c, rest)
	case "POST set_children":
		return g.setChildren(c, body)
	}
	return g.change(r, kind, c, rest, body)
}

func missing(path []string) (int, []byte) {
	return 404, []byte("No such child: " + strings.Join(path, "/") + "\n")
}

func (g *Gateway) unlinked(r *http.Request, kind string, body []byte) (int, []byte) {
	switch {
	case kind == "mkdir":
		return 200, []byte(g.mkdir())
	case r.URL.Query().Get("mutable") != "":
		return 201, []byte(g.storeMutable(body))
	}
	return 201, []byte(g.store(body))
}

// walk follows a path.
func (g *Gateway) walk(c string, path []string) (string, bool) {
	for _, name := range path {
		next, ok := g.directories[c][norm.NFC.String(name)]
		if !ok {
			return "", false
		}
		c = next
	}
	return c, true
}

// change is what needs the directory of an entry, or a mutable file.
func (g *Gateway) change(r *http.Request, kind, c string, path []string, body []byte) (int, []byte) {
	if len(path) == 0 {
		return g.overwrite(c, kind, body)
	}
	parent := c
	for _, name := range path[:len(path)-1] {
		parent = g.mkdirAt(parent, name)
	}
	name := norm.NFC.String(path[len(path)-1])
	children, there := g.directories[parent], g.directories[parent][name]
	_, isDirectory := g.directories[there]
	switch {
	case kind == "mkdir" && r.Method == "POST":
		return 200, []byte(g.mkdirAt(parent, name))
	case isDirectory:
		return 409, []byte("There was already a child by that name, and you asked me to not replace it.")
	case kind == "uri":
		children[name] = string(body)
		return 200, body
	case strings.HasPrefix(there, "URI:SSK:"):
		return g.overwrite(there, kind, body)
	}
	children[name] = g.store(body)
	return 201, []byte(children[name])
}

func (g *Gateway) overwrite(c, kind string, body []byte) (int, []byte) {
	if kind != "" || !strings.HasPrefix(c, "URI:SSK:") {
		return 400, []byte("PUT to a file: bad t=\n")
	}
	g.files[c] = body
	for read, write := range g.writeCaps {
		if write == c {
			g.files[read] = body
		}
	}
	return 200, []byte(c)
}

func (g *Gateway) mkdirAt(parent, name string) string {
	name = norm.NFC.String(name)
	if c, ok := g.directories[parent][name]; ok {
		return c
	}
	made := g.mkdir()
	g.directories[parent][name] = made
	return made
}

func (g *Gateway) remove(c string, path []string) (int, []byte) {
	if _, ok := g.walk(c, path); !ok || len(path) == 0 {
		return missing(path)
	}
	parent, _ := g.walk(c, path[:len(path)-1])
	delete(g.directories[parent], path[len(path)-1])
	return 200, []byte("ok")
}

func (g *Gateway) setChildren(c string, body []byte) (int, []byte) {
	var children map[string][2]json.RawMessage
	if json.Unmarshal(body, &children) != nil || g.directories[c] == nil {
		return 400, nil
	}
	for name, child := range children {
		var caps map[string]string
		if json.Unmarshal(child[1], &caps) != nil {
			return 400, nil
		}
		g.directories[c][name] = caps["rw_uri"]
	}
	return 200, []byte("Success\n")
}

func (g *Gateway) describe(c string, path []string) (int, []byte) {
	found, ok := g.walk(c, path)
	if !ok {
		return missing(path)
	}
	node := g.node(found)
	if children, is := g.directories[found]; is {
		all := map[string]any{}
		for name, child := range children {
			all[name] = g.node(child)
		}
		node[1].(map[string]any)["children"] = all
	}
	text, _ := json.Marshal(node) // of maps of texts
	return 200, text
}

func (g *Gateway) node(c string) []any {
	about := map[string]any{"metadata": map[string]any{"tahoe": map[string]any{"linkcrtime": 1000036800}}}
	kind := "unknown"
	read := c
	if write, is := g.writeCaps[c]; is && write != "" {
		about["mutable"] = true
	}
	for r, write := range g.writeCaps {
		if write == c {
			read, about["rw_uri"], about["mutable"] = r, c, true
		}
	}
	if text, is := g.files[c]; is {
		kind, about["ro_uri"], about["size"] = "filenode", read, len(text)
	}
	if _, is := g.directories[c]; is {
		kind, about["ro_uri"] = "dirnode", read
	}
	return []any{kind, about}
}
