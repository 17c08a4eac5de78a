package foolscap

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/besn0847/arm-tahoe/common/banana"
)

// inbound is a call by the peer that waits for its turn.
type inbound struct {
	number   int64
	object   Referenceable
	request  *Request
	refs     []*Reference
	reserved int64 // of the tub's memory
}

// callSize is what a waiting call is counted for beside its memory.
const callSize = 512

// call implements Reference.Call.
func (c *connection) call(ctx context.Context, clid int64, method string, args []banana.Value) (banana.Value, error) {
	return c.callLimited(ctx, 0, clid, method, args)
}

// callLimited implements Reference.CallLimited; a limit of 0 is the tub's.
func (c *connection) callLimited(ctx context.Context, limit, clid int64, method string, args []banana.Value) (banana.Value, error) {
	p, err := c.begin(ctx, limit, clid, method, args)
	if err != nil {
		return nil, err
	}
	return c.wait(ctx, p, method)
}

// begin sends a call.
func (c *connection) begin(ctx context.Context, limit, clid int64, method string, args []banana.Value) (*pending, error) {
	p := &pending{answer: make(chan answer, 1), limit: limit}
	err := c.waitRoom(ctx, c.tub.limits.Outgoing)
	if err == nil {
		err = c.enqueueCall(p, clid, method, args)
	}
	if err != nil {
		giveBack(args)
		return nil, fmt.Errorf("call %s on %s: %w", method, c.peer, err)
	}
	return p, nil
}

// wait waits for the answer of a call.
func (c *connection) wait(ctx context.Context, p *pending, method string) (banana.Value, error) {
	select {
	case a := <-p.answer:
		if a.err != nil {
			return nil, fmt.Errorf("call %s on %s: %w", method, c.peer, a.err)
		}
		return a.value, nil
	case <-ctx.Done():
		c.abandon(p)
		return nil, fmt.Errorf("call %s on %s: %w", method, c.peer, context.Cause(ctx))
	}
}

// abandon lets an answer that nobody waits for any more release what is in it.
func (c *connection) abandon(p *pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case a := <-p.answer:
		refs := collect(nil, a.value)
		c.tub.goroutine(func() { releaseAll(refs) })
	default:
		p.abandoned = true
	}
}

// collect finds the references in a value.
func collect(refs []*Reference, v banana.Value) []*Reference {
	switch v := v.(type) {
	case *Reference:
		return append(refs, v)
	case *banana.List:
		return collectAll(refs, v.Items)
	case *banana.Tuple:
		return collectAll(refs, v.Items)
	case *banana.Set:
		return collectAll(refs, v.Items)
	case *banana.Dict:
		for _, p := range v.Pairs {
			refs = collect(collect(refs, p.Key), p.Value)
		}
	case *Copyable:
		for _, a := range v.Attributes {
			refs = collect(refs, a.Value)
		}
	}
	return refs
}

func collectAll(refs []*Reference, values []banana.Value) []*Reference {
	for _, v := range values {
		refs = collect(refs, v)
	}
	return refs
}

// send implements Reference.Send.
func (c *connection) send(ctx context.Context, clid int64, method string, args []banana.Value) error {
	err := c.waitRoom(ctx, c.tub.limits.Outgoing)
	if err == nil {
		err = c.enqueueCall(nil, clid, method, args)
	}
	if err != nil {
		giveBack(args)
		return fmt.Errorf("send %s to %s: %w", method, c.peer, err)
	}
	return nil
}

// giveBack returns what is lent in the arguments of a call that is not written.
func giveBack(args []banana.Value) {
	for _, arg := range args {
		if named, ok := arg.(Named); ok {
			arg = named.Value
		}
		banana.GiveBack(arg)
	}
}

// waitRoom waits until fewer bytes than limit wait for the peer to read.
func (c *connection) waitRoom(ctx context.Context, limit int64) error {
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		c.mu.Lock()
		if c.closed {
			defer c.mu.Unlock()
			return c.err
		}
		if c.queued < limit {
			c.mu.Unlock()
			return nil
		}
		wait := c.waitDrained()
		c.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
		}
	}
}

// enqueueCall writes (call ..), for an answer unless p is nil.
func (c *connection) enqueueCall(p *pending, clid int64, method string, args []banana.Value) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.err
	}
	number := int64(0)
	if p != nil {
		c.lastRequest++
		number = c.lastRequest
		c.waiting[number] = p
	}
	err := c.writeMessage("call", func(w *banana.Writer) error {
		w.Int(number)
		w.Int(clid)
		w.Bytes([]byte(method))
		return writeArguments(w, args)
	})
	if err != nil && p != nil {
		delete(c.waiting, number)
	}
	return err
}

// writeMessage writes one message or nothing. c.mu is held.
func (c *connection) writeMessage(kind string, body func(w *banana.Writer) error) error {
	w := c.writer
	w.Begin()
	before := w.Size()
	c.sending = c.sending[:0]
	n := w.Open(kind)
	if err := body(w); err != nil {
		w.Rollback()
		c.unsend()
		return err
	}
	w.Close(n)
	c.enqueued(w.Size() - before)
	return nil
}

// admit looks at a message as it comes in (call.py CallUnslicer, AnswerUnslicer,
// ErrorUnslicer).
func (c *connection) admit(m *banana.Message, limits *banana.Limits) error {
	switch m.Type {
	case "call":
		return c.admitCall(m, limits)
	case "answer", "error":
		return c.admitAnswer(m, limits)
	}
	return banana.Violationf("unknown top-level OPEN type")
}

func (c *connection) admitCall(m *banana.Message, limits *banana.Limits) (err error) {
	switch len(m.Items) {
	case 0:
	case 1:
		if n, ok := m.Items[0].(banana.Int); !ok || n < 0 {
			return protocolError("request ID must be an INT")
		}
	case 2:
		clid, ok := m.Items[1].(banana.Int)
		if !ok {
			return protocolError("object ID must be an INT/NEG")
		}
		c.object, err = c.target(clid)
	case 3:
		method, ok := m.Items[2].(banana.Bytes)
		if !ok {
			return protocolError("method name must be a STRING")
		}
		if l, ok := c.object.(MethodLimiter); ok {
			return l.MethodLimits(string(method), limits)
		}
	case 4:
		if _, ok := m.Items[3].(*arguments); !ok {
			return protocolError("arguments must be an 'arguments' sequence")
		}
	default:
		return protocolError("too many objects given to CallUnslicer")
	}
	return err
}

func (c *connection) admitAnswer(m *banana.Message, limits *banana.Limits) error {
	switch len(m.Items) {
	case 0, 2:
	case 1:
		number, ok := m.Items[0].(banana.Int)
		if !ok {
			return protocolError("request ID must be an INT")
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		p := c.waiting[int64(number)]
		if p == nil {
			return banana.Violationf("non-existent reqID '%d'", number)
		}
		if p.limit > 0 && m.Type == "answer" {
			limits.Message = min(limits.Message, p.limit)
		}
	default:
		return protocolError("stop sending me stuff!")
	}
	return nil
}

// receive handles a complete message.
func (c *connection) receive(m *banana.Message) {
	refs := append([]*Reference(nil), c.arrived...)
	switch {
	case m.Type == "call" && len(m.Items) > 0:
		number := int64(m.Items[0].(banana.Int))
		if m.Violation == nil && len(m.Items) == 4 {
			c.receiveCall(m, number, refs)
			return
		}
		if m.Violation != nil && !m.Aborted {
			c.reply(number, nil, m.Violation)
		}
	case (m.Type == "answer" || m.Type == "error") && len(m.Items) > 0:
		if c.receiveAnswer(m) {
			refs = nil
		}
	}
	releaseAll(refs)
	c.tub.memory.give(m.Reserved)
}

// receiveAnswer says whether somebody has taken the value.
func (c *connection) receiveAnswer(m *banana.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	number := int64(m.Items[0].(banana.Int))
	p := c.waiting[number]
	if p == nil || m.Aborted {
		return false
	}
	delete(c.waiting, number)
	v, err := answerOf(m)
	if p.done != nil {
		p.done(v, err)
	}
	if p.abandoned {
		return false
	}
	p.finish(v, err)
	return err == nil && p.answer != nil
}

func answerOf(m *banana.Message) (banana.Value, error) {
	switch {
	case m.Violation != nil:
		return nil, fmt.Errorf("answer: %w", m.Violation)
	case len(m.Items) != 2:
		return nil, banana.Violationf("answer without an answer")
	case m.Type == "answer":
		return m.Items[1], nil
	}
	failure, ok := m.Items[1].(*RemoteError)
	if !ok {
		return nil, banana.Violationf("failure that is none")
	}
	return nil, failure
}

// receiveCall puts a call into the queue, waiting for room: that slows a peer
// down that calls faster than it is served. It must not wait where a handler may
// be waiting for an answer that comes behind the call; then there is a limit.
func (c *connection) receiveCall(m *banana.Message, number int64, refs []*Reference) {
	args := m.Items[3].(*arguments)
	in := &inbound{number: number, object: c.object, refs: refs, reserved: m.Reserved}
	in.request = &Request{
		Method: string(m.Items[2].(banana.Bytes)), Peer: c.peer,
		Positional: args.positional, Named: args.named, conn: c,
	}
	for {
		wait, err := c.tryQueue(in)
		if err != nil {
			c.reply(number, nil, err)
			releaseAll(refs)
			c.tub.memory.give(m.Reserved)
			return
		}
		if wait == nil {
			return
		}
		select {
		case <-wait:
		case <-c.done:
			c.tub.memory.give(m.Reserved)
			return
		}
	}
}

func (c *connection) tryQueue(in *inbound) (wait <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tub.ctx.Err() != nil { // draining
		return nil, banana.Violationf("this Tub is shutting down")
	}
	limit := c.tub.limits.QueuedCalls
	full := len(c.calls) >= limit || len(c.calls) > 0 && c.callsSize > c.tub.limits.Queued
	if full && len(c.waiting) > 0 {
		if len(c.calls) >= 2*limit || c.callsSize > 2*c.tub.limits.Queued {
			return nil, banana.Violationf("too many calls at once on this connection")
		}
		full = false
	}
	if full {
		if c.callsTaken == nil {
			c.callsTaken = make(chan struct{})
		}
		return c.callsTaken, nil
	}
	c.calls = append(c.calls, in)
	c.callsSize += in.reserved + callSize
	if !c.running && !c.closed {
		c.running = true
		c.tub.goroutine(c.work)
	}
	return nil, nil
}

// work runs calls in their order until there are none, or until a handler lets
// another goroutine go on.
func (c *connection) work() {
	for {
		in := c.nextCall()
		if in == nil {
			return
		}
		// A peer that does not read its answers gets no more of them; two
		// limits, so that the next is made while one leaves.
		if c.waitRoom(c.ctx, 2*c.tub.limits.Outgoing) != nil || !c.tub.acquireSlot(c.ctx) {
			in.drop(c.tub)
			continue
		}
		c.tub.outgoing.waitBelow(c.ctx)
		if c.serve(in) {
			return
		}
	}
}

func (in *inbound) drop(t *Tub) { t.memory.give(in.reserved) }

func (c *connection) nextCall() *inbound {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.callsTaken != nil {
		close(c.callsTaken)
		c.callsTaken = nil
	}
	if c.closed {
		for _, in := range c.calls {
			in.drop(c.tub)
		}
		c.calls = nil
	}
	if len(c.calls) == 0 {
		c.running = false
		c.calls = nil
		c.wakeDrained()
		return nil
	}
	in := c.calls[0]
	c.calls[0] = nil
	c.calls = c.calls[1:]
	c.callsSize -= in.reserved + callSize
	return in
}

// serve runs one handler. It says whether another goroutine has taken over the
// queue.
func (c *connection) serve(in *inbound) (passed bool) {
	in.request.unblock = func() {
		if passed = c.passOn(); passed {
			c.tub.releaseSlot()
		}
	}
	v, err := c.handle(in)
	c.reply(in.number, v, err)
	releaseAll(in.refs)
	in.drop(c.tub)
	if !passed {
		c.tub.releaseSlot()
		return false
	}
	c.mu.Lock()
	c.unblocked--
	c.wakeDrained()
	c.mu.Unlock()
	return true
}

// passOn starts another goroutine for the rest of the queue, unless there are
// too many.
func (c *connection) passOn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unblocked >= c.tub.limits.QueuedCalls {
		return false
	}
	c.unblocked++
	c.tub.goroutine(c.work)
	return true
}

// handle calls the handler. A panic there is our bug, and must not take the
// whole node down at the wish of a peer.
func (c *connection) handle(in *inbound) (v banana.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			c.log.Error("a handler failed", "op", printable(in.request.Method), "err", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
			v, err = nil, &RemoteError{Type: TypeException, Value: "internal server error, see logs"}
		}
	}()
	v, err = in.object.RemoteCall(c.ctx, in.request)
	if err == nil && v == nil {
		v = banana.None{}
	}
	return v, err
}

// reply sends the answer, or the error, to a call of the peer, which did not
// want any if the number is 0.
func (c *connection) reply(number int64, v banana.Value, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || number == 0 {
		banana.GiveBack(v)
		return
	}
	if err == nil {
		err = c.writeMessage("answer", func(w *banana.Writer) error {
			w.Int(number)
			return w.Value(v)
		})
	}
	if err == nil {
		return
	}
	banana.GiveBack(v)
	failure := failureOf(err)
	_ = c.writeMessage("error", func(w *banana.Writer) error {
		w.Int(number)
		writeFailure(w, failure)
		return nil
	})
}
