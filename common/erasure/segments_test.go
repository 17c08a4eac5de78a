package erasure

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSegmentSize(t *testing.T) {
	for _, tc := range []struct {
		name      string
		size, max int64
		k         int
		want      int64
	}{
		{"default of 1.20", 5 << 20, 1 << 20, 3, 1048578},
		{"small file", 100, 131072, 3, 102},
		{"exact", 60, 1024, 2, 60},
		{"one byte", 1, 1, 256, 256},
		{"one byte segments", 70000, 1, 1, 1},
		{"huge", 1 << 62, 1 << 20, 1, 1 << 20},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := SegmentSize(tc.size, tc.max, tc.k)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestSegments(t *testing.T) {
	for _, tc := range []struct {
		name    string
		size    int64
		k       int
		segSize int64
		want    Segments
		shares  int64
	}{
		{"one segment", 100, 3, 102, Segments{100, 3, 102, 1, 100, 34, 34}, 34},
		{"short tail", 250, 3, 96, Segments{250, 3, 96, 3, 58, 32, 20}, 84},
		{"full tail", 192, 3, 96, Segments{192, 3, 96, 2, 96, 32, 32}, 64},
		{"default of 1.20", 2500000, 3, 1048578, Segments{2500000, 3, 1048578, 3, 402844, 349526, 134282}, 833334},
		{"beyond 2^32 segments", 5 << 32, 1, 1, Segments{5 << 32, 1, 1, 5 << 32, 1, 1, 1}, 5 << 32},
		{"tail of one byte", 13, 4, 12, Segments{13, 4, 12, 2, 1, 3, 1}, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := NewSegments(tc.size, tc.k, tc.segSize)
			require.NoError(t, err)
			require.Equal(t, tc.want, s)
			require.Equal(t, tc.shares, s.ShareDataSize())
			require.Equal(t, s.ShareDataSize(), (s.NumSegments-1)*s.BlockSize+s.TailBlockSize)
			last := s.NumSegments - 1
			require.True(t, s.IsTail(last))
			require.Equal(t, s.TailSize, s.SizeOf(last))
			require.Equal(t, s.TailBlockSize, s.BlockSizeOf(last))
			require.Equal(t, s.TailBlockSize*int64(s.K), s.PaddedTailSize())
			if last > 0 {
				require.Equal(t, s.SegmentSize, s.SizeOf(0))
				require.Equal(t, s.BlockSize, s.BlockSizeOf(0))
			}
		})
	}
}

func TestSegmentsRefused(t *testing.T) {
	for _, tc := range []struct {
		name    string
		size    int64
		k       int
		segSize int64
		field   string
	}{
		{"empty file", 0, 3, 3, "size"},
		{"negative size", -1, 3, 3, "size"},
		{"size too large", math.MaxInt64, 3, 3, "size"},
		{"k zero", 10, 0, 3, "k"},
		{"k too large", 10, 257, 257, "k"},
		{"segment size zero", 10, 3, 0, "segment size"},
		{"segment size no multiple", 10, 3, 10, "segment size"},
		{"segment size negative", 10, 3, -3, "segment size"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := NewSegments(tc.size, tc.k, tc.segSize)
			var pe *ParamsError
			require.ErrorAs(t, err, &pe)
			require.Equal(t, tc.field, pe.Field)
		})
	}
	_, err := SegmentSize(0, 1024, 3)
	require.Error(t, err)
	_, err = SegmentSize(10, 0, 3)
	require.Error(t, err)
	_, err = SegmentSize(10, 10, 0)
	require.Error(t, err)
}
