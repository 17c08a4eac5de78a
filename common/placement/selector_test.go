package placement_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/placement"
	"github.com/stretchr/testify/require"
)

// fakeServer grants as many new shares as it has room for.
type fakeServer struct {
	held     []grid.ShareNum
	room     int
	readOnly bool // says so from the start
	broken   bool // answers no allocation
}

var errBroken = errors.New("connection lost")

func (f *fakeServer) allocate(shares []grid.ShareNum) (already, allocated []grid.ShareNum) {
	for _, share := range shares {
		switch {
		case contains(f.held, share):
		case f.room > 0:
			f.room--
			allocated = append(allocated, share)
		}
	}
	return f.held, allocated
}

// run drives a Selector to its end and checks what must hold on the way.
func run(t *testing.T, params grid.Params, servers []fakeServer) (placement.Outcome, error) {
	s, err := placement.NewSelector(params, len(servers))
	require.NoError(t, err)
	for i := range servers {
		s.Found(i, servers[i].held)
		if servers[i].readOnly {
			s.ReadOnly(i)
		}
	}
	allocated := make([][]grid.ShareNum, len(servers))
	rounds := 0
	for asks := s.Next(); asks != nil; asks = s.Next() {
		rounds++
		require.LessOrEqual(t, rounds, len(servers)+1)
		for _, ask := range asks {
			server := &servers[ask.Server]
			require.True(t, slices.IsSorted(ask.Shares))
			if server.broken {
				s.Failed(ask.Server, errBroken)
				continue
			}
			already, granted := server.allocate(ask.Shares)
			s.Answer(ask.Server, already, granted)
			allocated[ask.Server] = append(allocated[ask.Server], granted...)
			server.held = slices.Clone(server.held)
		}
	}
	outcome, err := s.Result()
	used := make([][]grid.ShareNum, len(servers))
	for _, ask := range slices.Concat(outcome.Write, outcome.Release) {
		require.NotEmpty(t, ask.Shares)
		used[ask.Server] = append(used[ask.Server], ask.Shares...)
	}
	for i := range servers {
		slices.Sort(allocated[i])
		slices.Sort(used[i])
		require.Equal(t, allocated[i], used[i], "allocated shares are neither written nor released")
	}
	return outcome, err
}

func TestSelectorFreshUpload(t *testing.T) {
	outcome, err := run(t, grid.Params{K: 3, Happy: 7, N: 10}, freshGrid(20, 100))
	require.NoError(t, err)
	require.Equal(t, 10, outcome.Happiness)
	require.Empty(t, outcome.Release)
	require.Len(t, outcome.Write, 10)
	for i, ask := range outcome.Write {
		require.Equal(t, placement.Ask{Server: i, Shares: []grid.ShareNum{grid.ShareNum(i)}}, ask)
	}
}

func freshGrid(n, room int) []fakeServer {
	servers := make([]fakeServer, n)
	for i := range servers {
		servers[i].room = room
	}
	return servers
}

func TestSelectorReplacesRefusals(t *testing.T) {
	servers := freshGrid(12, 1)
	servers[2].room = 0
	servers[5].broken = true
	outcome, err := run(t, grid.Params{K: 3, Happy: 10, N: 10}, servers)
	require.NoError(t, err)
	require.Equal(t, 10, outcome.Happiness)
	require.Empty(t, outcome.Placement.Homeless())
	require.Empty(t, outcome.Placement.Shares(2))
	require.Empty(t, outcome.Placement.Shares(5))
}

// 1.20 would stop at nine shares here, because happiness is reached.
func TestSelectorPlacesEveryShare(t *testing.T) {
	servers := freshGrid(10, 2)
	servers[9].room = 0
	outcome, err := run(t, grid.Params{K: 3, Happy: 7, N: 10}, servers)
	require.NoError(t, err)
	require.Equal(t, 9, outcome.Happiness)
	require.Empty(t, outcome.Placement.Homeless())
}

func TestSelectorCompleteFileOnReadOnlyServers(t *testing.T) {
	servers := []fakeServer{{held: []grid.ShareNum{0, 1}, readOnly: true}, {held: []grid.ShareNum{2}, readOnly: true}}
	outcome, err := run(t, grid.Params{K: 1, Happy: 2, N: 3}, servers)
	require.NoError(t, err)
	require.Equal(t, 2, outcome.Happiness)
	require.Empty(t, outcome.Write)
}

func TestSelectorExcludedServerDoesNotCount(t *testing.T) {
	s, err := placement.NewSelector(grid.Params{K: 1, Happy: 1, N: 1}, 1)
	require.NoError(t, err)
	s.Found(0, []grid.ShareNum{0})
	s.Exclude(0, errBroken)
	require.Nil(t, s.Next())
	_, err = s.Result()
	var unhappy *placement.UnhappinessError
	require.ErrorAs(t, err, &unhappy)
	require.Zero(t, unhappy.NumServers)
	require.Equal(t, []placement.ServerFailure{{Server: 0, Err: errBroken}}, unhappy.Failures)
}

// A server cannot force shares on us that it was not asked to take.
func TestSelectorIgnoresUnaskedShares(t *testing.T) {
	s, err := placement.NewSelector(grid.Params{K: 1, Happy: 1, N: 2}, 2)
	require.NoError(t, err)
	asks := s.Next()
	require.Equal(t, []placement.Ask{{Server: 0, Shares: []grid.ShareNum{0}}, {Server: 1, Shares: []grid.ShareNum{1}}}, asks)
	s.Answer(0, []grid.ShareNum{-5, 999}, []grid.ShareNum{0, 1, 77})
	s.Answer(1, nil, []grid.ShareNum{1})
	outcome, err := s.Result()
	require.NoError(t, err)
	require.Equal(t, []placement.Ask{{Server: 0, Shares: []grid.ShareNum{0}}, {Server: 1, Shares: []grid.ShareNum{1}}}, outcome.Write)
}

// A share that was allocated to a crowded server and then found a server of
// its own is released on the first.
func TestSelectorReleasesSuperfluousShares(t *testing.T) {
	s, err := placement.NewSelector(grid.Params{K: 1, Happy: 2, N: 2}, 3)
	require.NoError(t, err)
	s.ReadOnly(2)
	require.Equal(t, []placement.Ask{{Server: 0, Shares: []grid.ShareNum{0}}, {Server: 1, Shares: []grid.ShareNum{1}}}, s.Next())
	s.Answer(0, nil, []grid.ShareNum{0})
	s.Failed(1, errBroken)
	require.Equal(t, []placement.Ask{{Server: 0, Shares: []grid.ShareNum{1}}}, s.Next())
	s.Answer(0, nil, []grid.ShareNum{1})
	s.Found(2, []grid.ShareNum{1})
	require.Nil(t, s.Next())
	outcome, err := s.Result()
	require.NoError(t, err)
	require.Equal(t, 2, outcome.Happiness)
	require.Equal(t, []placement.Ask{{Server: 0, Shares: []grid.ShareNum{0}}}, outcome.Write)
	require.Equal(t, []placement.Ask{{Server: 0, Shares: []grid.ShareNum{1}}}, outcome.Release)
}

func TestSelectorUnhappy(t *testing.T) {
	servers := freshGrid(3, 1)
	servers[1].broken = true
	outcome, err := run(t, grid.Params{K: 2, Happy: 3, N: 4}, servers)
	var unhappy *placement.UnhappinessError
	require.ErrorAs(t, err, &unhappy)
	require.Equal(t, 2, unhappy.Effective)
	require.Equal(t, 2, unhappy.NumServers)
	require.Len(t, unhappy.Homeless, 2)
	require.Equal(t, 1, unhappy.Stats.Errors)
	require.Equal(t, unhappy.Stats.Queries, unhappy.Stats.Good+unhappy.Stats.Full+unhappy.Stats.Errors)
	require.Equal(t, []placement.ServerFailure{{Server: 1, Err: errBroken}}, unhappy.Failures)
	require.Empty(t, outcome.Write, "an unhappy upload writes nothing")
	require.Contains(t, err.Error(), "connection lost")
}

func TestNewSelectorRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		params grid.Params
		field  string
	}{
		{"needed 0", grid.Params{K: 0, Happy: 1, N: 1}, "needed"},
		{"needed above total", grid.Params{K: 3, Happy: 1, N: 2}, "needed"},
		{"needed above total in a repair", grid.Params{K: 3, Happy: 0, N: 2}, "needed"},
		{"happy above total", grid.Params{K: 1, Happy: 3, N: 2}, "happy"},
		{"happy negative", grid.Params{K: 1, Happy: -1, N: 2}, "happy"},
		{"total above 256", grid.Params{K: 1, Happy: 1, N: 257}, "total"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := placement.NewSelector(test.params, 1)
			var paramsError *grid.ParamsError
			require.ErrorAs(t, err, &paramsError)
			require.Equal(t, test.field, paramsError.Field)
		})
	}
	for _, servers := range []int{-1, placement.MaxServers + 1} {
		_, err := placement.NewSelector(grid.DefaultParams, servers)
		require.ErrorIs(t, err, placement.ErrBadRequest)
	}
}

func randomGrid(rng *rand.Rand, total int) []fakeServer {
	servers := make([]fakeServer, rng.IntN(6))
	for i := range servers {
		servers[i] = fakeServer{room: rng.IntN(total + 1), readOnly: rng.IntN(4) == 0, broken: rng.IntN(6) == 0}
		for share := range grid.ShareNum(total) {
			if rng.IntN(4) == 0 {
				servers[i].held = append(servers[i].held, share)
			}
		}
	}
	return servers
}

// Whatever servers refuse, the happiness reached is the best that was
// possible: a server that takes one share can take any share.
func TestSelectorReachesThePossible(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 5000 {
		total := 1 + rng.IntN(6)
		servers := randomGrid(rng, total)
		candidates := make([]placement.Candidate, len(servers))
		for i, server := range servers {
			candidates[i].ReadOnly = server.readOnly || server.broken || server.room == 0
			candidates[i].Held = server.held
		}
		best := bestMatching(possible(total, candidates), 0)
		params := grid.Params{K: 1 + rng.IntN(total), Happy: rng.IntN(total + 1), N: total}
		outcome, err := run(t, params, servers)
		require.Equal(t, best, outcome.Happiness, "%+v", servers)
		require.Equal(t, best < params.Happy, err != nil)
	}
}

func BenchmarkSelector3of10On20Servers(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		s, err := placement.NewSelector(grid.Params{K: 3, Happy: 7, N: 10}, 20)
		if err != nil {
			b.Fatal(err)
		}
		for _, ask := range s.Next() {
			s.Answer(ask.Server, nil, ask.Shares)
		}
		if _, err := s.Result(); err != nil {
			b.Fatal(err)
		}
	}
}
