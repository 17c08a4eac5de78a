package webapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/besn0847/arm-tahoe/common/connlimit"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// Limits of a server.
const (
	// MaxHeaderSize is the size of the headers of a request in bytes, its URL
	// among them; more is 431. (net/http allows 4096 more. 1.20 has 16 KiB for
	// each line.)
	MaxHeaderSize = 32 << 10
	// HeaderTime is how long the headers of a request may take.
	HeaderTime = 15 * time.Second
	// IdleTime is how long a connection without requests is kept.
	IdleTime = 2 * time.Minute
	// DefaultMaxConns is for a machine of 1 GiB: an idle connection costs about
	// 20 KiB.
	DefaultMaxConns = 500
	// ShutdownTime is how long Shutdown waits for requests in progress if its
	// context does not end before.
	ShutdownTime = 4 * time.Second
)

// Options are what a Server is made of. OptionsFor fills them in.
type Options struct {
	Endpoint nodeconf.Endpoint   // where to listen; tcp only
	Web      nodeconf.WebSection // who may use private routes
	Hosts    []string            // names under which browsers reach the node; see HostNames
	Layout   Layout              // of the pages
	Log      *slog.Logger        // nil: none
	MaxConns int                 // 0: DefaultMaxConns
	Stats    *Stats              // nil: New makes them
	Health   *Health             // nil: New makes it
}

// OptionsFor returns the options of a node with a web port. Title and Nav of the
// layout are the caller's.
func OptionsFor(c *nodeconf.Config, logger *slog.Logger) Options {
	machine, err := os.Hostname()
	if err != nil {
		machine = "" // one name less
	}
	o := Options{Web: c.Web, Hosts: HostNames(c, machine), Layout: Layout{Nickname: c.Node.Nickname}, Log: logger}
	if c.Node.WebPort != nil {
		o.Endpoint = *c.Node.WebPort
	}
	return o
}

// Server is the web server of a node, with /statistics and /healthz. Call Listen,
// then Serve, and Shutdown at the end; what is mounted by Handle before Serve is
// there from the first request on. After Listen, its methods are safe for
// concurrent use.
type Server struct {
	options  Options
	hosts    hostNames
	login    *login
	router   router
	http     *http.Server
	listener net.Listener // set by Listen
}

// New makes a server. It fails if the password file cannot be used, or the
// endpoint is none that this program can listen on.
func New(o Options) (*Server, error) {
	if o.Endpoint.Kind != nodeconf.EndpointTCP {
		return nil, fmt.Errorf("web.port %s: this program can listen on tcp:PORT or tcp:PORT:interface=ADDRESS only", o.Endpoint)
	}
	login, err := newLogin(o.Web.PasswordFile)
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Stats == nil {
		o.Stats = NewStats()
	}
	if o.Health == nil {
		o.Health = NewHealth()
	}
	if o.MaxConns <= 0 {
		o.MaxConns = DefaultMaxConns
	}
	s := &Server{options: o, hosts: newHostNames(o.Hosts), login: login}
	s.http = s.newHTTP()
	s.Handle(Public, "/statistics", statisticsHandler(o.Stats, &s.options.Layout))
	s.Handle(Public, "/healthz", o.Health)
	return s, nil
}

func (s *Server) newHTTP() *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	limiter := connlimit.New(s.options.MaxConns)
	server := &http.Server{
		Handler:           s,
		Protocols:         &protocols,
		ReadHeaderTimeout: HeaderTime,
		IdleTimeout:       IdleTime,
		MaxHeaderBytes:    MaxHeaderSize,
		ConnState:         limiter.Changed,
		// What peers send wrongly is their business; panics are logged by us.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	server.RegisterOnShutdown(limiter.CloseIdle)
	return server
}

// Handle mounts a handler. A path that ends with a slash takes everything below
// its one part: "/uri/" has /uri/CAP and all below, but not /uri. Any other path,
// and "/", stand for themselves. Parts are compared after percent-decoding; the
// handler finds them with Segments. It panics if the path is taken or malformed,
// as with http.ServeMux.
//
// Routes that take or show caps are Private. Answers start with the headers of
// SafeHeaders, which a handler may change.
func (s *Server) Handle(access Access, path string, handler http.Handler) {
	s.router.add(access, path, handler)
}

// Stats are what /statistics shows.
func (s *Server) Stats() *Stats { return s.options.Stats }

// Health is what /healthz asks.
func (s *Server) Health() *Health { return s.options.Health }

// Layout makes pages of this server.
func (s *Server) Layout() *Layout { return &s.options.Layout }

// Listen opens the port and returns its number, for node.url. Nothing is served
// before Serve.
func (s *Server) Listen(ctx context.Context) (port uint16, err error) {
	e := s.options.Endpoint
	var config net.ListenConfig
	s.listener, err = config.Listen(ctx, e.Network(), e.Address())
	if err != nil {
		return 0, fmt.Errorf("web.port %s: %w", e, err)
	}
	return uint16(s.listener.Addr().(*net.TCPAddr).Port), nil
}

// Serve answers requests until Shutdown, and returns nil then. Listen must have
// been called.
func (s *Server) Serve() error {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.options.Stats.cpu.run(ctx)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the web: %w", err)
	}
	return nil
}

// Shutdown closes the port, lets requests in progress end until ctx ends or
// ShutdownTime has passed, and then closes their connections. It is for the Drain
// stage of a daemon.Shutdown.
func (s *Server) Shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ShutdownTime)
	defer cancel()
	if s.http.Shutdown(ctx) == nil {
		return s.closeListener()
	}
	err := s.http.Close()
	return errors.Join(err, s.closeListener())
}

// closeListener is for a server that was never told to serve.
func (s *Server) closeListener() error {
	if s.listener == nil {
		return nil
	}
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
