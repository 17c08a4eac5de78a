package foolscap

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// Dialer connects to where a hint points. It obeys ctx.
type Dialer func(ctx context.Context, hint furl.Hint) (net.Conn, error)

// ErrNoHint says that no hint of a FURL could be tried.
var ErrNoHint = errors.New("no usable connection hint")

// DialTCP connects by a tcp hint: an IPv4 or IPv6 address or a name.
func DialTCP(ctx context.Context, hint furl.Hint) (net.Conn, error) {
	host, port, err := hint.HostPort()
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
}

// attempt is one try to connect to a peer, shared by all who want to.
type attempt struct {
	done   chan struct{} // closed when conn or err is set
	conn   *connection
	err    error
	cancel context.CancelFunc // ends the tries that are still under way
}

// succeed and fail are called with the tub's mu held; the first one counts.
func (a *attempt) succeed(c *connection) {
	if a.conn == nil && a.err == nil {
		a.conn = c
		close(a.done)
		a.cancel()
	}
}

func (a *attempt) fail(err error) {
	if a.conn == nil && a.err == nil {
		a.err = err
		close(a.done)
	}
}

// GetReference connects to the tub of a FURL, if there is no connection, and
// returns a reference to the object, which the caller releases. It blocks until
// then, until ctx ends, or until NegotiationTimeout is over.
func (t *Tub) GetReference(ctx context.Context, f furl.FURL) (*Reference, error) {
	if f.IsZero() {
		return nil, errors.New("get a reference: no FURL")
	}
	c, err := t.connect(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("connect to tub %s: %w", f.TubID(), err)
	}
	v, err := c.call(ctx, 0, "getReferenceByName", []banana.Value{Named{"name", banana.Bytes(f.Swissnum().Reveal())}})
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case *Reference:
		return v, nil
	default:
		releaseAll(collect(nil, v))
		return nil, fmt.Errorf("get a reference from tub %s: the answer is %s", f.TubID(), v.Kind())
	}
}

// connect returns the connection to the tub of a FURL, making one if needed.
func (t *Tub) connect(ctx context.Context, f furl.FURL) (*connection, error) {
	if f.TubID() == t.id {
		return t.loopback()
	}
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil, ErrClosed
	}
	if c := t.connections[f.TubID()]; c != nil {
		t.mu.Unlock()
		return c, nil
	}
	a := t.attempts[f.TubID()]
	if a == nil {
		a = t.startAttempt(f)
	}
	t.mu.Unlock()
	select {
	case <-a.done:
		return a.conn, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// startAttempt dials in goroutines of its own, so that who gives up first does
// not end it for others. t.mu is held.
func (t *Tub) startAttempt(f furl.FURL) *attempt {
	ctx, cancel := context.WithTimeout(t.ctx, NegotiationTimeout)
	a := &attempt{done: make(chan struct{}), cancel: cancel}
	t.attempts[f.TubID()] = a
	t.goroutine(func() {
		defer cancel()
		c, err := t.dialAll(ctx, f)
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.attempts[f.TubID()] == a {
			delete(t.attempts, f.TubID())
		}
		if c != nil {
			a.succeed(c)
		} else {
			a.fail(err)
		}
	})
	return a
}

// dialAll tries all hints at once. The first connection wins, also one that the
// peer makes to us in the meantime: install ends ctx then.
func (t *Tub) dialAll(ctx context.Context, f furl.FURL) (*connection, error) {
	type outcome struct {
		conn *connection
		err  error
	}
	results := make(chan outcome)
	tries := 0
	errs := []error{ErrNoHint}
	for _, text := range f.Hints() {
		hint, err := furl.ParseHint(text)
		dial := t.dialers[hint.Type]
		if err != nil || dial == nil {
			errs = append(errs, fmt.Errorf("%s: no handler for this hint", printable(text)))
			continue
		}
		tries++
		t.goroutine(func() {
			c, err := t.dialHint(ctx, dial, hint, f.TubID())
			results <- outcome{c, err}
		})
	}
	var won *connection
	for range tries {
		r := <-results
		if r.err != nil {
			errs = append(errs, r.err)
			continue
		}
		won = r.conn
	}
	if won != nil {
		return won, nil
	}
	if tries > 0 {
		errs = errs[1:]
	}
	return nil, errors.Join(errs...)
}

// dialHint connects and negotiates by one hint.
func (t *Tub) dialHint(ctx context.Context, dial Dialer, hint furl.Hint, id grid.TubID) (*connection, error) {
	conn, err := dial(ctx, hint)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", hint, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c, err := t.clientNegotiation(ctx, conn, hint, id, stop)
	if err != nil {
		stop()
		_ = conn.Close()
		return nil, fmt.Errorf("%s: %w", hint, err)
	}
	c.mu.Lock()
	c.hint = hint.String()
	c.mu.Unlock()
	return c, nil
}

// clientNegotiation is the connecting side (negotiate.py sendPlaintextClient,
// handlePLAINTEXTClient).
func (t *Tub) clientNegotiation(ctx context.Context, conn net.Conn, hint furl.Hint, id grid.TubID, claim func() bool) (*connection, error) {
	if err := conn.SetDeadline(time.Now().Add(NegotiationTimeout)); err != nil {
		return nil, err
	}
	host, _, err := hint.HostPort()
	if err != nil {
		host = hint.Rest
	}
	request := fmt.Sprintf("GET /id/%s HTTP/1.1\r\nHost: %s\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n", id, host)
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(conn, maxBlockSize)
	block, err := readBlock(in)
	if err != nil {
		return nil, fmt.Errorf("plaintext answer: %w", err)
	}
	if err := checkReply(string(block)); err != nil {
		return nil, err
	}
	early, _ := in.Peek(in.Buffered())
	secured := tls.Client(&prefixConn{Conn: &gatherConn{Conn: conn}, prefix: early}, t.certificate.tlsConfig())
	return t.negotiate(ctx, secured, &id, claim)
}

func checkReply(block string) error {
	line, _, _ := strings.Cut(block, "\r\n")
	if fields := strings.Fields(line); len(fields) < 2 || fields[1] != "101" {
		_, text, ok := strings.Cut(line, "500 Internal Server Error: ")
		if !ok {
			text = "no 101 Switching Protocols"
		}
		return &NegotiationError{printable(text), true}
	}
	if !strings.Contains(block, "Upgrade: TLS/1.0") {
		return errors.New("header didn't contain TLS upgrade")
	}
	return nil
}

// loopback connects the Tub to itself, by a pipe and without negotiation
// (negotiate.py loopbackDecision).
func (t *Tub) loopback() (*connection, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	if c := t.connections[t.id]; c != nil {
		return c, nil
	}
	here, there := net.Pipe()
	vocab := banana.VocabTable(banana.MaxVocab)
	var ends [2]*connection
	for i, pipe := range []net.Conn{here, there} {
		noted := &activity{in: pipe}
		ends[i] = newConnection(t, t.id, pipe, bufio.NewReaderSize(noted, banana.ReadBufferSize), vocab)
		noted.conn = ends[i]
		t.all[ends[i]] = struct{}{}
	}
	t.connections[t.id] = ends[0]
	for _, end := range ends {
		end.start(nil)
	}
	return ends[0], nil
}
