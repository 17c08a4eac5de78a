package mutablelayout

import (
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

func BenchmarkBuildSDMF10KiB(b *testing.B) {
	keys, plaintext := testKeys(b), pattern(1, 10<<10)
	b.SetBytes(int64(len(plaintext)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := BuildShares(keys, Params{Format: SDMF, Seqnum: 1, K: 3, N: 10}, plaintext, rand.Reader); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuildMDMF10MiB(b *testing.B) {
	keys, plaintext := testKeys(b), pattern(1, 10<<20)
	p := Params{Format: MDMF, Seqnum: 1, K: 3, N: 10, DataSize: int64(len(plaintext))}
	b.SetBytes(p.DataSize)
	b.ReportAllocs()
	for b.Loop() {
		builder, err := NewBuilder(keys, p, rand.Reader)
		require.NoError(b, err)
		rest := plaintext
		for _, size, ok := builder.Next(); ok; _, size, ok = builder.Next() {
			if _, err := builder.AddSegment(rest[:size]); err != nil {
				b.Fatal(err)
			}
			rest = rest[size:]
		}
		if _, err := builder.Finish(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadMDMF10MiB verifies and decodes from secondary shares.
func BenchmarkReadMDMF10MiB(b *testing.B) {
	keys, plaintext := testKeys(b), pattern(1, 10<<20)
	shares, err := BuildShares(keys, Params{Format: MDMF, Seqnum: 1, K: 3, N: 10}, plaintext, rand.Reader)
	require.NoError(b, err)
	shnums := []int{7, 8, 9}
	b.SetBytes(int64(len(plaintext)))
	b.ReportAllocs()
	for b.Loop() {
		parsed := make([]Share, len(shnums))
		for i, shnum := range shnums {
			parsed[i] = mustParseShare(b, shares[shnum])
			require.NoError(b, parsed[i].Verify(shnum, keys.Fingerprint()))
		}
		d, err := NewDecoder(parsed[0].Header, keys.ReadKey(), shnums)
		require.NoError(b, err)
		buffer, blocks := make([]byte, parsed[0].SegmentSize), make([][]byte, len(shnums))
		for seg := range parsed[0].NumSegments() {
			for i, s := range parsed {
				blocks[i] = s.Block(seg)
			}
			if _, err := d.Decode(buffer, seg, blocks); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkUpdateOneSegmentOf10MiB(b *testing.B) {
	s := newSlot(b, 3, 10, 131_073, pattern(1, 10<<20))
	head := s.head(b)
	plaintext := pattern(2, head.SegmentSize)
	b.ReportAllocs()
	for b.Loop() {
		u, err := NewUpdate(s.keys, head, 2, 5*head.SegmentSize, head.SegmentSize, rand.Reader)
		require.NoError(b, err)
		for shnum, share := range s.shares {
			parsed := mustParseShare(b, share)
			require.NoError(b, u.AddShare(shnum, parsed.ShareHashChain, parsed.BlockHashTree))
		}
		if _, err := u.AddSegment(plaintext); err != nil {
			b.Fatal(err)
		}
		if _, err := u.Finish(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifySDMF(b *testing.B) {
	v := vectorNamed(b, "sdmf-1000")
	share := v.shares[0]
	b.ReportAllocs()
	for b.Loop() {
		if err := mustParseShare(b, share).Verify(0, v.fingerprint); err != nil {
			b.Fatal(err)
		}
	}
}
