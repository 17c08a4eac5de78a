package storagerpc

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/storagetest"
)

// sinkCore takes uploads without keeping them and has one share of zeros, so
// that the protocol is measured and not a core.
type sinkCore struct {
	*storagetest.Memory
	size int64
}

type sinkWriter struct{}

func (sinkWriter) Write(context.Context, int64, []byte) error { return nil }
func (sinkWriter) Close(context.Context) error                { return nil }
func (sinkWriter) Abort(context.Context) error                { return nil }

func (c sinkCore) AllocateBuckets(_ context.Context, _ grid.StorageIndex, _ grid.LeaseSecrets, shares []grid.ShareNum, _ int64) (grid.Allocation, error) {
	a := grid.Allocation{Writers: map[grid.ShareNum]grid.BucketWriter{}}
	for _, n := range shares {
		a.Writers[n] = sinkWriter{}
	}
	return a, nil
}

func (c sinkCore) ListShares(context.Context, grid.ShareKind, grid.StorageIndex) ([]grid.ShareNum, error) {
	return []grid.ShareNum{0}, nil
}

func (c sinkCore) OpenShare(context.Context, grid.ShareKind, grid.StorageIndex, grid.ShareNum) (grid.ShareReader, error) {
	return sinkReader{size: c.size}, nil
}

type sinkReader struct {
	grid.BucketReader
	size int64
}

func (r sinkReader) Size() int64 { return r.size }

func (r sinkReader) Read(_ context.Context, p []byte, offset int64) (int, error) {
	return int(min(int64(len(p)), r.size-offset)), nil
}

func benchClient(b *testing.B, size int64) *Client {
	b.Helper()
	b.SetBytes(size)
	b.ReportAllocs()
	return newClient(b, NewServer(sinkCore{storagetest.NewMemory(storagetest.Setup{}), size}, ServerOptions{}))
}

func benchWriter(b *testing.B, c *Client) grid.BucketWriter {
	b.Helper()
	a, err := c.AllocateBuckets(b.Context(), storagetest.SI, storagetest.Lease('a'), []grid.ShareNum{0}, 1<<40)
	require.NoError(b, err)
	return a.Writers[0]
}

// BenchmarkWrite1MiB is one write over TLS on loopback; client and server share
// the processor.
func BenchmarkWrite1MiB(b *testing.B) {
	c := benchClient(b, 1<<20)
	w, data := benchWriter(b, c), make([]byte, 1<<20)
	for b.Loop() {
		require.NoError(b, w.Write(b.Context(), 0, data))
	}
}

// BenchmarkWrite1MiBParallel has four writes under way.
func BenchmarkWrite1MiBParallel(b *testing.B) {
	c := benchClient(b, 1<<20)
	w := benchWriter(b, c)
	b.SetParallelism(2) // for each of two processors
	b.RunParallel(func(pb *testing.PB) {
		data := make([]byte, 1<<20)
		for pb.Next() {
			if err := w.Write(b.Context(), 0, data); err != nil {
				b.Error(err)
			}
		}
	})
}

func benchReader(b *testing.B, c *Client) grid.BucketReader {
	b.Helper()
	buckets, err := c.GetBuckets(b.Context(), storagetest.SI)
	require.NoError(b, err)
	return buckets[0]
}

// BenchmarkRead1MiB is one read of 1 MiB.
func BenchmarkRead1MiB(b *testing.B) {
	r, data := benchReader(b, benchClient(b, 1<<20)), make([]byte, 1<<20)
	for b.Loop() {
		n, err := r.Read(b.Context(), data, 0)
		require.NoError(b, err)
		require.Equal(b, len(data), n)
	}
}

// BenchmarkRead1MiBParallel has four reads under way.
func BenchmarkRead1MiBParallel(b *testing.B) {
	r := benchReader(b, benchClient(b, 1<<20))
	b.SetParallelism(2)
	b.RunParallel(func(pb *testing.PB) {
		data := make([]byte, 1<<20)
		for pb.Next() {
			if n, err := r.Read(b.Context(), data, 0); err != nil || n != len(data) {
				b.Error(n, err)
			}
		}
	})
}

// BenchmarkRead64KiB is a typical block.
func BenchmarkRead64KiB(b *testing.B) {
	r, data := benchReader(b, benchClient(b, 64<<10)), make([]byte, 64<<10)
	for b.Loop() {
		n, err := r.Read(b.Context(), data, 0)
		require.NoError(b, err)
		require.Equal(b, len(data), n)
	}
}

// BenchmarkSmallCalls are calls that carry next to nothing, 16 under way.
func BenchmarkSmallCalls(b *testing.B) {
	c := benchClient(b, 0)
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := c.AddLease(b.Context(), storagetest.SI, storagetest.Lease('a')); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkSmallUpload is allocate, write 10 KiB and close, 16 under way.
func BenchmarkSmallUpload(b *testing.B) {
	c := benchClient(b, 10<<10)
	data := make([]byte, 10<<10)
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			a, err := c.AllocateBuckets(b.Context(), storagetest.SI, storagetest.Lease('a'), []grid.ShareNum{0}, 10<<10)
			if err == nil {
				err = a.Writers[0].Write(b.Context(), 0, data)
			}
			if err == nil {
				err = a.Writers[0].Close(b.Context())
			}
			if err != nil {
				b.Error(err)
			}
		}
	})
}
