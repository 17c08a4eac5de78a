package mutablelayout

import (
	"bytes"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// slot is a file on servers: its shares, and what they should decode to.
type slot struct {
	keys   *Keys
	shares map[int][]byte
	want   []byte
}

// newSlot stores a file with segments of any size, which only tests do.
func newSlot(t testing.TB, k, n int, segmentSize int64, plaintext []byte) *slot {
	t.Helper()
	keys := testKeys(t)
	h := Header{Format: MDMF, Seqnum: 1, K: k, N: n, SegmentSize: segmentSize, DataSize: int64(len(plaintext))}
	require.NoError(t, h.Check())
	b, err := newBuilder(keys, h, rand.Reader)
	require.NoError(t, err)
	for i := range b.leaves {
		b.leaves[i] = make([]byte, h.NumSegments()*HashSize)
	}
	head, err := b.head()
	require.NoError(t, err)
	shares := make([][]byte, n)
	for i := range shares {
		shares[i] = make([]byte, head.Areas.EOF(MDMF))
	}
	require.NoError(t, b.addAll(plaintext, shares))
	v, err := b.Finish()
	require.NoError(t, err)
	for i := range shares {
		copy(shares[i], v.AppendFront(nil, i))
		copy(shares[i][v.BackOffset():], v.AppendBack(nil, i))
	}
	return &slot{keys: keys, shares: asMap(shares), want: plaintext}
}

func (s *slot) head(t testing.TB) Head {
	t.Helper()
	return mustParseShare(t, s.shares[0]).Head
}

// oldSegment decodes one segment of the version there is.
func (s *slot) oldSegment(t testing.TB, seg int64) []byte {
	t.Helper()
	head := s.head(t)
	shnums := numbers(head.N)[head.N-head.K:]
	d, err := NewDecoder(head.Header, s.keys.ReadKey(), shnums)
	require.NoError(t, err)
	var blocks [][]byte
	for _, shnum := range shnums {
		blocks = append(blocks, mustParseShare(t, s.shares[shnum]).Block(seg))
	}
	plaintext, err := d.Decode(nil, seg, blocks)
	require.NoError(t, err)
	return plaintext
}

// run carries out an update as its doc comment says. It returns the segments
// that were encoded and those of which the old plaintext was read.
func (s *slot) run(t testing.TB, u *Update, data []byte) (encoded, read []int64) {
	t.Helper()
	for shnum, share := range s.shares {
		parsed := mustParseShare(t, share)
		require.NoError(t, u.AddShare(shnum, parsed.ShareHashChain, parsed.BlockHashTree))
	}
	type write struct {
		offset int64
		blocks [][]byte
	}
	var writes []write
	for {
		seg, size, ok := u.Next()
		if !ok {
			break
		}
		var old []byte
		if u.NeedsOld(seg) {
			old = s.oldSegment(t, seg)
			read = append(read, seg)
		}
		from, to := u.NewBytes(seg)
		plaintext, err := u.Assemble(nil, seg, old, data[from:to])
		require.NoError(t, err)
		require.Len(t, plaintext, int(size))
		added, err := u.AddSegment(plaintext)
		require.NoError(t, err)
		w := write{offset: added.Offset}
		for _, block := range added.Blocks {
			w.blocks = append(w.blocks, bytes.Clone(block))
		}
		writes = append(writes, w)
		encoded = append(encoded, seg)
	}
	v, err := u.Finish()
	require.NoError(t, err)
	for shnum, share := range s.shares {
		require.True(t, bytes.HasPrefix(share, u.Checkstring()))
		share = append(share, make([]byte, max(0, int(v.ShareSize())-len(share)))...)[:v.ShareSize()]
		for _, w := range writes {
			copy(share[w.offset:], w.blocks[shnum])
		}
		copy(share, v.AppendFront(nil, shnum))
		copy(share[v.BackOffset():], v.AppendBack(nil, shnum))
		s.shares[shnum] = share
	}
	return encoded, read
}

// check verifies all shares and decodes them.
func (s *slot) check(t testing.TB) {
	t.Helper()
	head := s.head(t)
	all := numbers(head.N)
	require.Equal(t, s.want, decode(t, s.keys, s.shares, all[:head.K]))
	require.Equal(t, s.want, decode(t, s.keys, s.shares, all[head.N-head.K:]))
	for shnum, share := range s.shares {
		require.NoError(t, mustParseShare(t, share).Verify(shnum, s.keys.Fingerprint()))
	}
}

func (s *slot) write(t testing.TB, offset int64, data []byte) (encoded, read []int64) {
	t.Helper()
	head := s.head(t)
	u, err := NewUpdate(s.keys, head, head.Seqnum+1, offset, int64(len(data)), rand.Reader)
	require.NoError(t, err)
	encoded, read = s.run(t, u, data)
	grown := append(bytes.Clone(s.want), make([]byte, max(0, int(offset)+len(data)-len(s.want)))...)
	copy(grown[offset:], data)
	s.want = grown
	return encoded, read
}

func (s *slot) truncate(t testing.TB, size int64) (encoded, read []int64) {
	t.Helper()
	head := s.head(t)
	u, err := NewTruncation(s.keys, head, head.Seqnum+1, size, rand.Reader)
	require.NoError(t, err)
	encoded, read = s.run(t, u, nil)
	s.want = bytes.Clone(s.want[:size])
	return encoded, read
}

func TestUpdates(t *testing.T) {
	const cut = -1 // offset that stands for a truncation to size
	rows := []struct {
		name          string
		before        int64
		offset, size  int64
		encoded, read []int64
	}{
		{"inside a segment", 35, 12, 3, []int64{1}, []int64{1}},
		{"beginning of a segment", 35, 10, 3, []int64{1}, []int64{1}},
		{"end of a segment", 35, 17, 3, []int64{1}, []int64{1}},
		{"a whole segment", 35, 10, 10, []int64{1}, nil},
		{"across a border", 35, 18, 4, []int64{1, 2}, []int64{1, 2}},
		{"from a border across the next", 35, 10, 14, []int64{1, 2}, []int64{2}},
		{"across two borders", 35, 8, 14, []int64{0, 1, 2}, []int64{0, 2}},
		{"inside the tail", 35, 31, 2, []int64{3}, []int64{3}},
		{"the whole tail", 35, 30, 5, []int64{3}, nil},
		{"everything", 35, 0, 35, []int64{0, 1, 2, 3}, nil},
		{"everything and more", 35, 0, 42, []int64{0, 1, 2, 3, 4}, nil},
		{"append inside the tail", 35, 35, 2, []int64{3}, []int64{3}},
		{"append up to the border", 35, 35, 5, []int64{3}, []int64{3}},
		{"append across the border, 4 to 5 segments", 35, 35, 8, []int64{3, 4}, []int64{3}},
		{"append behind a full tail, 4 to 5 segments", 40, 40, 1, []int64{4}, nil},
		{"overwrite and append", 35, 28, 20, []int64{2, 3, 4}, []int64{2}},
		{"append many, 4 to 17 segments", 35, 35, 130, []int64{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, []int64{3}},
		{"append to an empty file", 0, 0, 25, []int64{0, 1, 2}, nil},
		{"append to one byte", 1, 1, 1, []int64{0}, []int64{0}},
		{"nothing in the middle", 35, 12, 0, nil, nil},
		{"nothing at the end", 35, 35, 0, nil, nil},
		{"nothing in an empty file", 0, 0, 0, nil, nil},
		{"cut inside a segment", 35, cut, 13, []int64{1}, []int64{1}},
		{"cut at a border", 35, cut, 20, nil, nil},
		{"cut inside the tail", 35, cut, 31, []int64{3}, []int64{3}},
		{"cut off nothing", 35, cut, 35, nil, nil},
		{"cut off everything", 35, cut, 0, nil, nil},
		{"cut an empty file", 0, cut, 0, nil, nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newSlot(t, 2, 5, 10, pattern(1, row.before))
			s.check(t)
			before := mustParseShare(t, bytes.Clone(s.shares[3]))
			var encoded, read []int64
			if row.offset == cut {
				encoded, read = s.truncate(t, row.size)
			} else {
				encoded, read = s.write(t, row.offset, pattern(2, row.size))
			}
			s.check(t)
			require.Equal(t, row.encoded, encoded)
			require.Equal(t, row.read, read)
			requireOthersUntouched(t, before, mustParseShare(t, s.shares[3]), encoded)
		})
	}
}

// requireOthersUntouched checks that blocks that were encoded have new salts and
// all others are the same.
func requireOthersUntouched(t *testing.T, before, after Share, encoded []int64) {
	t.Helper()
	require.Equal(t, before.Seqnum+1, after.Seqnum)
	for seg := range min(before.NumSegments(), after.NumSegments()) {
		isNew := false
		for _, e := range encoded {
			isNew = isNew || e == seg
		}
		if isNew {
			require.NotEqual(t, before.Block(seg)[:SaltSize], after.Block(seg)[:SaltSize])
			continue
		}
		require.Equal(t, before.Block(seg), after.Block(seg))
	}
}

// TestUpdatesWithTahoesSegments is the same with segments of 128 KiB.
func TestUpdatesWithTahoesSegments(t *testing.T) {
	s := newSlot(t, 3, 10, 131_073, pattern(1, 300_000))
	encoded, _ := s.write(t, 131_000, pattern(2, 200))
	require.Equal(t, []int64{0, 1}, encoded)
	s.check(t)
	encoded, _ = s.write(t, 300_000, pattern(3, 400_000))
	require.Equal(t, []int64{2, 3, 4, 5}, encoded)
	s.check(t)
	encoded, _ = s.truncate(t, 131_074)
	require.Equal(t, []int64{1}, encoded)
	s.check(t)
}

// TestUpdateOfTahoesShares extends a file of the vectors, of which all shares
// are known.
func TestUpdateOfTahoesShares(t *testing.T) {
	for _, name := range []string{"mdmf", "mdmf_empty"} {
		t.Run(name, func(t *testing.T) {
			v := vectorNamed(t, name)
			s := &slot{keys: v.keys(t), shares: v.shares, want: v.plaintext}
			s.write(t, int64(len(v.plaintext)), pattern(1, 140_000))
			s.check(t)
			s.write(t, 3, []byte("!!!"))
			s.check(t)
		})
	}
}

func TestRandomUpdates(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for _, code := range []struct{ k, n int }{{1, 1}, {1, 4}, {3, 5}} {
		t.Run(fmt.Sprintf("%d of %d", code.k, code.n), func(t *testing.T) {
			s := newSlot(t, code.k, code.n, int64(code.k)*4, pattern(7, 30))
			for i := range 60 {
				size := int64(len(s.want))
				if random.IntN(4) == 0 {
					s.truncate(t, random.Int64N(size+1))
				} else {
					s.write(t, random.Int64N(size+1), pattern(uint64(i), random.Int64N(30)))
				}
				s.check(t)
			}
		})
	}
}

func TestNewUpdateRefuses(t *testing.T) {
	s := newSlot(t, 2, 4, 10, pattern(1, 35))
	head, keys := s.head(t), s.keys
	update := func(seqnum uint64, offset, size int64) func() error {
		return func() error { _, err := NewUpdate(keys, head, seqnum, offset, size, rand.Reader); return err }
	}
	truncation := func(size int64) func() error {
		return func() error { _, err := NewTruncation(keys, head, 2, size, rand.Reader); return err }
	}
	rows := []struct {
		name   string
		make   func() error
		reason string
	}{
		{"behind the end", update(2, 36, 1), "do not fit"},
		{"before the beginning", update(2, -1, 1), "do not fit"},
		{"negative size", update(2, 0, -1), "do not fit"},
		{"huge size", update(2, 0, 1<<62), "do not fit"},
		{"too many segments", update(2, 0, 11*MaxSegments), "segments, at most"},
		{"same sequence number", update(1, 0, 1), "sequence number: 1, must be above 1"},
		{"cut to more", truncation(36), "cannot cut"},
		{"cut to less than nothing", truncation(-1), "cannot cut"},
		{"SDMF", func() error {
			_, err := NewUpdate(keys, mustParseShare(t, vectorNamed(t, "sdmf").shares[0]).Head, 9, 0, 1, rand.Reader)
			return err
		}, "SDMF files are written as a whole"},
		{"no header", func() error { _, err := NewUpdate(keys, Head{}, 9, 0, 0, rand.Reader); return err }, "total shares: 0"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			err := row.make()
			require.ErrorAs(t, err, new(*LayoutError))
			require.ErrorContains(t, err, row.reason)
		})
	}
}

func TestUpdateNeedsAllShares(t *testing.T) {
	s := newSlot(t, 2, 4, 10, pattern(1, 35))
	u, err := NewUpdate(s.keys, s.head(t), 2, 10, 10, rand.Reader)
	require.NoError(t, err)
	for shnum := range 3 {
		parsed := mustParseShare(t, s.shares[shnum])
		require.NoError(t, u.AddShare(shnum, parsed.ShareHashChain, parsed.BlockHashTree))
	}
	var missing *MissingShareError
	_, err = u.AddSegment(make([]byte, 10))
	require.ErrorAs(t, err, &missing)
	require.Equal(t, MissingShareError{Shnum: 3, N: 4}, *missing)
	require.ErrorContains(t, err, "share 3 of 4: write the whole file instead")
	_, err = u.Finish()
	require.ErrorAs(t, err, &missing)
}

func TestUpdateVerifiesTheHashesItKeeps(t *testing.T) {
	s := newSlot(t, 2, 4, 10, pattern(1, 35))
	share := mustParseShare(t, s.shares[0])
	u, err := NewUpdate(s.keys, s.head(t), 2, 10, 10, rand.Reader)
	require.NoError(t, err)
	require.ErrorAs(t, u.AddShare(0, share.ShareHashChain, share.BlockHashTree[HashSize:]), new(*LayoutError))
	require.ErrorAs(t, u.AddShare(4, share.ShareHashChain, share.BlockHashTree), new(*LayoutError))
	requireCorrupt(t, PartShareHashChain, u.AddShare(1, share.ShareHashChain, share.BlockHashTree))
	for node := range len(share.BlockHashTree) / HashSize {
		tree := bytes.Clone(share.BlockHashTree)
		tree[node*HashSize] ^= 1
		part := PartBlockHashTree
		if node == 0 {
			part = PartShareHashChain
		}
		requireCorrupt(t, part, u.AddShare(0, share.ShareHashChain, tree))
	}
	require.NoError(t, u.AddShare(0, share.ShareHashChain, share.BlockHashTree))
}

func TestAssembleRefuses(t *testing.T) {
	s := newSlot(t, 2, 4, 10, pattern(1, 35))
	u, err := NewUpdate(s.keys, s.head(t), 2, 12, 3, rand.Reader)
	require.NoError(t, err)
	_, err = u.Assemble(nil, 1, make([]byte, 10), make([]byte, 4))
	require.ErrorContains(t, err, "4 new bytes for segment 1, must be 3")
	_, err = u.Assemble(nil, 1, make([]byte, 9), make([]byte, 3))
	require.ErrorContains(t, err, "9 old bytes for segment 1, must be 10")
}
