package immutable

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/stretchr/testify/require"
)

// memorySource is a share in memory.
type memorySource []byte

func (s memorySource) ReadAt(_ context.Context, p []byte, offset int64) (int, error) {
	if offset < 0 {
		panic("negative offset")
	}
	if offset >= int64(len(s)) {
		return 0, io.EOF
	}
	n := copy(p, s[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// sourceFunc is a source that is a function.
type sourceFunc func(ctx context.Context, p []byte, offset int64) (int, error)

func (f sourceFunc) ReadAt(ctx context.Context, p []byte, offset int64) (int, error) {
	return f(ctx, p, offset)
}

func parseCHK(t testing.TB, text string) uri.CHK {
	c, err := uri.Parse(text)
	require.NoError(t, err)
	return c.(uri.CHK)
}

func tryReadAll(t testing.TB, c uri.CHK, shares []Share) ([]byte, error) {
	r, err := NewReader(c, shares, nil)
	require.NoError(t, err)
	var out bytes.Buffer
	_, err = r.WriteRange(t.Context(), &out, 0, -1)
	return out.Bytes(), err
}

func numSegments(t testing.TB, c uri.CHK, share Share) int64 {
	v, err := NewVerifier(c.Verify())
	require.NoError(t, err)
	_, err = v.Open(t.Context(), share)
	require.NoError(t, err)
	segs, ok := v.Segments()
	require.True(t, ok)
	return segs.NumSegments
}

func randomBytes(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// stored encodes random bytes.
func stored(t testing.TB, size, k, n int, maxSegment int64) (uri.CHK, []byte, []Share) {
	plaintext := randomBytes(uint64(size), size)
	c, data := encodeAll(t, Config{Size: int64(size), K: k, N: n, MaxSegmentSize: maxSegment}, plaintext, nil)
	var shares []Share
	for i, d := range data {
		shares = append(shares, memoryShare(i, d))
	}
	return c, plaintext, shares
}

func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, tc := range []struct {
		name       string
		size, k, n int
		maxSegment int64
	}{
		{"one byte", 1, 1, 1, 1024},
		{"one byte, 3-of-10", 1, 3, 10, 1024},
		{"one byte, 256-of-256", 1, 256, 256, 1024},
		{"literal boundary", 55, 3, 10, 1024},
		{"one segment", 1000, 3, 10, 1024},
		{"exact", 4 * 1026, 3, 10, 1026},
		{"tail", 12345, 3, 10, 1026},
		{"replication", 12345, 1, 3, 1000},
		{"25-of-100", 12345, 25, 100, 1000},
		{"100-of-256", 12345, 100, 256, 4000},
		{"segments of 16 bytes", 5000, 4, 7, 16},
		{"tree read in windows", 20000, 2, 3, 8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, plaintext, shares := stored(t, tc.size, tc.k, tc.n, tc.maxSegment)
			for range 5 {
				rng.Shuffle(len(shares), func(i, j int) { shares[i], shares[j] = shares[j], shares[i] })
				require.True(t, bytes.Equal(plaintext, readAll(t, c, shares[:tc.k])))
			}
			v, err := NewVerifier(c.Verify())
			require.NoError(t, err)
			for _, s := range shares[:min(3, len(shares))] {
				require.NoError(t, v.VerifyShare(t.Context(), s))
			}
		})
	}
}

func TestRanges(t *testing.T) {
	c, plaintext, shares := stored(t, 10000, 3, 10, 300)
	r, err := NewReader(c, shares[4:7], nil)
	require.NoError(t, err)
	require.EqualValues(t, 10000, r.Size())
	rng := rand.New(rand.NewPCG(2, 2))
	for range 300 {
		from := rng.IntN(len(plaintext) + 1)
		p := make([]byte, rng.IntN(1000))
		n, err := r.ReadAt(t.Context(), p, int64(from))
		want := plaintext[from:min(from+len(p), len(plaintext))]
		require.Equal(t, want, p[:n])
		if n < len(p) {
			require.ErrorIs(t, err, io.EOF)
		} else {
			require.NoError(t, err)
		}
		var out bytes.Buffer
		written, err := r.WriteRange(t.Context(), &out, int64(from), int64(len(p)))
		require.NoError(t, err)
		require.EqualValues(t, n, written)
		require.Equal(t, string(want), out.String())
	}
	for _, offset := range []int64{-1, 10001} {
		var re *RangeError
		_, err = r.ReadAt(t.Context(), make([]byte, 1), offset)
		require.ErrorAs(t, err, &re)
		_, err = r.WriteRange(t.Context(), io.Discard, offset, 1)
		require.ErrorAs(t, err, &re)
	}
}

func TestCiphertextReader(t *testing.T) {
	c, plaintext, shares := stored(t, 5000, 3, 10, 300)
	r, err := NewCiphertextReader(c.Verify(), shares[2:5], nil)
	require.NoError(t, err)
	ciphertext := make([]byte, r.Size())
	_, err = r.ReadAt(t.Context(), ciphertext, 0)
	require.NoError(t, err)
	stream, err := newStream(c.Key)
	require.NoError(t, err)
	stream.XORKeyStream(ciphertext, ciphertext)
	require.True(t, bytes.Equal(plaintext, ciphertext))
}

// TestFailover damages shares part by part; the reader names the part and goes on
// with other shares.
func TestFailover(t *testing.T) {
	c, plaintext, shares := stored(t, 5000, 3, 10, 300)
	header, err := sharelayout.ParseHeader(shares[0].Source.(memorySource))
	require.NoError(t, err)
	cut := errors.New("connection cut")
	damage := func(at int64) func(b []byte) Source {
		return func(b []byte) Source { b[at] ^= 1; return memorySource(b) }
	}
	for _, tc := range []struct {
		name   string
		damage func(b []byte) Source
		part   Part // or "" for a ReadError
		times  int
	}{
		{"version", damage(3), PartHeader, 1},
		{"offset of the data", damage(0x0f), PartBlock, 17},
		{"first block", damage(header.DataOffset), PartBlock, 1},
		{"last block", damage(int64(header.PlaintextHashTreeOffset) - 1), PartBlock, 1},
		{"block hash tree", damage(header.ShareHashesOffset - 32*16), PartBlockHashTree, 1},
		{"share hash chain", damage(header.ShareHashesOffset + 40), PartShareHashes, 1},
		{"node number in the chain", damage(header.ShareHashesOffset + 1), PartShareHashes, 1},
		{"UEB length", damage(header.UEBOffset), PartUEB, 1},
		{"UEB", damage(header.UEBOffset + 30), PartUEB, 1},
		{"crypttext hash tree", damage(header.CiphertextHashTreeOffset + 32*31), PartCiphertextHashTree, 1},
		{"cut in the header", func(b []byte) Source { return memorySource(b[:20]) }, PartHeader, 1},
		{"cut in the data", func(b []byte) Source { return memorySource(b[:200]) }, PartShareHashes, 1},
		{"cut in the chain", func(b []byte) Source { return memorySource(b[:header.UEBOffset-1]) }, PartShareHashes, 1},
		{"cut in the UEB length", func(b []byte) Source { return memorySource(b[:header.UEBOffset+1]) }, PartUEB, 1},
		{"cut in the UEB", func(b []byte) Source { return memorySource(b[:len(b)-1]) }, PartUEB, 1},
		{"empty", func(b []byte) Source { return memorySource(nil) }, PartHeader, 1},
		{"does not answer", func(b []byte) Source {
			return sourceFunc(func(context.Context, []byte, int64) (int, error) { return 0, cut })
		}, "", 1},
		{"stops answering", func(b []byte) Source {
			left := 6
			return sourceFunc(func(ctx context.Context, p []byte, offset int64) (int, error) {
				if left--; left < 0 {
					return 0, cut
				}
				return memorySource(b).ReadAt(ctx, p, offset)
			})
		}, "", 1},
		{"reads nothing without saying why", func(b []byte) Source {
			return sourceFunc(func(context.Context, []byte, int64) (int, error) { return 0, nil })
		}, "", 1},
		{"reads more than was asked for", func(b []byte) Source {
			return sourceFunc(func(_ context.Context, p []byte, _ int64) (int, error) { return len(p) + 1, nil })
		}, "", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			some := slices.Clone(shares[:4])
			some[0].Source = tc.damage(bytes.Clone(shares[0].Source.(memorySource)))
			var bad []error
			r, err := NewReader(c, some, func(err error) { bad = append(bad, err) })
			require.NoError(t, err)
			var out bytes.Buffer
			_, err = r.WriteRange(t.Context(), &out, 0, -1)
			require.NoError(t, err)
			require.True(t, bytes.Equal(plaintext, out.Bytes()))
			require.Len(t, bad, 1)
			requirePart(t, bad[0], tc.part, some[0])

			// Without the fourth share it has to give up, and says why.
			some[0].Source = tc.damage(bytes.Clone(shares[0].Source.(memorySource)))
			_, err = tryReadAll(t, c, some[:3])
			if tc.part == PartCiphertextHashTree {
				require.NoError(t, err) // two others have it, and the blocks were good
				return
			}
			var few *NotEnoughSharesError
			require.ErrorAs(t, err, &few)
			require.Equal(t, 3, few.Needed)
			require.Equal(t, 2, few.Good)
			require.Len(t, few.Problems, 1)
			requirePart(t, err, tc.part, some[0])
		})
	}
}

func requirePart(t testing.TB, err error, part Part, share Share) {
	if part == "" {
		var read *ReadError
		require.ErrorAs(t, err, &read)
		require.Equal(t, share.Num, read.ShareNum)
		require.Equal(t, share.Server, read.Server)
		return
	}
	var corrupt *CorruptShareError
	require.ErrorAs(t, err, &corrupt)
	require.Equal(t, part, corrupt.Part, "%v", corrupt)
	require.Equal(t, share.Num, corrupt.ShareNum)
	require.Equal(t, share.Server, corrupt.Server)
	require.NotEmpty(t, corrupt.Error())
}

// TestBadBlocksEverywhere: every share has one bad block, in a segment of its
// own. Shares are not given up for that, so the whole file can be read.
func TestBadBlocksEverywhere(t *testing.T) {
	c, plaintext, shares := stored(t, 3000, 3, 5, 300)
	for i := range shares {
		b := shares[i].Source.(memorySource)
		b[sharelayout.HeaderSizeV1+100*(2*i)] ^= 1
	}
	bad := 0
	r, err := NewReader(c, shares[:4], func(error) { bad++ })
	require.NoError(t, err)
	var out bytes.Buffer
	_, err = r.WriteRange(t.Context(), &out, 0, -1)
	require.NoError(t, err)
	require.True(t, bytes.Equal(plaintext, out.Bytes()))
	require.Positive(t, bad)
}

func TestSameShareTwice(t *testing.T) {
	c, plaintext, shares := stored(t, 1000, 2, 3, 300)
	_, err := tryReadAll(t, c, []Share{shares[1], shares[1]})
	var few *NotEnoughSharesError
	require.ErrorAs(t, err, &few)
	require.Equal(t, 1, few.Good)
	require.Empty(t, few.Problems)
	got, err := tryReadAll(t, c, []Share{shares[1], shares[1], shares[2]})
	require.NoError(t, err)
	require.Equal(t, plaintext, got)
	_, err = tryReadAll(t, c, nil)
	require.ErrorAs(t, err, &few)
	require.Zero(t, few.Good)
}

func TestShareUnderAnotherNumber(t *testing.T) {
	c, _, shares := stored(t, 1000, 2, 4, 300)
	v, err := NewVerifier(c.Verify())
	require.NoError(t, err)
	for _, num := range []grid.ShareNum{-1, 2, 4, 1 << 20} {
		s := shares[1]
		s.Num = num
		_, err := v.Open(t.Context(), s)
		var corrupt *CorruptShareError
		require.ErrorAs(t, err, &corrupt, "number %d", num)
	}
}

func TestCancelledRead(t *testing.T) {
	c, _, shares := stored(t, 1000, 2, 4, 300)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	enough := errors.New("enough")
	for i := range shares {
		shares[i].Source = sourceFunc(func(ctx context.Context, _ []byte, _ int64) (int, error) {
			cancel(enough)
			return 0, ctx.Err()
		})
	}
	bad := 0
	r, err := NewReader(c, shares, func(error) { bad++ })
	require.NoError(t, err)
	_, err = r.ReadAt(ctx, make([]byte, 10), 0)
	require.ErrorIs(t, err, enough)
	require.Zero(t, bad, "no share is to blame")
}

func TestImpossibleCaps(t *testing.T) {
	for name, c := range map[string]uri.CHKVerify{
		"empty file":    {K: 3, N: 10, Size: 0},
		"negative size": {K: 3, N: 10, Size: -1},
		"size of 2^63":  {K: 3, N: 10, Size: 1<<63 - 1},
		"k of 0":        {K: 0, N: 10, Size: 100},
		"n below k":     {K: 3, N: 2, Size: 100},
		"n above 256":   {K: 3, N: 257, Size: 100},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewVerifier(c)
			var pe *erasure.ParamsError
			require.ErrorAs(t, err, &pe)
			_, err = NewCiphertextReader(c, nil, nil)
			require.ErrorAs(t, err, &pe)
		})
	}
}

func TestMisuse(t *testing.T) {
	c, _, shares := stored(t, 1000, 2, 4, 300)
	v, err := NewVerifier(c.Verify())
	require.NoError(t, err)
	require.Nil(t, v.UEB())
	_, err = NewSegmentDecoder(v)
	require.Error(t, err, "no share was opened")
	r, err := v.Open(t.Context(), shares[0])
	require.NoError(t, err)
	require.NotNil(t, v.UEB())
	require.EqualValues(t, sharelayout.V1, r.Header().Version)
	require.Equal(t, shares[0].Num, r.Share().Num)
	var re *RangeError
	require.ErrorAs(t, r.ReadBlock(t.Context(), -1, make([]byte, 150)), &re)
	require.ErrorAs(t, r.ReadBlock(t.Context(), 4, make([]byte, 150)), &re)
	require.ErrorAs(t, r.ProveSegmentHash(t.Context(), 4), &re)
	require.Error(t, r.ReadBlock(t.Context(), 0, make([]byte, 149)))
	d, err := NewSegmentDecoder(v)
	require.NoError(t, err)
	d.Start(0)
	_, err = d.Decode()
	require.Error(t, err, "nothing is there")
	require.NoError(t, r.ProveSegmentHash(t.Context(), 0))
	_, err = d.Decode()
	require.Error(t, err, "no blocks are there")
}

type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return w.left, io.ErrClosedPipe
	}
	w.left -= len(p)
	return len(p), nil
}

func TestWriterFails(t *testing.T) {
	c, _, shares := stored(t, 200000, 2, 4, 30000)
	r, err := NewReader(c, shares, nil)
	require.NoError(t, err)
	n, err := r.WriteRange(t.Context(), &failingWriter{100000}, 0, -1)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.EqualValues(t, 100000, n)
}

// TestReaderDoesNotPrintItsKey: neither the key nor what AES makes of it first.
func TestReaderDoesNotPrintItsKey(t *testing.T) {
	c, _, shares := stored(t, 1000, 2, 4, 300)
	r, err := NewReader(c, shares, nil)
	require.NoError(t, err)
	_, err = r.ReadAt(t.Context(), make([]byte, 10), 0)
	require.NoError(t, err)
	key := c.Key.Reveal()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{r, *r, &struct{ R *Reader }{r}, struct{ R Reader }{*r}, struct{ r Reader }{*r}, struct{ r *Reader }{r}} {
			text := fmt.Sprintf(verb, value)
			require.NotContains(t, text, hex.EncodeToString(key[:4]))
			require.NotContains(t, text, fmt.Sprintf("%d %d %d", key[0], key[1], key[2]))
			require.NotContains(t, text, fmt.Sprint(binary.LittleEndian.Uint32(key[:])))
			require.NotContains(t, text, fmt.Sprintf("0x%x, 0x%x", key[0], key[1]))
			require.NotContains(t, text, string(key[:]))
		}
	}
}
