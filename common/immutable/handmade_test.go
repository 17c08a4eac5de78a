package immutable

import (
	"bytes"
	"context"
	"crypto/aes"
	"fmt"
	"io"
	"testing"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/netstring"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/ueb"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/stretchr/testify/require"
)

// zeroFile is the only share (1-of-1) of a file whose ciphertext is all zeros.
// It takes little memory however large the file is: the data is not there. Its
// fields are for tests to change before share is called.
type zeroFile struct {
	segs      erasure.Segments
	segHashes []byte
	blocks    []byte // block hashes
	plaintext byte   // what the plaintext hash area is filled with
	ueb       func(h ueb.Hashes) []byte
	dataBytes byte // what the data is filled with
}

func newZeroFile(t testing.TB, size, segSize int64) *zeroFile {
	segs, err := erasure.NewSegments(size, 1, segSize)
	require.NoError(t, err)
	z := &zeroFile{segs: segs}
	z.ueb = func(h ueb.Hashes) []byte { return ueb.New(segs, 1, h).Append(nil) }
	full, tail := make([]byte, segSize), make([]byte, segs.TailSize)
	segHasher := taggedhash.NewCiphertextSegmentHasher()
	segHash, blockHash := segHasher.Of(full), taggedhash.BlockHash(full)
	z.segHashes = bytes.Repeat(segHash[:], int(segs.NumSegments-1))
	z.blocks = bytes.Repeat(blockHash[:], int(segs.NumSegments-1))
	segHash, blockHash = segHasher.Of(tail), taggedhash.BlockHash(tail)
	z.segHashes = append(z.segHashes, segHash[:]...)
	z.blocks = append(z.blocks, blockHash[:]...)
	return z
}

// area is a part of a share that is there, or filled with one byte.
type area struct {
	offset, size int64
	bytes        []byte // nil if filled
	fill         byte
}

// areas is a share in pieces.
type areas []area

func (a areas) ReadAt(_ context.Context, p []byte, offset int64) (n int, err error) {
	for _, area := range a {
		if at := offset + int64(n) - area.offset; at >= 0 && at < area.size && n < len(p) {
			m := int(min(area.size-at, int64(len(p)-n)))
			if area.bytes != nil {
				copy(p[n:n+m], area.bytes[at:])
			} else {
				for i := range m {
					p[n+i] = area.fill
				}
			}
			n += m
		}
	}
	if n < len(p) {
		err = io.EOF
	}
	return n, err
}

// share returns the share and its read cap.
func (z *zeroFile) share(t testing.TB, version uint32) (uri.CHK, Share) {
	ciphertext, err := hashtree.Build(z.segHashes)
	require.NoError(t, err)
	blocks, err := hashtree.Build(z.blocks)
	require.NoError(t, err)
	shareHash := blocks.Root()
	packed := z.ueb(ueb.Hashes{CiphertextRoot: ciphertext.Root(), ShareRoot: shareHash})
	l, err := sharelayout.NewVersion(version, z.segs, 1, len(packed))
	require.NoError(t, err)
	var out areas
	add := func(a area) {
		if last := len(out) - 1; last >= 0 {
			a.offset = out[last].offset + out[last].size
		}
		out = append(out, a)
	}
	piece := func(b []byte) { add(area{bytes: b, size: int64(len(b))}) }
	piece(sharelayout.AppendHeader(nil, l.Header))
	add(area{size: z.segs.ShareDataSize(), fill: z.dataBytes})
	add(area{size: l.TreeSize, fill: z.plaintext})
	piece(ciphertext.Nodes())
	piece(blocks.Nodes())
	piece(sharelayout.AppendShareHashes(nil, []sharelayout.ShareHash{{Node: 0, Hash: shareHash}}))
	piece(l.AppendUEB(nil, packed))
	end := out[len(out)-1]
	require.Equal(t, l.AllocatedSize(), end.offset+end.size)
	c := uri.CHK{Key: secret.NewImmutableKey([16]byte{1}), UEBHash: taggedhash.UEBHash(packed), K: 1, N: 1, Size: z.segs.Size}
	return c, Share{Server: "v0-handmade", Source: out}
}

// requireZeros reads some ranges and compares with what zeros decrypt to.
func requireZeros(t testing.TB, c uri.CHK, share Share) {
	r, err := NewReader(c, []Share{share}, func(err error) { t.Error(err) })
	require.NoError(t, err)
	for _, offset := range []int64{c.Size - 1000, c.Size/2 + 7, 0, c.Size - 1, 1<<32 - 500, 1 << 32} {
		if offset < 0 || offset >= c.Size {
			continue
		}
		p := make([]byte, min(1000, c.Size-offset))
		n, err := r.ReadAt(t.Context(), p, offset)
		require.NoError(t, err)
		require.Len(t, p, n)
		want := make([]byte, len(p))
		r.streamAt(offset)(want, want)
		require.Equal(t, want, p, "offset %d", offset)
	}
}

func TestSharesBeyond4GiB(t *testing.T) {
	z := newZeroFile(t, 5<<30+12345, 1<<20)
	l, err := sharelayout.New(z.segs, 1, 400)
	require.NoError(t, err)
	require.EqualValues(t, sharelayout.V2, l.Version)
	c, share := z.share(t, l.Version)
	requireZeros(t, c, share)
}

func TestMoreThan65535Segments(t *testing.T) {
	for _, version := range []uint32{sharelayout.V1, sharelayout.V2} {
		c, share := newZeroFile(t, 16*65536+5, 16).share(t, version)
		requireZeros(t, c, share)
	}
}

// TestKeyStreamBeyond64GiB: the counter goes past 2^32 blocks.
func TestKeyStreamBeyond64GiB(t *testing.T) {
	c, share := newZeroFile(t, 65<<30, 4<<20).share(t, sharelayout.V2)
	r, err := NewReader(c, []Share{share}, nil)
	require.NoError(t, err)
	iv := [16]byte{11: 1, 15: 5} // 2^32 + 5
	want, got := make([]byte, 16), make([]byte, 13)
	key := c.Key.Reveal()
	block, err := aes.NewCipher(key[:])
	require.NoError(t, err)
	block.Encrypt(want, iv[:])
	n, err := r.ReadAt(t.Context(), got, 1<<36+5*16+3)
	require.NoError(t, err)
	require.Equal(t, 13, n)
	require.Equal(t, want[3:], got)
}

func TestSharesOfOldNodes(t *testing.T) {
	z := newZeroFile(t, 1000, 300)
	z.plaintext = 0xaa
	made := z.ueb
	z.ueb = func(h ueb.Hashes) []byte {
		b := made(h)
		at := bytes.Index(b, []byte("segment_size:"))
		old := bytes.Clone(b[:at])
		for _, key := range []string{"plaintext_hash", "plaintext_root_hash"} {
			old = netstring.Append(fmt.Appendf(old, "%s:", key), bytes.Repeat([]byte{9}, 32))
		}
		return append(old, b[at:]...)
	}
	c, share := z.share(t, sharelayout.V1)
	requireZeros(t, c, share)
	v, err := NewVerifier(c.Verify())
	require.NoError(t, err)
	require.NoError(t, v.VerifyShare(t.Context(), share))
	require.Equal(t, []string{"plaintext_hash", "plaintext_root_hash"}, v.UEB().Unused())
}

func TestBadUEB(t *testing.T) {
	for name, change := range map[string]func(b []byte) []byte{
		"no UEB at all": func([]byte) []byte { return []byte("nonsense") },
		"num_segments wrong": func(b []byte) []byte {
			return bytes.Replace(b, []byte("num_segments:1:4"), []byte("num_segments:1:5"), 1)
		},
		"size wrong":   func(b []byte) []byte { return bytes.Replace(b, []byte("size:4:1000"), []byte("size:4:1001"), 1) },
		"another code": func(b []byte) []byte { return bytes.Replace(b, []byte("3:crs"), []byte("3:foo"), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			z := newZeroFile(t, 1000, 300)
			made := z.ueb
			z.ueb = func(h ueb.Hashes) []byte { return change(made(h)) }
			c, share := z.share(t, sharelayout.V1)
			asked := 0
			r, err := NewReader(c, []Share{share, share}, func(error) { asked++ })
			require.NoError(t, err)
			_, err = r.ReadAt(t.Context(), make([]byte, 10), 0)
			var bad *BadUEBError
			require.ErrorAs(t, err, &bad)
			var ue *ueb.Error
			require.ErrorAs(t, err, &ue)
			require.Zero(t, asked, "no share is to blame")
		})
	}
	t.Run("segments too large", func(t *testing.T) {
		z := newZeroFile(t, 1000, 300)
		segs, err := erasure.NewSegments(1<<40, 1, MaxSegmentSize+1)
		require.NoError(t, err)
		z.ueb = func(h ueb.Hashes) []byte { return ueb.New(segs, 1, h).Append(nil) }
		c, share := z.share(t, sharelayout.V1)
		c.Size = segs.Size
		_, err = tryReadAll(t, c, []Share{share})
		var bad *BadUEBError
		require.ErrorAs(t, err, &bad)
		require.ErrorContains(t, err, "segments have 67108865 bytes")
	})
	t.Run("too many segments", func(t *testing.T) {
		z := newZeroFile(t, 1000, 300)
		segs, err := erasure.NewSegments(1<<40, 1, 1)
		require.NoError(t, err)
		z.ueb = func(h ueb.Hashes) []byte { return ueb.New(segs, 1, h).Append(nil) }
		c, share := z.share(t, sharelayout.V1)
		c.Size = segs.Size
		_, err = tryReadAll(t, c, []Share{share})
		var leaves *hashtree.LeafCountError
		require.ErrorAs(t, err, &leaves)
	})
	t.Run("trees too small for the segments", func(t *testing.T) {
		z := newZeroFile(t, 1000, 300)
		segs, err := erasure.NewSegments(1<<20, 1, 1)
		require.NoError(t, err)
		z.ueb = func(h ueb.Hashes) []byte { return ueb.New(segs, 1, h).Append(nil) }
		c, share := z.share(t, sharelayout.V1)
		c.Size = segs.Size
		_, err = tryReadAll(t, c, []Share{share})
		var corrupt *CorruptShareError
		require.ErrorAs(t, err, &corrupt)
		require.Equal(t, PartHeader, corrupt.Part)
	})
}

func TestBadCiphertextHash(t *testing.T) {
	z := newZeroFile(t, 1000, 300)
	z.segHashes[2*32] ^= 1 // the tree is built over a hash that no segment has
	c, share := z.share(t, sharelayout.V1)
	r, err := NewReader(c, []Share{share}, func(err error) { t.Error(err) })
	require.NoError(t, err)
	p := make([]byte, 600)
	n, err := r.ReadAt(t.Context(), p, 0)
	require.NoError(t, err)
	require.Equal(t, 600, n)
	n, err = r.ReadAt(t.Context(), p, 300)
	var bad *BadCiphertextHashError
	require.ErrorAs(t, err, &bad)
	require.EqualValues(t, 2, bad.Segment)
	require.Equal(t, 300, n, "what was proven before")
	require.NotEmpty(t, bad.Error())
}

func TestBlockOfOtherBytes(t *testing.T) {
	z := newZeroFile(t, 1000, 300)
	z.dataBytes = 1
	c, share := z.share(t, sharelayout.V2)
	_, err := tryReadAll(t, c, []Share{share})
	var corrupt *CorruptShareError
	require.ErrorAs(t, err, &corrupt)
	require.Equal(t, PartBlock, corrupt.Part)
	require.Zero(t, corrupt.Segment)
}

// TestFewReads: reading a file of many segments takes few reads for hashes.
func TestFewReads(t *testing.T) {
	for _, tc := range []struct {
		name     string
		segments int64
		most     int64 // reads beyond one for each block
	}{
		{"one segment", 1, 3},
		{"trees read as a whole", 1000, 4},
		{"trees read in windows", 9000, 2 + 2*2*(9000/256+20)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, share := newZeroFile(t, tc.segments*16, 16).share(t, sharelayout.V1)
			reads := int64(0)
			inner := share.Source
			share.Source = sourceFunc(func(ctx context.Context, p []byte, offset int64) (int, error) {
				reads++
				return inner.ReadAt(ctx, p, offset)
			})
			readAll(t, c, []Share{share})
			require.LessOrEqual(t, reads-tc.segments, tc.most)
		})
	}
}

// TestNoAllocationPerSegmentRead compares readings of 100 and of 900 segments.
// What is proven of the trees is kept, which takes memory but few allocations.
func TestNoAllocationPerSegmentRead(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	c, _, shares := stored(t, 900*300, 3, 10, 300)
	allocs := func(segments int) float64 {
		p := make([]byte, segments*300)
		return testing.AllocsPerRun(5, func() {
			r, err := NewReader(c, shares[5:8], nil)
			require.NoError(t, err)
			_, err = r.ReadAt(t.Context(), p, 0)
			require.NoError(t, err)
		})
	}
	perSegment := (allocs(900) - allocs(100)) / 800
	// One by the erasure library's pool, the others for pages of 64 nodes.
	require.Less(t, perSegment, 1.6)
}
