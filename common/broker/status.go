package broker

import (
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Status is how a server is, for status pages.
type Status struct {
	ID        grid.ServerID
	Nickname  string
	Connected bool
	// Since is since when it is connected or away; zero before the first attempt
	// to connect has ended.
	Since time.Time
	// Protocol and Address say how it is reached, or was last: ProtocolHTTPS and
	// so on, and a place without secrets. "" before the first connection.
	Protocol, Address string
	// Version is what it said last; zero before the first connection.
	Version grid.ServerVersion
	// Latency is how long it takes to answer, 0 if it was never asked.
	Latency time.Duration
	// Problem is why it is away; nil if it is not, or not tried yet. Next is when
	// it will be tried again.
	Problem error
	Next    time.Time
	// Preferred says that it is one of peers.preferred, UploadPermitted that new
	// shares may be given to it.
	Preferred, UploadPermitted bool
}

// Status returns all servers that are known, by id.
func (b *Broker) Status() []Status {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Status, 0, len(b.order))
	for _, l := range b.order {
		s := Status{
			ID: l.id, Nickname: l.nickname, Connected: l.server != nil, Since: l.since,
			Protocol: l.protocol, Address: l.address, Version: l.version,
			Problem: l.problem, Next: l.next,
			Preferred: b.preferred[l.id], UploadPermitted: l.permitted(now),
		}
		if l.health.known() {
			s.Latency, _ = l.health.Expect(0)
		}
		list = append(list, s)
	}
	return list
}
