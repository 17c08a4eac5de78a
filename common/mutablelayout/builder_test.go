package mutablelayout

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// pattern returns size bytes that no two offsets have in common for long.
func pattern(seed uint64, size int64) []byte {
	b := make([]byte, size)
	_, _ = mathrand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

// deterministic is a source of randomness for tests.
func deterministic(seed byte) io.Reader { return mathrand.NewChaCha8([32]byte{seed, 0xff}) }

func asMap(shares [][]byte) map[int][]byte {
	m := make(map[int][]byte)
	for i, share := range shares {
		m[i] = share
	}
	return m
}

func TestBuiltSharesAreVerifiedAndDecoded(t *testing.T) {
	keys := testKeys(t)
	codes := []struct{ k, n int }{{1, 1}, {1, 3}, {2, 2}, {2, 4}, {3, 10}, {7, 20}, {1, 255}, {255, 255}, {100, 255}}
	for _, format := range []Format{SDMF, MDMF} {
		for _, code := range codes {
			for _, size := range []int64{0, 1, 2, 1000, MDMFSegmentSize - 1, MDMFSegmentSize + 1, 300_000} {
				if code.n > 20 && size > 1000 {
					continue // much data, nothing new
				}
				t.Run(fmt.Sprintf("%v %d of %d, %d bytes", format, code.k, code.n, size), func(t *testing.T) {
					plaintext := pattern(1, size)
					shares, err := BuildShares(keys, Params{Format: format, Seqnum: 5, K: code.k, N: code.n}, plaintext, rand.Reader)
					require.NoError(t, err)
					require.Len(t, shares, code.n)
					all := numbers(code.n)
					for _, shnums := range [][]int{all[:code.k], all[code.n-code.k:]} {
						require.Equal(t, plaintext, decode(t, keys, asMap(shares), shnums))
					}
					for _, share := range shares {
						require.Equal(t, share, mustParseShare(t, share).Append(nil))
					}
				})
			}
		}
	}
}

// TestLayoutOfBuiltShares states the places that formats.md gives.
func TestLayoutOfBuiltShares(t *testing.T) {
	keys := testKeys(t)
	key := int64(len(keys.EncryptedPrivateKey()))
	shares, err := BuildShares(keys, Params{Format: SDMF, Seqnum: 1, K: 3, N: 10}, pattern(1, 1000), rand.Reader)
	require.NoError(t, err)
	s := mustParseShare(t, shares[0])
	require.EqualValues(t, 1002, s.SegmentSize)
	require.Equal(t, Areas{
		PublicKey: Area{107, 294}, Signature: Area{401, 256}, ShareHashChain: Area{657, 4 * 34},
		BlockHashTree: Area{793, 32}, ShareData: Area{825, 334}, PrivateKey: Area{1159, key},
	}, s.Areas)

	shares, err = BuildShares(keys, Params{Format: MDMF, Seqnum: 1, K: 3, N: 10}, pattern(1, 300_000), rand.Reader)
	require.NoError(t, err)
	s = mustParseShare(t, shares[0])
	require.EqualValues(t, 131_073, s.SegmentSize)
	require.EqualValues(t, 3, s.NumSegments())
	data := int64(2*(16+43691) + 16 + (300_000-2*131_073+2)/3)
	require.Equal(t, Areas{
		PrivateKey: Area{123, key}, ShareHashChain: Area{123 + key, 4 * 34}, Signature: Area{259 + key, 256},
		PublicKey: Area{515 + key, 294}, ShareData: Area{2167, data}, BlockHashTree: Area{2167 + data, 7 * 32},
	}, s.Areas)
	require.EqualValues(t, 2167, MDMFShareDataOffset)
}

func TestCheckstringsAndSignedBytes(t *testing.T) {
	eachVector(t, func(t *testing.T, v vector) {
		share := v.shares[0]
		h := mustParseShare(t, share).Header
		checkstring, signed := 57, 75
		if v.format == MDMF {
			checkstring, signed = 41, 59
		}
		require.Equal(t, share[:checkstring], h.AppendCheckstring(nil))
		require.Equal(t, share[:signed], h.AppendSigned(nil))
		require.Equal(t, signed, h.SignedSize())
	})
}

func TestSameRandomnessGivesTheSameBlocks(t *testing.T) {
	keys := testKeys(t)
	p := Params{Format: MDMF, Seqnum: 1, K: 3, N: 10}
	plaintext := pattern(1, 200_000)
	one, err := BuildShares(keys, p, plaintext, deterministic(1))
	require.NoError(t, err)
	same, err := BuildShares(keys, p, plaintext, deterministic(1))
	require.NoError(t, err)
	other, err := BuildShares(keys, p, plaintext, deterministic(2))
	require.NoError(t, err)
	for i := range one {
		require.Equal(t, mustParseShare(t, one[i]).Data, mustParseShare(t, same[i]).Data)
		require.NotEqual(t, mustParseShare(t, one[i]).Data[:16], mustParseShare(t, other[i]).Data[:16])
	}
}

// TestStreamedShares puts shares together from what the builder hands out.
func TestStreamedShares(t *testing.T) {
	keys := testKeys(t)
	plaintext := pattern(3, 3*MDMFSegmentSize+17)
	b, err := NewBuilder(keys, Params{Format: MDMF, Seqnum: 9, K: 2, N: 5, DataSize: int64(len(plaintext))}, rand.Reader)
	require.NoError(t, err)
	require.EqualValues(t, 4, b.NumSegments())
	parts := make([][]byte, 5)
	for rest := plaintext; ; {
		seg, size, ok := b.Next()
		if !ok {
			break
		}
		s, err := b.AddSegment(rest[:size])
		require.NoError(t, err)
		require.Equal(t, seg, s.Number)
		require.EqualValues(t, 2167+len(parts[0]), s.Offset)
		for i, block := range s.Blocks {
			parts[i] = append(parts[i], block...)
		}
		rest = rest[size:]
	}
	v, err := b.Finish()
	require.NoError(t, err)
	shares := map[int][]byte{}
	for i, data := range parts {
		front := v.AppendFront(nil, i)
		require.EqualValues(t, v.Head().Areas.ShareData.Offset, len(front))
		share := append(front, data...)
		require.EqualValues(t, v.BackOffset(), len(share))
		shares[i] = v.AppendBack(share, i)
		require.EqualValues(t, v.ShareSize(), len(shares[i]))
	}
	require.Equal(t, plaintext, decode(t, keys, shares, []int{4, 1}))
}

func TestNewBuilderRefuses(t *testing.T) {
	keys := testKeys(t)
	good := Params{Format: MDMF, Seqnum: 1, K: 3, N: 10, DataSize: 100}
	rows := []struct {
		name   string
		change func(p *Params)
		reason string
	}{
		{"k 0", func(p *Params) { p.K = 0 }, "needed shares: 0"},
		{"k negative", func(p *Params) { p.K = -1 }, "needed shares: -1"},
		{"n 256", func(p *Params) { p.N = 256 }, "total shares: 256"},
		{"n 0", func(p *Params) { p.N = 0 }, "total shares: 0"},
		{"k above n", func(p *Params) { p.K = 11 }, "needed shares: 11"},
		{"size negative", func(p *Params) { p.DataSize = -1 }, "data length: -1"},
		{"size beyond all limits", func(p *Params) { p.DataSize = 1 << 62 }, "data length: 4611686018427387904"},
		{"too many segments", func(p *Params) { p.DataSize = 2 * MDMFSegmentSize * MaxSegments }, "segments, at most"},
		{"SDMF too large", func(p *Params) { p.Format, p.DataSize = SDMF, MaxSegmentSize+1 }, "segment size"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p := good
			row.change(&p)
			_, err := NewBuilder(keys, p, rand.Reader)
			require.ErrorAs(t, err, new(*LayoutError))
			require.ErrorContains(t, err, row.reason)
		})
	}
	good.Format = 2
	_, err := NewBuilder(keys, good, rand.Reader)
	require.ErrorAs(t, err, new(*FormatError))
}

func TestBuilderRefusesWrongUse(t *testing.T) {
	keys := testKeys(t)
	p := Params{Format: MDMF, Seqnum: 1, K: 3, N: 10, DataSize: 100}
	b, err := NewBuilder(keys, p, rand.Reader)
	require.NoError(t, err)
	_, err = b.Finish()
	require.ErrorContains(t, err, "segment: 0 is missing")
	_, err = b.AddSegment(make([]byte, 99))
	require.ErrorContains(t, err, "99 bytes of plaintext for segment 0, must be 100")
	_, again := b.AddSegment(make([]byte, 100))
	require.Equal(t, err, again, "a failed builder stays so")
	_, again = b.Finish()
	require.Equal(t, err, again)

	b, err = NewBuilder(keys, p, rand.Reader)
	require.NoError(t, err)
	_, err = b.AddSegment(make([]byte, 100))
	require.NoError(t, err)
	_, err = b.AddSegment(nil)
	require.ErrorContains(t, err, "there is none after 0")
}

func TestBuilderPassesErrorsOfTheRandomness(t *testing.T) {
	keys := testKeys(t)
	broken := errors.New("no entropy")
	for size, format := range []Format{SDMF, MDMF, MDMF} {
		source := io.MultiReader(bytes.NewReader(make([]byte, 15*size)), errorReader{broken})
		_, err := BuildShares(keys, Params{Format: format, Seqnum: 1, K: 1, N: 1}, []byte("x"), source)
		require.ErrorIs(t, err, broken)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestDecoderRefuses(t *testing.T) {
	keys := testKeys(t)
	shares, err := BuildShares(keys, Params{Format: MDMF, Seqnum: 1, K: 2, N: 4}, []byte("plaintext"), rand.Reader)
	require.NoError(t, err)
	s0, s1 := mustParseShare(t, shares[0]), mustParseShare(t, shares[1])
	for _, shnums := range [][]int{nil, {0}, {0, 0}, {0, 4}, {-1, 0}, {0, 1, 2}} {
		_, err = NewDecoder(s0.Header, keys.ReadKey(), shnums)
		require.Error(t, err, "%v", shnums)
	}
	d, err := NewDecoder(s0.Header, keys.ReadKey(), []int{0, 1})
	require.NoError(t, err)
	otherSalt := bytes.Clone(s1.Block(0))
	otherSalt[0] ^= 1
	rows := []struct {
		name   string
		seg    int64
		blocks [][]byte
	}{
		{"segment -1", -1, [][]byte{s0.Block(0), s1.Block(0)}},
		{"segment 1", 1, [][]byte{s0.Block(0), s1.Block(0)}},
		{"no block", 0, nil},
		{"one block", 0, [][]byte{s0.Block(0)}},
		{"short block", 0, [][]byte{s0.Block(0), s1.Block(0)[1:]}},
		{"salts differ", 0, [][]byte{s0.Block(0), otherSalt}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := d.Decode(nil, row.seg, row.blocks)
			require.ErrorAs(t, err, new(*LayoutError))
		})
	}
	empty, err := NewDecoder(mustParseShare(t, vectorNamed(t, "mdmf_empty").shares[0]).Header, keys.ReadKey(), []int{0, 1})
	require.NoError(t, err)
	_, err = empty.Decode(nil, 0, nil)
	require.ErrorAs(t, err, new(*LayoutError))
}

// TestSegmentsAllocateLittle bounds what a segment costs besides its data: the
// cipher, its key and its key schedule.
func TestSegmentsAllocateLittle(t *testing.T) {
	keys := testKeys(t)
	const segments = 60
	b, err := NewBuilder(keys, Params{Format: MDMF, Seqnum: 1, K: 3, N: 10, DataSize: segments * 131_073}, deterministic(1))
	require.NoError(t, err)
	plaintext := pattern(1, 131_073)
	allocations := testing.AllocsPerRun(segments-10, func() {
		if _, err := b.AddSegment(plaintext); err != nil {
			t.Fatal(err)
		}
	})
	require.LessOrEqual(t, allocations, 12.0)
}

func TestKeysPrintNoSecret(t *testing.T) {
	keys := testKeys(t)
	writeKey, readKey := keys.WriteKey().Reveal(), keys.ReadKey().Reveal()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		printed := []byte(fmt.Sprintf(verb, keys))
		for _, secret := range [][]byte{writeKey[:], readKey[:], keys.PrivateKey().DER()[600:620]} {
			require.NotContains(t, string(printed), string(secret))
			require.NotContains(t, string(printed), fmt.Sprintf("%x", secret))
			require.NotContains(t, string(printed), fmt.Sprintf("%d", secret)[1:40])
		}
	}
}
