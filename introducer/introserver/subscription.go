package introserver

import (
	"context"
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/introrpc"
)

// subscription is one subscriber of one service.
type subscription struct {
	remote  introrpc.Subscriber // a handle of our own
	peer    grid.TubID
	service string
	info    introrpc.SubscriberInfo
	when    time.Time
	address string // of the other end

	// Guarded by the Service's mu.
	told    int64 // revision of the last announcement that it was told
	sending bool  // somebody tells it; else it has been told all
	removed bool
}

// subscribe adds a subscriber and tells it what is known (server.py
// add_subscriber). A second subscription of the same object is ignored.
func (s *Service) subscribe(ctx context.Context, to introrpc.Subscriber, service string, info introrpc.SubscriberInfo) error {
	sub, err := s.add(to.Reference, service, info)
	if err != nil {
		s.log.Warn("subscriber refused", "peer", to.Reference.Peer().String(), "err", err)
	}
	if sub == nil {
		return err
	}
	sub.remote.Reference.OnDisconnect(func() { s.unsubscribe(sub) })
	s.tell(ctx, sub)
	return nil
}

// add returns nil without an error if the subscription is there already. The new
// one counts as being told.
func (s *Service) add(ref *foolscap.Reference, service string, info introrpc.SubscriberInfo) (*subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counters.InboundSubscribes++
	theirs := s.perSubscriber[ref.Peer()]
	switch {
	case s.closed:
		return nil, errShutdown
	case slices.ContainsFunc(theirs, func(o *subscription) bool { return o.service == service && o.remote.Reference.SameObject(ref) }):
		return nil, nil
	case len(theirs) >= s.config.Limits.PerSubscriber:
		return nil, errSubscriptions
	case s.numSubscriptions >= s.config.Limits.Subscriptions:
		return nil, errSubscribers
	}
	sub := &subscription{
		remote: introrpc.Subscriber{Reference: ref.Retain()}, peer: ref.Peer(), service: service, info: info,
		when: s.config.Now(), address: ref.RemoteAddr().String(), sending: true,
	}
	s.feed(service).subscriptions[sub] = struct{}{}
	s.perSubscriber[sub.peer] = append(theirs, sub)
	s.numSubscriptions++
	s.sending++
	return sub, nil
}

// unsubscribe forgets a subscriber that is gone.
func (s *Service) unsubscribe(sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub.removed = true
	delete(s.feeds[sub.service].subscriptions, sub)
	s.dropEmpty(sub.service)
	theirs := slices.DeleteFunc(s.perSubscriber[sub.peer], func(o *subscription) bool { return o == sub })
	if s.perSubscriber[sub.peer] = theirs; len(theirs) == 0 {
		delete(s.perSubscriber, sub.peer)
	}
	s.numSubscriptions--
	sub.remote.Reference.Release()
}

// wake makes sure that somebody tells the subscriber what is new. s.mu is held.
func (s *Service) wake(sub *subscription) {
	if sub.sending || s.closed {
		return
	}
	sub.sending = true
	s.sending++
	s.group.Go(func() { s.tell(s.ctx, sub) })
}

// tell tells the subscriber until there is nothing new, one call after another.
// Failures are the subscriber's affair: it is told the next.
func (s *Service) tell(ctx context.Context, sub *subscription) {
	for {
		batch := s.nextBatch(ctx, sub)
		if batch == nil {
			return
		}
		limited, cancel := context.WithTimeout(ctx, announceTimeout)
		err := sub.remote.Announce(limited, batch)
		cancel()
		if err != nil {
			s.failed(sub, err)
		}
	}
}

// nextBatch takes what is to be told next; nil, and nobody tells any more, if there
// is nothing.
func (s *Service) nextBatch(ctx context.Context, sub *subscription) []announce.Signed {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !sub.removed && ctx.Err() == nil && !s.closed {
		share := int64(sendMemory / s.sending)
		batch, last := s.feeds[sub.service].after(sub.told, min(maxBatch, max(minBatch, share)))
		if batch != nil {
			sub.told = last
			s.counters.OutboundMessages++
			s.counters.OutboundAnnouncements += int64(len(batch))
			return batch
		}
	}
	sub.sending = false
	s.sending--
	return nil
}

func (s *Service) failed(sub *subscription, err error) {
	s.mu.Lock()
	s.counters.OutboundErrors++
	s.mu.Unlock()
	s.log.Debug("subscriber did not take an announcement", "peer", sub.peer.String(), "err", err)
}
