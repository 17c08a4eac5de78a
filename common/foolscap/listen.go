package foolscap

import (
	"bufio"
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

var noDeadline time.Time

// firstBytes is how much of a connection tells the protocol (protocol_switch.py).
const firstBytes = "GET /id/"

const (
	plaintextReply = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.0, PB/1.0\r\nConnection: Upgrade\r\n\r\n"
	plaintextError = "HTTP/1.1 500 Internal Server Error: %s\r\n\r\n"
)

// Serve accepts connections until ctx ends, the Tub is closed, or the listener
// fails. It closes the listener. The error is nil in the first two cases.
func (t *Tub) Serve(ctx context.Context, listener net.Listener) error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		_ = listener.Close()
		return ErrClosed
	}
	t.listeners = append(t.listeners, listener)
	t.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	defer func() { _ = listener.Close() }()
	for {
		conn, err := listener.Accept()
		switch {
		case err == nil:
			t.accept(conn)
		case ctx.Err() != nil || t.ctx.Err() != nil:
			return nil
		case temporary(err):
			t.log.Warn("accept a connection", "err", err)
			if !pause(ctx, acceptPause) {
				return nil
			}
		default:
			return fmt.Errorf("accept on %s: %w", listener.Addr(), err)
		}
	}
}

// acceptPause is how long a listener rests when the system has no more file
// descriptors.
const acceptPause = 100 * time.Millisecond

func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary() && !errors.Is(err, net.ErrClosed)
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// halfOpen are connections that are not negotiated yet, the oldest first.
type halfOpen struct {
	mu    sync.Mutex
	conns list.List // of net.Conn; guarded by mu
}

func (h *halfOpen) add(conn net.Conn, limit int) *list.Element {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.conns.Len() >= limit {
		oldest := h.conns.Front()
		h.conns.Remove(oldest)
		_ = oldest.Value.(net.Conn).Close()
	}
	return h.conns.PushBack(conn)
}

func (h *halfOpen) remove(e *list.Element) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns.Remove(e)
}

// closeHalfOpen ends all negotiations.
func (t *Tub) closeHalfOpen() {
	t.half.mu.Lock()
	defer t.half.mu.Unlock()
	for e := t.half.conns.Front(); e != nil; e = e.Next() {
		_ = e.Value.(net.Conn).Close()
	}
}

// accept finds out in a goroutine what a new connection wants.
func (t *Tub) accept(conn net.Conn) {
	if t.ctx.Err() != nil {
		_ = conn.Close()
		return
	}
	e := t.half.add(conn, t.limits.HalfOpen)
	t.goroutine(func() {
		defer t.half.remove(e)
		if err := t.welcome(conn); err != nil {
			_ = conn.Close()
			t.log.Debug("no connection", "remote", addrOf(conn), "err", err)
		}
	})
}

func addrOf(conn net.Conn) string {
	if a := conn.RemoteAddr(); a != nil {
		return a.String()
	}
	return ""
}

// welcome reads the first bytes. The connection is closed by the caller if there
// is an error, and belongs to somebody else if not.
func (t *Tub) welcome(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(FirstBytesTimeout)); err != nil {
		return err
	}
	first := make([]byte, len(firstBytes))
	n, err := io.ReadFull(conn, first)
	if err != nil {
		return err
	}
	replay := &prefixConn{Conn: conn, prefix: first[:n]}
	if string(first) != firstBytes {
		if t.otherProtocol == nil {
			return errors.New("not Foolscap")
		}
		if err := conn.SetDeadline(noDeadline); err != nil {
			return err
		}
		t.otherProtocol(replay)
		return nil
	}
	if err := conn.SetDeadline(time.Now().Add(NegotiationTimeout)); err != nil {
		return err
	}
	return t.serverNegotiation(replay)
}

// serverNegotiation is the listening side (negotiate.py handlePLAINTEXTServer).
func (t *Tub) serverNegotiation(conn net.Conn) error {
	in := bufio.NewReaderSize(conn, maxBlockSize)
	block, err := readBlock(in)
	if err != nil {
		return err
	}
	if err := t.checkRequest(string(block)); err != nil {
		text := internalText
		var known *NegotiationError
		if errors.As(err, &known) {
			text = known.Text
		}
		_, _ = fmt.Fprintf(conn, plaintextError, text)
		return err
	}
	if _, err := io.WriteString(conn, plaintextReply); err != nil {
		return err
	}
	early, _ := in.Peek(in.Buffered())
	secured := tls.Server(&prefixConn{Conn: &gatherConn{Conn: conn}, prefix: early}, t.certificate.tlsConfig())
	_, err = t.negotiate(t.ctx, secured, nil, nil)
	return err
}

// checkRequest looks at the plaintext block, whose first bytes are known.
func (t *Tub) checkRequest(block string) error {
	line, _, _ := strings.Cut(block, "\r\n")
	fields := strings.Fields(line)
	if len(fields) == 2 && strings.HasPrefix(line, firstBytes+" ") || len(fields) == 3 && fields[1] == "/id/" {
		return &NegotiationError{Text: "secure Tubs require encryption"}
	}
	if len(fields) != 3 {
		return errors.New("not a request")
	}
	id := strings.TrimPrefix(fields[1], "/id/")
	if id != t.id.String() {
		return &NegotiationError{Text: "unknown TubID " + printable(id)}
	}
	return nil
}

// prefixConn gives bytes back that were read from a connection.
type prefixConn struct {
	net.Conn
	prefix []byte
}

// Read returns the bytes given back first.
func (p *prefixConn) Read(b []byte) (int, error) {
	if len(p.prefix) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.prefix)
	if p.prefix = p.prefix[n:]; len(p.prefix) == 0 {
		p.prefix = nil
	}
	return n, nil
}

// NetConn returns the connection below.
func (p *prefixConn) NetConn() net.Conn { return p.Conn }
