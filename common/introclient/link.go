package introclient

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/introrpc"
)

// link is the connection to one introducer, and what came through it.
type link struct {
	client     *Client
	introducer Introducer
	log        *slog.Logger
	canary     *introrpc.Canary
	subscriber foolscap.Referenceable
	wake       chan struct{} // of one place: there is something to publish
	known      inbound
	cache      *cacheFile // nil if there is none
	useCache   func()     // offers what is in the cache, once; set by run

	mu          sync.Mutex // guards what follows
	reference   *foolscap.Reference
	since       time.Time
	version     string
	problem     error
	fromCache   bool
	reconnector *foolscap.Reconnector
}

func newLink(c *Client, in Introducer) *link {
	l := &link{
		client: c, introducer: in, log: c.log.With("introducer", in.Petname),
		canary: new(introrpc.Canary), wake: make(chan struct{}, 1),
	}
	l.subscriber = introrpc.NewSubscriber(l.announced)
	if c.config.Cache != nil {
		l.cache = &cacheFile{client: c, petname: in.Petname, dirty: make(chan struct{}, 1)}
	}
	return l
}

// poke says that there is something to publish.
func (l *link) poke() { signal(l.wake) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run connects until ctx ends, and then writes the cache.
func (l *link) run(ctx context.Context) {
	saving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	l.useCache = func() {}
	if l.cache != nil {
		l.cache.load()
		stored := slices.Collect(maps.Values(l.cache.stored))
		l.useCache = sync.OnceFunc(func() { l.offerCached(stored) })
		group.Go(func() { l.cache.run(saving, &l.known) })
	}
	reconnector := l.client.config.Tub.Connect(ctx, l.introducer.FURL, l.connected)
	l.mu.Lock()
	l.reconnector = reconnector
	l.mu.Unlock()
	l.awaitFirst(ctx)
	<-ctx.Done()
	reconnector.Stop()
}

// awaitFirst uses the cache if the first connection is not there in time. It shares
// the attempt of the Reconnector.
func (l *link) awaitFirst(ctx context.Context) {
	wait, cancel := context.WithTimeout(ctx, CacheWait)
	defer cancel()
	ref, err := l.client.config.Tub.GetReference(wait, l.introducer.FURL)
	if err == nil {
		ref.Release()
		return
	}
	if ctx.Err() == nil {
		l.useCache()
	}
}

func (l *link) offerCached(stored []*announce.Announcement) {
	l.mu.Lock()
	l.fromCache = true
	l.mu.Unlock()
	l.log.Info("introducer is away, using what it announced in an earlier run", "announcements", len(stored))
	for _, a := range stored {
		if l.wanted(a) {
			l.offer(a, Cached)
		}
	}
}

// connected lives as long as a connection.
func (l *link) connected(ctx context.Context, ref *foolscap.Reference) {
	l.note(func() { l.reference, l.since, l.problem = ref.Retain(), l.client.config.Now(), nil })
	l.log.Info("connected to introducer")
	s := session{link: l, remote: introrpc.Introducer{Reference: ref}, published: map[string]*announce.Signed{}, subscribed: map[string]bool{}}
	s.run(ctx)
	l.note(func() {
		l.reference.Release()
		l.reference, l.since = nil, l.client.config.Now()
	})
	l.log.Info("disconnected from introducer")
}

// note changes what status shows.
func (l *link) note(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// announced is what the introducer calls.
func (l *link) announced(_ context.Context, list []announce.Signed, malformed int) {
	refused, full := malformed, 0
	for _, signed := range list {
		a, err := signed.Verify()
		if err != nil {
			refused++
			continue
		}
		if !l.wanted(a) {
			continue
		}
		switch ok, room := l.take(a); {
		case !ok:
			refused++
		case !room:
			full++
		}
	}
	if refused > 0 {
		l.log.Warn("announcements that are not signed properly or make no sense", "count", refused)
	}
	if full > 0 {
		l.log.Warn("no room for more announcements", "count", full, "limit", MaxAnnouncements, "limitBytes", int64(MaxAnnouncementSize))
	}
}

// wanted says whether we asked for announcements of that kind.
func (l *link) wanted(a *announce.Announcement) bool {
	return slices.Contains(l.client.config.Services, a.ServiceName())
}

// take decides about a signed announcement. It is not ok if its fields have the
// wrong types: it would only displace a good one.
func (l *link) take(a *announce.Announcement) (ok, room bool) {
	if _, err := a.Fields(); err != nil {
		return false, true
	}
	decision, full := l.known.accept(a)
	if full || !decision.Accept() {
		return true, !full
	}
	l.log.Debug("announcement", "server", shortID(a.ServerID()), "service", a.ServiceName(), "decision", decision.String())
	l.offer(a, Live)
	if l.cache != nil {
		signal(l.cache.dirty)
	}
	return true, true
}

// offer passes an announcement on to the merged table.
func (l *link) offer(a *announce.Announcement, origin Origin) {
	announced, err := l.client.newAnnounced(a, origin, l.introducer.Petname)
	if err != nil {
		l.log.Debug("announcement makes no sense", "server", shortID(a.ServerID()), "origin", origin.String(), "err", err)
		return
	}
	l.client.table.offer(announced)
}

// snapshot returns what status pages show.
func (l *link) snapshot() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{
		Petname: l.introducer.Petname, Connected: l.reference != nil, Since: l.since, Version: l.version,
		Problem: l.problem, Announcements: l.known.count(), FromCache: l.fromCache,
	}
	if l.reference != nil {
		s.Hint, s.LastReceived = l.reference.Hint(), l.reference.LastReceived()
	}
	if l.reconnector != nil {
		s.Attempts = l.reconnector.Info()
	}
	return s
}
