package broker

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// Broker keeps up connections to all servers that are known. It is a Servers.
// Safe for concurrent use.
type Broker struct {
	cfg       Config
	log       *slog.Logger
	preferred map[grid.ServerID]bool
	dialing   chan struct{} // has room for whoever connects

	mu      sync.Mutex // guards all below
	links   map[grid.ServerID]*link
	order   []*link // by id
	changed chan struct{}
}

var _ Servers = (*Broker)(nil)

// maxDialing is how many servers are connected to at the same time.
const maxDialing = 16

// New returns a broker that knows nobody until Run.
func New(cfg Config) *Broker {
	b := &Broker{
		cfg: cfg, log: cfg.Logger,
		preferred: make(map[grid.ServerID]bool),
		dialing:   make(chan struct{}, maxDialing),
		links:     make(map[grid.ServerID]*link),
		changed:   make(chan struct{}),
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	for _, id := range cfg.Preferred {
		if id = strings.TrimSpace(id); id != "" {
			b.preferred[grid.ServerID(id)] = true
		}
	}
	return b
}

// Run connects to servers as they become known, and stays connected until ctx
// ends. It is called once, and returns when all its goroutines have ended.
func (b *Broker) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	if b.cfg.Local != nil {
		b.follow(ctx, &wg, b.local())
	}
	if b.cfg.Source == nil {
		<-ctx.Done()
		return
	}
	for {
		changed := b.cfg.Source.Changes()
		for _, a := range b.cfg.Source.Servers() {
			b.learn(ctx, &wg, a)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// learn takes in one announcement.
func (b *Broker) learn(ctx context.Context, wg *sync.WaitGroup, a Announced) {
	id := a.Announcement.ServerID()
	if b.cfg.Local != nil && id == b.cfg.Local.ID {
		b.permitLocal(a.UploadPermitted)
		return
	}
	b.mu.Lock()
	old := b.links[id]
	b.mu.Unlock()
	if old != nil && old.announced.Announcement == a.Announcement {
		return
	}
	l, err := b.newLink(a)
	if err != nil {
		b.log.Warn("announcement cannot be used", "server", id.Name(), "err", err)
		return
	}
	if old != nil {
		l.health = old.health
		old.stop()
	}
	b.follow(ctx, wg, l)
}

// follow keeps up the connection of a link, which takes the place of another of
// the server if there is one.
func (b *Broker) follow(ctx context.Context, wg *sync.WaitGroup, l *link) {
	ctx, l.stop = context.WithCancel(ctx)
	b.mu.Lock()
	b.links[l.id] = l
	b.order = b.order[:0]
	for _, l := range b.links {
		b.order = append(b.order, l)
	}
	slices.SortFunc(b.order, func(a, b *link) int { return strings.Compare(string(a.id), string(b.id)) })
	b.notify()
	b.mu.Unlock()
	wg.Go(func() { l.run(ctx) })
}

func (b *Broker) permitLocal(permitted func(time.Time) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.links[b.cfg.Local.ID]; l != nil {
		l.announced.UploadPermitted = permitted
	}
}

// notify wakes all who wait for Changes. The mutex is held.
func (b *Broker) notify() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// Changes returns a channel that is closed when a server is next connected, lost,
// or becomes known.
func (b *Broker) Changes() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// WaitFor waits until at least n servers are connected that may be given new
// shares. The error is that of ctx.
func (b *Broker) WaitFor(ctx context.Context, n int) error {
	for {
		changed := b.Changes()
		if len(b.Uploadable(grid.StorageIndex{})) >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Reconnect tries all servers that are away at once, without waiting for their
// turn: the network is back, perhaps.
func (b *Broker) Reconnect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.order {
		l.poke()
	}
}

// Permuted implements Servers.
func (b *Broker) Permuted(si grid.StorageIndex) []*Server {
	return b.permuted(si, func(*link) bool { return true })
}

// Uploadable implements Servers.
func (b *Broker) Uploadable(si grid.StorageIndex) []*Server {
	now := time.Now()
	return b.permuted(si, func(l *link) bool { return l.permitted(now) })
}

func (b *Broker) permuted(si grid.StorageIndex, use func(*link) bool) []*Server {
	b.mu.Lock()
	list := make([]*Server, 0, len(b.order))
	for _, l := range b.order {
		if l.server != nil && use(l) {
			list = append(list, l.server)
		}
	}
	b.mu.Unlock()
	seeds := make([]grid.PermutationSeed, len(list))
	for i, s := range list {
		seeds[i] = s.Seed
	}
	permuted := make([]*Server, len(list))
	for i, at := range announce.Permute(si, seeds, func(i int) bool { return b.preferred[list[i].ID] }) {
		permuted[i] = list[at]
	}
	return permuted
}
