package broker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/grid"
)

const (
	// connectTime is how long connecting, and asking for the version, may take.
	connectTime = 30 * time.Second
	// checkEvery is how often a server that has no connection is asked whether it
	// is there, and any for the space it has. 1.20 asks every second.
	checkEvery = time.Minute
	// suspectAfter is how many failed requests in a row make a server be asked at
	// once.
	suspectAfter = 2
	// firstWait to longestWait is how long a server that is away is left alone
	// after an attempt; it doubles.
	firstWait   = time.Second
	longestWait = 5 * time.Minute
)

// errNoWay is the reason where there is nothing to connect with.
var errNoWay = errors.New("it offers no protocol that this node may use")

// link keeps up the connection to one server.
type link struct {
	b        *Broker
	id       grid.ServerID
	nickname string
	seed     grid.PermutationSeed
	tubID    grid.TubID
	health   *Health
	connect  func(ctx context.Context) (*Connection, string, error)
	stop     context.CancelFunc
	wake     chan struct{} // has room for one: connect now

	// Guarded by the mutex of the broker.
	announced Announced
	server    *Server // nil if it is away
	protocol  string
	address   string
	version   grid.ServerVersion // the last known
	since     time.Time          // connected or away; zero before the first attempt ended
	problem   error              // why it is away
	next      time.Time          // when it will be tried again
}

func (b *Broker) newLink(a Announced) (*link, error) {
	l := b.blank(a.Announcement.ServerID(), a)
	var err error
	if l.seed, err = a.Announcement.PermutationSeed(); err != nil {
		return nil, err
	}
	if l.tubID, err = tubID(a.Fields); err != nil {
		return nil, err
	}
	l.nickname = a.Fields.Nickname
	l.connect = func(ctx context.Context) (*Connection, string, error) { return b.dial(ctx, a.Fields) }
	return l, nil
}

func (b *Broker) blank(id grid.ServerID, a Announced) *link {
	return &link{b: b, id: id, announced: a, health: &Health{}, wake: make(chan struct{}, 1)}
}

// local returns the link of the node's own server.
func (b *Broker) local() *link {
	own := b.cfg.Local
	l := b.blank(own.ID, Announced{})
	l.nickname, l.seed, l.tubID = own.Nickname, own.Seed, own.TubID
	l.connect = func(context.Context) (*Connection, string, error) {
		return &Connection{Storage: own.Storage, Address: "this node"}, ProtocolLocal, nil
	}
	return l
}

// permitted says whether the server may be given new shares. The mutex is held.
func (l *link) permitted(now time.Time) bool {
	permitted := l.announced.UploadPermitted
	return permitted == nil || permitted(now)
}

// poke lets the link connect or check at once.
func (l *link) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run connects again and again until ctx ends.
func (l *link) run(ctx context.Context) {
	l.health.setSuspect(l.poke)
	for wait := firstWait; ctx.Err() == nil; wait = min(2*wait, longestWait) {
		connected, err := l.once(ctx)
		if connected {
			wait = firstWait
		}
		pause := time.Duration((0.5 + rand.Float64()) * float64(wait))
		l.lost(ctx, err, time.Now().Add(pause))
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-l.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	l.lost(ctx, ctx.Err(), time.Time{})
}

// once connects and stays connected until that ends.
func (l *link) once(ctx context.Context) (connected bool, err error) {
	conn, protocol, version, err := l.open(ctx)
	if err != nil {
		return false, err
	}
	if conn.Close != nil {
		defer conn.Close()
	}
	l.connected(conn, protocol, version)
	return true, l.watch(ctx, conn)
}

// open connects and asks for the version.
func (l *link) open(ctx context.Context) (*Connection, string, grid.ServerVersion, error) {
	select {
	case l.b.dialing <- struct{}{}:
		defer func() { <-l.b.dialing }()
	case <-ctx.Done():
		return nil, "", grid.ServerVersion{}, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, protocol, err := l.connect(ctx)
	if err != nil {
		return nil, "", grid.ServerVersion{}, err
	}
	version, err := l.ask(ctx, conn)
	if err != nil {
		if conn.Close != nil {
			conn.Close()
		}
		return nil, "", grid.ServerVersion{}, err
	}
	return conn, protocol, version, nil
}

// ask asks for the version, and observes how long that takes.
func (l *link) ask(ctx context.Context, conn *Connection) (grid.ServerVersion, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	start := time.Now()
	version, err := conn.Storage.Version(ctx)
	if err != nil {
		return version, fmt.Errorf("ask for the version: %w", err)
	}
	l.health.Observe(0, time.Since(start))
	return version, nil
}

// watch asks now and then whether the server is there, and when others have had
// trouble with it.
func (l *link) watch(ctx context.Context, conn *Connection) error {
	check := time.NewTicker(checkEvery)
	defer check.Stop()
	for {
		select {
		case <-conn.Lost:
			return errLost
		case <-check.C:
		case <-l.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		version, err := l.ask(ctx, conn)
		if err != nil {
			return err
		}
		l.refreshed(version)
	}
}

// errLost says that a connection was lost.
var errLost = errors.New("connection lost")

// connected makes the server one that is connected.
func (l *link) connected(conn *Connection, protocol string, version grid.ServerVersion) {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	l.server = &Server{
		ID: l.id, Nickname: l.nickname, Seed: l.seed, TubID: l.tubID,
		Storage: conn.Storage, Version: version, Local: protocol == ProtocolLocal, Health: l.health,
	}
	l.protocol, l.address, l.version = protocol, conn.Address, version
	l.since, l.problem, l.next = time.Now(), nil, time.Time{}
	l.b.notify()
	l.b.log.Info("server connected", "server", l.id.Name(), "protocol", protocol, "peer", conn.Address)
}

// refreshed takes in a newer version. There is a new Server only if it makes a
// difference, because who knows the old one would ask the new one again.
func (l *link) refreshed(version grid.ServerVersion) {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	l.version = version
	known := l.server.Version
	if known.ApplicationVersion != version.ApplicationVersion ||
		differs(known.MaximumImmutableShareSize, version.MaximumImmutableShareSize) ||
		differs(known.AvailableSpace, version.AvailableSpace) {
		changed := *l.server
		changed.Version = version
		l.server = &changed
	}
}

// differs says whether two sizes differ by a tenth.
func differs(a, b int64) bool { return max(a, b)-min(a, b) > max(a, b)/10 }

// lost makes the server one that is away.
func (l *link) lost(ctx context.Context, err error, next time.Time) {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	if l.server != nil || l.since.IsZero() {
		l.since = time.Now()
		if ctx.Err() == nil {
			l.b.log.Info("server away", "server", l.id.Name(), "err", err)
		}
	}
	gone := l.server != nil
	l.server, l.problem, l.next = nil, err, next
	if gone {
		l.b.notify()
	}
}

// tubID is what the secrets for a server are derived with: the tub id of its FURL.
// 1.20 does not use servers without one, even over HTTPS; for them it is the first
// bytes of the hash of the key in their NURL.
func tubID(fields *announce.Fields) (grid.TubID, error) {
	if fields.FURL != "" {
		return announce.TubIDOfFURL(fields.FURL)
	}
	for _, text := range fields.NURLs {
		if nurl, err := parseNURL(text); err == nil {
			return grid.TubID(nurl.Hash[:grid.TubIDSize]), nil
		}
	}
	return grid.TubID{}, errors.New("neither FURL nor NURL")
}
