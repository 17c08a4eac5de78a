package mutablelayout

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReaderReadsSharesOfTahoe(t *testing.T) {
	eachVector(t, func(t *testing.T, v vector) {
		for _, shnum := range v.shnums() {
			want := mustParseShare(t, v.shares[shnum])
			r, err := NewReader(bytes.NewReader(v.shares[shnum]), shnum, v.fingerprint)
			require.NoError(t, err)
			require.Equal(t, want.Head, r.Head())
			for seg := range want.NumSegments() {
				block, err := r.ReadBlock(nil, seg)
				require.NoError(t, err)
				require.Equal(t, want.Block(seg), block)
			}
			_, err = r.ReadBlock(nil, want.NumSegments())
			require.ErrorAs(t, err, new(*LayoutError))
			encrypted, err := r.EncryptedPrivateKey()
			require.NoError(t, err)
			require.Equal(t, want.PrivateKey, encrypted)
		}
	})
}

// countingReader counts the bytes that are read.
type countingReader struct {
	io.ReaderAt
	bytes int
}

func (r *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, off)
	r.bytes += n
	return n, err
}

// TestReaderReadsOnlyWhatItNeeds reads single segments of a file with many.
func TestReaderReadsOnlyWhatItNeeds(t *testing.T) {
	s := newSlot(t, 2, 4, 10, pattern(1, 10*1000))
	source := &countingReader{ReaderAt: bytes.NewReader(s.shares[1])}
	r, err := NewReader(source, 1, s.keys.Fingerprint())
	require.NoError(t, err)
	const head = 123 + 294 + 256 + 2*34 + 32
	require.Equal(t, head, source.bytes)

	_, err = r.ReadBlock(nil, 700)
	require.NoError(t, err)
	const block, leafAndSiblings = 16 + 5, 11 * 32
	require.Equal(t, head+block+leafAndSiblings, source.bytes)

	_, err = r.ReadBlock(nil, 701)
	require.NoError(t, err)
	require.Equal(t, head+2*block+leafAndSiblings, source.bytes, "the neighbour's hashes are known")
}

func TestReaderKeepsTheCallersBuffer(t *testing.T) {
	s := newSlot(t, 1, 1, 1<<10, pattern(1, 10<<10))
	r, err := NewReader(bytes.NewReader(s.shares[0]), 0, s.keys.Fingerprint())
	require.NoError(t, err)
	buffer := make([]byte, 0, 16+1<<10)
	block, err := r.ReadBlock(buffer, 3)
	require.NoError(t, err)
	require.Same(t, &buffer[:1][0], &block[0])
}

func TestReaderRefusesCorruptShares(t *testing.T) {
	s := newSlot(t, 2, 4, 10, pattern(1, 35))
	areas := s.head(t).Areas
	rows := []struct {
		part Part
		at   int64
	}{
		{PartSignature, 1},
		{PartPublicKey, areas.PublicKey.Offset + 5},
		{PartSignature, areas.Signature.Offset},
		{PartShareHashChain, areas.ShareHashChain.Offset + 2},
		{PartShareHashChain, areas.BlockHashTree.Offset},
		{PartBlockHashTree, areas.BlockHashTree.Offset + 2*32}, // node 1 is computed, never read
		{PartBlock, areas.ShareData.Offset},
	}
	for _, row := range rows {
		share := bytes.Clone(s.shares[0])
		share[row.at] ^= 1
		requireCorrupt(t, row.part, readAll(share, 0, s))
	}
	requireCorrupt(t, PartShareHashChain, readAll(s.shares[0], 1, s))
}

func readAll(share []byte, shnum int, s *slot) error {
	r, err := NewReader(bytes.NewReader(share), shnum, s.keys.Fingerprint())
	if err != nil {
		return err
	}
	for seg := range r.Head().NumSegments() {
		if _, err := r.ReadBlock(nil, seg); err != nil {
			return err
		}
	}
	return nil
}

func TestReaderRefusesShortShares(t *testing.T) {
	for name, v := range map[string]vector{"SDMF": vectorNamed(t, "sdmf"), "MDMF": vectorNamed(t, "mdmf")} {
		t.Run(name, func(t *testing.T) {
			share := v.shares[0]
			needed := len(share)
			if v.format == SDMF { // its reader needs no private key
				needed = int(mustParseShare(t, share).Areas.ShareData.End())
			}
			s := &slot{keys: v.keys(t)}
			for size := 0; size < needed; size += 7 {
				require.ErrorAs(t, readAll(share[:size], 0, s), new(*LayoutError), "%d bytes", size)
			}
			require.NoError(t, readAll(share[:needed], 0, s))
		})
	}
}

// brokenReader fails from some offset on.
type brokenReader struct {
	io.ReaderAt
	from int64
	err  error
}

func (r brokenReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= r.from {
		return 0, r.err
	}
	return r.ReaderAt.ReadAt(p, off)
}

func TestReaderPassesErrorsOfTheSource(t *testing.T) {
	lost := errors.New("connection lost")
	v := vectorNamed(t, "mdmf")
	for from := int64(0); from <= MDMFShareDataOffset; from += 50 {
		source := brokenReader{ReaderAt: bytes.NewReader(v.shares[0]), from: from, err: lost}
		r, err := NewReader(source, 0, v.fingerprint)
		if err == nil {
			_, err = r.ReadBlock(nil, 0)
		}
		require.ErrorIs(t, err, lost, "from %d", from)
	}
}

func TestVerifierWantsHashesFirst(t *testing.T) {
	s := newSlot(t, 2, 4, 10, pattern(1, 35))
	share := mustParseShare(t, s.shares[0])
	v, err := NewVerifier(share.Header, 0, share.ShareHashChain, [HashSize]byte(share.BlockHashTree))
	require.NoError(t, err)
	require.ErrorContains(t, v.CheckBlock(2, share.Block(2)), "AppendNeeded")
	require.Equal(t, []int{5, 6, 1}, v.AppendNeeded(nil, 2))
	require.NoError(t, v.AddTree(share.BlockHashTree))
	require.Empty(t, v.AppendNeeded(nil, 2))
	require.NoError(t, v.CheckBlock(2, share.Block(2)))
	require.ErrorAs(t, v.CheckBlock(-1, nil), new(*LayoutError))
	require.ErrorAs(t, v.CheckBlock(4, nil), new(*LayoutError))
	require.ErrorAs(t, v.CheckBlock(2, share.Block(2)[1:]), new(*LayoutError))
	requireCorrupt(t, PartBlock, v.CheckBlock(1, share.Block(2)))
	require.ErrorAs(t, v.AddTree(nil), new(*LayoutError))
}

func TestPartNames(t *testing.T) {
	for part := PartPublicKey; part <= PartPrivateKey; part++ {
		require.NotContains(t, part.String(), "Part(")
	}
	require.Equal(t, "mutablelayout.Part(0)", Part(0).String())
	require.Equal(t, "mutable share: corrupt: block of segment 7", (&CorruptError{PartBlock, 7}).Error())
	require.Equal(t, "SDMF MDMF mutablelayout.Format(2)", SDMF.String()+" "+MDMF.String()+" "+Format(2).String())
}

func TestCensus(t *testing.T) {
	version := func(seqnum uint64, root byte) Header {
		return Header{Format: MDMF, Seqnum: seqnum, RootHash: [32]byte{root}, K: 2, N: 4, SegmentSize: 2, DataSize: 1}
	}
	old, best, rival, newer := version(1, 9), version(2, 5), version(2, 4), version(3, 1)
	var c Census
	_, ok := c.Best()
	require.False(t, ok)
	require.Zero(t, c.HighestSeqnum())
	require.False(t, c.NeedsMerge())

	for _, add := range []struct {
		h     Header
		shnum int
	}{{old, 0}, {old, 1}, {old, 2}, {best, 3}, {best, 3}, {newer, 0}, {newer, 0}, {newer, 4}, {newer, -1}} {
		c.Add(add.h, add.shnum)
	}
	require.Equal(t, []Header{old}, c.Recoverable(), "a share counts once, and only if the version has it")
	require.Equal(t, []Header{newer, best}, c.UnrecoverableNewer())
	require.EqualValues(t, 3, c.HighestSeqnum())

	c.Add(best, 0)
	got, ok := c.Best()
	require.True(t, ok)
	require.Equal(t, best, got)
	require.Equal(t, []Header{newer}, c.UnrecoverableNewer())
	require.False(t, c.NeedsMerge())
	require.Equal(t, []int{0, 3}, c.Shares(best))
	require.Empty(t, c.Shares(rival))

	c.Add(rival, 0)
	c.Add(rival, 1)
	require.True(t, c.NeedsMerge())
	require.Equal(t, []Header{best, rival, old}, c.Recoverable(), "the greater root hash wins")
	require.Positive(t, best.Compare(rival))
	require.Negative(t, best.Compare(newer))
	require.Zero(t, best.Compare(best))
}

func TestWriteEnabler(t *testing.T) {
	keys := testKeys(t)
	one, two := keys.WriteEnabler([20]byte{1}), keys.WriteEnabler([20]byte{2})
	require.False(t, one.Equal(two))
	require.True(t, one.Equal(testKeys(t).WriteEnabler([20]byte{1})))
}

func TestSharesSurviveRandomAccessThroughReaders(t *testing.T) {
	keys := testKeys(t)
	plaintext := pattern(5, 500_000)
	shares, err := BuildShares(keys, Params{Format: MDMF, Seqnum: 1, K: 3, N: 10}, plaintext, rand.Reader)
	require.NoError(t, err)
	shnums := []int{9, 2, 5}
	var readers []*Reader
	for _, shnum := range shnums {
		r, err := NewReader(bytes.NewReader(shares[shnum]), shnum, keys.Fingerprint())
		require.NoError(t, err)
		readers = append(readers, r)
	}
	head := readers[0].Head()
	d, err := NewDecoder(head.Header, keys.ReadKey(), shnums)
	require.NoError(t, err)
	buffer := make([]byte, head.SegmentSize)
	for _, seg := range []int64{3, 0, 2, 1, 3} {
		blocks := make([][]byte, 3)
		for i, r := range readers {
			blocks[i], err = r.ReadBlock(nil, seg)
			require.NoError(t, err)
		}
		got, err := d.Decode(buffer, seg, blocks)
		require.NoError(t, err)
		from := seg * head.SegmentSize
		require.Equal(t, plaintext[from:from+head.SegmentDataSize(seg)], got)
		require.Same(t, &buffer[0], &got[0])
	}
}
