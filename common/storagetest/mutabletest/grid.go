// Package mutabletest is a grid of servers in memory for the tests of mutable
// files and directories: servers that keep mutable shares, and for each gateway
// a view of them of its own, from which servers can be cut off.
//
// Nothing but tests imports it. It keeps no leases and no immutable shares.
package mutabletest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// Grid is a set of servers.
type Grid struct {
	Servers []*Server
}

// New returns a grid of n empty servers.
func New(n int) *Grid {
	g := &Grid{}
	for range n {
		g.Add()
	}
	return g
}

// Add appends an empty server.
func (g *Grid) Add() *Server {
	s := newServer(len(g.Servers))
	g.Servers = append(g.Servers, s)
	return s
}

// View is what one gateway sees of the grid. It is a broker.Servers.
type View struct {
	grid *Grid
	// Hook, if not nil, is called before each call to a server with its number;
	// an error fails the call. Set it before the view is used.
	Hook func(ctx context.Context, server int, op Op) error
	// After, if not nil, is called when a call has happened; an error makes it
	// look as if it had failed.
	After func(ctx context.Context, server int, op Op) error

	mu    sync.Mutex
	gone  map[int]bool // not in the list
	cut   map[int]bool // in the list, calls fail
	calls map[Op]int
	whole []*broker.Server
}

// View returns a new view that sees all servers there are.
func (g *Grid) View() *View {
	v := &View{grid: g, gone: map[int]bool{}, cut: map[int]bool{}, calls: map[Op]int{}}
	return v
}

// ErrCut is the error of calls to a server that is cut off.
var ErrCut = errors.New("connection lost")

// Op is a kind of call.
type Op string

// The calls.
const (
	Readv  Op = "readv"
	Writev Op = "writev"
	Advise Op = "advise"
)

// Cut lets calls to these servers fail, though they stay in the list.
func (v *View) Cut(servers ...int) { v.set(v.cut, servers, true) }

// Leave takes servers out of the list, as when their loss was noticed.
func (v *View) Leave(servers ...int) { v.set(v.gone, servers, true) }

// Heal ends Cut and Leave.
func (v *View) Heal() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.cut)
	clear(v.gone)
}

func (v *View) set(m map[int]bool, servers []int, to bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range servers {
		m[s] = to
	}
}

// Calls counts the calls of a kind.
func (v *View) Calls(op Op) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls[op]
}

// Away counts the servers that are known and not connected.
func (v *View) Away() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.gone)
}

// Permuted implements broker.Servers.
func (v *View) Permuted(si grid.StorageIndex) []*broker.Server {
	v.mu.Lock()
	defer v.mu.Unlock()
	var list []*broker.Server
	var seeds []grid.PermutationSeed
	for i := range v.grid.Servers {
		if !v.gone[i] {
			s := v.server(i)
			list, seeds = append(list, s), append(seeds, s.Seed)
		}
	}
	var permuted []*broker.Server
	for _, at := range announce.Permute(si, seeds, func(int) bool { return false }) {
		permuted = append(permuted, list[at])
	}
	return permuted
}

// server returns the gateway's connection to a server.
func (v *View) server(i int) *broker.Server {
	for len(v.whole) <= i {
		n := len(v.whole)
		v.whole = append(v.whole, &broker.Server{
			ID: grid.ServerID(fmt.Sprintf("v0-server%d", n)), Nickname: fmt.Sprintf("server %d", n),
			Seed: grid.PermutationSeed(fmt.Sprintf("seed %d", n)), TubID: v.grid.Servers[n].tub,
			Storage: &connection{view: v, number: n, server: v.grid.Servers[n]},
		})
	}
	return v.whole[i]
}

// Uploadable implements broker.Servers.
func (v *View) Uploadable(si grid.StorageIndex) []*broker.Server { return v.Permuted(si) }

// Holders returns the numbers of the servers that hold shares, ascending.
func (g *Grid) Holders(si grid.StorageIndex) (holders []int) {
	for i, s := range g.Servers {
		if len(s.Shares(si)) > 0 {
			holders = append(holders, i)
		}
	}
	return slices.Clip(holders)
}

func (v *View) before(ctx context.Context, server int, op Op) error {
	v.mu.Lock()
	v.calls[op]++
	cut := v.cut[server] || v.gone[server]
	v.mu.Unlock()
	if cut {
		return ErrCut
	}
	if v.Hook != nil {
		if err := v.Hook(ctx, server, op); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (v *View) after(ctx context.Context, server int, op Op) error {
	if v.After != nil {
		return v.After(ctx, server, op)
	}
	return nil
}
