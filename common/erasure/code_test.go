package erasure

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

type zfecVectors struct {
	Matrices []struct {
		K      int      `json:"k"`
		N      int      `json:"n"`
		Rows   []string `json:"rows_k_to_n_minus_1_hex"`
		SHA256 string   `json:"sha256_of_all_parity_rows_concatenated"`
		RowK   string   `json:"row_k_hex"`
		Last   string   `json:"last_row_hex"`
	} `json:"matrices"`
	Encodings []struct {
		K      int      `json:"k"`
		N      int      `json:"n"`
		Blocks []string `json:"input_blocks_hex"`
		Shares []string `json:"shares_hex"`
	} `json:"encodings"`
}

func loadVectors(t testing.TB) (v zfecVectors) {
	b, err := os.ReadFile("testdata/zfec.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &v))
	require.NotEmpty(t, v.Matrices)
	require.NotEmpty(t, v.Encodings)
	return v
}

func TestMatricesOfZfec(t *testing.T) {
	for _, m := range loadVectors(t).Matrices {
		t.Run(fmt.Sprintf("%d-of-%d", m.K, m.N), func(t *testing.T) {
			rows := interpolation(numbers(0, m.K), numbers(m.K, m.N))
			if m.SHA256 != "" {
				h := sha256.Sum256(bytes.Join(rows, nil))
				require.Equal(t, m.SHA256, hex.EncodeToString(h[:]))
				require.Equal(t, m.RowK, hex.EncodeToString(rows[0]))
				require.Equal(t, m.Last, hex.EncodeToString(rows[len(rows)-1]))
				return
			}
			var got []string
			for _, r := range rows {
				got = append(got, hex.EncodeToString(r))
			}
			require.Equal(t, m.Rows, got)
		})
	}
}

func TestEncodingsOfZfec(t *testing.T) {
	for _, e := range loadVectors(t).Encodings {
		t.Run(fmt.Sprintf("%d-of-%d", e.K, e.N), func(t *testing.T) {
			shares := make([][]byte, e.N)
			for i := range shares {
				shares[i] = make([]byte, len(e.Blocks[0])/2)
			}
			for i, b := range e.Blocks {
				raw, err := hex.DecodeString(b)
				require.NoError(t, err)
				copy(shares[i], raw)
			}
			code, err := New(e.K, e.N)
			require.NoError(t, err)
			require.NoError(t, code.Encode(shares))
			var got []string
			for _, s := range shares {
				got = append(got, hex.EncodeToString(s))
			}
			require.Equal(t, e.Shares, got)
		})
	}
}

// vandermonde computes zfec's generator matrix the way zfec describes it, by
// inverting a matrix, as a check on the Lagrange coefficients.
func vandermonde(k, n int) [][]byte {
	v := make([][]byte, n)
	for r := range v {
		v[r] = make([]byte, k)
		for c := range v[r] {
			switch {
			case c == 0:
				v[r][c] = 1
			case r > 0:
				v[r][c] = gfExp[(r-1)*c%fieldOrder]
			}
		}
	}
	inv := invert(v[:k])
	g := make([][]byte, n)
	for r := range g {
		g[r] = make([]byte, k)
		for c := range g[r] {
			for m := range k {
				g[r][c] ^= gfMul(v[r][m], inv[m][c])
			}
		}
	}
	return g
}

// invert is Gauss-Jordan elimination.
func invert(m [][]byte) [][]byte {
	k := len(m)
	a := make([][]byte, k)
	for r := range a {
		a[r] = append(bytes.Clone(m[r]), make([]byte, k)...)
		a[r][k+r] = 1
	}
	for c := range a {
		p := c
		for a[p][c] == 0 {
			p++
		}
		a[c], a[p] = a[p], a[c]
		scaleRow(a[c], gfExp[fieldOrder-gfLog[a[c][c]]])
		for r := range a {
			if f := a[r][c]; r != c && f != 0 {
				for i := range a[r] {
					a[r][i] ^= gfMul(f, a[c][i])
				}
			}
		}
	}
	for r := range a {
		a[r] = a[r][k:]
	}
	return a
}

func scaleRow(row []byte, by byte) {
	for i := range row {
		row[i] = gfMul(row[i], by)
	}
}

// sampledCodes is a wide sample of (k, n): every code up to n = 12, the corners,
// and random ones.
func sampledCodes() (codes [][2]int) {
	for n := 1; n <= 12; n++ {
		for k := 1; k <= n; k++ {
			codes = append(codes, [2]int{k, n})
		}
	}
	codes = append(codes, [][2]int{
		{1, 256}, {2, 256}, {3, 256}, {100, 256}, {128, 256}, {253, 256}, {255, 256}, {256, 256},
		{254, 255}, {3, 20}, {11, 22}, {25, 100}, {60, 120},
	}...)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		n := 13 + rng.IntN(244)
		codes = append(codes, [2]int{1 + rng.IntN(n), n})
	}
	return codes
}

func TestLagrangeIsVandermonde(t *testing.T) {
	for _, c := range sampledCodes() {
		if c[0] > 100 {
			continue // slow to invert; the vectors have matrices of that size
		}
		want := vandermonde(c[0], c[1])[c[0]:]
		got := interpolation(numbers(0, c[0]), numbers(c[0], c[1]))
		require.Equal(t, len(want), len(got), "%v", c)
		for i := range want {
			require.Equal(t, want[i], got[i], "%v row %d", c, i)
		}
	}
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// encoded returns the shares of k random blocks, computed byte by byte.
func encoded(rng *rand.Rand, k, n, size int) [][]byte {
	shares := make([][]byte, n)
	for j := range k {
		shares[j] = randomBytes(rng, size)
	}
	for r, row := range interpolation(numbers(0, k), numbers(k, n)) {
		shares[k+r] = make([]byte, size)
		for i := range size {
			for j := range k {
				shares[k+r][i] ^= gfMul(row[j], shares[j][i])
			}
		}
	}
	return shares
}

// kernels are the implementations that this machine can run.
func kernels() map[string]func(rows [][]byte) (kernel, error) {
	return map[string]func(rows [][]byte) (kernel, error){
		"chosen": newKernel,
		"packed": func(rows [][]byte) (kernel, error) { return newPackedKernel(rows), nil },
	}
}

func TestKernelsAgreeWithTheDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for name, make := range kernels() {
		for _, c := range sampledCodes() {
			k, n := c[0], c[1]
			if k == n {
				continue
			}
			kern, err := make(interpolation(numbers(0, k), numbers(k, n)))
			require.NoError(t, err)
			for _, size := range []int{1, 3, 31, 64, 65, 130, strip - 1, strip, 2*strip + 7} {
				if k*n*size > 1<<21 {
					continue
				}
				want := encoded(rng, k, n, size)
				got := append(want[:k:k], blank(n-k, size, 0xee)...)
				require.NoError(t, kern.mul(got))
				require.Equal(t, want, got, "%s %d-of-%d, %d bytes", name, k, n, size)
			}
		}
	}
}

// blank returns count slices of size bytes filled with junk.
func blank(count, size int, junk byte) [][]byte {
	out := make([][]byte, count)
	for i := range out {
		out[i] = bytes.Repeat([]byte{junk}, size)
	}
	return out
}

func TestEncodeDecode(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, c := range sampledCodes() {
		k, n := c[0], c[1]
		code, err := New(k, n)
		require.NoError(t, err)
		require.Equal(t, k, code.K())
		require.Equal(t, n, code.N())
		require.Equal(t, k == 1, code.Replicates())
		for _, size := range []int{0, 1, 77} {
			shares := encoded(rng, k, n, size)
			got := append(shares[:k:k], blank(n-k, size, 0xee)...)
			require.NoError(t, code.Encode(got))
			require.Equal(t, shares, got, "%d-of-%d", k, n)
			for range 3 {
				requireDecodes(t, code, shares, rng.Perm(n)[:k])
			}
			requireDecodes(t, code, shares, numbers(n-k, n))
			requireDecodes(t, code, shares, numbers(0, k))
		}
	}
}

func requireDecodes(t testing.TB, code *Code, shares [][]byte, nums []int) {
	d, err := code.Decoder(nums)
	require.NoError(t, err)
	var have [][]byte
	for _, num := range nums {
		have = append(have, bytes.Clone(shares[num]))
	}
	keep := append([][]byte(nil), have...)
	blocks := blank(code.K(), len(shares[0]), 0xee)
	for range 2 { // a decoder is reusable
		require.NoError(t, d.Decode(have, blocks))
		for j := range blocks {
			require.True(t, bytes.Equal(shares[j], blocks[j]), "block %d from %v", j, nums)
		}
	}
	require.Equal(t, keep, have, "shares are not written")
}

func TestDecodeInPlace(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	code, err := New(3, 10)
	require.NoError(t, err)
	shares := encoded(rng, 3, 10, 50)
	d, err := code.Decoder([]int{2, 9, 0})
	require.NoError(t, err)
	blocks := [][]byte{bytes.Clone(shares[0]), make([]byte, 50), bytes.Clone(shares[2])}
	require.NoError(t, d.Decode([][]byte{blocks[2], shares[9], blocks[0]}, blocks))
	require.Equal(t, shares[:3], blocks)
}

func TestReplicationNeedsNoCopy(t *testing.T) {
	code, err := New(1, 3)
	require.NoError(t, err)
	b := []byte("block")
	shares := [][]byte{b, b, make([]byte, 5)}
	require.NoError(t, code.Encode(shares))
	require.Equal(t, [][]byte{b, b, b}, shares)
}

func TestParams(t *testing.T) {
	for _, tc := range []struct {
		name  string
		k, n  int
		field string
	}{
		{"k zero", 0, 3, "k"},
		{"k negative", -1, 3, "k"},
		{"n below k", 4, 3, "n"},
		{"n above 256", 3, 257, "n"},
		{"both above 256: the library's other code", 257, 300, "k"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, err := New(tc.k, tc.n)
			require.Nil(t, code)
			var pe *ParamsError
			require.ErrorAs(t, err, &pe)
			require.Equal(t, tc.field, pe.Field)
			require.NotEmpty(t, pe.Error())
		})
	}
}

func TestShapes(t *testing.T) {
	code, err := New(2, 4)
	require.NoError(t, err)
	four := func() [][]byte { return blank(4, 8, 1) }
	short := four()
	short[2] = short[2][:7]
	good, err := code.Decoder([]int{3, 1})
	require.NoError(t, err)
	decoder := func(nums ...int) error {
		_, err := code.Decoder(nums)
		return err
	}
	for _, tc := range []struct {
		name  string
		err   error
		field string
		index int
	}{
		{"encode none", code.Encode(nil), "shares", -1},
		{"encode three", code.Encode(four()[:3]), "shares", -1},
		{"encode five", code.Encode(blank(5, 8, 1)), "shares", -1},
		{"encode one short", code.Encode(short), "shares", 2},
		{"numbers too few", decoder(1), "share numbers", -1},
		{"numbers too many", decoder(1, 2, 3), "share numbers", -1},
		{"number negative", decoder(0, -1), "share numbers", 1},
		{"number n", decoder(4, 0), "share numbers", 0},
		{"number twice", decoder(3, 3), "share numbers", 1},
		{"decode one", good.Decode(four()[:1], four()[:2]), "shares", -1},
		{"decode short share", good.Decode(short[1:3], four()[:2]), "shares", 1},
		{"decode short block", good.Decode(four()[:2], short[1:3]), "blocks", 1},
		{"decode three blocks", good.Decode(four()[:2], four()[:3]), "blocks", -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var se *SharesError
			require.ErrorAs(t, tc.err, &se)
			require.Equal(t, tc.field, se.Field)
			require.Equal(t, tc.index, se.Index)
			require.NotEmpty(t, se.Error())
		})
	}
}

// libraryAllocs is what klauspost/reedsolomon allocates at most in a call where it has
// generated code for the machine (AVX2, NEON): slice headers of 24 bytes that
// its pool of matrices puts in interfaces.
const libraryAllocs = 2

func TestNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, c := range [][2]int{{1, 3}, {2, 3}, {3, 10}, {25, 100}} {
		code, err := New(c[0], c[1])
		require.NoError(t, err)
		shares := blank(c[1], 4096, 7)
		d, err := code.Decoder(numbers(c[1]-c[0], c[1]))
		require.NoError(t, err)
		blocks := blank(c[0], 4096, 0)
		encode := func() { _ = code.Encode(shares) }
		decode := func() { _ = d.Decode(shares[c[1]-c[0]:], blocks) }
		allowed := 0.
		if _, ours := code.parity.(*packedKernel); !ours && code.parity != nil {
			allowed = libraryAllocs
		}
		require.LessOrEqual(t, testing.AllocsPerRun(50, encode), allowed, "%v", c)
		require.LessOrEqual(t, testing.AllocsPerRun(50, decode), allowed, "%v", c)
		if c[0] > 1 {
			kern := newPackedKernel(interpolation(numbers(0, c[0]), numbers(c[0], c[1])))
			require.Zero(t, testing.AllocsPerRun(50, func() { _ = kern.mul(shares) }), "%v", c)
		}
	}
}

func TestTablesAreBounded(t *testing.T) {
	worst := 0
	for k := 2; k < MaxShares; k++ {
		worst = max(worst, k*((MaxShares-k+lanes-1)/lanes))
	}
	require.LessOrEqual(t, worst*1024, 42<<20/10, "the bound that the documentation names")
	p := newPackedKernel(interpolation(numbers(0, 3), numbers(3, 10)))
	require.Len(t, p.groups, 2)
	require.Len(t, p.groups[0].tables, 3)
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(uint8(3), uint8(10), uint64(1), []byte("three blocks of seven"))
	f.Add(uint8(1), uint8(1), uint64(2), []byte("x"))
	f.Add(uint8(0), uint8(255), uint64(3), []byte("256 of 256"))
	f.Add(uint8(25), uint8(100), uint64(4), bytes.Repeat([]byte("abc"), 100))
	f.Fuzz(func(t *testing.T, k, n uint8, seed uint64, data []byte) {
		code, err := New(int(k), int(n)+1)
		if err != nil {
			require.True(t, k < 1 || int(k) > int(n)+1)
			return
		}
		size := len(data) / int(k)
		shares := blank(code.N(), size, 0)
		for j := range int(k) {
			copy(shares[j], data[j*size:])
		}
		require.NoError(t, code.Encode(shares))
		nums := rand.New(rand.NewPCG(seed, 0)).Perm(code.N())[:k]
		requireDecodes(t, code, shares, nums)
	})
}
