package introserver

import (
	"cmp"
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// Announcement is one announcement, for status pages (introducer/common.py
// AnnouncementDescriptor). Its texts are the publisher's.
type Announcement struct {
	ServerID        grid.ServerID
	Service         string
	Nickname        string
	Version         string   // as in "tahoe-lafs/1.20.0"
	ConnectionHints []string // of a storage server
	Since           time.Time
	Connected       bool // the publisher is connected still
}

// Subscriber is one subscription, for status pages (SubscriberDescriptor). Its
// texts are the subscriber's.
type Subscriber struct {
	TubID         grid.TubID
	Service       string
	Nickname      string
	Version       string
	RemoteAddress string
	Since         time.Time
}

// Status is what an introducer knows.
type Status struct {
	Announcements []Announcement // by service, nickname, id
	Subscribers   []Subscriber   // by service, nickname, TubID
}

// Counters count since the start, but for the last three. The first ones are those
// of server.py _debug_counts.
type Counters struct {
	InboundMessages       int64 // calls of publish_v2
	InboundDuplicates     int64
	InboundNoSeqnum       int64
	InboundOldReplays     int64
	InboundUpdates        int64
	InboundRefused        int64 // badly signed, or beyond the limits
	InboundSubscribes     int64 // calls of subscribe_v2
	OutboundMessages      int64 // calls of announce_v2
	OutboundAnnouncements int64 // in those
	OutboundErrors        int64 // calls of announce_v2 that failed
	Evicted               int64 // announcements that made room for others

	Announcements     int64 // at present
	AnnouncementBytes int64 // at present
	Subscriptions     int64 // at present
}

func (c *Counters) decided(d announce.Decision) {
	switch d {
	case announce.Duplicate:
		c.InboundDuplicates++
	case announce.NoSeqnum:
		c.InboundNoSeqnum++
	case announce.OldSeqnum, announce.IncomparableKnown:
		c.InboundOldReplays++
	case announce.Update:
		c.InboundUpdates++
	case announce.New:
	}
}

// Counters returns the counters, for statistics.
func (s *Service) Counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counters
	c.Announcements, c.AnnouncementBytes, c.Subscriptions = int64(s.numEntries), s.numBytes, int64(s.numSubscriptions)
	return c
}

// Status returns everything that is announced and subscribed.
func (s *Service) Status() Status {
	entries, subscriptions := s.everything()
	var status Status
	for _, e := range entries {
		status.Announcements = append(status.Announcements, describe(e))
	}
	for _, sub := range subscriptions {
		status.Subscribers = append(status.Subscribers, Subscriber{
			TubID: sub.peer, Service: sub.service, Nickname: sub.info.Nickname, Version: sub.info.MyVersion,
			RemoteAddress: sub.address, Since: sub.when,
		})
	}
	status.sort()
	return status
}

// everything returns copies, so that describing them needs no lock.
func (s *Service) everything() (entries []entry, subscriptions []*subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries = make([]entry, 0, s.numEntries)
	subscriptions = make([]*subscription, 0, s.numSubscriptions)
	for _, f := range s.feeds {
		for _, e := range f.entries {
			entries = append(entries, *e)
		}
		for sub := range f.subscriptions {
			subscriptions = append(subscriptions, sub)
		}
	}
	return entries, subscriptions
}

// describe reads of an announcement what people want to know. One whose fields
// have odd types is relayed all the same, and described as far as it goes.
func describe(e entry) Announcement {
	d := Announcement{
		ServerID: e.announcement.ServerID(), Service: e.announcement.ServiceName(), Since: e.when, Connected: e.connected(),
	}
	fields, err := e.announcement.Fields()
	if err != nil {
		return d
	}
	d.Nickname, d.Version = fields.Nickname, fields.MyVersion
	if f, err := furl.Parse(fields.FURL); err == nil {
		d.ConnectionHints = f.Hints()
	}
	return d
}

func (s *Status) sort() {
	slices.SortFunc(s.Announcements, func(a, b Announcement) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Nickname, b.Nickname), cmp.Compare(a.ServerID, b.ServerID))
	})
	slices.SortFunc(s.Subscribers, func(a, b Subscriber) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Nickname, b.Nickname), slices.Compare(a.TubID[:], b.TubID[:]))
	})
}

// counts returns how many announcements and subscriptions there are of each
// service.
func (s *Service) counts() (announcements, subscriptions map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	announcements, subscriptions = map[string]int{}, map[string]int{}
	for service, f := range s.feeds {
		if len(f.entries) > 0 {
			announcements[service] = len(f.entries)
		}
		if len(f.subscriptions) > 0 {
			subscriptions[service] = len(f.subscriptions)
		}
	}
	return announcements, subscriptions
}
