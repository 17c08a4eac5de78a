package download

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/immutable"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// benchSize is the size of the file that is put and got.
const benchSize = 32 << 20

// memoryServer is a server that does no more than to keep bytes.
type memoryServer struct {
	grid.StorageServer // only what is below is used
	mu                 sync.Mutex
	shares             map[grid.ShareNum]*memoryShare
}

type memoryShare struct{ data []byte }

func (s *memoryServer) AllocateBuckets(_ context.Context, _ grid.StorageIndex, _ grid.LeaseSecrets, shares []grid.ShareNum, size int64) (grid.Allocation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := grid.Allocation{Writers: make(map[grid.ShareNum]grid.BucketWriter)}
	for _, n := range shares {
		share := s.shares[n]
		if share == nil || int64(len(share.data)) != size {
			share = &memoryShare{make([]byte, size)}
			s.shares[n] = share
		}
		a.Writers[n] = share
	}
	return a, nil
}

func (s *memoryServer) GetBuckets(context.Context, grid.StorageIndex) (map[grid.ShareNum]grid.BucketReader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	buckets := make(map[grid.ShareNum]grid.BucketReader)
	for n, share := range s.shares {
		buckets[n] = share
	}
	return buckets, nil
}

func (m *memoryShare) Write(_ context.Context, offset int64, data []byte) error {
	copy(m.data[offset:], data)
	return nil
}
func (m *memoryShare) Close(context.Context) error { return nil }
func (m *memoryShare) Abort(context.Context) error { return nil }
func (m *memoryShare) Read(_ context.Context, p []byte, offset int64) (int, error) {
	if offset >= int64(len(m.data)) {
		return 0, nil
	}
	return copy(p, m.data[offset:]), nil
}
func (m *memoryShare) AdviseCorruptShare(context.Context, string) error { return nil }

// memoryGrid is a broker.Servers of such servers.
type memoryGrid []*broker.Server

func (g memoryGrid) Permuted(grid.StorageIndex) []*broker.Server   { return g }
func (g memoryGrid) Uploadable(grid.StorageIndex) []*broker.Server { return g }

func newMemoryGrid(n int) (g memoryGrid) {
	for i := range n {
		g = append(g, &broker.Server{
			ID:      grid.ServerID(fmt.Sprintf("v0-memory%d", i)),
			Storage: &memoryServer{shares: make(map[grid.ShareNum]*memoryShare)},
			Version: grid.ServerVersion{MaximumImmutableShareSize: 1 << 40},
			Health:  &broker.Health{},
		})
	}
	return g
}

// bound does what cannot be left out, as parallel as there are processors, and
// nothing else.
type bound struct {
	data   []byte
	passes float64 // of SHA-256 over the data
	code   *erasure.Code
}

func (o *bound) run(b *testing.B) {
	const parts = 2
	var wg sync.WaitGroup
	for part := range parts {
		wg.Go(func() {
			data := o.data[part*len(o.data)/parts:][:len(o.data)/parts]
			h := taggedhash.NewCiphertextHasher()
			for left := int(o.passes * float64(len(data))); left > 0; left -= len(data) {
				h.Write(data[:min(left, len(data))])
			}
			block, err := aes.NewCipher(make([]byte, 16))
			if err != nil {
				b.Error(err)
			}
			out := make([]byte, 1<<20)
			stream := cipher.NewCTR(block, make([]byte, 16))
			for i := 0; i < len(data); i += len(out) {
				stream.XORKeyStream(out, data[i:i+len(out)])
			}
			if o.code != nil && !o.code.Replicates() {
				shares := make([][]byte, o.code.N())
				for i := range shares {
					shares[i] = make([]byte, (1<<20+o.code.K()-1)/o.code.K())
				}
				for i := 0; i < len(data); i += 1 << 20 {
					if err := o.code.Encode(shares); err != nil {
						b.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkPut and BenchmarkGet move a file through servers in memory and report
// the speed as a part of that of hashes, AES and erasure code alone, measured
// alternately in the same run.
func BenchmarkPut(b *testing.B) {
	for _, c := range []struct{ k, n int }{{1, 3}, {3, 10}} {
		b.Run(fmt.Sprintf("%dof%d", c.k, c.n), func(b *testing.B) {
			data := randomBytes(benchSize, 1)
			g := newMemoryGrid(c.n)
			code, err := erasure.New(c.k, c.n)
			require.NoError(b, err)
			passes := 3 + float64(c.n)/float64(c.k) // key, whole, segments; blocks
			if c.k == 1 {
				passes = 4
			}
			compare(b, &bound{data, passes, code}, func() { putMemory(b, g, c.k, c.n, data) })
		})
	}
}

func putMemory(b *testing.B, g memoryGrid, k, n int, data []byte) uri.CHK {
	pusher := upload.New(g, secret.NewLeaseSecret([32]byte{1}), nil)
	defer pusher.Close()
	u, err := immutable.NewUploader(immutable.UploaderConfig{
		Pusher: pusher, Params: grid.Params{K: k, Happy: n, N: n}, Convergence: secret.NewConvergenceSecret([]byte("x")),
	})
	require.NoError(b, err)
	c, _, err := u.Upload(b.Context(), immutable.Upload{Plaintext: bytes.NewReader(data), Size: int64(len(data))})
	require.NoError(b, err)
	return c.(uri.CHK)
}

// BenchmarkGet is described at BenchmarkPut.
func BenchmarkGet(b *testing.B) {
	for _, c := range []struct{ k, n int }{{1, 3}, {3, 10}} {
		b.Run(fmt.Sprintf("%dof%d", c.k, c.n), func(b *testing.B) {
			data := randomBytes(benchSize, 1)
			g := newMemoryGrid(c.n)
			chk := putMemory(b, g, c.k, c.n, data)
			d := newDownloader(b, g)
			compare(b, &bound{data, 2, nil}, func() { // segments, blocks
				f, err := d.Open(chk)
				require.NoError(b, err)
				_, err = f.WriteRange(b.Context(), io.Discard, 0, -1)
				require.NoError(b, err)
				f.Close()
			})
		})
	}
}

func compare(b *testing.B, o *bound, f func()) {
	o.run(b)
	f()
	var took, least time.Duration
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		f()
		took += time.Since(start)
		b.StopTimer()
		start = time.Now()
		o.run(b)
		least += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(least)/float64(took), "of-bound")
}

// BenchmarkSmall puts and gets files of 10 KiB with 1 of 3.
func BenchmarkSmall(b *testing.B) {
	data := randomBytes(10<<10, 1)
	b.Run("put", func(b *testing.B) {
		g := newMemoryGrid(3)
		pusher := upload.New(g, secret.NewLeaseSecret([32]byte{1}), nil)
		defer pusher.Close()
		u, err := immutable.NewUploader(immutable.UploaderConfig{
			Pusher: pusher, Params: grid.Params{K: 1, Happy: 2, N: 3}, Convergence: secret.NewConvergenceSecret([]byte("x")),
		})
		require.NoError(b, err)
		b.ReportAllocs()
		for b.Loop() {
			_, _, err := u.Upload(b.Context(), immutable.Upload{Plaintext: bytes.NewReader(data), Size: int64(len(data))})
			require.NoError(b, err)
		}
	})
	b.Run("get", func(b *testing.B) {
		g := newMemoryGrid(3)
		c := putMemory(b, g, 1, 3, data)
		d := newDownloader(b, g)
		p := make([]byte, len(data))
		b.ReportAllocs()
		for b.Loop() {
			f, err := d.Open(c)
			require.NoError(b, err)
			_, err = f.ReadAt(b.Context(), p, 0)
			require.NoError(b, err)
			f.Close()
		}
	})
}
