package ueb_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/ueb"
)

func TestClaim(t *testing.T) {
	segs, err := erasure.NewSegments(1000, 3, 300)
	require.NoError(t, err)
	k, n, size, ok := ueb.New(segs, 10, ueb.Hashes{}).Claim()
	require.True(t, ok)
	require.Equal(t, []any{3, 10, int64(1000)}, []any{k, n, size})

	// Only three fields are required, and they say nothing of k and N.
	hash := "32:" + string(make([]byte, 32)) + ","
	u, err := ueb.Parse([]byte("crypttext_root_hash:" + hash + "segment_size:3:300,share_root_hash:" + hash))
	require.NoError(t, err)
	_, _, _, ok = u.Claim()
	require.False(t, ok)
	u, err = ueb.Parse([]byte("crypttext_root_hash:" + hash + "needed_shares:3:257,segment_size:3:300,share_root_hash:" +
		hash + "size:4:1000,total_shares:3:300,"))
	require.NoError(t, err)
	_, _, _, ok = u.Claim()
	require.False(t, ok)
}
