package foolscap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// connection is one negotiated connection, Foolscap's Broker. Idle, it costs one
// goroutine, which reads; those that write and that run calls come and go.
type connection struct {
	tub    *Tub
	peer   grid.TubID
	wire   net.Conn // TLS, or a pipe to ourselves
	reader *banana.Reader
	log    *slog.Logger

	incarnation string // the peer's, as it said
	seqnum      uint64 // of the decision, if we are the master

	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{}

	lastReceived atomic.Int64 // nanoseconds of the clock

	// Used by the reading goroutine only.
	arrived []*Reference  // in the message at hand
	object  Referenceable // target of the call at hand

	mu       sync.Mutex
	closed   bool   // guards, with mu, all that follows
	started  bool   // the wire is ours; before, messages wait
	hint     string // by which we dialled; "" if the peer did
	err      error
	timer    *time.Timer // housekeeping
	writer   *banana.Writer
	queued   int64 // bytes that wait for the peer to read
	flushing bool
	drained  chan struct{} // closed when queued falls; nil if nobody waits

	lastRequest int64
	waiting     map[int64]*pending
	lastCLID    int64
	exports     map[int64]*export
	byObject    map[Referenceable]*export
	sending     []*export // in the message being written
	imports     map[int64]*remoteObject

	calls      []*inbound
	callsSize  int64 // memory of calls
	running    bool  // a goroutine works on calls
	unblocked  int   // handlers that run beside it
	callsTaken chan struct{}

	watchers  map[int64]func()
	lastWatch int64

	localsMu sync.Mutex // guards locals, and is held while one is made
	locals   map[any]any
}

// pending is a call of ours that waits for its answer.
type pending struct {
	answer chan answer // of one place, or nil
	limit  int64       // memory of the answer in bytes; 0 for the tub's limit
	// done, if not nil, is called with the connection's mu held.
	done      func(banana.Value, error)
	abandoned bool // guarded by the connection's mu
}

type answer struct {
	value banana.Value
	err   error
}

func newConnection(t *Tub, peer grid.TubID, wire net.Conn, in *bufio.Reader, vocab *banana.Vocab) *connection {
	c := &connection{
		tub: t, peer: peer, wire: wire, log: t.log.With("peer", peer.String()),
		done:    make(chan struct{}),
		writer:  banana.NewWriter(vocab),
		waiting: map[int64]*pending{}, exports: map[int64]*export{}, byObject: map[Referenceable]*export{},
		imports: map[int64]*remoteObject{}, watchers: map[int64]func(){},
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.writer.Extend = c.writeExtension
	c.reader = banana.NewReader(in, vocab)
	c.reader.Limits = t.limits.Message
	c.reader.Admit = c.admit
	c.reader.Reserve = func(n int64) error { return t.memory.take(c.ctx, n) }
	c.reader.Ping = c.pong
	c.reader.Extensions = map[string]banana.Extension{
		"arguments": readArguments, "copyable": readCopyable,
		"my-reference": c.readMyReference, "your-reference": c.readYourReference, "their-reference": refuseGift,
	}
	return c
}

// start begins to read, and to write what waits, after the decision block if
// there is one. The tub counts the goroutine.
func (c *connection) start(decision []byte) {
	c.lastReceived.Store(time.Now().UnixNano())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.timer = time.AfterFunc(c.tick(), c.housekeep)
	c.tub.goroutine(func() {
		if len(decision) > 0 {
			if _, err := (&stallWriter{c.wire}).Write(decision); err != nil {
				c.close(lost(err))
				return
			}
		}
		c.mu.Lock()
		c.started = true
		c.startFlush()
		c.mu.Unlock()
		c.read()
	})
}

func lost(err error) error { return fmt.Errorf("%w: %w", ErrDisconnected, err) }

// read handles messages until the connection ends.
func (c *connection) read() {
	for {
		c.arrived, c.object = c.arrived[:0], nil
		m, err := c.reader.Next()
		c.lastReceived.Store(time.Now().UnixNano())
		if err != nil {
			if m != nil {
				c.tub.memory.give(m.Reserved)
			}
			c.readFailed(err)
			return
		}
		c.receive(m)
	}
}

// readFailed tells the peer what was wrong, if it was the peer.
func (c *connection) readFailed(err error) {
	var protocol *banana.ProtocolError
	if errors.As(err, &protocol) {
		c.mu.Lock()
		if !c.closed {
			c.writer.Error(protocol.Error())
			c.startFlush()
		}
		c.mu.Unlock()
		c.waitFlushed(errorLinger)
	}
	c.close(lost(err))
}

// errorLinger is how long an ERROR token may take to leave.
const errorLinger = 2 * time.Second

// waitFlushed waits until everything is written, or the time is over.
func (c *connection) waitFlushed(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		c.mu.Lock()
		if c.closed || !c.flushing {
			c.mu.Unlock()
			return
		}
		wait := c.waitDrained()
		c.mu.Unlock()
		select {
		case <-wait:
		case <-c.done:
		case <-timer.C:
			return
		}
	}
}

// waitDrained returns a channel that is closed when queued falls. c.mu is held.
func (c *connection) waitDrained() <-chan struct{} {
	if c.drained == nil {
		c.drained = make(chan struct{})
	}
	return c.drained
}

// close ends the connection with a reason, once. Requests fail, watchers run,
// references die.
func (c *connection) close(reason error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed, c.err = true, reason
	waiting, watchers, exports := c.waiting, c.watchers, c.exports
	for _, p := range waiting {
		if p.done != nil {
			p.done(nil, reason)
		}
	}
	c.waiting, c.watchers, c.exports, c.byObject, c.imports = nil, nil, nil, nil, nil
	batch := c.writer.Take()
	if c.timer != nil {
		c.timer.Stop()
	}
	c.mu.Unlock()

	c.cancel(reason)
	close(c.done)
	closeWire(c.wire)
	if batch != nil {
		c.discard(batch)
	}
	c.tub.detached(c, reason)
	for _, p := range waiting {
		p.finish(nil, reason)
	}
	c.tub.goroutine(func() { notify(watchers, exports) })
}

// closeWire closes without a word of TLS: a peer that does not read must not
// hold us up.
func closeWire(conn net.Conn) {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn()
	}
	_ = conn.Close()
}

func notify(watchers map[int64]func(), exports map[int64]*export) {
	for _, f := range watchers {
		f()
	}
	for _, e := range exports {
		if u, ok := e.object.(Unreferencer); ok {
			u.Unreferenced()
		}
	}
}

// finish hands the answer to who waits for it.
func (p *pending) finish(v banana.Value, err error) {
	if p.answer != nil {
		p.answer <- answer{v, err}
	}
}

// onClose implements Reference.OnDisconnect.
func (c *connection) onClose(f func()) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		c.tub.goroutine(f)
		return func() {}
	}
	c.lastWatch++
	id := c.lastWatch
	c.watchers[id] = f
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.watchers, id)
	}
}

// local implements Request.Local.
func (c *connection) local(key any, create func() any) any {
	c.localsMu.Lock()
	defer c.localsMu.Unlock()
	v, ok := c.locals[key]
	if !ok {
		if c.locals == nil {
			c.locals = map[any]any{}
		}
		v = create()
		c.locals[key] = v
	}
	return v
}

// pong answers a PING. A peer that asks without reading is stopped by the limit
// of what waits for it.
func (c *connection) pong(number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.queued+c.writer.Size() > c.tub.limits.Outgoing {
		return
	}
	c.writer.Pong(number)
	c.startFlush()
}

// startFlush lets a goroutine write what is in the writer. c.mu is held.
func (c *connection) startFlush() {
	if c.flushing || !c.started || c.closed || c.writer.Size() == 0 {
		return
	}
	c.flushing = true
	c.tub.goroutine(c.flush)
}

func (c *connection) flush() {
	out := &stallWriter{c.wire}
	for {
		c.mu.Lock()
		batch := c.writer.Take()
		if batch == nil || c.closed {
			c.flushing = false
			c.wakeDrained()
			c.mu.Unlock()
			if batch != nil {
				c.discard(batch)
			}
			return
		}
		c.mu.Unlock()
		err := c.transmit(out, batch)
		c.discard(batch)
		if err != nil {
			c.close(lost(err))
		}
	}
}

// transmit writes a batch, a large one in few calls of the kernel.
func (c *connection) transmit(out *stallWriter, batch *banana.Batch) error {
	g := gatherBelow(c.wire)
	if g == nil || batch.Size() < gatherSize/4 {
		_, err := batch.WriteTo(out)
		return err
	}
	g.begin()
	_, err := batch.WriteTo(out)
	return errors.Join(err, g.end())
}

// discard accounts for a batch that is written or never will be.
func (c *connection) discard(batch *banana.Batch) {
	size := batch.Size()
	batch.Release()
	c.mu.Lock()
	counted := min(size, c.queued)
	c.queued -= counted
	c.wakeDrained()
	c.mu.Unlock()
	c.tub.outgoing.give(counted)
}

func (c *connection) wakeDrained() {
	if c.drained != nil {
		close(c.drained)
		c.drained = nil
	}
}

// enqueued accounts for n bytes more in the writer and sends them on their way.
// c.mu is held.
func (c *connection) enqueued(n int64) {
	c.queued += n
	c.tub.outgoing.add(n)
	c.startFlush()
}

// stallWriter writes in pieces, each of which the peer must take in time.
type stallWriter struct{ conn net.Conn }

const writePiece = 256 << 10

// Write writes all of b.
func (s *stallWriter) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if err := s.conn.SetWriteDeadline(time.Now().Add(WriteStall)); err != nil {
			return n, err
		}
		written, err := s.conn.Write(b[n:min(len(b), n+writePiece)])
		n += written
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// tick is how often housekeep looks.
func (c *connection) tick() time.Duration {
	tick := min(c.tub.keepalive, MessageStall)
	if c.tub.disconnect > 0 {
		tick = min(tick, c.tub.disconnect)
	}
	return tick
}

// housekeep provokes signs of life, and ends connections that give none
// (banana.py keepaliveTimerFired, disconnectTimerFired).
func (c *connection) housekeep() {
	idle := time.Since(time.Unix(0, c.lastReceived.Load()))
	switch {
	case c.tub.disconnect > 0 && idle >= c.tub.disconnect:
		c.close(fmt.Errorf("%w: no data for %v", ErrDisconnected, idle.Round(time.Second)))
		return
	case c.reader.Busy() && idle >= MessageStall:
		c.close(fmt.Errorf("%w: stalled in the middle of a message", ErrDisconnected))
		return
	case idle >= c.tub.keepalive:
		c.ping()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.timer.Reset(c.tick())
	}
}

func (c *connection) ping() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && c.queued == 0 {
		c.writer.Ping(0)
		c.startFlush()
	}
}

// activity notes when data comes in.
type activity struct {
	in   io.Reader
	conn *connection
}

// Read reads and notes the time.
func (a *activity) Read(b []byte) (int, error) {
	n, err := a.in.Read(b)
	if n > 0 && a.conn != nil {
		a.conn.lastReceived.Store(time.Now().UnixNano())
	}
	return n, err
}

// busy returns nil if nothing is served or sent, or a channel that is closed
// when that may have changed. Close uses it once no new calls are taken.
func (c *connection) busy() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || !c.flushing && !c.running && c.unblocked == 0 {
		return nil
	}
	return c.waitDrained()
}
