package gridclient_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/gridclient"
	"github.com/besn0847/arm-tahoe/common/gridtest"
	"github.com/besn0847/arm-tahoe/common/immutable"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/common/uri"
)

func randomData(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(data)
	return data
}

// newClient returns a client of four servers in this process.
func newClient(t *testing.T, change func(*gridclient.Config)) (*gridclient.Client, *gridtest.Grid) {
	t.Helper()
	servers := gridtest.New(t, 4)
	cfg := gridclient.Config{
		Servers: servers, Params: grid.Params{K: 2, Happy: 3, N: 4}, SegmentSize: 64 << 10,
		Convergence: secret.NewConvergenceSecret([]byte("convergence")), TempDir: t.TempDir(),
	}
	require.NoError(t, cfg.Lease.SetBytes(bytes.Repeat([]byte{7}, 32)))
	if change != nil {
		change(&cfg)
	}
	c, err := gridclient.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, servers
}

// readRange opens a file and reads part of it.
func readRange(t *testing.T, c *gridclient.Client, file uri.Cap, offset, length int64) []byte {
	t.Helper()
	opened, err := c.Open(t.Context(), file)
	require.NoError(t, err)
	defer opened.Close()
	if length < 0 {
		length = opened.Size() - offset
	}
	var got bytes.Buffer
	n, err := opened.WriteRange(t.Context(), &got, offset, length)
	require.NoError(t, err)
	require.Equal(t, int64(got.Len()), n)
	return got.Bytes()
}

func TestImmutable(t *testing.T) {
	c, _ := newClient(t, nil)
	for _, size := range []int{0, 1, 55, 56, 1000, 64 << 10, 300_001} {
		data := randomData(size)
		made, _, err := c.Upload(t.Context(), bytes.NewReader(data), int64(size))
		require.NoError(t, err)
		again, _, err := c.Upload(t.Context(), io.MultiReader(bytes.NewReader(data)), immutable.UnknownSize)
		require.NoError(t, err)
		require.True(t, uri.Equal(made, again), "size %d: the key is convergent", size)
		require.True(t, bytes.Equal(data, readRange(t, c, made, 0, -1)))
		if size > 100 {
			require.True(t, bytes.Equal(data[50:99], readRange(t, c, made, 50, 49)))
		}
	}
	data := randomData(1000)
	convergent, _, err := c.Upload(t.Context(), bytes.NewReader(data), 1000)
	require.NoError(t, err)
	random, _, err := c.UploadWith(t.Context(), immutable.Upload{Plaintext: bytes.NewReader(data), Size: 1000, RandomKey: true})
	require.NoError(t, err)
	require.False(t, uri.Equal(convergent, random))
	counts := c.Counters()
	require.EqualValues(t, 16, counts["uploader.files_uploaded"])
	require.EqualValues(t, 2*(1+55+56+1000+64<<10+300_001)+2000, counts["uploader.bytes_uploaded"])
	require.EqualValues(t, 7, counts["downloader.files_downloaded"], "ranges of files on servers")
}

func TestMutable(t *testing.T) {
	c, _ := newClient(t, nil)
	for _, layout := range []uri.Layout{uri.SDMF, uri.MDMF} {
		data := randomData(200_000)
		made, err := c.CreateMutable(t.Context(), layout, rsakey.PrivateKey{}, bytes.NewReader(data))
		require.NoError(t, err)
		require.NoError(t, c.Update(t.Context(), made, 150_000, bytes.NewReader([]byte("changed"))))
		copy(data[150_000:], "changed")
		require.True(t, bytes.Equal(data, readRange(t, c, made.ReadOnly(), 0, -1)))
		require.Equal(t, []byte("changed"), readRange(t, c, made, 150_000, 7))
		require.NoError(t, c.Overwrite(t.Context(), made, bytes.NewReader(data[:10])))
		require.Equal(t, data[:10], readRange(t, c, made, 0, -1))
		require.ErrorIs(t, c.Overwrite(t.Context(), made.ReadOnly(), bytes.NewReader(nil)), mutable.ErrNotWritable)
	}
	key, err := rsakey.Generate(nil)
	require.NoError(t, err)
	made, err := c.CreateMutable(t.Context(), uri.SDMF, key, bytes.NewReader(nil))
	require.NoError(t, err)
	require.True(t, uri.Equal(mutable.WriteCap(uri.SDMF, key), made))
	require.Empty(t, readRange(t, c, made, 0, -1))
}

func TestDirectories(t *testing.T) {
	c, _ := newClient(t, nil)
	ctx := t.Context()
	file, _, err := c.Upload(ctx, bytes.NewReader(randomData(500)), 500)
	require.NoError(t, err)
	root, err := c.CreateDirectory(ctx, c.MutableLayout(), rsakey.PrivateKey{}, []dirnode.Initial{{Name: "a", Child: uri.ChildOf(file)}})
	require.NoError(t, err)
	sub, err := c.CreateDirectory(ctx, uri.MDMF, rsakey.PrivateKey{}, nil)
	require.NoError(t, err)
	_, err = c.Do(ctx, root, dirnode.Link{Name: "sub", Child: uri.ChildOf(sub)})
	require.NoError(t, err)
	require.NoError(t, c.Move(ctx, root, "a", sub, "b", dirformat.Nothing))
	listing, err := c.List(ctx, root)
	require.NoError(t, err)
	require.Equal(t, 1, listing.Len())
	_, err = c.Child(ctx, root, "a")
	require.ErrorAs(t, err, new(*dirformat.NotFoundError))
	found, err := c.Resolve(ctx, root, "sub", "b")
	require.NoError(t, err)
	known, _ := found.Child().Known()
	require.True(t, uri.Equal(file, known))

	fixed, err := c.CreateImmutableDirectory(ctx, []dirnode.Initial{{Name: "a", Child: uri.ChildOf(file)}})
	require.NoError(t, err)
	entry, err := c.Child(ctx, fixed, "a")
	require.NoError(t, err)
	require.Equal(t, "a", entry.Name())
}

func TestBlacklist(t *testing.T) {
	var forbidden grid.StorageIndex
	c, _ := newClient(t, func(cfg *gridclient.Config) {
		cfg.Blacklist = func(si grid.StorageIndex) (string, bool, error) { return "a reason", si == forbidden, nil }
	})
	ctx := t.Context()
	file, err := c.CreateMutable(ctx, uri.SDMF, rsakey.PrivateKey{}, bytes.NewReader(nil))
	require.NoError(t, err)
	dir, err := c.CreateDirectory(ctx, uri.SDMF, rsakey.PrivateKey{}, nil)
	require.NoError(t, err)
	refused := func(err error) {
		t.Helper()
		prohibited, ok := errors.AsType[*gridclient.ProhibitedError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, "a reason", prohibited.Reason)
	}
	forbidden, _ = file.StorageIndex()
	_, err = c.Open(ctx, file.ReadOnly())
	refused(err)
	refused(c.Overwrite(ctx, file, bytes.NewReader(nil)))
	refused(c.Update(ctx, file, 0, bytes.NewReader(nil)))
	forbidden, _ = dir.StorageIndex()
	_, err = c.List(ctx, dir)
	refused(err)
	_, err = c.Do(ctx, dir, dirnode.Unlink{Name: "x"})
	refused(err)
	_, err = c.Open(ctx, file)
	require.NoError(t, err)
}

func TestSpool(t *testing.T) {
	dir := t.TempDir()
	c, _ := newClient(t, func(cfg *gridclient.Config) { cfg.TempDir = dir })
	for _, size := range []int{0, 10, 256 << 10, 256<<10 + 1, 1_000_003} {
		data := randomData(size)
		s, err := c.Spool(t.Context(), io.MultiReader(bytes.NewReader(data)), nil)
		require.NoError(t, err)
		require.Equal(t, int64(size), s.Size())
		for range 2 {
			_, err = s.Seek(0, io.SeekStart)
			require.NoError(t, err)
			got, err := io.ReadAll(s)
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, got), "size %d", size)
		}
		part := make([]byte, min(size, 777))
		_, err = s.ReadAt(part, int64(size-len(part)))
		if size > 0 {
			require.NoError(t, err)
		}
		require.True(t, bytes.Equal(data[size-len(part):], part))
		names, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, names)
		s.Close()
	}
}

// zeros is endless.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestSpoolErrors(t *testing.T) {
	c, _ := newClient(t, nil)
	layout := uri.SDMF
	_, err := c.Spool(t.Context(), zeros{}, &layout)
	require.ErrorAs(t, err, new(*mutable.TooLargeError))
	for _, size := range []int64{10, 1 << 20} {
		_, err = c.Spool(t.Context(), io.MultiReader(io.LimitReader(zeros{}, size), cutShort{}), nil)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "what was cut short is not whole")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Spool(ctx, zeros{}, nil)
	require.ErrorIs(t, err, context.Canceled)
}

type cutShort struct{}

func (cutShort) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// helper is a helper that counts.
type helper struct {
	connected bool
	uploads   int
}

func (h *helper) Connected() bool { return h.connected }
func (h *helper) Upload(context.Context, upload.Request) (*upload.Result, error) {
	h.uploads++
	return &upload.Result{}, nil
}

func TestHelper(t *testing.T) {
	h := &helper{connected: true}
	c, servers := newClient(t, func(cfg *gridclient.Config) { cfg.Helper = h })
	made, _, err := c.Upload(t.Context(), bytes.NewReader(randomData(100)), 100)
	require.NoError(t, err)
	si, _ := made.StorageIndex()
	require.Equal(t, 1, h.uploads)
	require.Empty(t, servers.Shares(si))
	h.connected = false
	_, _, err = c.Upload(t.Context(), bytes.NewReader(randomData(100)), 100)
	require.NoError(t, err)
	require.Equal(t, 1, h.uploads)
	require.Len(t, servers.Shares(si), 4)
}
