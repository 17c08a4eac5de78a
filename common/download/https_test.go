package download

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/gridtest"
)

// TestOverHTTPS puts and gets files through the real protocol, several at once.
func TestOverHTTPS(t *testing.T) {
	for _, row := range []struct{ k, n, servers, size int }{
		{1, 3, 3, 100}, {1, 3, 3, 5 << 20}, {3, 10, 4, 5 << 20}, {2, 3, 3, 60_000},
	} {
		t.Run(fmt.Sprintf("%d of %d, %d bytes", row.k, row.n, row.size), func(t *testing.T) {
			t.Parallel()
			g := gridtest.New(t, row.servers)
			for _, s := range g.Servers {
				s.OverHTTPS(t)
			}
			var wg sync.WaitGroup
			for i := range uint64(4) {
				wg.Go(func() {
					data := randomBytes(row.size, i)
					c := put(t, g, row.k, row.n, 1<<20, data)
					f, err := newDownloader(t, g).Open(c)
					if err != nil {
						t.Error(err)
						return
					}
					defer f.Close()
					if got, err := get(t, f); err != nil || !bytes.Equal(data, got) {
						t.Errorf("other bytes, or %v", err)
					}
				})
			}
			wg.Wait()
			require.Zero(t, g.Uploads())
		})
	}
}

// BenchmarkOverHTTPS puts and gets a file through TLS and share stores in memory.
func BenchmarkOverHTTPS(b *testing.B) {
	data := randomBytes(benchSize, 1)
	g := gridtest.New(b, 3)
	for _, s := range g.Servers {
		s.OverHTTPS(b)
	}
	b.Run("put", func(b *testing.B) {
		b.SetBytes(benchSize)
		for i := 0; b.Loop(); i++ {
			copy(data, fmt.Appendf(nil, "file %p %d", b, i))
			put(b, g, 1, 3, 1<<20, data)
		}
	})
	c := put(b, g, 1, 3, 1<<20, data)
	b.Run("get", func(b *testing.B) {
		b.SetBytes(benchSize)
		for b.Loop() {
			f, err := newDownloader(b, g).Open(c)
			require.NoError(b, err)
			if _, err := f.WriteRange(b.Context(), bytes.NewBuffer(data[:0]), 0, -1); err != nil {
				b.Fatal(err)
			}
			f.Close()
		}
	})
}
