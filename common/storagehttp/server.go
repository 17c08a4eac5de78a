package storagehttp

import (
	"io"
	"log"
	"net/http"
	"time"

	"github.com/besn0847/arm-tahoe/common/connlimit"
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
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	limiter := connlimit.New(options.MaxConns)
	server := &http.Server{
		Handler:           handler,
		Protocols:         &protocols,
		ReadHeaderTimeout: HeaderTime,
		IdleTimeout:       IdleTime,
		MaxHeaderBytes:    MaxHeaderSize,
		ConnState:         limiter.Changed,
		// Handshakes that fail are the peer's business, and there may be many.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	server.RegisterOnShutdown(limiter.CloseIdle)
	return server
}
