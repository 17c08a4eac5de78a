package storageserver

import (
	"crypto/tls"
	"net"
	"sync"
)

// handover is a listener whose connections come from the Tub, which has found
// that they are none of its own. TLS is set up on them.
type handover struct {
	tls   *tls.Config
	conns chan net.Conn
	ended chan struct{}
	end   func()
}

func newHandover(config *tls.Config) *handover {
	h := &handover{tls: config, conns: make(chan net.Conn), ended: make(chan struct{})}
	h.end = sync.OnceFunc(func() { close(h.ended) })
	return h
}

// take hands a connection to who accepts, which never takes long, or closes it
// if nobody does any more.
func (h *handover) take(conn net.Conn) {
	select {
	case h.conns <- tls.Server(conn, h.tls):
	case <-h.ended:
		_ = conn.Close() // the peer sees that we are gone
	}
}

// Accept implements net.Listener.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.ended:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handover) Close() error {
	h.end()
	return nil
}

// Addr implements net.Listener. Nobody looks at it: the address is the Tub's.
func (h *handover) Addr() net.Addr { return &net.TCPAddr{} }
