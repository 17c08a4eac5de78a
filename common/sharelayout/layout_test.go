package sharelayout

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/stretchr/testify/require"
)

type vector struct {
	What        string   `json:"what"`
	Version     uint32   `json:"version"`
	Size        int64    `json:"size"`
	K           int      `json:"k"`
	N           int      `json:"n"`
	SegmentSize int64    `json:"segment_size"`
	Allocated   int64    `json:"allocated_size"`
	UEBSize     int      `json:"uri_extension_size"`
	Heads       []string `json:"headers_hex"`
	Chains      []string `json:"share_hash_chains_hex"`
}

func loadVectors(t testing.TB) (v []vector) {
	b, err := os.ReadFile("testdata/layouts.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &v))
	require.NotEmpty(t, v)
	return v
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestLayoutsOfTahoe(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.What, func(t *testing.T) {
			segs, err := erasure.NewSegments(v.Size, v.K, v.SegmentSize)
			require.NoError(t, err)
			l, err := NewVersion(v.Version, segs, v.N, v.UEBSize)
			require.NoError(t, err)
			require.Equal(t, v.Allocated, l.AllocatedSize())
			if v.Version == V1 {
				auto, err := New(segs, v.N, v.UEBSize)
				require.NoError(t, err)
				require.Equal(t, l, auto)
			}
			for shnum, head := range v.Heads {
				require.Equal(t, head, hex.EncodeToString(AppendHeader(nil, l.Header)))
				h, err := ParseHeader(append(unhex(t, head), make([]byte, 64)...))
				require.NoError(t, err)
				require.Equal(t, l.Header, h)
				require.NoError(t, h.CheckTrees(segs.NumSegments))
				raw := unhex(t, v.Chains[shnum])
				require.EqualValues(t, len(raw), h.ShareHashesSize())
				chain, err := ParseShareHashes(raw)
				require.NoError(t, err)
				var nodes []int
				for _, e := range chain {
					nodes = append(nodes, e.Node)
				}
				require.Equal(t, ChainNodes(v.N, shnum), nodes, "order of share %d's chain", shnum)
			}
		})
	}
}

// TestVersion walks the border between the versions as make_write_bucket_proxy
// draws it. With one segment and one share the areas after the data take
// 3 * 32 + 34 bytes.
func TestVersion(t *testing.T) {
	const after = HeaderSizeV1 + 3*32 + 34
	for _, tc := range []struct {
		name    string
		size    int64
		k       int
		version uint32
	}{
		{"one byte", 1, 1, V1},
		{"UEB at 2^32 - 1", math.MaxUint32 - after, 1, V1},
		{"UEB at 2^32", math.MaxUint32 - after + 1, 1, V2},
		{"data of 2^32 - 1", math.MaxUint32, 1, V2},
		{"data of 2^32", 1 << 32, 1, V2},
		{"a file of 2^32 in three", 1 << 32, 3, V1},
		{"a petabyte", 1 << 50, 1, V2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			segSize, err := erasure.SegmentSize(tc.size, tc.size, tc.k)
			require.NoError(t, err)
			segs, err := erasure.NewSegments(tc.size, tc.k, segSize)
			require.NoError(t, err)
			l, err := New(segs, tc.k, 400)
			require.NoError(t, err)
			require.Equal(t, tc.version, l.Version)
			h, err := ParseHeader(AppendHeader(nil, l.Header))
			require.NoError(t, err)
			require.Equal(t, l.Header, h)
			require.EqualValues(t, segs.ShareDataSize(), h.DataSize)
			require.Equal(t, int64(h.Size())+segs.ShareDataSize()+3*32+int64(chainEntries(tc.k)*34+h.FieldSize()+400), l.AllocatedSize())
		})
	}
}

// TestManySegments: more than 65,535 segments, and more than fit an int of 32
// bits.
func TestManySegments(t *testing.T) {
	for _, tc := range []struct {
		name     string
		size     int64
		treeSize int64
	}{
		{"65,537 segments of one byte", 65537, (2<<17 - 1) * 32},
		{"2^33 segments of one byte", 1 << 33, (2<<33 - 1) * 32},
	} {
		t.Run(tc.name, func(t *testing.T) {
			segs, err := erasure.NewSegments(tc.size, 1, 1)
			require.NoError(t, err)
			l, err := New(segs, 1, 400)
			require.NoError(t, err)
			require.Equal(t, tc.treeSize, l.TreeSize)
			require.Equal(t, int64(l.Size())+tc.size+3*tc.treeSize, l.ShareHashesOffset)
			require.NoError(t, l.CheckTrees(segs.NumSegments))
			require.Error(t, l.CheckTrees(2*segs.NumSegments))
		})
	}
}

func TestLayoutRefused(t *testing.T) {
	good, err := erasure.NewSegments(100, 3, 102)
	require.NoError(t, err)
	huge, err := erasure.NewSegments(math.MaxInt64-300, 1, math.MaxInt64)
	require.NoError(t, err)
	tiny, err := erasure.NewSegments(1<<60, 1, 1)
	require.NoError(t, err)
	big, err := erasure.NewSegments(1<<32, 1, 1<<20)
	require.NoError(t, err)
	for _, tc := range []struct {
		name    string
		version uint32
		segs    erasure.Segments
		n, ueb  int
		field   string
	}{
		{"no shares", V1, good, 0, 400, "share hash chain"},
		{"257 shares", V1, good, 257, 400, "share hash chain"},
		{"no UEB", V1, good, 10, 0, "UEB"},
		{"UEB too large", V1, good, 10, 2000, "UEB"},
		{"reaches 2^63", V2, huge, 10, 400, "data"},
		{"too many segments", V2, tiny, 10, 400, "hash tree"},
		{"too large for version 1", V1, big, 10, 400, "UEB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := NewVersion(tc.version, tc.segs, tc.n, tc.ueb)
			var le *Error
			require.ErrorAs(t, err, &le)
			require.Equal(t, tc.field, le.Field)
		})
	}
	_, err = NewVersion(3, good, 10, 400)
	var ve *VersionError
	require.ErrorAs(t, err, &ve)
}

func TestParseHeaderRefused(t *testing.T) {
	segs, err := erasure.NewSegments(100, 3, 102)
	require.NoError(t, err)
	header := func(version uint32, change func(b []byte)) []byte {
		l, err := NewVersion(version, segs, 10, 400)
		require.NoError(t, err)
		b := AppendHeader(nil, l.Header)
		change(b)
		return b
	}
	put32 := func(at int, v uint32) func(b []byte) {
		return func(b []byte) { binary.BigEndian.PutUint32(b[at:], v) }
	}
	put64 := func(at int, v uint64) func(b []byte) {
		return func(b []byte) { binary.BigEndian.PutUint64(b[at:], v) }
	}
	for _, tc := range []struct {
		name  string
		bytes []byte
		field string
	}{
		{"empty", nil, "header"},
		{"v1 one byte short", header(V1, func([]byte) {})[:0x23], "header"},
		{"v2 one byte short", header(V2, func([]byte) {})[:0x43], "header"},
		{"data inside the header", header(V1, put32(0x0c, 0x23)), "data"},
		{"UEB beyond 2^62", header(V2, put64(0x3c, 1<<62+1)), "UEB"},
		{"data beyond 2^63", header(V2, put64(0x14, 1<<63)), "data"},
		{"block hashes after share hashes", header(V2, put64(0x2c, 1<<40)), "block hash tree"},
		{"block hashes not whole", header(V1, put32(0x18, 0x87)), "block hash tree"},
		{"UEB before the chain", header(V1, put32(0x20, 0x30)), "share hash chain"},
		{"chain not whole", header(V2, put64(0x3c, 500)), "share hash chain"},
		{"chain too long", header(V2, put64(0x3c, 0x44+34+96+512*34)), "share hash chain"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseHeader(tc.bytes)
			var le *Error
			require.ErrorAs(t, err, &le)
			require.Equal(t, tc.field, le.Field, "%v", err)
			require.NotEmpty(t, le.Reason)
		})
	}
	for _, version := range []uint32{0, 3, 0xffffffff} {
		_, err := ParseHeader(header(V1, put32(0, version)))
		var ve *VersionError
		require.ErrorAs(t, err, &ve)
		require.Equal(t, version, ve.Version)
		require.Contains(t, err.Error(), strconv.FormatUint(uint64(version), 10))
	}
}

func TestUEBLength(t *testing.T) {
	v1, v2 := Header{Version: V1}, Header{Version: V2}
	for _, tc := range []struct {
		name   string
		header Header
		bytes  []byte
		want   int
	}{
		{"v1", v1, []byte{0, 0, 1, 2, 99}, 258},
		{"v2", v2, []byte{0, 0, 0, 0, 0, 0, 7, 0xcf}, 1999},
		{"v1 short", v1, []byte{0, 0, 1}, -1},
		{"v2 short", v2, []byte{0, 0, 1, 2}, -1},
		{"empty UEB", v1, []byte{0, 0, 0, 0}, -1},
		{"2000 bytes", v1, []byte{0, 0, 7, 0xd0}, -1},
		{"v2 huge", v2, []byte{0xff, 0, 0, 0, 0, 0, 0, 1}, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n, err := tc.header.ParseUEBLength(tc.bytes)
			if tc.want < 0 {
				var le *Error
				require.ErrorAs(t, err, &le)
				require.Equal(t, "UEB length", le.Field)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, n)
		})
	}
	require.Equal(t, []byte{0, 0, 0, 1, 'u'}, v1.AppendUEB(nil, []byte("u")))
	require.Equal(t, []byte{0, 0, 0, 0, 0, 0, 0, 1, 'u'}, v2.AppendUEB(nil, []byte("u")))
}

func FuzzParseHeader(f *testing.F) {
	for _, v := range loadVectors(f) {
		f.Add(unhex(f, v.Heads[0]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err != nil {
			return
		}
		require.Equal(t, string(b[:h.Size()]), string(AppendHeader(nil, h)))
		require.GreaterOrEqual(t, h.ShareHashesSize(), int64(0))
		_ = h.CheckTrees(1)
	})
}
