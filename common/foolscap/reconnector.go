package foolscap

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/furl"
)

// How a Reconnector backs off (reconnector.py).
const (
	InitialDelay = time.Second
	MaxDelay     = time.Hour
	delayFactor  = math.E
	delayJitter  = 0.11962656492
)

// ReconnectorState says what a Reconnector does.
type ReconnectorState string

// The states, by the names that Tahoe's status pages know.
const (
	Connecting ReconnectorState = "connecting"
	Connected  ReconnectorState = "connected"
	Waiting    ReconnectorState = "waiting"
)

// ReconnectionInfo is a snapshot of a Reconnector, for status pages.
type ReconnectionInfo struct {
	State       ReconnectorState
	LastAttempt time.Time
	NextAttempt time.Time // if Waiting
	LastError   error     // of the last attempt, nil if it succeeded
}

// Reconnector keeps up a connection to an object. Its methods are safe for
// concurrent use.
type Reconnector struct {
	tub       *Tub
	furl      furl.FURL
	connected func(context.Context, *Reference)
	normal    func() float64
	reset     chan struct{}
	cancel    context.CancelFunc
	done      chan struct{}

	mu   sync.Mutex
	info ReconnectionInfo // guarded by mu
}

// Connect keeps up a connection to the object of a FURL until Stop, ctx or the
// Tub ends. Each time there is one, connected is called in the Reconnector's
// goroutine with a reference, which is released when the connection is lost or
// the Reconnector stopped (Retain what is to stay), and a context that ends then. The next attempt waits until connected returns.
func (t *Tub) Connect(ctx context.Context, f furl.FURL, connected func(context.Context, *Reference)) *Reconnector {
	return t.connectWith(ctx, f, connected, rand.NormFloat64)
}

// connectWith lets tests choose the random numbers, of a standard normal
// distribution.
func (t *Tub) connectWith(ctx context.Context, f furl.FURL, connected func(context.Context, *Reference), normal func() float64) *Reconnector {
	ctx, cancel := context.WithCancel(ctx)
	r := &Reconnector{
		tub: t, furl: f, connected: connected, normal: normal,
		reset: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{}),
		info: ReconnectionInfo{State: Connecting},
	}
	stop := context.AfterFunc(t.ctx, cancel)
	t.goroutine(func() {
		defer close(r.done)
		defer stop()
		defer cancel()
		r.run(ctx)
	})
	return r
}

// Stop ends the attempts and waits until connected has returned. An established
// connection stays.
func (r *Reconnector) Stop() {
	r.cancel()
	<-r.done
}

// Reset starts again with short delays: the next attempt is in about a second.
func (r *Reconnector) Reset() {
	select {
	case r.reset <- struct{}{}:
	default:
	}
}

// Info returns what the Reconnector does.
func (r *Reconnector) Info() ReconnectionInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.info
}

func (r *Reconnector) run(ctx context.Context) {
	delay := InitialDelay
	for ctx.Err() == nil {
		r.note(func(i *ReconnectionInfo) { i.State, i.LastAttempt = Connecting, time.Now() })
		ref, err := r.tub.GetReference(ctx, r.furl)
		r.note(func(i *ReconnectionInfo) { i.LastError = err })
		if err == nil {
			r.hold(ctx, ref)
			delay = InitialDelay
		} else {
			r.log(ctx, err)
			delay = r.longer(delay)
		}
		delay = r.wait(ctx, delay)
	}
}

// log tells of failures that waiting does not heal; the others come all the time.
func (r *Reconnector) log(ctx context.Context, err error) {
	var negotiation *NegotiationError
	if ctx.Err() == nil && errors.As(err, &negotiation) && negotiation.Text != duplicateText {
		r.tub.log.Warn("cannot connect", "peer", r.furl.TubID().String(), "err", err)
	}
}

// longer is the delay after one more failure.
func (r *Reconnector) longer(delay time.Duration) time.Duration {
	mean := min(float64(delay)*delayFactor, float64(MaxDelay))
	return max(0, time.Duration(mean+mean*delayJitter*r.normal()))
}

// hold is the time of a connection.
func (r *Reconnector) hold(ctx context.Context, ref *Reference) {
	defer ref.Release()
	r.note(func(i *ReconnectionInfo) { i.State = Connected })
	held, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := ref.OnDisconnect(cancel)
	defer stop()
	r.connected(held, ref)
	select {
	case <-ref.Done():
	case <-ctx.Done():
	}
}

// wait sleeps, and returns the delay to go on from.
func (r *Reconnector) wait(ctx context.Context, delay time.Duration) time.Duration {
	r.note(func(i *ReconnectionInfo) { i.State, i.NextAttempt = Waiting, time.Now().Add(delay) })
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return delay
		case <-ctx.Done():
			return delay
		case <-r.reset:
			delay = InitialDelay
			timer.Reset(delay)
			r.note(func(i *ReconnectionInfo) { i.NextAttempt = time.Now().Add(delay) })
		}
	}
}

func (r *Reconnector) note(change func(*ReconnectionInfo)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.info)
}
