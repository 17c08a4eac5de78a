package storagetest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/storagetest"
)

// TestMemory holds the core in memory, and with it the suite itself, to the
// rules.
func TestMemory(t *testing.T) {
	storagetest.Run(t, storagetest.Suite{New: func(_ *testing.T, s storagetest.Setup) grid.StorageServer {
		return storagetest.NewMemory(s)
	}})
}

// TestMemoryUploads looks at what only cores have.
func TestMemoryUploads(t *testing.T) {
	m := storagetest.NewMemory(storagetest.Setup{})
	mine := secret.NewUploadSecret([]byte("mine"))
	_, allocated, err := m.AllocateUploads(t.Context(), storagetest.SI, storagetest.Lease('a'), mine, []grid.ShareNum{3, 1}, 10)
	require.NoError(t, err)
	require.Equal(t, []grid.ShareNum{1, 3}, allocated)
	require.Equal(t, 2, m.NumUploads())
	_, err = m.FindUpload(t.Context(), storagetest.SI, 1, secret.NewUploadSecret([]byte("yours")))
	require.ErrorIs(t, err, grid.ErrBadUploadSecret)
	_, err = m.FindUpload(t.Context(), storagetest.SI, 2, mine)
	require.ErrorIs(t, err, grid.ErrNoUpload)
	u, err := m.FindUpload(t.Context(), storagetest.SI, 1, mine)
	require.NoError(t, err)
	require.NoError(t, u.Write(t.Context(), 2, []byte("cd")))
	require.NoError(t, u.Write(t.Context(), 5, []byte("f")))
	require.Equal(t, []grid.Range{{Begin: 0, End: 2}, {Begin: 4, End: 5}, {Begin: 6, End: 10}}, u.Required())
	require.NoError(t, u.Close(t.Context()))
	share, err := m.OpenShare(t.Context(), grid.Immutable, storagetest.SI, 1)
	require.NoError(t, err)
	require.EqualValues(t, 10, share.Size())
	_, err = m.OpenShare(t.Context(), grid.Immutable, storagetest.SI, 9)
	require.ErrorIs(t, err, grid.ErrNoShare)
	n, err := m.LeaseShares(t.Context(), storagetest.SI, storagetest.Lease('a'))
	require.NoError(t, err)
	require.Equal(t, 1, n)
}
