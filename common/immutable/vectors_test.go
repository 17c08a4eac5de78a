package immutable

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"sync"
	"testing"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/stretchr/testify/require"
)

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func sha256hex(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// memorySink keeps a share in memory and insists on being written front to back.
type memorySink struct {
	mu      sync.Mutex
	data    []byte
	closed  bool
	aborted bool
	fail    func(offset int64, data []byte) error // may be nil
}

func (s *memorySink) Write(_ context.Context, offset int64, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if offset != int64(len(s.data)) || s.closed || s.aborted || len(data) == 0 {
		panic("write out of order")
	}
	if s.fail != nil {
		if err := s.fail(offset, data); err != nil {
			return err
		}
	}
	s.data = append(s.data, data...)
	return nil
}

func (s *memorySink) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *memorySink) Abort(context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborted = true
}

func memorySinks(n int) ([]*memorySink, map[grid.ShareNum]chkencode.Sink) {
	var list []*memorySink
	sinks := make(map[grid.ShareNum]chkencode.Sink)
	for i := range n {
		s := &memorySink{}
		list = append(list, s)
		sinks[grid.ShareNum(i)] = s
	}
	return list, sinks
}

// encodeAll makes all shares of a plaintext in memory, with a convergent key.
func encodeAll(t testing.TB, cfg Config, plaintext, convergence []byte) (uri.CHK, [][]byte) {
	e, err := NewEncoder(cfg)
	require.NoError(t, err)
	key, err := e.ConvergentKey(t.Context(), bytes.NewReader(plaintext), secret.NewConvergenceSecret(convergence))
	require.NoError(t, err)
	list, sinks := memorySinks(cfg.N)
	readCap, placed, err := e.Encode(t.Context(), key, bytes.NewReader(plaintext), sinks)
	require.NoError(t, err)
	require.Len(t, placed, cfg.N)
	var shares [][]byte
	for _, s := range list {
		require.True(t, s.closed)
		require.False(t, s.aborted)
		require.Len(t, s.data, int(e.AllocatedSize()))
		shares = append(shares, s.data)
	}
	return readCap, shares
}

// chkVector is a complete encoding; see testdata/README.md.
type chkVector struct {
	What         string   `json:"what"`
	Plaintext    *string  `json:"plaintext_hex"`
	PlaintextSHA string   `json:"plaintext_sha256"`
	Size         int64    `json:"size"`
	K            int      `json:"k"`
	N            int      `json:"n"`
	MaxSegment   int64    `json:"max_segment_size"`
	SegmentSize  int64    `json:"segment_size"`
	NumSegments  int64    `json:"num_segments"`
	BlockSize    int64    `json:"block_size"`
	Convergence  string   `json:"convergence_secret_hex"`
	Key          string   `json:"key_hex"`
	StorageIndex string   `json:"storage_index"`
	ReadCap      string   `json:"readcap"`
	VerifyCap    string   `json:"verifycap"`
	Allocated    int64    `json:"allocated_size"`
	UEB          string   `json:"uri_extension_packed_hex"`
	SharesSHA    []string `json:"shares_sha256"`
	Shares       []string `json:"shares_hex"`
}

// plaintext returns the plaintext; that of the large vector is not in the file
// but follows a rule.
func (v chkVector) plaintext(t testing.TB) []byte {
	var b []byte
	if v.Plaintext != nil {
		b = unhex(t, *v.Plaintext)
	} else {
		b = make([]byte, v.Size)
		for i := range b {
			b[i] = byte(i*i + i>>8)
		}
	}
	require.Equal(t, v.PlaintextSHA, sha256hex(b))
	return b
}

func (v chkVector) config() Config {
	cfg := Config{Size: v.Size, K: v.K, N: v.N, MaxSegmentSize: v.MaxSegment}
	if v.Shares != nil && v.Shares[0][:8] == "00000002" {
		cfg.Version = 2
	}
	return cfg
}

func chkVectors(t testing.TB) (v []chkVector) {
	b, err := os.ReadFile("testdata/chk.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &v))
	require.Len(t, v, 6)
	return v
}

func TestEncodingsOfTahoe(t *testing.T) {
	for _, v := range chkVectors(t) {
		t.Run(v.What, func(t *testing.T) {
			plaintext := v.plaintext(t)
			readCap, shares := encodeAll(t, v.config(), plaintext, unhex(t, v.Convergence))
			require.Equal(t, v.ReadCap, readCap.Text())
			require.Equal(t, v.VerifyCap, readCap.Verify().Text())
			require.Equal(t, v.StorageIndex, readCap.Verify().SI.String())
			key := readCap.Key.Reveal()
			require.Equal(t, v.Key, hex.EncodeToString(key[:]))
			for i, share := range shares {
				require.EqualValues(t, v.Allocated, len(share))
				if v.Shares != nil {
					require.Equal(t, v.Shares[i], hex.EncodeToString(share), "share %d", i)
				}
				require.Equal(t, v.SharesSHA[i], sha256hex(share), "share %d", i)
			}
			e, err := NewEncoder(v.config())
			require.NoError(t, err)
			segs := e.Segments()
			require.Equal(t, v.SegmentSize, segs.SegmentSize)
			require.Equal(t, v.NumSegments, segs.NumSegments)
			require.Equal(t, v.BlockSize, segs.BlockSize)

			computed, err := ComputeCap(t.Context(), v.config(), bytes.NewReader(plaintext), secret.NewConvergenceSecret(unhex(t, v.Convergence)))
			require.NoError(t, err)
			require.True(t, uri.Equal(readCap, computed))
		})
	}
}
