package connlimit

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// conn notes that it was closed.
type conn struct {
	net.Conn
	closed bool
}

func (c *conn) Close() error { c.closed = true; return nil }

func TestTheLongestIdleGivesWay(t *testing.T) {
	l := New(3)
	a, b, c, d, e := new(conn), new(conn), new(conn), new(conn), new(conn)
	for _, one := range []*conn{a, b, c} {
		l.Changed(one, http.StateNew)
	}
	l.Changed(a, http.StateActive)
	l.Changed(a, http.StateIdle) // now b has been idle longest
	l.Changed(d, http.StateNew)
	require.True(t, b.closed)
	l.Changed(b, http.StateClosed)
	for _, one := range []*conn{a, c, d} {
		require.False(t, one.closed)
		l.Changed(one, http.StateActive)
	}
	l.Changed(e, http.StateNew)
	require.True(t, e.closed, "all others are busy")
	l.Changed(e, http.StateClosed)
	l.Changed(c, http.StateClosed)
	e = new(conn)
	l.Changed(e, http.StateNew)
	require.False(t, e.closed, "there is room again")
}

func TestShutdownDoesNotWaitForConnectionsWithoutARequest(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := New(10)
	accepted := make(chan struct{}, 1)
	server := &http.Server{ConnState: func(c net.Conn, s http.ConnState) {
		l.Changed(c, s)
		if s == http.StateNew {
			accepted <- struct{}{}
		}
	}}
	server.RegisterOnShutdown(l.CloseIdle)
	go func() { _ = server.Serve(listener) }()
	silent, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer silent.Close()
	<-accepted
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // it would be 5 s
	defer cancel()
	require.NoError(t, server.Shutdown(ctx))
}
