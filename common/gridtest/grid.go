package gridtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

// Space is how much every server has, unless a test sets another.
const Space = 1 << 40

// buildDate is when the program under test pretends to be built.
var buildDate = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// Grid is a set of servers. It is a broker.Servers, safe for concurrent use.
type Grid struct {
	tb      testing.TB
	Servers []*Server

	mu        sync.Mutex // guards all below
	preferred map[grid.ServerID]bool
}

var _ broker.Servers = (*Grid)(nil)

// New starts numServers empty servers, which end with the test.
func New(tb testing.TB, numServers int) *Grid {
	tb.Helper()
	return NewOn(tb, numServers, func(int) sharefs.FS { return sharefs.NewMem(Space) })
}

// NewOn is New on file systems of the caller's choice.
func NewOn(tb testing.TB, numServers int, disk func(i int) sharefs.FS) *Grid {
	tb.Helper()
	g := &Grid{tb: tb}
	for i := range numServers {
		g.add(disk(i))
	}
	return g
}

// Add starts one more empty server.
func (g *Grid) Add() *Server {
	g.tb.Helper()
	return g.add(sharefs.NewMem(Space))
}

func (g *Grid) add(disk sharefs.FS) *Server {
	g.tb.Helper()
	number := len(g.Servers)
	tub := grid.TubID(fmt.Appendf(nil, "tub of server %06d", number))
	store, err := sharestore.Open(sharestore.Config{
		FS: disk, NodeID: tub, ApplicationVersion: "gridtest/1", BuildDate: buildDate,
		Now: func() time.Time { return buildDate.Add(24 * time.Hour) },
	})
	require.NoError(g.tb, err)
	g.tb.Cleanup(func() { require.NoError(g.tb, store.Close()) })
	s := &Server{Store: store, disk: disk, upload: true}
	version, err := store.Version(g.tb.Context())
	require.NoError(g.tb, err)
	s.Server = &broker.Server{
		ID:       grid.ServerID(fmt.Sprintf("v0-s%03dxxxxxx", number)),
		Nickname: fmt.Sprintf("server %d", number),
		Seed:     grid.PermutationSeed(fmt.Sprintf("seed of server %d", number)),
		TubID:    tub,
		Storage:  &storage{server: s},
		Version:  version,
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.Servers = append(g.Servers, s)
	return s
}

// Prefer makes servers the preferred ones.
func (g *Grid) Prefer(servers ...*Server) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.preferred = make(map[grid.ServerID]bool)
	for _, s := range servers {
		g.preferred[s.ID] = true
	}
}

// Permuted implements broker.Servers.
func (g *Grid) Permuted(si grid.StorageIndex) []*broker.Server {
	return g.permuted(si, func(s *Server) bool { return s.connected() })
}

// Uploadable implements broker.Servers.
func (g *Grid) Uploadable(si grid.StorageIndex) []*broker.Server {
	return g.permuted(si, func(s *Server) bool { return s.connected() && s.uploadable() })
}

func (g *Grid) permuted(si grid.StorageIndex, use func(*Server) bool) []*broker.Server {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []*broker.Server
	var seeds []grid.PermutationSeed
	for _, s := range g.Servers {
		if use(s) {
			list, seeds = append(list, s.Server), append(seeds, s.Seed)
		}
	}
	order := announce.Permute(si, seeds, func(i int) bool { return g.preferred[list[i].ID] })
	permuted := make([]*broker.Server, len(list))
	for i, at := range order {
		permuted[i] = list[at]
	}
	return permuted
}

// In returns the servers in the order for the storage index.
func (g *Grid) In(si grid.StorageIndex) []*Server {
	var list []*Server
	for _, s := range g.Permuted(si) {
		list = append(list, g.ByID(s.ID))
	}
	return list
}

// ByID returns the server with the id, nil if there is none.
func (g *Grid) ByID(id grid.ServerID) *Server {
	for _, s := range g.Servers {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// Uploads counts the shares that clients have begun to write on any server and
// neither closed nor aborted.
func (g *Grid) Uploads() int {
	g.tb.Helper()
	n := 0
	for _, s := range g.Servers {
		status, err := s.Store.Status()
		require.NoError(g.tb, err)
		n += status.Uploads
	}
	return n
}

// Shares returns for each share of a storage index the servers that hold it.
func (g *Grid) Shares(si grid.StorageIndex) map[grid.ShareNum][]*Server {
	g.tb.Helper()
	held := make(map[grid.ShareNum][]*Server)
	for _, s := range g.Servers {
		for _, n := range s.Held(g.tb, si) {
			held[n] = append(held[n], s)
		}
	}
	return held
}
