package webapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// serve listens on a free port and serves until the test ends.
func serve(t *testing.T, s *Server) (address string) {
	t.Helper()
	port, err := s.Listen(t.Context())
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	t.Cleanup(func() {
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, <-ended)
	})
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// pipes is a listener in memory, for bubbles of synctest.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// bubble serves in memory, with time that passes at once.
func bubble(t *testing.T, o Options, test func(t *testing.T, s *Server, listener *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		s := testServer(t, o)
		s.listener = newPipes()
		ended := make(chan error, 1)
		go func() { ended <- s.Serve() }()
		test(t, s, s.listener.(*pipes))
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, <-ended)
	})
}

func answer(t *testing.T, c net.Conn) *http.Response {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	return response
}

func TestServer_slowHeaders(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, s *Server, listener *pipes) {
		start := time.Now()
		c := listener.dial()
		_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
		require.NoError(t, err)
		_, err = io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, HeaderTime, time.Since(start))
	})
}

func TestServer_idle(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, s *Server, listener *pipes) {
		c := listener.dial()
		go io.WriteString(c, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		r := bufio.NewReader(c)
		response, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		_, err = io.ReadAll(response.Body)
		require.NoError(t, err)
		start := time.Now()
		_, err = r.ReadByte()
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, IdleTime, time.Since(start))
	})
}

func TestServer_longHeaders(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, s *Server, listener *pipes) {
		c := listener.dial()
		go io.WriteString(c, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "+strings.Repeat("x", MaxHeaderSize+8192)+"\r\n\r\n")
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, answer(t, c).StatusCode)
		c.Close()
	})
}

// A body that trickles is given up; the time that the handler takes is its own.
func TestServer_slowBody(t *testing.T) {
	bubble(t, Options{Web: nodeconf.WebSection{Allow: nodeconf.WebAllowAll}}, func(t *testing.T, s *Server, listener *pipes) {
		read := make(chan error, 1)
		s.Handle(Private, "/up", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			first := make([]byte, 1)
			_, err := io.ReadFull(r.Body, first)
			time.Sleep(time.Hour) // storing it
			if err == nil && r.Context().Err() == nil {
				_, err = io.Copy(io.Discard, r.Body)
			}
			read <- err
		}))
		c := listener.dial()
		go io.Copy(io.Discard, c)
		trickled := make(chan struct{})
		go func() {
			defer close(trickled)
			io.WriteString(c, "PUT /up HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\nx")
			for {
				if _, err := c.Write([]byte{'x'}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		start := time.Now()
		err := <-read
		var timeout net.Error
		require.True(t, errors.As(err, &timeout) && timeout.Timeout(), "%v", err)
		require.InDelta(t, time.Hour+paceTime, time.Since(start), float64(2*time.Second))
		c.Close()
		<-trickled
	})
}

// A steady body may take as long as it likes.
func TestServer_longBody(t *testing.T) {
	bubble(t, Options{Web: nodeconf.WebSection{Allow: nodeconf.WebAllowAll}}, func(t *testing.T, s *Server, listener *pipes) {
		s.Handle(Private, "/up", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			time.Sleep(time.Hour) // the peer is still there
			fmt.Fprint(w, n, err, r.Context().Err())
		}))
		c := listener.dial()
		const parts, size = 40, 64 << 10
		go func() {
			fmt.Fprintf(c, "PUT /up HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n", parts*size)
			for range parts {
				time.Sleep(20 * time.Second)
				c.Write(make([]byte, size))
			}
		}()
		text, err := io.ReadAll(answer(t, c).Body)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(parts*size, nil, nil), string(text))
		c.Close()
	})
}

// Whoever does not take the answer loses it; who takes it slowly does not.
func TestServer_slowReader(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, s *Server, listener *pipes) {
		wrote := make(chan error, 1)
		s.Handle(Public, "/down", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := w.Write(make([]byte, 4<<20))
			wrote <- err
		}))
		get := "GET /down HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
		stalled := listener.dial()
		io.WriteString(stalled, get)
		start := time.Now()
		require.Error(t, <-wrote)
		require.Equal(t, paceTime, time.Since(start))
		stalled.Close()

		slow := listener.dial()
		io.WriteString(slow, get)
		r := bufio.NewReader(slow)
		response, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		total, part := 0, make([]byte, 64<<10)
		for err == nil {
			var n int
			n, err = io.ReadFull(response.Body, part)
			total += n
			time.Sleep(20 * time.Second)
		}
		require.NoError(t, <-wrote)
		require.Equal(t, 4<<20, total)
		slow.Close()
	})
}

// A body that a refusal leaves unread holds the connection for a short time only.
func TestServer_unreadBody(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, s *Server, listener *pipes) {
		c := listener.dial()
		start := time.Now()
		io.WriteString(c, "POST /uri HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n")
		require.Equal(t, http.StatusForbidden, answer(t, c).StatusCode)
		_, err := io.ReadAll(c)
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(start), discardTime+time.Second)
	})
}

func TestServer_shutdownWaits(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, s *Server, listener *pipes) {
		for path, takes := range map[string]time.Duration{"/short": time.Second, "/long": time.Hour} {
			s.Handle(Public, path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				select {
				case <-time.After(takes):
					io.WriteString(w, "done")
				case <-r.Context().Done():
				}
			}))
		}
		short, long := listener.dial(), listener.dial()
		io.WriteString(short, "GET /short HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		io.WriteString(long, "GET /long HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		synctest.Wait()
		start := time.Now()
		ended := make(chan error)
		go func() { ended <- s.Shutdown(t.Context()) }()
		text, err := io.ReadAll(answer(t, short).Body)
		require.NoError(t, err)
		require.Equal(t, "done", string(text))
		_, err = io.ReadAll(long)
		require.NoError(t, err, "closed")
		require.NoError(t, <-ended)
		require.Equal(t, ShutdownTime, time.Since(start))
	})
}

func TestServer_neverServed(t *testing.T) {
	s := testServer(t, Options{})
	port, err := s.Listen(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Shutdown(t.Context()))
	_, err = net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	require.Error(t, err)
	require.NoError(t, testServer(t, Options{}).Shutdown(t.Context()))
}

func TestServer_portInUse(t *testing.T) {
	first := testServer(t, Options{})
	port, err := first.Listen(t.Context())
	require.NoError(t, err)
	defer first.Shutdown(t.Context())
	_, err = (&Server{options: Options{Endpoint: nodeconf.Endpoint{Kind: nodeconf.EndpointTCP, Interface: "127.0.0.1", Port: port}}}).Listen(t.Context())
	require.ErrorContains(t, err, fmt.Sprintf("web.port tcp:%d:interface=127.0.0.1: ", port))
}

// More connections than fit take the place of idle ones, never of busy ones.
func TestServer_connectionLimit(t *testing.T) {
	bubble(t, Options{MaxConns: 3}, func(t *testing.T, s *Server, listener *pipes) {
		finish := make(chan struct{})
		s.Handle(Public, "/wait", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-finish }))
		var busy []net.Conn
		hold := func() net.Conn {
			c := listener.dial()
			io.WriteString(c, "GET /wait HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
			synctest.Wait()
			return c
		}
		busy = append(busy, hold(), hold())
		idle := listener.dial()
		synctest.Wait()
		busy = append(busy, hold()) // takes the place of the idle one
		_, err := idle.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		surplus := listener.dial()
		_, err = surplus.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		close(finish)
		for _, c := range busy {
			require.Equal(t, http.StatusOK, answer(t, c).StatusCode)
			c.Close()
		}
	})
}

// TestHealthcheck: the subcommand of the roles asks this server.
func TestHealthcheck(t *testing.T) {
	t.Setenv("TAHOE_BASEDIR", "")
	base := t.TempDir()
	require.NoError(t, nodeconf.Create(base, nodeconf.NewNode{Kind: nodeconf.KindIntroducer, Nickname: "n", TubPorts: []string{"tcp:1"}, TubLocations: []string{"tcp:127.0.0.1:1"}, WebPort: "tcp:0:interface=127.0.0.1"}))
	config, err := nodeconf.Load(base)
	require.NoError(t, err)
	dir, err := nodeconf.OpenDir(base)
	require.NoError(t, err)
	s, err := New(OptionsFor(config, nil))
	require.NoError(t, err)
	var mu sync.Mutex
	var broken error
	s.Health().Register("disk", func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		return broken
	})
	port, err := s.Listen(t.Context())
	require.NoError(t, err)
	require.NoError(t, dir.WriteNodeURL(*config.Node.WebPort, port))
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()

	check := func() (int, string) {
		var stdout, stderr strings.Builder
		p := daemon.Program{Name: "introducer", Role: daemon.Introducer, Run: func(context.Context, *daemon.Node) error { return nil }}
		code := daemon.Main(t.Context(), p, []string{"healthcheck", "--basedir", base}, &stdout, &stderr)
		return code, stdout.String() + stderr.String()
	}
	code, text := check()
	require.Equal(t, daemon.ExitOK, code, text)
	require.Equal(t, "healthy\n", text)
	mu.Lock()
	broken = errors.New("no space left on device")
	mu.Unlock()
	code, text = check()
	require.Equal(t, daemon.ExitFailure, code)
	require.Contains(t, text, "503")
	require.Contains(t, text, `"disk": "failed: no space left on device"`)
	require.NoError(t, s.Shutdown(t.Context()))
	require.NoError(t, <-ended)
	code, _ = check()
	require.Equal(t, daemon.ExitFailure, code)
}

// TestServer_overTCP: a real client, twice over one connection.
func TestServer_overTCP(t *testing.T) {
	address := serve(t, testServer(t, Options{}))
	for _, path := range []string{"/pub", "/uri/x", "/statistics?t=json", "/healthz"} {
		response, err := http.Get("http://" + address + path)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode, string(text))
	}
}
