package sharestore

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// What parses is written as the same bytes.
func FuzzParseBucketInfo(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendBucketInfo(nil, bucketInfo{{n: 3, kind: 1, size: 1000, numLeases: 2, earliest: 5, latest: 9}, {n: 255, kind: 2, size: 1 << 40}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := parseBucketInfo(b)
		if err != nil {
			return
		}
		require.True(t, bytes.Equal(b, appendBucketInfo(nil, info)))
		info.earliest()
	})
}

func FuzzParseTotals(f *testing.F) {
	f.Add(appendTotals(Totals{Buckets: 1, ImmutableShares: 2, MutableBytes: 1 << 50, Leases: 9}, 77))
	f.Add(make([]byte, 55))
	f.Fuzz(func(t *testing.T, b []byte) {
		totals, newest, err := parseTotals(b)
		if err == nil && int64(newest) >= 0 {
			again, _, err := parseTotals(appendTotals(totals, newest))
			require.NoError(t, err)
			require.Equal(t, totals, again)
		}
	})
}

// A scrub reads what hostile clients have stored.
func FuzzVerify(f *testing.F) {
	names, err := filepath.Glob("testdata/shares/*")
	require.NoError(f, err)
	for _, name := range names {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		if len(b) < 5000 {
			f.Add(b[12:], uint8(0), false)
			f.Add(b[min(468, len(b)):], uint8(0), true)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint8, mutable bool) {
		share := io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))
		if mutable {
			_ = verifyMutable(share, grid.ShareNum(n)) // it must return, and not have taken all memory
			return
		}
		_ = verifyImmutable(share, grid.ShareNum(n))
	})
}

func TestRangeSet(t *testing.T) {
	var s rangeSet
	covered := [64]bool{}
	for i, r := range []grid.Range{{Begin: 10, End: 20}, {Begin: 30, End: 40}, {Begin: 20, End: 25}, {Begin: 5, End: 5},
		{Begin: 0, End: 2}, {Begin: 24, End: 31}, {Begin: 1, End: 12}, {Begin: 63, End: 64}, {Begin: 35, End: 36}} {
		s.add(r)
		for at := r.Begin; at < r.End; at++ {
			covered[at] = true
		}
		for _, gap := range s.missing(64) {
			for at := gap.Begin; at < gap.End; at++ {
				require.False(t, covered[at], "step %d, offset %d", i, at)
			}
		}
		missing := int64(0)
		for _, gap := range s.missing(64) {
			missing += gap.End - gap.Begin
		}
		have := int64(0)
		for _, c := range covered {
			if c {
				have++
			}
		}
		require.Equal(t, int64(64), have+missing, "step %d", i)
	}
	require.Len(t, s, 2)
	require.Equal(t, []grid.Range{{Begin: 40, End: 63}, {Begin: 64, End: 70}}, s.missing(70))
}

// Files in use are never closed, and not many others stay open.
func TestFileCacheIsBounded(t *testing.T) {
	c := newFileCache()
	open := 0
	acquire := func(i int) *openFile {
		f, err := c.acquire(fileKey{shareKey{grid.StorageIndex{byte(i), byte(i >> 8)}, 0}, false}, func() (*openFile, error) {
			open++
			return &openFile{File: &countedFile{open: &open}}, nil
		})
		require.NoError(t, err)
		return f
	}
	used := acquire(0)
	for i := 1; i < 1000; i++ {
		f := acquire(i)
		require.Same(t, f, acquire(i))
		c.release(f)
		c.release(f)
		require.LessOrEqual(t, open, MaxOpenFiles+2)
	}
	require.Same(t, used, acquire(0))
	c.drop(used.key)
	c.release(used)
	require.NotSame(t, used, acquire(0), "a dropped file is not found again")
	before := open
	c.release(used)
	require.Equal(t, before-1, open, "and is closed by its last user")
	c.close()
}

type countedFile struct {
	openFile
	open *int
}

func (f *countedFile) Close() error { *f.open--; return nil }
