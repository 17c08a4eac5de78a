package storageserver_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/storagehttp"
	"github.com/besn0847/arm-tahoe/common/storagetest"
	"github.com/besn0847/arm-tahoe/storage/storageserver"
)

// crowd are connections to one address.
type crowd struct {
	address string
	mu      sync.Mutex // guards conns
	conns   []net.Conn
}

// open makes n connections, some at a time, and lets each begin. That a server
// closes them is its good right.
func (c *crowd) open(t *testing.T, n int, begin func(net.Conn) net.Conn) {
	t.Helper()
	var group sync.WaitGroup
	slots := make(chan struct{}, 16)
	for range n {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			conn, err := net.Dial("tcp4", c.address)
			if err != nil {
				return // the backlog of the listener is full: a crowd is refused
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			conn = begin(conn)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.conns = append(c.conns, conn)
		})
	}
	group.Wait()
}

func (c *crowd) close() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// The ways to hold a connection without doing anything.
var idlers = []struct {
	name  string
	share int // of the crowd, in per cent
	begin func(net.Conn) net.Conn
}{
	{"silent", 20, func(c net.Conn) net.Conn { return c }},
	{"half a request of Foolscap", 10, func(c net.Conn) net.Conn {
		_, _ = io.WriteString(c, "GET /id/")
		return c
	}},
	{"half a ClientHello", 10, func(c net.Conn) net.Conn {
		_, _ = io.WriteString(c, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
		return c
	}},
	{"TLS and half a header", 30, func(c net.Conn) net.Conn { return secured(c, "GET /storage/v1/version HTTP/1.1\r\nHo") }},
	{"TLS and a request", 30, func(c net.Conn) net.Conn {
		c = secured(c, "GET /storage/v1/version HTTP/1.1\r\nHost: x\r\n\r\n")
		_, _ = c.Read(make([]byte, 1)) // 401
		return c
	}},
}

func secured(c net.Conn, first string) net.Conn {
	s := tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // an enemy does not care who it is
	_, _ = io.WriteString(s, first)
	return s
}

// TestCrowd holds thousands of connections to a storage node in every way that
// costs it something, while a client works; the memory stays within its limit.
func TestCrowd(t *testing.T) {
	size := 4000
	if testing.Short() {
		size = 400
	}
	c := spawn(t, t.TempDir())
	c.ready(t)
	nurl, err := storagehttp.ParseNURL(c.NURL)
	require.NoError(t, err)
	idle := c.memory(t)
	mob := &crowd{address: nurl.Address()}
	defer mob.close()
	for _, kind := range idlers {
		mob.open(t, size*kind.share/100, kind.begin)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		si := freshSI()
		require.NoError(t, store(ctx, clientOf(t, c.NURL), si, storagetest.Lease('a'), []byte("still served")), kind.name)
		_, err := read(ctx, foolscapClient(t, c.FURL), si, 12)
		require.NoError(t, err, kind.name)
		cancel()
	}
	used := c.memory(t) - idle
	t.Logf("%d connections: %d KiB beside %d KiB idle", len(mob.conns), used>>10, idle>>10)
	require.Less(t, used, min(storageserver.MaxConnMemory, int64(size)*48<<10))
	mob.close()
	c.end(t)
}

// TestFoolscapCrowd is the same with negotiated connections of Foolscap, each of
// a Tub of its own.
func TestFoolscapCrowd(t *testing.T) {
	const size = 50
	c := spawn(t, t.TempDir())
	c.ready(t)
	idle := c.memory(t)
	for range size {
		_, err := foolscapClient(t, c.FURL).Version(t.Context())
		require.NoError(t, err)
	}
	used := c.memory(t) - idle
	t.Logf("%d Foolscap connections: %d KiB each", size, used/size>>10)
	require.Less(t, used/size, int64(storageserver.MaxConnMemory/2/storageserver.MaxFoolscapConns))
	c.end(t)
}

// More Foolscap connections than the Tub takes are refused, and those that are
// there go on.
func TestTooManyTubs(t *testing.T) {
	cfg := newConfig(t, t.TempDir(), "", "")
	limits := storageserver.TubLimits()
	limits.Connections = 2
	n, err := start(cfg, limits)
	require.NoError(t, err)
	defer n.halt(t)
	one, two := foolscapClient(t, n.fields.FURL), foolscapClient(t, n.fields.FURL)
	f, err := furl.Parse(n.fields.FURL)
	require.NoError(t, err)
	three := newTub(t)
	_, err = three.GetReference(t.Context(), f)
	require.Error(t, err)
	for _, client := range []grid.StorageServer{one, two} {
		_, err := client.Version(t.Context())
		require.NoError(t, err)
	}
	_, err = n.client(t).Version(t.Context())
	require.NoError(t, err, "HTTPS has its own")
}
