package mutable

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// version makes a header; greater names are newer among equal numbers.
func version(k, n int, seqnum uint64, name byte) mutablelayout.Header {
	return mutablelayout.Header{Seqnum: seqnum, RootHash: taggedhash.Hash{name}, K: k, N: n}
}

// hold makes one holding for each server; the share number is the position.
func hold(versions ...mutablelayout.Header) []Holding {
	all := make([]Holding, len(versions))
	for i, v := range versions {
		all[i] = Holding{Server: grid.ServerID(fmt.Sprint(i)), Shnum: i, Version: v, Here: true}
	}
	return all
}

func away(all []Holding, servers ...int) []Holding {
	for _, i := range servers {
		all[i].Version, all[i].Here = mutablelayout.Header{}, false
	}
	return all
}

func TestDecide(t *testing.T) {
	v := func(seqnum uint64, name byte) mutablelayout.Header { return version(1, 3, seqnum, name) }
	w := func(seqnum uint64, name byte) mutablelayout.Header { return version(3, 10, seqnum, name) }
	tests := []struct {
		name     string
		holdings []Holding
		want     Decision
		err      error
	}{
		{"all agree", hold(v(5, 'a'), v(5, 'a'), v(5, 'a')),
			Decision{Base: v(5, 'a'), Settled: true, Alone: true, Seqnum: 6, Targets: []int{0, 1, 2}}, nil},
		{"one is behind", hold(v(5, 'a'), v(4, 'z'), v(5, 'a')),
			Decision{Base: v(5, 'a'), Settled: true, Alone: true, Seqnum: 6, Targets: []int{0, 1, 2}}, nil},
		{"one is away", away(hold(v(5, 'a'), v(5, 'a'), v(5, 'a')), 2),
			Decision{Base: v(5, 'a'), Settled: true, Alone: true, Seqnum: 6, Targets: []int{0, 1}}, nil},
		{"two are away", away(hold(v(5, 'a'), v(5, 'a'), v(5, 'a')), 1, 2), Decision{}, &NoMajorityError{}},
		{"the majority wins over the greater hash", hold(v(5, 'a'), v(5, 'a'), v(5, 'z')),
			Decision{Base: v(5, 'a'), Settled: true, Seqnum: 6, Targets: []int{0, 1, 2}}, nil},
		{"three ways: the newest goes on", hold(v(5, 'a'), v(5, 'c'), v(5, 'b')),
			Decision{Base: v(5, 'c'), Seqnum: 6, Targets: []int{0, 1, 2}}, nil},
		{"somebody has just begun", hold(v(6, 'x'), v(5, 'a'), v(5, 'a')),
			Decision{Base: v(6, 'x'), Seqnum: 6, Targets: []int{1, 2}, Wait: true, Complete: true}, nil},
		{"nobody can tell which of two", away(hold(v(6, 'x'), v(6, 'y'), v(5, 'a')), 2), Decision{}, &NoMajorityError{}},
		{"two began, the third is free", hold(v(6, 'x'), v(6, 'y'), v(5, 'a')),
			Decision{Base: v(6, 'y'), Seqnum: 6, Targets: []int{2}, Wait: true, Complete: true}, nil},
		{"a corrupt share is written over", hold(v(5, 'a'), v(5, 'a'), mutablelayout.Header{}),
			Decision{Base: v(5, 'a'), Settled: true, Alone: true, Seqnum: 6, Targets: []int{0, 1, 2}}, nil},
		{"caught up by the rest of a majority", away(hold(v(5, 'a'), v(5, 'a'), v(3, 'a')), 0),
			Decision{Base: v(5, 'a'), Seqnum: 5, Targets: []int{2}, Wait: true, Complete: true}, nil},
		{"nothing", hold(mutablelayout.Header{}), Decision{}, &UnrecoverableError{}},
		{"writer stopped before the version could be read",
			hold(w(6, 'x'), w(6, 'x'), w(5, 'a'), w(5, 'a'), w(5, 'a'), w(5, 'a'), w(5, 'a'), w(5, 'a'), w(5, 'a'), w(5, 'a')),
			Decision{Base: w(5, 'a'), Seqnum: 6, Targets: []int{2, 3, 4, 5, 6, 7, 8, 9}, Wait: true}, nil},
		{"an established version whose servers are away",
			away(hold(w(6, 'x'), w(6, 'x'), w(5, 'a'), w(5, 'a'), w(5, 'a'), w(5, 'a'), w(5, 'a'), w(5, 'a'), w(5, 'a'), w(5, 'a')), 6, 7, 8, 9),
			Decision{Base: w(5, 'a'), Seqnum: 6, Targets: []int{2, 3, 4, 5}, Wait: true}, &NoMajorityError{}},
		{"too few shares of anything", hold(w(5, 'a'), w(5, 'b'), w(5, 'c'), w(5, 'd'), w(5, 'e'), w(5, 'f')), Decision{}, &UnrecoverableError{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Decide(test.holdings)
			if test.err != nil {
				require.Error(t, err)
				require.IsType(t, test.err, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

// world plays writers that keep the rules and stop anywhere.
type world struct {
	t       *testing.T
	random  *rand.Rand
	k, n    int
	servers []mutablelayout.Header
	base    map[mutablelayout.Header]mutablelayout.Header
	took    map[mutablelayout.Header]map[int]bool
	count   int
}

// writer is in the middle of a survey or of a publish.
type writer struct {
	seen     []Holding
	ask      []int // servers still to be read
	decision Decision
	version  mutablelayout.Header
	write    []int // servers still to be written
}

func (w *world) begin() *writer {
	wr := &writer{seen: make([]Holding, w.n), ask: w.random.Perm(w.n)}
	for i := range wr.seen {
		wr.seen[i] = Holding{Server: grid.ServerID(fmt.Sprint(i)), Shnum: i}
	}
	return wr
}

// step does one call of a writer to a server; false if it is through.
func (w *world) step(wr *writer) bool {
	lost := w.random.IntN(6) == 0
	if len(wr.ask) > 0 {
		i := wr.ask[0]
		wr.ask = wr.ask[1:]
		if !lost {
			wr.seen[i].Version, wr.seen[i].Here = w.servers[i], true
		}
		if len(wr.ask) == 0 {
			return w.plan(wr)
		}
		return true
	}
	i := wr.write[0]
	wr.write = wr.write[1:]
	if !lost && w.servers[i] == wr.seen[i].Version {
		require.Greater(w.t, wr.version.Seqnum, w.servers[i].Seqnum)
		w.servers[i] = wr.version
		w.took[wr.version][i] = true
	}
	return len(wr.write) > 0
}

func (w *world) plan(wr *writer) bool {
	var err error
	if wr.decision, err = Decide(wr.seen); err != nil {
		return false
	}
	w.count++
	wr.version = version(w.k, w.n, wr.decision.Seqnum, 0)
	w.random.Uint32()
	for i, b := range []int{w.random.IntN(256), w.count >> 16, w.count >> 8, w.count} {
		wr.version.RootHash[i] = byte(b)
	}
	if wr.decision.Complete {
		wr.version = wr.decision.Base
	} else {
		w.base[wr.version], w.took[wr.version] = wr.decision.Base, map[int]bool{}
	}
	for _, i := range w.random.Perm(len(wr.decision.Targets)) {
		wr.write = append(wr.write, wr.decision.Targets[i])
	}
	return true
}

// established returns the versions that a majority took at any time.
func (w *world) established() (all []mutablelayout.Header) {
	for v, took := range w.took {
		if len(took) >= max(w.k, w.n/2+1) {
			all = append(all, v)
		}
	}
	return all
}

func (w *world) contains(v, ancestor mutablelayout.Header) bool {
	for v.Seqnum > 0 {
		if v == ancestor {
			return true
		}
		v = w.base[v]
	}
	return false
}

func TestEstablishedVersionsContainEachOther(t *testing.T) {
	for _, shape := range []struct{ k, n int }{{1, 3}, {1, 5}, {2, 4}, {3, 5}, {1, 2}, {4, 5}} {
		t.Run(fmt.Sprintf("%d of %d", shape.k, shape.n), func(t *testing.T) {
			most := 0
			for seed := range uint64(400) {
				most = max(most, play(t, seed, shape.k, shape.n))
			}
			require.Greater(t, most, 3, "no run got anywhere")
		})
	}
}

func play(t *testing.T, seed uint64, k, n int) int {
	first := version(k, n, 1, 1)
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), k: k, n: n, servers: make([]mutablelayout.Header, n),
		base: map[mutablelayout.Header]mutablelayout.Header{first: {}},
		took: map[mutablelayout.Header]map[int]bool{first: {}},
	}
	for i := range w.servers {
		w.servers[i] = first
		w.took[first][i] = true
	}
	writers := make([]*writer, 4)
	for range 400 {
		i := w.random.IntN(len(writers))
		if writers[i] == nil || w.random.IntN(40) == 0 {
			writers[i] = w.begin()
		}
		if !w.step(writers[i]) {
			writers[i] = nil
		}
	}
	all := w.established()
	for _, a := range all {
		for _, b := range all {
			require.True(t, w.contains(a, b) || w.contains(b, a), "seed %d: %d/%x and %d/%x", seed, a.Seqnum, a.RootHash[:4], b.Seqnum, b.RootHash[:4])
		}
	}
	return len(all)
}
