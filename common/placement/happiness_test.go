package placement_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/besn0847/arm-tahoe/common/placement"
	"github.com/stretchr/testify/require"
)

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, v))
}

func TestHappinessVectors(t *testing.T) {
	var vectors []struct {
		Sharemap  map[string][]string
		Happiness int
	}
	readJSON(t, "servers_of_happiness.json", &vectors)
	require.Len(t, vectors, 5)
	for i, v := range vectors {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			require.Equal(t, v.Happiness, placement.Happiness(v.Sharemap))
		})
	}
}

func TestHappinessIgnoresRepetitionsAndEmptyLists(t *testing.T) {
	require.Equal(t, 1, placement.Happiness(map[int][]string{0: {"a", "a"}, 1: {}, 2: nil}))
	require.Zero(t, placement.Happiness[int, string](nil))
}

// bestMatching is the greatest number of servers that can each have a share
// of their own, found by trying everything. edges are bit sets of shares.
func bestMatching(edges []uint, taken uint) int {
	if len(edges) == 0 {
		return 0
	}
	best := bestMatching(edges[1:], taken)
	for share := uint(1); share <= edges[0]; share <<= 1 {
		if edges[0]&share != 0 && taken&share == 0 {
			best = max(best, 1+bestMatching(edges[1:], taken|share))
		}
	}
	return best
}

func TestHappinessAgainstTryingEverything(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		servers, shares := 1+rng.IntN(5), 1+rng.IntN(5)
		edges := make([]uint, servers)
		holders := map[int][]int{}
		for server := range edges {
			edges[server] = uint(rng.IntN(1 << shares))
			for share := range shares {
				if edges[server]&(1<<share) != 0 {
					holders[share] = append(holders[share], server)
				}
			}
		}
		require.Equal(t, bestMatching(edges, 0), placement.Happiness(holders), "%v", holders)
	}
}

// A chain in which every server must move to make room for the last one: the
// longest augmenting path there is.
func TestHappinessLongPath(t *testing.T) {
	const n = 100_000
	holders := make(map[int][]int, n)
	for share := range n {
		holders[share] = []int{share, share + 1}
	}
	holders[n-1] = append(holders[n-1], 0)
	require.Equal(t, n, placement.Happiness(holders))
}
