package webapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

const (
	thePassword = "open sesame"
	// theHash is bcrypt of thePassword with the lowest cost, made by bcrypt 4.2.0
	// of Debian 13.
	theHash = "$2b$04$JObJFDiatlytEVHz.X.SUeApf66ezEMxzPHYR/JltyX.UYAl2aUpy"
)

// testServer has a public and a private route, /pub and /uri, of which each
// answers "done".
func testServer(t *testing.T, o Options) *Server {
	t.Helper()
	o.Endpoint = nodeconf.Endpoint{Kind: nodeconf.EndpointTCP, Interface: "127.0.0.1"}
	o.Layout.Nickname = "node <1>"
	s, err := New(o)
	require.NoError(t, err)
	done := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "done") })
	s.Handle(Public, "/", done)
	s.Handle(Public, "/pub", done)
	s.Handle(Private, "/uri", done)
	s.Handle(Private, "/uri/", done)
	return s
}

func passwordFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "web.password")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func withPassword(t *testing.T) Options {
	return Options{Web: nodeconf.WebSection{Allow: nodeconf.WebAllowPassword, PasswordFile: passwordFile(t, theHash+"\n")}, Hosts: []string{"pi.local"}}
}

const (
	here   = "127.0.0.1:40000"
	here6  = "[::1]:40000"
	mapped = "[::ffff:127.0.0.1]:40000"
	there  = "192.168.1.7:40000"
	there6 = "[fe80::1%eth0]:40000"
)

// ask sends one request, described by "METHOD /path" and "Header: value" lines.
// "Password: x" is a login, "Host: x" the Host, "HTTP/1.0" the protocol.
func ask(s *Server, from, request string, headers ...string) *httptest.ResponseRecorder {
	method, path, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr, r.Host = from, "127.0.0.1:3456"
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "Host":
			r.Host = value
		case "Password":
			r.SetBasicAuth("anybody", value)
		case "HTTP/1.0":
			r.Proto, r.ProtoMajor, r.ProtoMinor = name, 1, 0
		default:
			r.Header.Add(name, value)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestGuard_rules(t *testing.T) {
	const (
		ok        = http.StatusOK
		forbidden = http.StatusForbidden
		login     = http.StatusUnauthorized
	)
	right, wrong := "Password: "+thePassword, "Password: open barley"
	type row struct {
		name, from, request string
		headers             []string
		// with a password file, without, and with allow = all
		password, none, all int
	}
	h := func(lines ...string) []string { return lines }
	rows := []row{
		{"status here", here, "GET /pub", nil, ok, ok, ok},
		{"status there", there, "GET /pub", nil, ok, ok, ok},
		{"status head there", there, "HEAD /pub", nil, ok, ok, ok},
		{"root there", there, "GET /", nil, ok, ok, ok},
		{"health there", there, "GET /healthz", nil, ok, ok, ok},
		{"statistics there", there, "GET /statistics?t=openmetrics", nil, ok, ok, ok},
		{"health by a service name", there, "GET /healthz", h("Host: storage1:3458"), ok, ok, ok},
		{"status with a wrong password", there, "GET /pub", h(wrong), ok, ok, ok},

		{"cap here", here, "GET /uri/x", nil, ok, ok, ok},
		{"cap here, IPv6", here6, "GET /uri/x", nil, ok, ok, ok},
		{"cap here, mapped", mapped, "GET /uri/x", nil, ok, ok, ok},
		{"cap here, 127.1.2.3", "127.1.2.3:5", "GET /uri/x", nil, ok, ok, ok},
		{"cap there", there, "GET /uri/x", nil, login, forbidden, ok},
		{"cap head there", there, "HEAD /uri/x", nil, login, forbidden, ok},
		{"cap there, IPv6", there6, "GET /uri/x", nil, login, forbidden, ok},
		{"cap there, encoded", there, "GET /%75ri/x", nil, login, forbidden, ok},
		{"cap from nowhere", "pipe", "GET /uri/x", nil, login, forbidden, ok},
		{"cap there, right password", there, "GET /uri/x", h(right), ok, forbidden, ok},
		{"cap there, wrong password", there, "GET /uri/x", h(wrong), login, forbidden, ok},
		{"cap there, other scheme", there, "GET /uri/x", h("Authorization: tahoe-lafs open sesame"), login, forbidden, ok},
		{"cap here, wrong password", here, "GET /uri/x", h(wrong), ok, ok, ok},

		{"post here", here, "POST /uri", nil, ok, ok, ok},
		{"put here", here, "PUT /uri", nil, ok, ok, ok},
		{"delete here", here, "DELETE /uri/x/y", nil, ok, ok, ok},
		{"post there", there, "POST /uri", nil, login, forbidden, ok},
		{"post there, right password", there, "POST /uri", h(right), ok, forbidden, ok},
		{"post to status there", there, "POST /pub", nil, login, forbidden, ok},
		{"put to status there", there, "PUT /pub", nil, login, forbidden, ok},
		{"delete of status there", there, "DELETE /pub", nil, login, forbidden, ok},
		{"unknown method there", there, "FROB /pub", nil, login, forbidden, ok},
		{"options there", there, "OPTIONS /pub", nil, login, forbidden, ok},
		{"post to nothing there", there, "POST /nothing", nil, login, forbidden, 404},
		{"nothing there", there, "GET /nothing", nil, 404, 404, 404},
		{"double slash there", there, "GET //uri/x", nil, 404, 404, 404},
		{"encoded slash there", there, "GET /pub%2F", nil, 404, 404, 404},

		{"proxy: Forwarded", here, "GET /uri/x", h("Forwarded: for=192.0.2.1"), login, forbidden, ok},
		{"proxy: X-Forwarded-For", here, "GET /uri/x", h("X-Forwarded-For: 127.0.0.1"), login, forbidden, ok},
		{"proxy: X-Forwarded-Proto", here, "POST /uri", h("X-Forwarded-Proto: https"), login, forbidden, ok},
		{"proxy: X-Real-IP", here, "GET /uri/x", h("X-Real-IP: 127.0.0.1"), login, forbidden, ok},
		{"proxy: Via", here, "GET /uri/x", h("Via: 1.1 proxy"), login, forbidden, ok},
		{"proxy: HTTP/1.0", here, "GET /uri/x", h("HTTP/1.0"), login, forbidden, ok},
		{"proxy: right password", here, "GET /uri/x", h("X-Forwarded-For: 192.0.2.1", right), ok, forbidden, ok},
		{"proxy: status", here, "GET /pub", h("X-Forwarded-For: 192.0.2.1"), ok, ok, ok},
		{"pretending to be here", there, "GET /uri/x", h("X-Forwarded-For: 127.0.0.1"), login, forbidden, ok},

		{"rebinding: cap", here, "GET /uri/x", h("Host: evil.example:3456"), forbidden, forbidden, ok},
		{"rebinding: status", here, "GET /pub", h("Host: evil.example"), forbidden, forbidden, ok},
		{"rebinding: post", here, "POST /uri", h("Host: evil.example"), forbidden, forbidden, ok},
		{"rebinding: with the password", there, "GET /uri/x", h("Host: evil.example", right), forbidden, forbidden, ok},
		{"rebinding: longer name", here, "GET /uri/x", h("Host: localhost.evil.example"), forbidden, forbidden, ok},
		{"host: localhost", here, "GET /uri/x", h("Host: LocalHost.:3456"), ok, ok, ok},
		{"host: IPv6", here, "GET /uri/x", h("Host: [::1]:3456"), ok, ok, ok},
		{"host: other address", here, "GET /uri/x", h("Host: 192.168.1.2"), ok, ok, ok},
		{"host: configured", here, "GET /uri/x", h("Host: PI.local:3456"), ok, ok, ok},
		{"host: configured, there", there, "GET /uri/x", h("Host: pi.local", right), ok, forbidden, ok},
		{"host: none", here, "GET /uri/x", h("Host: "), ok, ok, ok},

		{"origin: own", here, "POST /uri", h("Origin: http://127.0.0.1:3456"), ok, ok, ok},
		{"origin: other", here, "POST /uri", h("Origin: http://evil.example"), forbidden, forbidden, forbidden},
		{"origin: other port", here, "POST /uri", h("Origin: http://127.0.0.1:8080"), forbidden, forbidden, forbidden},
		{"origin: null", here, "POST /uri", h("Origin: null"), forbidden, forbidden, forbidden},
		{"origin: other, with the password", there, "PUT /uri", h("Origin: http://evil.example", right), forbidden, forbidden, forbidden},
		{"origin: other, to status", here, "POST /pub", h("Origin: http://evil.example"), forbidden, forbidden, forbidden},
		{"origin: other, reading", here, "GET /uri/x", h("Origin: http://evil.example"), ok, ok, ok},
		{"site: same", here, "POST /uri", h("Sec-Fetch-Site: same-origin"), ok, ok, ok},
		{"site: typed", here, "POST /uri", h("Sec-Fetch-Site: none"), ok, ok, ok},
		{"site: cross", here, "POST /uri", h("Sec-Fetch-Site: cross-site"), forbidden, forbidden, forbidden},
		{"site: same site, other port", here, "DELETE /uri/x", h("Sec-Fetch-Site: same-site"), forbidden, forbidden, forbidden},
		{"site: cross, with own origin", here, "POST /uri", h("Sec-Fetch-Site: cross-site", "Origin: http://127.0.0.1:3456"), forbidden, forbidden, forbidden},
		{"site: cross, reading", here, "GET /uri/x", h("Sec-Fetch-Site: cross-site"), ok, ok, ok},
	}
	secure := withPassword(t)
	open := Options{Hosts: secure.Hosts}
	everybody := Options{Web: nodeconf.WebSection{Allow: nodeconf.WebAllowAll}, Hosts: secure.Hosts}
	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			for i, want := range []int{c.password, c.none, c.all} {
				synctest.Test(t, func(t *testing.T) { // failed logins wait
					s := testServer(t, []Options{secure, open, everybody}[i])
					answer := ask(s, c.from, c.request, c.headers...)
					require.Equal(t, want, answer.Code, answer.Body.String())
					require.Equal(t, want == login, answer.Header().Get("WWW-Authenticate") != "")
				})
			}
		})
	}
}

// The sentences say what to do.
func TestGuard_sentences(t *testing.T) {
	open, secure := testServer(t, Options{}), testServer(t, withPassword(t))
	for _, c := range []struct {
		answer *httptest.ResponseRecorder
		want   string
	}{
		{ask(open, there, "GET /uri/x"), "password_file in [web] of arm-tahoe.cfg"},
		{ask(secure, there, "GET /uri/x"), "whoever knows the node's web password"},
		{ask(open, here, "GET /uri/x", "Host: evil.example"), `"evil.example"`},
		{ask(open, here, "GET /uri/x", "Host: evil.example"), "add it to hosts in [web] of arm-tahoe.cfg"},
		{ask(open, here, "POST /uri", "Origin: http://x"), "another site"},
	} {
		require.Contains(t, c.answer.Body.String(), c.want)
		require.Equal(t, "text/plain; charset=utf-8", c.answer.Header().Get("Content-Type"))
	}
	page := ask(open, here, "GET /uri/x", "Host: <script>", "Accept: text/html,*/*")
	require.Equal(t, "text/html; charset=utf-8", page.Header().Get("Content-Type"))
	require.NotContains(t, page.Body.String(), "<script>")
}

func TestGuard_headers(t *testing.T) {
	s := testServer(t, Options{})
	for _, request := range []string{"GET /pub", "GET /uri/x", "GET /nothing", "POST /nothing", "GET /statistics"} {
		h := ask(s, there, request).Header()
		require.Equal(t, "DENY", h.Get("X-Frame-Options"), request)
		require.Equal(t, "no-referrer", h.Get("Referrer-Policy"), request)
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), request)
		require.NotEmpty(t, h.Get("Content-Security-Policy"), request)
	}
	require.Contains(t, ask(s, here, "GET /uri/x").Header().Get("Content-Security-Policy"), "sandbox ")
	require.Contains(t, ask(s, here, "GET /statistics").Header().Get("Content-Security-Policy"), "default-src 'none'")
}

func TestLogin_delaysFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := testServer(t, withPassword(t))
		start := time.Now()
		require.Equal(t, http.StatusOK, ask(s, there, "GET /uri/x", "Password: "+thePassword).Code)
		require.Zero(t, time.Since(start))
		require.Equal(t, http.StatusUnauthorized, ask(s, there, "GET /uri/x", "Password: x").Code)
		require.Equal(t, failureDelay, time.Since(start))
		require.Equal(t, http.StatusUnauthorized, ask(s, there, "GET /uri/x").Code, "asked for the password")
		require.Equal(t, failureDelay, time.Since(start), "which is no failure")
	})
}

// Floods of wrong passwords take bounded room, and lock nobody out for long.
func TestLogin_floods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := testServer(t, withPassword(t))
		codes := make(chan int, 1000)
		flood := func(from string, n int) {
			for range n {
				go func() { codes <- ask(s, from, "GET /uri/x", "Password: x").Code }()
			}
		}
		count := func(n int) map[int]int {
			seen := map[int]int{}
			for range n {
				seen[<-codes]++
			}
			return seen
		}
		flood(there, 50)
		synctest.Wait()
		require.Equal(t, http.StatusTooManyRequests, ask(s, there, "GET /uri/x", "Password: "+thePassword).Code, "not known yet")
		require.Equal(t, http.StatusOK, ask(s, "192.168.1.8:1", "GET /uri/x", "Password: "+thePassword).Code, "another address")
		require.Equal(t, http.StatusOK, ask(s, there, "GET /uri/x", "Password: "+thePassword).Code, "known by now")
		require.Equal(t, map[int]int{http.StatusUnauthorized: maxLoginsFromPeer, http.StatusTooManyRequests: 50 - maxLoginsFromPeer}, count(50))
		addresses := func() int {
			s.login.throttle.mu.Lock()
			defer s.login.throttle.mu.Unlock()
			return len(s.login.throttle.byPeer)
		}
		require.Zero(t, addresses())

		for i := range 100 {
			flood(fmt.Sprintf("10.0.0.%d:1", i), 1)
		}
		synctest.Wait()
		require.Equal(t, maxLogins, addresses())
		require.Equal(t, maxLogins, count(100)[http.StatusUnauthorized])
		require.Zero(t, addresses())
		require.Zero(t, s.login.throttle.total)
	})
}

func TestLoginKey(t *testing.T) {
	key := func(a string) string { return loginKey(netip.MustParseAddr(a)).String() }
	require.Equal(t, "192.0.2.1/32", key("192.0.2.1"))
	require.Equal(t, key("2001:db8::1"), key("2001:db8::2"))
	require.NotEqual(t, key("2001:db8::1"), key("2001:db8:0:1::1"))
	require.Equal(t, key("fe80::1%eth0"), key("fe80::1"))
	loginKey(netip.Addr{})
}

func TestLogin_fileChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := withPassword(t)
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		s := testServer(t, o)
		try := func() int { return ask(s, there, "GET /uri/x", "Password: "+thePassword).Code }
		require.Equal(t, http.StatusOK, try())
		require.NoError(t, os.WriteFile(o.Web.PasswordFile, []byte("tahoe:"+theHash), 0o600))
		require.Equal(t, http.StatusOK, try(), "the line of htpasswd")
		other := theHash[:len(theHash)-8] + "AAAAAAAA"
		require.NoError(t, os.WriteFile(o.Web.PasswordFile, []byte(other), 0o600))
		require.Equal(t, http.StatusUnauthorized, try(), "the old one is forgotten")
		require.NoError(t, os.Remove(o.Web.PasswordFile))
		require.Equal(t, http.StatusInternalServerError, try())
		require.Contains(t, log.String(), "web.password")
		require.NotContains(t, log.String(), thePassword)
		require.NotContains(t, log.String(), "$2b$")
	})
}

func TestNew_refuses(t *testing.T) {
	tcp := nodeconf.Endpoint{Kind: nodeconf.EndpointTCP}
	for _, c := range []struct{ text, want string }{
		{"", "is empty: write one bcrypt or argon2id hash"},
		{"plain password", "is not the hash of a password"},
		{"$6$salt$hash", "does not know"},
		{theHash + "\n" + theHash, "more than one line"},
		{strings.Repeat(" ", maxPasswordFile) + theHash, "more than one line"},
		{"$2b$31$" + theHash[7:], "costs more to check"},
	} {
		file := passwordFile(t, c.text)
		_, err := New(Options{Endpoint: tcp, Web: nodeconf.WebSection{PasswordFile: file}})
		require.ErrorContains(t, err, c.want)
		require.ErrorContains(t, err, file)
		require.NotContains(t, err.Error(), "plain password")
	}
	_, err := New(Options{Endpoint: tcp, Web: nodeconf.WebSection{PasswordFile: "/nowhere/file"}})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = New(Options{Endpoint: nodeconf.Endpoint{Kind: nodeconf.EndpointTor}})
	require.ErrorContains(t, err, "web.port listen:tor: this program can listen on tcp:PORT")
}

func TestGuard_logsRoutesOnly(t *testing.T) {
	var log bytes.Buffer
	s := testServer(t, Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	ask(s, here, "GET /uri/URI%3ACHK%3Asecret?uri=secret")
	ask(s, here, "GET /secret")
	require.Contains(t, log.String(), "route=/uri/")
	require.Contains(t, log.String(), "status=404")
	require.NotContains(t, log.String(), "secret")
}

func TestGuard_panics(t *testing.T) {
	var log bytes.Buffer
	s := testServer(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	s.Handle(Public, "/bad", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("something odd") }))
	s.Handle(Public, "/late", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half")
		panic(errors.New("something late"))
	}))
	answer := ask(s, there, "GET /bad")
	require.Equal(t, http.StatusInternalServerError, answer.Code)
	require.NotContains(t, answer.Body.String(), "odd")
	require.Contains(t, log.String(), "something odd")
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { ask(s, there, "GET /late") })
	require.Contains(t, log.String(), "something late")
}

func TestHostNames(t *testing.T) {
	c := &nodeconf.Config{Web: nodeconf.WebSection{Hosts: []string{"Files.Example:443"}}}
	c.Node.TubLocation = []string{"AUTO", "tcp:pi.lan:8098", "old.lan:8098", "tor:abc.onion:1", "i2p:abc.i2p", "tcp:[2001:db8::1]:5"}
	known := newHostNames(HostNames(c, "box"))
	for _, host := range []string{"files.example", "pi.lan:3456", "old.lan", "abc.onion", "abc.i2p", "box", "box.local", "localhost", "[2001:db8::9]"} {
		require.True(t, known.has(host), host)
	}
	for _, host := range []string{"auto", "tcp", "i2p", "example", "x.pi.lan", "local", "[evil", "localhost:1:2", " "} {
		require.False(t, known.has(host), host)
	}
	require.Equal(t, []string{"Files.Example:443", "pi.lan", "old.lan", "abc.onion", "abc.i2p"}, HostNames(c, ""))
}
