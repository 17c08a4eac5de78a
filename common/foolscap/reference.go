package foolscap

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// Reference is a handle on an object of a peer. It dies with its connection. Its
// methods are safe for concurrent use.
//
// The peer keeps the object for as long as there are handles on it, so each must
// be released. Handles on the same object share what the peer counts.
type Reference struct {
	*remoteObject
	once sync.Once
}

// remoteObject is what the handles on one object of one connection share.
type remoteObject struct {
	conn *connection
	clid int64
	name string // of the remote interface
	furl furl.FURL

	handles  int64 // guarded by conn.mu; unreleased handles
	received int64 // guarded by conn.mu; my-references since the last decref
	acks     int64 // guarded by conn.mu; decrefs not answered yet
}

// Kind returns "my-reference".
func (*Reference) Kind() string { return "my-reference" }

// String tells the peer and the interface.
func (r *Reference) String() string {
	return fmt.Sprintf("<reference to %s of tub %s>", printable(r.name), r.conn.peer)
}

// RemoteInterface returns the name that the peer gave, "" if none.
func (r *Reference) RemoteInterface() string { return r.name }

// FURL returns the FURL that the peer gave with the object, or the zero value.
func (r *Reference) FURL() furl.FURL { return r.furl }

// Peer returns the tub that has the object.
func (r *Reference) Peer() grid.TubID { return r.conn.peer }

// RemoteAddr returns the address of the other end of the connection, for status
// pages; with Tor that is the proxy.
func (r *Reference) RemoteAddr() net.Addr { return r.conn.wire.RemoteAddr() }

// Hint returns the hint by which this side dialled, "" if the peer did. It is
// for status pages: in the first moments of a connection it may still be "".
func (r *Reference) Hint() string {
	r.conn.mu.Lock()
	defer r.conn.mu.Unlock()
	return r.conn.hint
}

// LastReceived returns when something last came from the peer.
func (r *Reference) LastReceived() time.Time { return time.Unix(0, r.conn.lastReceived.Load()) }

// SameObject says whether both are handles on the same object.
func (r *Reference) SameObject(other *Reference) bool { return r.remoteObject == other.remoteObject }

// Done returns a channel that is closed when the connection is lost.
func (r *Reference) Done() <-chan struct{} { return r.conn.done }

// OnDisconnect calls f once, in a goroutine of its own, when the connection is
// lost, at once if it is. The result undoes it.
func (r *Reference) OnDisconnect(f func()) (stop func()) { return r.conn.onClose(f) }

// Drop closes the connection to the object's tub, with everything on it.
func (r *Reference) Drop() { r.conn.close(fmt.Errorf("%w: dropped by this side", ErrDisconnected)) }

// Call calls a method and waits for the answer. The arguments are values, then
// Named ones; an Object is passed as a reference. Byte strings of 4 KiB and more
// must not be changed afterwards, even if Call returned because ctx ended: the
// call may still be on its way then. Use banana.Lent to learn when.
//
// The error is a *RemoteError if the method failed, wraps ErrDisconnected if the
// connection is lost, and is that of ctx if it ends first; the peer is not told.
// References in the answer are the caller's to release.
func (r *Reference) Call(ctx context.Context, method string, args ...banana.Value) (banana.Value, error) {
	return r.conn.call(ctx, r.clid, method, args)
}

// CallLimited is Call for an answer that takes at most so many bytes of memory,
// as banana.Limits.Message counts them; a larger one is a violation, and is not
// kept. It is for answers of peers that are not trusted with the Tub's limit.
func (r *Reference) CallLimited(ctx context.Context, answer int64, method string, args ...banana.Value) (banana.Value, error) {
	return r.conn.callLimited(ctx, answer, r.clid, method, args)
}

// Begin is the first half of CallLimited: it sends the call and does not wait for
// the answer. So one goroutine has several calls under way that the peer serves
// in the order sent.
func (r *Reference) Begin(ctx context.Context, answer int64, method string, args ...banana.Value) (*Call, error) {
	p, err := r.conn.begin(ctx, answer, r.clid, method, args)
	if err != nil {
		return nil, err
	}
	return &Call{r.conn, p, method}, nil
}

// Call is a call under way. It is used by one goroutine at a time.
type Call struct {
	conn    *connection
	pending *pending
	method  string
}

// Wait is the second half of CallLimited. It must be called once; with a context
// that has ended it only lets go of the answer.
func (c *Call) Wait(ctx context.Context) (banana.Value, error) {
	return c.conn.wait(ctx, c.pending, c.method)
}

// Send calls a method without waiting for an answer, of which there is none.
func (r *Reference) Send(ctx context.Context, method string, args ...banana.Value) error {
	return r.conn.send(ctx, r.clid, method, args)
}

// Retain returns another handle on the object. It must not be called on a
// released handle.
func (r *Reference) Retain() *Reference {
	r.conn.mu.Lock()
	defer r.conn.mu.Unlock()
	r.handles++
	return &Reference{remoteObject: r.remoteObject}
}

// Release gives the handle back. When the last one of the object goes, the peer
// is told (broker.py freeYourReference). It does not block, and a second call
// does nothing.
func (r *Reference) Release() { r.once.Do(func() { r.conn.releaseHandle(r.remoteObject) }) }

// ReleaseAll releases the references in an answer, whatever it is. Who keeps one
// retains it before: nothing then that a peer puts into answers stays.
func ReleaseAll(v banana.Value) { releaseAll(collect(nil, v)) }

// releaseAll releases references that nobody wants.
func releaseAll(refs []*Reference) {
	for _, r := range refs {
		r.Release()
	}
}
