package storageserver

import (
	"net"
	"net/netip"
	"sync"
)

// peerListener bounds the connections of each peer.
type peerListener struct {
	net.Listener
	most int

	mu   sync.Mutex // guards open
	open map[netip.Prefix]int
}

// LimitPeers returns a listener that accepts at most so many connections at once
// from one peer, and closes what is more. A peer is an IPv4 address, or an IPv6
// network of 64 bits, which is what one customer has at least. This machine
// itself is not limited: through Tor everybody comes from there.
func LimitPeers(listener net.Listener, most int) net.Listener {
	return &peerListener{Listener: listener, most: most, open: map[netip.Prefix]int{}}
}

// Accept waits for a connection that is not too much.
func (l *peerListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, limited := peerOf(conn.RemoteAddr())
		if !limited {
			return conn, nil
		}
		if l.enter(peer) {
			return &peerConn{Conn: conn, leave: sync.OnceFunc(func() { l.leave(peer) })}, nil
		}
		_ = conn.Close() // it was never served
	}
}

// peerOf says who has an address, and whether there is a limit for them.
func peerOf(addr net.Addr) (peer netip.Prefix, limited bool) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}, false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	if !ip.IsValid() || ip.IsLoopback() {
		return netip.Prefix{}, false
	}
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	peer, err := ip.Prefix(bits)
	return peer, err == nil
}

func (l *peerListener) enter(peer netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[peer] >= l.most {
		return false
	}
	l.open[peer]++
	return true
}

func (l *peerListener) leave(peer netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[peer]--; l.open[peer] == 0 {
		delete(l.open, peer)
	}
}

// peerConn tells when it is closed.
type peerConn struct {
	net.Conn
	leave func()
}

// Close closes the connection, and makes room for another of its peer.
func (c *peerConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
