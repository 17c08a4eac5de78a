package immutable

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/stretchr/testify/require"
)

// gridVector is a file that a running 1.20 stored; see testdata/README.md.
type gridVector struct {
	Name         string `json:"name"`
	Cap          string `json:"cap"`
	Recipe       bool   `json:"recipe"`
	PlaintextSHA string `json:"plaintext_sha256"`
	MaxSegment   int64  `json:"max_segment_size"`
	Shares       []struct {
		Num    int    `json:"shnum"`
		Server string `json:"server"`
		Size   int    `json:"data_bytes"`
		SHA    string `json:"data_sha256"`
		File   string `json:"file"`
	} `json:"shares"`
	convergence []byte
}

func gridVectors(t testing.TB) []gridVector {
	b, err := os.ReadFile("testdata/shares.json")
	require.NoError(t, err)
	var m struct {
		Convergence string       `json:"convergence_secret"`
		Vectors     []gridVector `json:"vectors"`
	}
	require.NoError(t, json.Unmarshal(b, &m))
	require.Len(t, m.Vectors, 10)
	secret, err := base32.Decode(m.Convergence)
	require.NoError(t, err)
	for i := range m.Vectors {
		m.Vectors[i].convergence = secret
	}
	return m.Vectors
}

func (v gridVector) cap(t testing.TB) uri.CHK {
	c, err := uri.Parse(v.Cap)
	require.NoError(t, err)
	return c.(uri.CHK)
}

// files returns the share files that are in testdata, without the container.
func (v gridVector) files(t testing.TB) (shares []Share) {
	for _, s := range v.Shares {
		if s.File == "" {
			continue
		}
		b, err := os.ReadFile(filepath.Join("testdata/shares", s.File))
		require.NoError(t, err)
		data := stripContainer(t, b)
		require.Len(t, data, s.Size)
		require.Equal(t, s.SHA, sha256hex(data))
		shares = append(shares, memoryShare(s.Num, data))
	}
	return shares
}

// stripContainer returns the share in an immutable container: version (2), data
// length, number of leases, data, leases of 72 bytes.
func stripContainer(t testing.TB, file []byte) []byte {
	require.EqualValues(t, 2, binary.BigEndian.Uint32(file))
	leases := int(binary.BigEndian.Uint32(file[8:]))
	require.Equal(t, 1, leases)
	data := file[12 : len(file)-72*leases]
	require.EqualValues(t, len(data), binary.BigEndian.Uint32(file[4:]))
	return data
}

// plaintext returns the plaintext by its recipe, or, for the directory, from its
// shares.
func (v gridVector) plaintext(t testing.TB) []byte {
	var b []byte
	if v.Recipe {
		for i := 0; int64(len(b)) < v.cap(t).Size; i++ {
			h := sha256.Sum256(fmt.Appendf(nil, "tahoe-lab:%s:%d", v.Name, i))
			b = append(b, h[:]...)
		}
		b = b[:v.cap(t).Size]
	} else {
		b = readAll(t, v.cap(t), v.files(t))
	}
	require.Equal(t, v.PlaintextSHA, sha256hex(b))
	return b
}

func readAll(t testing.TB, c uri.CHK, shares []Share) []byte {
	r, err := NewReader(c, shares, func(err error) { t.Error(err) })
	require.NoError(t, err)
	var out bytes.Buffer
	n, err := r.WriteRange(t.Context(), &out, 0, -1)
	require.NoError(t, err)
	require.EqualValues(t, out.Len(), n)
	return out.Bytes()
}

// TestSharesOfAGrid: our shares are those of the grid byte for byte, and so is the
// cap; the grid's shares verify and decode.
func TestSharesOfAGrid(t *testing.T) {
	for _, v := range gridVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			c := v.cap(t)
			plaintext := v.plaintext(t)
			cfg := Config{Size: c.Size, K: c.K, N: c.N, MaxSegmentSize: v.MaxSegment}
			made, shares := encodeAll(t, cfg, plaintext, v.convergence)
			require.Equal(t, v.Cap, made.Text())
			require.Len(t, v.Shares, 10)
			for _, s := range v.Shares {
				require.Equal(t, s.SHA, sha256hex(shares[s.Num]), "share %d", s.Num)
				require.Len(t, shares[s.Num], s.Size)
			}
			files := v.files(t)
			verifier, err := NewVerifier(c.Verify())
			require.NoError(t, err)
			for _, f := range files {
				require.True(t, bytes.Equal(shares[f.Num], f.Source.(memorySource)), "share %d", f.Num)
				require.NoError(t, verifier.VerifyShare(t.Context(), f))
			}
			if len(files) > 0 {
				require.True(t, bytes.Equal(plaintext, readAll(t, c, files)))
			}
		})
	}
}

// combinations calls f with every choice of k of the shares, each in an order of
// its own.
func combinations(shares []Share, k int, f func([]Share)) {
	var choose func(from int, chosen []Share)
	choose = func(from int, chosen []Share) {
		if len(chosen) == k {
			turn := from % k
			f(append(append([]Share(nil), chosen[turn:]...), chosen[:turn]...))
			return
		}
		for i := from; i < len(shares); i++ {
			choose(i+1, append(chosen[:len(chosen):len(chosen)], shares[i]))
		}
	}
	choose(0, nil)
}

func TestAnyKShares(t *testing.T) {
	for _, v := range gridVectors(t) {
		c := v.cap(t)
		files := v.files(t)
		if len(files) < 10 {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			plaintext, choices := v.plaintext(t), 0
			combinations(files, c.K, func(some []Share) {
				choices++
				require.True(t, bytes.Equal(plaintext, readAll(t, c, some)))
			})
			require.Equal(t, 120, choices)
		})
	}
	for _, v := range chkVectors(t) {
		if v.Shares == nil {
			continue
		}
		t.Run(v.What, func(t *testing.T) {
			c, err := uri.Parse(v.ReadCap)
			require.NoError(t, err)
			combinations(v.shares(t), v.K, func(some []Share) {
				require.True(t, bytes.Equal(v.plaintext(t), readAll(t, c.(uri.CHK), some)))
			})
		})
	}
}

func (v chkVector) shares(t testing.TB) (shares []Share) {
	for i, s := range v.Shares {
		shares = append(shares, memoryShare(i, unhex(t, s)))
	}
	return shares
}

func memoryShare(num int, data []byte) Share {
	return Share{Num: grid.ShareNum(num), Server: grid.ServerID(fmt.Sprintf("v0-server%d", num)), Source: memorySource(data)}
}
