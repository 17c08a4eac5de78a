package connlimit

import (
	"net"
	"net/http"
	"testing"

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
