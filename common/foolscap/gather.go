package foolscap

import (
	"crypto/tls"
	"net"
	"sync"
)

// gatherSize is how many bytes go to the kernel at once: some records of TLS,
// each of which crypto/tls writes by itself.
const gatherSize = 64 << 10

// maxGathering bounds the buffers in use, 4 MiB in all: a peer that does not read
// keeps one. Who comes when they are taken writes record by record.
const maxGathering = 64

// gathering holds a token for each buffer in use.
var gathering = make(chan struct{}, maxGathering)

var gatherBuffers = sync.Pool{New: func() any { return new([gatherSize]byte) }}

// gatherConn is a connection below TLS that puts the records of a long write
// together. Safe for concurrent use: TLS also writes records of its own.
type gatherConn struct {
	net.Conn

	mu     sync.Mutex
	buffer *[gatherSize]byte // nil: everything is written at once
	held   int               // bytes in buffer
	err    error             // of an earlier write; ends the connection
}

// gatherBelow returns the gatherConn below a connection, or nil.
func gatherBelow(wire net.Conn) *gatherConn {
	secured, ok := wire.(*tls.Conn)
	if !ok {
		return nil
	}
	below, ok := secured.NetConn().(*prefixConn)
	if !ok {
		return nil
	}
	g, _ := below.Conn.(*gatherConn)
	return g
}

// begin holds back what is written until there is enough of it, or end is called,
// if there is a buffer for that.
func (g *gatherConn) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.buffer != nil {
		return
	}
	select {
	case gathering <- struct{}{}:
		g.buffer = gatherBuffers.Get().(*[gatherSize]byte)
	default:
	}
}

// end writes what is held back. The error is that of any write since begin.
func (g *gatherConn) end() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.drain()
	if g.buffer != nil {
		gatherBuffers.Put(g.buffer)
		g.buffer = nil
		<-gathering
	}
	return err
}

// Write writes all of b, now or later.
func (g *gatherConn) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return 0, g.err
	}
	if g.buffer == nil {
		return g.Conn.Write(b)
	}
	if g.held+len(b) > gatherSize {
		if err := g.drain(); err != nil {
			return 0, err
		}
	}
	if len(b) > gatherSize {
		return g.Conn.Write(b)
	}
	g.held += copy(g.buffer[g.held:], b)
	return len(b), nil
}

// drain writes what is held back. The mutex is held.
func (g *gatherConn) drain() error {
	if g.err != nil || g.held == 0 {
		return g.err
	}
	_, g.err = g.Conn.Write(g.buffer[:g.held])
	g.held = 0
	return g.err
}
