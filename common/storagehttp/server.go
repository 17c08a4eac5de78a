package storagehttp

import (
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of a server that ServerOptions does not change.
const (
	// MaxHeaderSize is the size of the headers of a request in bytes; more is
	// 431. (net/http allows 4096 more.)
	MaxHeaderSize = 16 << 10
	// HeaderTime is how long TLS and then the headers may take.
	HeaderTime = 15 * time.Second
	// IdleTime is how long a connection without requests is kept. Clients of
	// 1.20 ask for the version every second.
	IdleTime = 2 * time.Minute
	// DefaultMaxConns is for a machine of 1 GiB: an idle connection costs
	// about 40 KiB.
	DefaultMaxConns = 1000
)

// ServerOptions bounds what connections may cost.
type ServerOptions struct {
	// MaxConns is how many connections are served at once; 0 is
	// DefaultMaxConns. One more takes the place of that which has been idle
	// longest; it is closed itself if all are busy.
	MaxConns int
}

// NewServer returns a server for the handler (a *Handler, or one that wraps it)
// with the limits of this package. Its Serve takes connections on which TLS is
// set up by ServerTLS: *tls.Conn, so that the server does the handshake. Call
// Shutdown to end it: requests in progress are finished.
func NewServer(handler http.Handler, options ServerOptions) *http.Server {
	if options.MaxConns <= 0 {
		options.MaxConns = DefaultMaxConns
	}
	limiter := &connLimiter{limit: options.MaxConns, seen: map[net.Conn]uint64{}}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           handler,
		Protocols:         &protocols,
		ReadHeaderTimeout: HeaderTime,
		IdleTimeout:       IdleTime,
		MaxHeaderBytes:    MaxHeaderSize,
		ConnState:         limiter.changed,
		// Handshakes that fail are the peer's business, and there may be many.
		ErrorLog: log.New(io.Discard, "", 0),
	}
}

// connLimiter closes connections beyond a limit. Safe for concurrent use.
type connLimiter struct {
	limit int

	mu    sync.Mutex // guards all below
	clock uint64     // counts changes of state
	// seen has all open connections: when they became idle, or busy.
	seen map[net.Conn]uint64
}

// busy is the time of connections with a request in progress.
const busy = 0

// changed is the ConnState of an http.Server.
func (l *connLimiter) changed(conn net.Conn, state http.ConnState) {
	if surplus := l.record(conn, state); surplus != nil {
		_ = surplus.Close() // the server notices and forgets it
	}
}

// record returns a connection to be closed, or nil.
func (l *connLimiter) record(conn net.Conn, state http.ConnState) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	switch state {
	case http.StateActive:
		l.seen[conn] = busy
	case http.StateNew, http.StateIdle:
		l.seen[conn] = l.clock
	default:
		delete(l.seen, conn)
	}
	if state != http.StateNew || len(l.seen) <= l.limit {
		return nil
	}
	return l.longestIdle()
}

// longestIdle forgets a connection and returns it. There is at least the new
// one.
func (l *connLimiter) longestIdle() (oldest net.Conn) {
	at := l.clock
	for conn, since := range l.seen {
		if since != busy && since <= at {
			oldest, at = conn, since
		}
	}
	delete(l.seen, oldest)
	return oldest
}
