package storageserver_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/storage/storageserver"
)

// fakeConn comes from an address.
type fakeConn struct {
	net.Conn
	from   net.Addr
	closed bool
}

func (c *fakeConn) RemoteAddr() net.Addr { return c.from }

func (c *fakeConn) Close() error {
	c.closed = true
	return nil
}

// fakeListener accepts what is in it, then says that it is closed.
type fakeListener struct {
	net.Listener
	conns []*fakeConn
}

func (l *fakeListener) Accept() (net.Conn, error) {
	if len(l.conns) == 0 {
		return nil, net.ErrClosed
	}
	c := l.conns[0]
	l.conns = l.conns[1:]
	return c, nil
}

func from(ip string) *fakeConn {
	return &fakeConn{from: &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}}
}

func TestLimitPeers(t *testing.T) {
	in := &fakeListener{}
	l := storageserver.LimitPeers(in, 2)
	offer := func(c *fakeConn) net.Conn {
		in.conns = append(in.conns, c)
		accepted, err := l.Accept()
		if err != nil {
			require.ErrorIs(t, err, net.ErrClosed)
			require.True(t, c.closed, "refused connections are closed")
			return nil
		}
		require.False(t, c.closed)
		return accepted
	}
	for _, row := range []struct{ name, same, sameToo, another string }{
		{"IPv4", "192.0.2.1", "192.0.2.1", "192.0.2.2"},
		{"IPv4 in IPv6", "::ffff:192.0.2.3", "192.0.2.3", "::ffff:192.0.2.4"},
		{"IPv6 network", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			first := offer(from(row.same))
			require.NotNil(t, first)
			require.NotNil(t, offer(from(row.sameToo)))
			require.Nil(t, offer(from(row.same)), "one too much")
			require.NotNil(t, offer(from(row.another)), "somebody else")
			require.NoError(t, first.Close())
			require.NoError(t, first.Close(), "counts once")
			require.NotNil(t, offer(from(row.sameToo)), "there is room again")
			require.Nil(t, offer(from(row.same)))
		})
	}
	t.Run("this machine", func(t *testing.T) {
		for _, ip := range []string{"127.0.0.1", "127.0.0.1", "127.0.0.1", "::1", "::1", "::1"} {
			require.NotNil(t, offer(from(ip)))
		}
	})
}
