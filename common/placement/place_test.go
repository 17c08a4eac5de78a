package placement_test

import (
	"math/rand/v2"
	"testing"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/placement"
	"github.com/stretchr/testify/require"
)

func ro(held ...grid.ShareNum) placement.Candidate {
	return placement.Candidate{ReadOnly: true, Held: held}
}

func rw(held ...grid.ShareNum) placement.Candidate { return placement.Candidate{Held: held} }

// servers lists the server of every share, -1 for none.
func servers(p placement.Placement) []int {
	list := make([]int, p.Total())
	for share := range list {
		server, ok := p.Server(grid.ShareNum(share))
		if !ok {
			server = -1
		}
		list[share] = server
	}
	return list
}

func TestPlace(t *testing.T) {
	for _, test := range []struct {
		name       string
		total      int
		candidates []placement.Candidate
		want       []int
		happiness  int
	}{
		{"nobody", 2, nil, []int{-1, -1}, 0},
		{"one server takes all", 3, []placement.Candidate{rw()}, []int{0, 0, 0}, 1},
		{"first N of many", 3, []placement.Candidate{rw(), rw(), rw(), rw(), rw()}, []int{0, 1, 2}, 3},
		{"more shares than servers go round", 7, []placement.Candidate{rw(), rw(), rw()},
			[]int{0, 1, 2, 0, 1, 2, 0}, 3},
		{"full servers hold nothing", 2, []placement.Candidate{ro(), rw(), ro()}, []int{1, 1}, 1},
		{"nobody takes shares, some are there", 3, []placement.Candidate{ro(2), ro(2, 0)}, []int{1, -1, 0}, 2},
		{"read-only first, writer for the new share", 2, []placement.Candidate{rw(0), ro(0)}, []int{1, 0}, 2},
		{"existing shares stay", 4, []placement.Candidate{rw(3), rw(2), rw(1), rw(0)}, []int{3, 2, 1, 0}, 4},
		{"read-only server moved to make room", 2, []placement.Candidate{ro(0, 1), ro(0)}, []int{1, 0}, 2},
		{"holder keeps its second share", 3, []placement.Candidate{rw(0, 2), rw()}, []int{0, 1, 0}, 2},
		{"less loaded of two holders", 4, []placement.Candidate{rw(0, 2, 3), rw(1, 3)}, []int{0, 1, 0, 1}, 2},
		{"share of a read-only server is placed again when it is matched elsewhere", 2,
			[]placement.Candidate{ro(0, 1), rw()}, []int{0, 1}, 2},
		{"nonsense numbers and repetitions", 2, []placement.Candidate{ro(-1, 2, 7, 1, 1), rw(256)},
			[]int{1, 0}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := placement.Place(test.total, test.candidates)
			require.NoError(t, err)
			require.Equal(t, test.want, servers(p))
			require.Equal(t, test.happiness, p.Happiness())
		})
	}
}

func TestPlacementQueries(t *testing.T) {
	p, err := placement.Place(4, []placement.Candidate{rw(1), ro(0)})
	require.NoError(t, err)
	require.Equal(t, []grid.ShareNum{1, 2, 3}, p.Shares(0))
	require.Equal(t, []grid.ShareNum{0}, p.Shares(1))
	require.Empty(t, p.Homeless())
	require.True(t, p.Held(0))
	require.True(t, p.Held(1))
	require.False(t, p.Held(2))
	for _, share := range []grid.ShareNum{-1, 4} {
		_, ok := p.Server(share)
		require.False(t, ok)
		require.False(t, p.Held(share))
	}
}

func TestPlaceRefuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		total   int
		servers int
	}{
		{"no shares", 0, 1},
		{"257 shares", 257, 1},
		{"too many servers", 10, placement.MaxServers + 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := placement.Place(test.total, make([]placement.Candidate, test.servers))
			require.ErrorIs(t, err, placement.ErrBadRequest)
		})
	}
}

// randomCandidates makes a situation small enough to try everything.
func randomCandidates(rng *rand.Rand, total int) []placement.Candidate {
	candidates := make([]placement.Candidate, rng.IntN(6))
	for i := range candidates {
		candidates[i].ReadOnly = rng.IntN(2) == 0
		for share := range grid.ShareNum(total) {
			if rng.IntN(3) == 0 {
				candidates[i].Held = append(candidates[i].Held, share)
			}
		}
	}
	return candidates
}

func contains(list []grid.ShareNum, x grid.ShareNum) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

// possible are the shares each server could have, as bit sets.
func possible(total int, candidates []placement.Candidate) []uint {
	edges := make([]uint, len(candidates))
	for i, c := range candidates {
		if !c.ReadOnly {
			edges[i] = 1<<total - 1
		}
		for _, share := range c.Held {
			edges[i] |= 1 << share
		}
	}
	return edges
}

func TestPlaceProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		total := 1 + rng.IntN(6)
		candidates := randomCandidates(rng, total)
		p, err := placement.Place(total, candidates)
		require.NoError(t, err)
		again, err := placement.Place(total, candidates)
		require.NoError(t, err)
		require.Equal(t, p, again, "not deterministic")

		require.Equal(t, bestMatching(possible(total, candidates), 0), p.Happiness(), "%v", candidates)
		placed := 0
		for server := range candidates {
			placed += len(p.Shares(server))
			for _, share := range p.Shares(server) {
				held := contains(candidates[server].Held, share)
				require.Equal(t, held, p.Held(share))
				require.True(t, held || !candidates[server].ReadOnly, "new share for a read-only server")
			}
		}
		require.Equal(t, total, placed+len(p.Homeless()), "a share was placed twice")
		for _, share := range p.Homeless() {
			for _, c := range candidates {
				require.True(t, c.ReadOnly && !contains(c.Held, share), "homeless without need")
			}
		}
	}
}

// permutations calls f with every order of 0..n-1.
func permutations(n int, f func([]int)) {
	order := make([]int, n)
	used := make([]bool, n)
	var choose func(int)
	choose = func(i int) {
		if i == n {
			f(order)
			return
		}
		for server := range n {
			if !used[server] {
				used[server], order[i] = true, server
				choose(i + 1)
				used[server] = false
			}
		}
	}
	choose(0)
}

// On a small grid every server gets its part: over all orders that storage
// indexes can produce, each server receives the same number of shares, and
// each share number equally often.
func TestPlaceIsBalanced(t *testing.T) {
	for _, test := range []struct{ servers, total int }{{4, 3}, {4, 10}, {5, 3}, {3, 10}} {
		received := make([]int, test.servers)
		shares := make([][]int, test.servers)
		for i := range shares {
			shares[i] = make([]int, test.total)
		}
		orders := 0
		permutations(test.servers, func(order []int) {
			p, err := placement.Place(test.total, make([]placement.Candidate, test.servers))
			require.NoError(t, err)
			orders++
			for position, server := range order {
				for _, share := range p.Shares(position) {
					received[server]++
					shares[server][share]++
				}
			}
		})
		for server := range received {
			require.Equal(t, orders*test.total, received[server]*test.servers)
			for share := range test.total {
				require.Equal(t, orders, shares[server][share]*test.servers)
			}
		}
	}
}

func BenchmarkPlace3of10On100Servers(b *testing.B) {
	candidates := make([]placement.Candidate, 100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := placement.Place(10, candidates[:placement.MaxCandidates(10)]); err != nil {
			b.Fatal(err)
		}
	}
}

// All 512 candidates of the largest file claim to hold every share.
func BenchmarkPlaceWorstCase(b *testing.B) {
	all := make([]grid.ShareNum, grid.MaxShares)
	for share := range all {
		all[share] = grid.ShareNum(share)
	}
	candidates := make([]placement.Candidate, placement.MaxCandidates(grid.MaxShares))
	for i := range candidates {
		candidates[i] = placement.Candidate{ReadOnly: i%2 == 0, Held: all}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := placement.Place(grid.MaxShares, candidates); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHappiness10SharesOn100Servers(b *testing.B) {
	holders := make(map[int][]int)
	for server := range 100 {
		holders[server%10] = append(holders[server%10], server)
	}
	b.ReportAllocs()
	for b.Loop() {
		if placement.Happiness(holders) != 10 {
			b.Fatal("wrong")
		}
	}
}
