package introserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/introrpc"
)

// Errors that peers see.
var (
	errFull          = errors.New("this introducer has no room for more announcements")
	errTooMany       = errors.New("too many announcements from one node")
	errServiceName   = fmt.Errorf("service-name is longer than %d bytes", introrpc.MaxServiceName)
	errSubscribers   = errors.New("this introducer has no room for more subscribers")
	errSubscriptions = errors.New("too many subscriptions from one node")
	errShutdown      = errors.New("this introducer is shutting down")
)

// Config says what an introducer is. Its zero fields mean what is written there.
type Config struct {
	Version string           // application-version, as in "tahoe-lafs/1.20.0"
	Logger  *slog.Logger     // nil: none
	Now     func() time.Time // nil: time.Now
	Limits  Limits           // zero: DefaultLimits
}

// Service is an introducer. Its methods are safe for concurrent use.
type Service struct {
	config Config
	log    *slog.Logger
	object foolscap.Referenceable
	ctx    context.Context // ends with Close; for calls that no request waits for
	cancel context.CancelFunc
	group  sync.WaitGroup // goroutines that tell subscribers

	mu               sync.Mutex // guards what follows; not held during calls
	closed           bool
	revision         int64
	feeds            map[string]*feed // by service
	numEntries       int
	numBytes         int64
	perPublisher     map[grid.TubID]int
	perSubscriber    map[grid.TubID][]*subscription
	numSubscriptions int
	sending          int // goroutines and requests that tell subscribers
	counters         Counters
}

// New returns an introducer that knows nothing yet. Close ends it.
func New(config Config) *Service {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Limits == (Limits{}) {
		config.Limits = DefaultLimits
	}
	s := &Service{
		config: config, log: config.Logger, feeds: map[string]*feed{},
		perPublisher: map[grid.TubID]int{}, perSubscriber: map[grid.TubID][]*subscription{},
	}
	s.object = introrpc.NewService(remote{s}, config.Version)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Object is what a Tub registers under the introducer's FURL.
func (s *Service) Object() foolscap.Referenceable { return s.object }

// Close stops telling subscribers and waits for its goroutines. It is called
// before or after the Tub is closed.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.group.Wait()
}

// remote keeps the methods for peers off the Service.
type remote struct{ s *Service }

// Publish implements introrpc.Service.
func (r remote) Publish(_ context.Context, a announce.Signed, canary *foolscap.Reference) error {
	return r.s.publish(a, canary.Peer(), canary.Done())
}

// Subscribe implements introrpc.Service.
func (r remote) Subscribe(ctx context.Context, to introrpc.Subscriber, service string, info introrpc.SubscriberInfo) error {
	return r.s.subscribe(ctx, to, service, info)
}

// publish checks an announcement, keeps it and tells the subscribers of its
// service (server.py _publish). That it is old or known is no error.
func (s *Service) publish(signed announce.Signed, publisher grid.TubID, gone <-chan struct{}) error {
	a, err := signed.Verify()
	if err == nil && len(a.ServiceName()) > introrpc.MaxServiceName {
		err = errServiceName
	}
	if err == nil {
		err = s.accept(&entry{announcement: a, when: s.config.Now(), publisher: publisher, gone: gone})
	}
	s.mu.Lock()
	s.counters.InboundMessages++
	if err != nil {
		s.counters.InboundRefused++
	}
	s.mu.Unlock()
	if err != nil {
		s.log.Debug("announcement refused", "peer", publisher.String(), "err", err)
	}
	return err
}

// accept decides about an announcement whose signature is good.
func (s *Service) accept(e *entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errShutdown
	}
	index := e.announcement.Index()
	var old *entry
	var known *announce.Announcement
	if f := s.feeds[index.ServiceName]; f != nil && f.entries[index.ServerID] != nil {
		old = f.entries[index.ServerID]
		known = old.announcement
	}
	decision := announce.Compare(known, e.announcement)
	s.counters.decided(decision)
	if !decision.Accept() {
		if decision == announce.Duplicate {
			old.gone = e.gone // published again after a reconnection
		}
		return nil
	}
	if err := s.makeRoom(e, old); err != nil {
		return err
	}
	s.keep(e, old)
	return nil
}

// keep stores an entry and tells the subscribers. s.mu is held.
func (s *Service) keep(e, old *entry) {
	if old != nil {
		e.publisher = old.publisher
		s.forget(old)
	}
	s.revision++
	e.revision = s.revision
	f := s.feed(e.announcement.ServiceName())
	f.put(e)
	s.numEntries++
	s.numBytes += e.size()
	s.perPublisher[e.publisher]++
	level := slog.LevelInfo
	if old != nil {
		level = slog.LevelDebug
	}
	s.log.Log(s.ctx, level, "announcement", "service", e.announcement.ServiceName(), "server", string(e.announcement.ServerID()), "update", old != nil)
	for sub := range f.subscriptions {
		s.wake(sub)
	}
}

// forget removes an entry. s.mu is held.
func (s *Service) forget(e *entry) {
	service := e.announcement.ServiceName()
	s.feeds[service].remove(e.announcement.ServerID())
	s.numEntries--
	s.numBytes -= e.size()
	if s.perPublisher[e.publisher]--; s.perPublisher[e.publisher] == 0 {
		delete(s.perPublisher, e.publisher)
	}
	s.dropEmpty(service)
}

// feed returns the feed of a service, making it if needed. s.mu is held.
func (s *Service) feed(service string) *feed {
	f := s.feeds[service]
	if f == nil {
		f = newFeed()
		s.feeds[service] = f
	}
	return f
}

func (s *Service) dropEmpty(service string) {
	if f := s.feeds[service]; f != nil && f.empty() {
		delete(s.feeds, service)
	}
}

// makeRoom says whether e may be kept in place of old, which may be nil; it
// removes the oldest announcements of publishers that are gone if that helps. s.mu
// is held.
func (s *Service) makeRoom(e, old *entry) error {
	if old == nil && s.perPublisher[e.publisher] >= s.config.Limits.PerPublisher {
		return errTooMany
	}
	for !s.fits(e, old) {
		oldest := s.oldestGone(old)
		if oldest == nil {
			return errFull
		}
		s.forget(oldest)
		s.counters.Evicted++
	}
	return nil
}

func (s *Service) fits(e, old *entry) bool {
	entries, bytes := s.numEntries+1, s.numBytes+e.size()
	if old != nil {
		entries, bytes = entries-1, bytes-old.size()
	}
	return entries <= s.config.Limits.Announcements && bytes <= s.config.Limits.AnnouncementBytes
}

// oldestGone returns the oldest entry but one whose publisher is not connected.
func (s *Service) oldestGone(but *entry) *entry {
	var oldest *entry
	for _, f := range s.feeds {
		for _, e := range f.entries {
			if e != but && (oldest == nil || e.revision < oldest.revision) && !e.connected() {
				oldest = e
			}
		}
	}
	return oldest
}
