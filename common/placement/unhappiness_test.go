package placement_test

import (
	"testing"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/placement"
	"github.com/stretchr/testify/require"
)

func TestReasonIsTahoes(t *testing.T) {
	var vectors tahoeVectors
	readJSON(t, "tahoe-1.20.json", &vectors)
	require.NotEmpty(t, vectors.Messages)
	for _, v := range vectors.Messages {
		e := &placement.UnhappinessError{
			Params: grid.Params{K: v.K, Happy: v.Happy, N: 10}, Effective: v.Effective, NumServers: v.PeerCount,
		}
		require.Equal(t, v.Text, e.Reason())
	}
}

func TestUnhappinessErrorText(t *testing.T) {
	e := &placement.UnhappinessError{
		Params: grid.Params{K: 3, Happy: 7, N: 10}, Effective: 2, NumServers: 2, Homeless: []grid.ShareNum{4, 5},
		Stats:    placement.Stats{Queries: 5, Good: 2, Full: 1, Errors: 2},
		Failures: []placement.ServerFailure{{Server: 1, Err: errBroken}, {Server: 3, Err: errBroken}},
	}
	require.Equal(t, "placed 8 shares out of 10 total (2 homeless), want to place shares on at least"+
		" 7 servers such that any 3 of them have enough shares to recover the file, sent 5 queries"+
		" to 5 servers, 2 queries placed some shares, 3 placed none (of which 1 placed none due to"+
		" the server being full and 2 placed none due to an error)", e.Progress())
	require.Equal(t, "server selection failed: "+e.Reason()+" ("+e.Progress()+
		") (last of 2 failures: connection lost)", e.Error())
	e.Homeless, e.Failures = nil, nil
	require.Contains(t, e.Progress(), "placed all 10 shares, ")
}
