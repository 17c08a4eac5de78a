package immutable

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/gridtest"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// testUploader uploads to a grid of servers.
func testUploader(t testing.TB, g *gridtest.Grid, cfg UploaderConfig) *Uploader {
	pusher := upload.New(g, secret.NewLeaseSecret([32]byte{1}), nil)
	t.Cleanup(pusher.Close)
	cfg.Pusher = pusher
	if cfg.TempDir == "" {
		cfg.TempDir = t.TempDir()
	}
	if cfg.Convergence.IsZero() {
		cfg.Convergence = secret.NewConvergenceSecret([]byte("test"))
	}
	u, err := NewUploader(cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		left, err := os.ReadDir(cfg.TempDir)
		require.NoError(t, err)
		require.Empty(t, left)
	})
	return u
}

// ways are those in which plaintext may come.
var ways = map[string]func(data []byte) Upload{
	"seekable": func(data []byte) Upload {
		r := bytes.NewReader(append([]byte("before"), data...))
		_, _ = r.Seek(6, io.SeekStart)
		return Upload{Plaintext: r, Size: UnknownSize}
	},
	"seekable of known size": func(data []byte) Upload {
		return Upload{Plaintext: bytes.NewReader(append(bytes.Clone(data), "after"...)), Size: int64(len(data))}
	},
	"stream": func(data []byte) Upload {
		return Upload{Plaintext: io.MultiReader(bytes.NewReader(data)), Size: UnknownSize}
	},
	"stream in small pieces": func(data []byte) Upload {
		return Upload{Plaintext: iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(data))), Size: UnknownSize}
	},
	"stream of known size": func(data []byte) Upload {
		return Upload{Plaintext: io.MultiReader(bytes.NewReader(data), strings.NewReader("after")), Size: int64(len(data))}
	},
	"file that cannot seek": func(data []byte) Upload {
		return Upload{Plaintext: struct {
			io.Reader
			io.Seeker
		}{bytes.NewReader(data), brokenSeeker{}}, Size: UnknownSize}
	},
}

type brokenSeeker struct{}

func (brokenSeeker) Seek(int64, int) (int64, error) { return 0, errors.New("illegal seek") }

// TestUploadMakesTahoesCaps: caps and shares are those of a running 1.20, however
// the plaintext comes.
func TestUploadMakesTahoesCaps(t *testing.T) {
	for _, v := range gridVectors(t) {
		plaintext, c := v.plaintext(t), v.cap(t)
		for name, way := range ways {
			t.Run(v.Name+"/"+name, func(t *testing.T) {
				g := gridtest.New(t, 5)
				u := testUploader(t, g, UploaderConfig{
					Params: grid.Params{K: c.K, Happy: 1, N: c.N}, MaxSegmentSize: v.MaxSegment,
					Convergence: secret.NewConvergenceSecret(v.convergence),
				})
				made, result, err := u.Upload(t.Context(), way(plaintext))
				require.NoError(t, err)
				require.Equal(t, v.Cap, made.Text())
				require.Equal(t, c.N, result.Pushed)
				si, _ := made.StorageIndex()
				for _, s := range v.Shares {
					holder := g.Shares(si)[grid.ShareNum(s.Num)][0]
					require.Equal(t, s.SHA, sha256hex(holder.Share(t, si, grid.ShareNum(s.Num))))
				}
			})
		}
	}
}

// Sizes around the limits between literal, memory and spool.
func TestUploadSizes(t *testing.T) {
	g := gridtest.New(t, 3)
	u := testUploader(t, g, UploaderConfig{Params: grid.Params{K: 2, Happy: 2, N: 3}, MaxSegmentSize: 1000})
	for _, size := range []int{0, 1, 55, 56, 999, 1000, 1001, 1002, 5000, 200_000} {
		data := randomBytes(7, size)
		texts := make(map[string]bool)
		for name, way := range ways {
			t.Run(fmt.Sprintf("%d/%s", size, name), func(t *testing.T) {
				made, result, err := u.Upload(t.Context(), way(data))
				require.NoError(t, err)
				texts[made.Text()] = true
				require.EqualValues(t, size, result.Size)
				if size <= uri.MaxLiteralSize {
					require.True(t, uri.Equal(uri.NewLiteral(data), made))
				} else {
					require.True(t, bytes.Equal(data, readAll(t, made.(uri.CHK), gridShares(t, g, made))))
				}
				in := way(data)
				in.RandomKey = true
				random, _, err := u.Upload(t.Context(), in)
				require.NoError(t, err)
				if size > uri.MaxLiteralSize {
					require.False(t, uri.Equal(made, random))
					require.True(t, bytes.Equal(data, readAll(t, random.(uri.CHK), gridShares(t, g, random))))
				}
			})
		}
		require.Len(t, texts, 1, "the cap depends on the way in which the plaintext comes")
	}
}

// gridShares are all shares of a file on a grid.
func gridShares(t testing.TB, g *gridtest.Grid, c uri.Cap) (shares []Share) {
	si, _ := c.StorageIndex()
	for n, servers := range g.Shares(si) {
		shares = append(shares, memoryShare(int(n), servers[0].Share(t, si, n)))
	}
	return shares
}

// TestUploadReplacesServer: what was spooled, kept or can be sought is read again
// for a server that takes another's place.
func TestUploadReplacesServer(t *testing.T) {
	data := randomBytes(3, 300_000)
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			g := gridtest.New(t, 4)
			broken := errors.New("broken")
			failed := false
			for _, s := range g.Servers {
				s.OnCall(func(_ context.Context, call gridtest.Call) error {
					if call.Op == gridtest.Write && call.Share == 1 && !failed {
						failed = true
						return broken
					}
					return nil
				})
			}
			u := testUploader(t, g, UploaderConfig{Params: grid.Params{K: 1, Happy: 3, N: 3}, MaxSegmentSize: 50_000})
			made, result, err := u.Upload(t.Context(), way(data))
			require.NoError(t, err)
			require.Len(t, result.Lost, 1)
			require.Equal(t, 3, result.Happiness)
			require.True(t, bytes.Equal(data, readAll(t, made.(uri.CHK), gridShares(t, g, made))))
			require.Zero(t, g.Uploads())
		})
	}
}

func TestUploadFails(t *testing.T) {
	g := gridtest.New(t, 3)
	cfg := UploaderConfig{Params: grid.Params{K: 1, Happy: 3, N: 3}, MaxSegmentSize: 1000}
	u := testUploader(t, g, cfg)
	broken := errors.New("broken pipe")
	for _, size := range []int64{10, 1000, 5000} {
		data := randomBytes(1, int(size))
		for _, announced := range []int64{UnknownSize, size} {
			for _, random := range []bool{false, true} {
				r := io.MultiReader(bytes.NewReader(data[:size-1]), iotest.ErrReader(broken))
				_, _, err := u.Upload(t.Context(), Upload{Plaintext: r, Size: announced, RandomKey: random})
				require.ErrorIs(t, err, broken)
			}
		}
		for _, r := range []io.Reader{bytes.NewReader(data[:size-1]), io.MultiReader(bytes.NewReader(data[:size-1]))} {
			for _, random := range []bool{false, true} {
				_, _, err := u.Upload(t.Context(), Upload{Plaintext: r, Size: size, RandomKey: random})
				var short *chkencode.ShortError
				require.ErrorAs(t, err, &short)
				require.Equal(t, chkencode.ShortError{Size: size, Got: size - 1}, *short)
				if s, ok := r.(io.Seeker); ok {
					_, _ = s.Seek(0, io.SeekStart)
				} else {
					break
				}
			}
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	_, _, err := u.Upload(ctx, Upload{Plaintext: io.MultiReader(bytes.NewReader(make([]byte, 5000))), Size: UnknownSize})
	require.ErrorIs(t, err, broken)
	require.Zero(t, g.Uploads())

	_, _, err = u.Upload(t.Context(), Upload{Plaintext: bytes.NewReader(make([]byte, 100)), Size: 100, Params: &grid.Params{}})
	var params *grid.ParamsError
	require.ErrorAs(t, err, &params)
	_, err = NewUploader(UploaderConfig{})
	require.ErrorAs(t, err, &params)

	nowhere := testUploader(t, g, cfg)
	nowhere.cfg.TempDir = filepath.Join(nowhere.cfg.TempDir, "missing")
	_, _, err = nowhere.Upload(t.Context(), Upload{Plaintext: io.MultiReader(bytes.NewReader(make([]byte, 5000))), Size: UnknownSize})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestSpoolIsEncryptedAndNameless(t *testing.T) {
	dir := t.TempDir()
	s, err := newSpool(dir, strings.NewReader("0123456789abcdef"))
	require.NoError(t, err)
	defer s.close()
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, names)
	data := bytes.Repeat([]byte("attack at dawn. "), 20_000)
	size, err := s.fill(t.Context(), bytes.NewReader(data))
	require.NoError(t, err)
	require.EqualValues(t, len(data), size)
	raw := make([]byte, size)
	_, err = s.file.ReadAt(raw, 0)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "attack")
	for range 2 {
		r, err := s.open()
		require.NoError(t, err)
		back, err := io.ReadAll(r)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, back))
	}
}

func TestRemoveSpools(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"upload-spool-1.tmp", "upload-spool-.tmp", "other.tmp", "upload-spool-1"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, RemoveSpools(dir))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2)
	require.NoError(t, RemoveSpools(filepath.Join(dir, "missing")))
}

func TestNamelessFile(t *testing.T) {
	dir := t.TempDir()
	file, err := NamelessFile(dir)
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteString("there")
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}
