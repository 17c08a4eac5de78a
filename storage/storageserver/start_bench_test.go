package storageserver_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/storage/storageserver"
)

// BenchmarkStart100000 starts a node with 100,000 shares, the index in place,
// until a client over HTTPS has read one of them.
func BenchmarkStart100000(b *testing.B) {
	dir := b.TempDir()
	var last grid.StorageIndex
	for range 100000 {
		last = freshSI()
		plan, err := sharecontainer.CreateImmutable(10)
		require.NoError(b, err)
		path := filepath.Join(dir, "storage", "shares", filepath.FromSlash(sharecontainer.SharePath(last, 0)))
		require.NoError(b, os.MkdirAll(filepath.Dir(path), 0o700))
		f, err := os.Create(path)
		require.NoError(b, err)
		require.NoError(b, plan.Apply(f))
		require.NoError(b, f.Close())
	}
	first, err := start(newConfig(b, dir, "", ""), storageserver.TubLimits())
	require.NoError(b, err)
	require.Eventually(b, func() bool { return indexComplete(b, first.service) }, patience, tick)
	first.halt(b)
	for b.Loop() {
		n, err := start(newConfig(b, dir, "", ""), storageserver.TubLimits())
		require.NoError(b, err)
		_, err = read(b.Context(), n.client(b), last, 10)
		require.NoError(b, err)
		b.StopTimer()
		require.EqualValues(b, 100000, n.service.Stats()["storage_server.total_bucket_count"])
		n.halt(b)
		b.StartTimer()
	}
}
