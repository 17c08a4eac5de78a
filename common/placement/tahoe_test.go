package placement_test

import (
	"fmt"
	"testing"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/placement"
	"github.com/stretchr/testify/require"
)

// tahoeVectors is testdata/tahoe-1.20.json: what 1.20.0 itself answered.
type tahoeVectors struct {
	Placements []struct {
		Total   int
		Servers []struct {
			ReadOnly bool `json:"read_only"`
			Held     []grid.ShareNum
		}
		Placement []int
		Effective int
	}
	Messages []struct {
		PeerCount int `json:"peer_count"`
		K         int
		Happy     int
		Effective int
		Text      string
	}
}

// numLower is how many of the recorded situations 1.20 handles below the
// possible: it counts on read-only servers for shares they do not hold, or
// leaves servers out (see the package documentation).
const numLower = 3

func TestPlaceAgainstTahoe(t *testing.T) {
	var vectors tahoeVectors
	readJSON(t, "tahoe-1.20.json", &vectors)
	require.Len(t, vectors.Placements, 250)
	lower := 0
	for i, v := range vectors.Placements {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			holders := map[grid.ShareNum][]int{}
			candidates := make([]placement.Candidate, len(v.Servers))
			for server, s := range v.Servers {
				candidates[server] = placement.Candidate{ReadOnly: s.ReadOnly, Held: s.Held}
				for _, share := range s.Held {
					holders[share] = append(holders[share], server)
				}
			}
			theirs := clone(holders)
			for share, server := range v.Placement {
				if server >= 0 && !v.Servers[server].ReadOnly {
					theirs[grid.ShareNum(share)] = append(theirs[grid.ShareNum(share)], server)
				}
			}
			require.Equal(t, v.Effective, placement.Happiness(theirs), "the measure itself")

			p, err := placement.Place(v.Total, candidates)
			require.NoError(t, err)
			ours := clone(holders)
			for share := range grid.ShareNum(v.Total) {
				if server, ok := p.Server(share); ok {
					ours[share] = append(ours[share], server)
				}
			}
			require.GreaterOrEqual(t, placement.Happiness(ours), v.Effective)
			if placement.Happiness(ours) > v.Effective {
				lower++
				require.Equal(t, bestMatching(possible(v.Total, candidates), 0), placement.Happiness(ours))
			}
		})
	}
	require.Equal(t, numLower, lower, "situations where 1.20 stays below the possible")
}

func clone(holders map[grid.ShareNum][]int) map[grid.ShareNum][]int {
	c := make(map[grid.ShareNum][]int, len(holders))
	for share, servers := range holders {
		c[share] = append([]int(nil), servers...)
	}
	return c
}
