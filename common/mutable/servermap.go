package mutable

import (
	"cmp"
	"maps"
	"slices"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
)

// A ServerMap is what a survey found: which shares of which versions servers
// hold (mutable/servermap.py ServerMap). It never changes and is safe for
// concurrent use.
type ServerMap struct {
	mode    Mode
	servers []*broker.Server // in permuted order
	shares  []*Share         // by server in permuted order, then by number
	// strays are shares with numbers that the file does not have. They are left
	// alone.
	strays []*Share
	empty  map[grid.ServerID]bool
	failed map[grid.ServerID]error
	// away counts the servers that are known and not connected, or is negative
	// if nobody knows.
	away int
}

// Mode says how far a survey goes.
type Mode int

// The modes.
const (
	// ModeRead asks k servers and k more, at least as many as hold half of the
	// shares, until the newest version that shows can be recovered
	// (MODE_READ).
	ModeRead Mode = iota
	// ModeWrite asks N servers and k more, until k in a row after the last
	// share hold none (MODE_WRITE).
	ModeWrite
	// ModeAll asks every server (MODE_CHECK).
	ModeAll
)

// String returns the name that 1.20 has for the mode.
func (m Mode) String() string {
	return [...]string{"MODE_READ", "MODE_WRITE", "MODE_CHECK"}[m]
}

// Shares returns all shares that were found, in the order of servers and
// numbers, corrupt ones and those of servers that have been lost among them.
func (m *ServerMap) Shares() []*Share {
	return slices.DeleteFunc(slices.Clone(m.shares), func(s *Share) bool { return s.absent })
}

// census counts the valid shares.
func (m *ServerMap) census() *mutablelayout.Census {
	var c mutablelayout.Census
	for _, s := range m.shares {
		if s.Err == nil {
			c.Add(s.Head.Header, s.Num)
		}
	}
	return &c
}

// Versions returns the versions that can be recovered, newest first, and those
// newer than them of which too few shares were found.
func (m *ServerMap) Versions() (recoverable, newer []mutablelayout.Header) {
	c := m.census()
	return c.Recoverable(), c.UnrecoverableNewer()
}

// Best returns the version to be read: the one that Decide builds on; where it
// cannot tell, the newest recoverable one, as in 1.20. The error is an
// *UnrecoverableError.
func (m *ServerMap) Best() (mutablelayout.Header, error) {
	if d, err := Decide(m.holdings()); err == nil {
		return d.Base, nil
	}
	best, ok := m.census().Best()
	if !ok {
		return mutablelayout.Header{}, m.unrecoverable()
	}
	return best, nil
}

// of returns the valid shares of a version, those of this process first, and
// then those of servers that the version needs for one share only.
func (m *ServerMap) of(v mutablelayout.Header) []*Share {
	var found []*Share
	for _, s := range m.shares {
		if s.Err == nil && s.Head.Header == v {
			found = append(found, s)
		}
	}
	slices.SortStableFunc(found, func(a, b *Share) int {
		return cmp.Compare(boolInt(!a.Server.Local), boolInt(!b.Server.Local))
	})
	return found
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// onServers groups shares by server.
func onServers(shares []*Share) map[*broker.Server][]*Share {
	groups := make(map[*broker.Server][]*Share)
	for _, s := range shares {
		groups[s.Server] = append(groups[s.Server], s)
	}
	return groups
}

// holdings returns what Decide takes; the first ones belong to m.shares.
func (m *ServerMap) holdings() []Holding {
	var all []Holding
	numShares := 0
	for _, s := range m.shares {
		h := Holding{Server: s.Server.ID, Shnum: s.Num, Here: !s.lost}
		if s.Err == nil {
			h.Version = s.Head.Header
		}
		all = append(all, h)
	}
	if best := situation(all).versions(); len(best) > 0 {
		numShares = best[0].N
	}
	for _, num := range m.missing(numShares) {
		all = append(all, Holding{Shnum: num})
	}
	return all
}

// missing returns the numbers of shares below n that nobody was seen to hold.
func (m *ServerMap) missing(n int) []int {
	held := make(map[int]bool)
	for _, s := range m.shares {
		held[s.Num] = true
	}
	var missing []int
	for num := range n {
		if !held[num] {
			missing = append(missing, num)
		}
	}
	return missing
}

// complete reports whether nothing was overlooked: every server that is known
// was asked and has answered.
func (m *ServerMap) complete() bool {
	return m.away == 0 && len(m.answered()) == len(m.servers) &&
		!slices.ContainsFunc(m.shares, func(s *Share) bool { return s.lost })
}

func (m *ServerMap) unrecoverable() *UnrecoverableError {
	e := &UnrecoverableError{}
	if u, ok := situation(m.holdings()).unrecoverable().(*UnrecoverableError); ok {
		*e = *u
	}
	e.Asked, e.Failed = len(m.empty)+len(onServers(m.shares))+len(m.failed), len(m.failed)
	for _, s := range m.shares {
		e.Corrupt += boolInt(s.corrupt())
	}
	return e
}

// without returns the map with shares marked as bad by what was found reading
// them.
func (m *ServerMap) without(bad map[*Share]error) *ServerMap {
	changed := *m
	changed.shares = slices.Clone(m.shares)
	for i, s := range changed.shares {
		if err, ok := bad[s]; ok {
			worse := *s
			worse.fail(err)
			changed.shares[i] = &worse
		}
	}
	return &changed
}

// light returns the map without the bytes that surveys read ahead.
func (m *ServerMap) light() *ServerMap {
	light := *m
	light.shares = slices.Clone(m.shares)
	for i, s := range light.shares {
		slim := *s
		slim.prefix = nil
		light.shares[i] = &slim
	}
	return &light
}

// outdated reports whether the list of connected servers is another than the one
// that the map was made with.
func (m *ServerMap) outdated(servers []*broker.Server) bool {
	if len(servers) != len(m.servers) {
		return true
	}
	known := make(map[*broker.Server]bool, len(servers))
	for _, s := range m.servers {
		known[s] = true
	}
	return slices.ContainsFunc(servers, func(s *broker.Server) bool { return !known[s] })
}

// dropStrays moves shares with numbers that the newest version does not have out
// of the way.
func (m *ServerMap) dropStrays() *ServerMap {
	best, ok := m.census().Best()
	if !ok {
		return m
	}
	all := m.shares
	m.shares = nil
	for _, s := range all {
		if s.Num < best.N {
			m.shares = append(m.shares, s)
			continue
		}
		m.strays = append(m.strays, s)
	}
	return m
}

// on returns all that a server was seen to hold.
func (m *ServerMap) on(server *broker.Server) []*Share {
	return slices.Concat(onServers(m.shares)[server], onServers(m.strays)[server])
}

// answered returns the ids of all servers that answered.
func (m *ServerMap) answered() map[grid.ServerID]bool {
	ids := maps.Clone(m.empty)
	if ids == nil {
		ids = make(map[grid.ServerID]bool)
	}
	for _, s := range slices.Concat(m.shares, m.strays) {
		if !s.lost {
			ids[s.Server.ID] = true
		}
	}
	return ids
}
