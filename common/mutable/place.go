package mutable

import (
	"slices"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// withAbsent adds shares that the next version has to be written to, for the
// numbers that no server has, if nobody can have them: see complete. Otherwise
// their holders are thought to come back, and a second holder of a share would make
// two majorities possible. 1.20 places them whenever it does not find them
// (mutable/publish.py update_goal).
func (m *ServerMap) withAbsent(uploadable []*broker.Server) *ServerMap {
	best, ok := m.census().Best()
	if !ok || !m.complete() {
		return m
	}
	uploadable = slices.DeleteFunc(slices.Clone(uploadable), func(s *broker.Server) bool { return !slices.Contains(m.servers, s) })
	for _, s := range place(m.missing(best.N), uploadable, loads(m)) {
		s.absent, s.Err = true, errAbsent
		m.shares = append(m.shares, s)
	}
	return m
}

// place gives shares to servers: those with the fewest come first, then the
// permuted order decides. load is what they have, and changed.
func place(nums []int, servers []*broker.Server, load map[grid.ServerID]int) []*Share {
	if len(servers) == 0 {
		return nil
	}
	var shares []*Share
	for _, num := range nums {
		server := slices.MinFunc(servers, func(a, b *broker.Server) int { return load[a.ID] - load[b.ID] })
		load[server.ID]++
		shares = append(shares, &Share{Server: server, Num: num})
	}
	return shares
}
