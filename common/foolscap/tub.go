package foolscap

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Times that Foolscap and Tahoe set, and some that they lack.
const (
	// DefaultKeepalive is how long a connection is silent before a PING
	// (tub.py: 4 minutes).
	DefaultKeepalive = 240 * time.Second
	// NegotiationTimeout is how long both sides may take from the first byte to
	// the decision, and how long GetReference tries to connect.
	NegotiationTimeout = 120 * time.Second
	// FirstBytesTimeout is how long a listener waits to learn which protocol it
	// is (protocol_switch.py).
	FirstBytesTimeout = 30 * time.Second
	// MessageStall is how long a peer may send nothing in the middle of a message.
	MessageStall = 60 * time.Second
	// WriteStall is how long a peer may take to read 256 KiB.
	WriteStall = 60 * time.Second
)

// Limits bound what peers can make a Tub hold.
type Limits struct {
	Connections int           // negotiated, and those to another protocol not counted
	HalfOpen    int           // accepted and not yet negotiated; the oldest gives way
	Message     banana.Limits // of one message
	Memory      int64         // bytes of all messages that come in or are served
	QueuedCalls int           // calls of one connection that wait, and that are unblocked
	Queued      int64         // bytes of the calls of one connection that wait
	Outgoing    int64         // bytes that wait for one peer to read, before calls to it wait
	AllOutgoing int64         // bytes that wait for all peers to read, before no more calls are served
	Handlers    int           // handlers at once, unblocked ones not counted
	References  int           // objects that one connection refers to, in each direction
}

// DefaultLimits are for a machine of 1 GiB.
var DefaultLimits = Limits{
	Connections: 10_000, HalfOpen: 1000, Message: banana.DefaultLimits, Memory: 128 << 20,
	QueuedCalls: 256, Queued: 4 << 20, Outgoing: 1 << 20, AllOutgoing: 64 << 20, Handlers: 64, References: 100_000,
}

// withDefaults fills in what is zero.
func (l Limits) withDefaults() Limits {
	given, defaults := reflect.ValueOf(&l).Elem(), reflect.ValueOf(DefaultLimits)
	for i := range given.NumField() {
		if given.Field(i).IsZero() {
			given.Field(i).Set(defaults.Field(i))
		}
	}
	return l
}

// Options say what a Tub is. Certificate is required.
type Options struct {
	Certificate *Certificate
	// Logger gets what an operator or developer may want to know; nil for nothing.
	Logger *slog.Logger
	// Dialers connect by the types of hints; nil means tcp only. See [DialTCP] and
	// [TorDialer]. A hint without a dialer is skipped.
	Dialers map[string]Dialer
	// Keepalive is how long a connection is silent before a PING; 0 means
	// DefaultKeepalive.
	Keepalive time.Duration
	// Disconnect is how long a connection is silent before it is closed; 0 means
	// that it never is. It should be some times Keepalive.
	Disconnect time.Duration
	// Limits that are zero are those of DefaultLimits.
	Limits Limits
	// OtherProtocol gets the connections that do not begin like Foolscap, with
	// nothing read from them, and owns them. It must not block: it hands them to
	// a server. Without it they are closed.
	OtherProtocol func(net.Conn)
}

// ErrClosed is wrapped by the errors of a Tub that is closed.
var ErrClosed = errors.New("tub is closed")

// Tub is one end of Foolscap connections: it has an identity, objects that peers
// can reach, and references to theirs. Its methods are safe for concurrent use.
type Tub struct {
	certificate   *Certificate
	id            grid.TubID
	incarnation   string
	log           *slog.Logger
	dialers       map[string]Dialer
	keepalive     time.Duration
	disconnect    time.Duration
	limits        Limits
	otherProtocol func(net.Conn)
	memory        *budget
	outgoing      *budget
	slots         chan struct{}
	nameKey       [32]byte

	ctx    context.Context
	cancel context.CancelCauseFunc
	work   workers

	mu          sync.Mutex // guards what follows; never held while a connection's mu is taken
	closed      bool
	location    []string
	names       map[[sha256.Size]byte]Referenceable
	furls       map[Referenceable]secret.Swissnum
	listeners   []net.Listener
	half        halfOpen
	connections map[grid.TubID]*connection // the current one of each peer
	all         map[*connection]struct{}   // those too that wait to start or end
	attempts    map[grid.TubID]*attempt
	masters     map[grid.TubID]uint64 // last seqnum that we decided
	slaves      map[grid.TubID]string // last decision that we followed
}

// New returns a Tub. It does nothing until it is used; Close ends it.
func New(options Options) (*Tub, error) {
	if options.Certificate == nil {
		return nil, errors.New("make a tub: no certificate")
	}
	t := &Tub{
		certificate: options.Certificate, id: options.Certificate.TubID(), log: options.Logger,
		dialers: options.Dialers, keepalive: options.Keepalive, disconnect: options.Disconnect,
		limits: options.Limits.withDefaults(), otherProtocol: options.OtherProtocol,
		names: map[[sha256.Size]byte]Referenceable{}, furls: map[Referenceable]secret.Swissnum{},
		connections: map[grid.TubID]*connection{}, all: map[*connection]struct{}{},
		attempts: map[grid.TubID]*attempt{}, masters: map[grid.TubID]uint64{}, slaves: map[grid.TubID]string{},
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if t.dialers == nil {
		t.dialers = map[string]Dialer{furl.TCP: DialTCP}
	}
	if t.keepalive == 0 {
		t.keepalive = DefaultKeepalive
	}
	t.memory, t.outgoing = newBudget(t.limits.Memory), newBudget(t.limits.AllOutgoing)
	t.slots = make(chan struct{}, t.limits.Handlers)
	var incarnation [8]byte
	_, _ = rand.Read(incarnation[:]) // never fails
	_, _ = rand.Read(t.nameKey[:])
	t.incarnation = hex.EncodeToString(incarnation[:])
	t.ctx, t.cancel = context.WithCancelCause(context.Background())
	return t, nil
}

// TubID returns the identity of the Tub.
func (t *Tub) TubID() grid.TubID { return t.id }

// SetLocation says under which hints peers reach the Tub, for the FURLs made
// afterwards. The hints are copied; without any, references carry no FURL.
func (t *Tub) SetLocation(hints []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.location = slices.Clone(hints)
}

// hash is the key of a name in the table of objects: a lookup then tells nothing
// by its time.
func (t *Tub) hash(name []byte) (key [sha256.Size]byte) {
	h := hmac.New(sha256.New, t.nameKey[:])
	h.Write(name)
	h.Sum(key[:0])
	return key
}

// Register lets peers reach the object by name. With the zero swissnum it gets a
// random one. It returns the FURL. A name that is taken gets the new object; an
// object has one name.
func (t *Tub) Register(object Referenceable, name secret.Swissnum) (furl.FURL, error) {
	if name.IsZero() {
		var err error
		if name, err = furl.NewSwissnum(nil); err != nil {
			return furl.FURL{}, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f, err := furl.New(t.id, t.location, name)
	if err != nil {
		return furl.FURL{}, fmt.Errorf("register an object: %w", err)
	}
	if old, ok := t.furls[object]; ok {
		delete(t.names, t.hash(old.Reveal()))
	}
	key := t.hash(name.Reveal())
	if old, ok := t.names[key]; ok {
		delete(t.furls, old)
	}
	t.names[key] = object
	t.furls[object] = name
	return f, nil
}

// Unregister makes the object unreachable by name. Peers that hold it keep it.
func (t *Tub) Unregister(object Referenceable) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if name, ok := t.furls[object]; ok {
		delete(t.names, t.hash(name.Reveal()))
		delete(t.furls, object)
	}
}

// FURL returns the FURL of a registered object, or the zero value.
func (t *Tub) FURL(object Referenceable) furl.FURL {
	t.mu.Lock()
	defer t.mu.Unlock()
	name, ok := t.furls[object]
	if !ok {
		return furl.FURL{}
	}
	f, _ := furl.New(t.id, t.location, name)
	return f
}

// lookup finds an object by its secret name.
func (t *Tub) lookup(name []byte) Referenceable {
	key := t.hash(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.names[key]
}

// NumConnections returns the number of connections that are negotiated.
func (t *Tub) NumConnections() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all)
}

// acquireSlot waits for the turn of a handler; false if the connection ended.
func (t *Tub) acquireSlot(ctx context.Context) bool {
	select {
	case t.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (t *Tub) releaseSlot() { <-t.slots }

// detached forgets a connection.
func (t *Tub) detached(c *connection, reason error) {
	t.mu.Lock()
	if _, ok := t.all[c]; !ok {
		t.mu.Unlock()
		return
	}
	delete(t.all, c)
	if t.connections[c.peer] == c {
		delete(t.connections, c.peer)
	}
	t.mu.Unlock()
	c.log.Debug("disconnected", "err", reason)
}

// Close ends the Tub: it stops listening and connecting, lets what is being sent
// leave and handlers end for as long as ctx allows, closes all connections, and
// returns when all its goroutines have ended. The error is that of ctx if
// something was cut off; the Tub is closed nevertheless.
func (t *Tub) Close(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	listeners := t.listeners
	t.listeners = nil
	all := make([]*connection, 0, len(t.all))
	for c := range t.all {
		all = append(all, c)
	}
	t.mu.Unlock()
	t.cancel(ErrClosed) // before the listeners, whose Serve asks why
	for _, l := range listeners {
		_ = l.Close()
	}
	t.closeHalfOpen()
	err := drain(ctx, all)
	for _, c := range all {
		c.close(fmt.Errorf("%w: %w", ErrDisconnected, ErrClosed))
	}
	t.work.wait()
	return err
}

// drain waits until nothing is served or sent on the connections.
func drain(ctx context.Context, all []*connection) error {
	for _, c := range all {
		for {
			wait := c.busy()
			if wait == nil {
				break
			}
			select {
			case <-wait:
			case <-c.done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// goroutine runs f and lets Close wait for it.
func (t *Tub) goroutine(f func()) { t.work.run(f) }

// workers counts goroutines. Unlike a sync.WaitGroup it may be waited for while
// new ones start.
type workers struct {
	mu    sync.Mutex
	count int           // guarded by mu
	idle  chan struct{} // guarded by mu; closed when count falls to 0; nil if nobody waits
}

func (w *workers) run(f func()) {
	w.mu.Lock()
	w.count++
	w.mu.Unlock()
	go func() {
		defer w.end()
		f()
	}()
}

func (w *workers) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count--; w.count == 0 && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

func (w *workers) wait() {
	w.mu.Lock()
	if w.count == 0 {
		w.mu.Unlock()
		return
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	idle := w.idle
	w.mu.Unlock()
	<-idle
}
