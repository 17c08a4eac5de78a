package mutable_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/storagetest/mutabletest"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// config is that of a gateway with a view.
func config(view *mutabletest.View, k, happy, n int) mutable.Config {
	return mutable.Config{
		Servers: view, Lease: secret.NewLeaseSecret([32]byte{1}),
		Params: grid.Params{K: k, Happy: happy, N: n}, Backoff: time.Millisecond,
	}
}

func newClient(t testing.TB, cfg mutable.Config) *mutable.Client {
	c := mutable.New(cfg)
	t.Cleanup(c.Close)
	return c
}

var testKeys struct {
	sync.Mutex
	keys map[int]rsakey.PrivateKey
}

// key returns one of a few keys, which are made once.
func key(t testing.TB, i int) rsakey.PrivateKey {
	testKeys.Lock()
	defer testKeys.Unlock()
	if k, ok := testKeys.keys[i]; ok {
		return k
	}
	k, err := rsakey.Generate(nil)
	require.NoError(t, err)
	if testKeys.keys == nil {
		testKeys.keys = map[int]rsakey.PrivateKey{}
	}
	testKeys.keys[i] = k
	return k
}

func create(t testing.TB, c *mutable.Client, layout uri.Layout, data []byte) *mutable.File {
	f, err := c.CreateWithKey(t.Context(), layout, key(t, 0), bytes.NewReader(data))
	require.NoError(t, err)
	return f
}

func read(t testing.TB, f *mutable.File) []byte {
	var b bytes.Buffer
	_, err := f.Read(t.Context(), &b, 0, -1)
	require.NoError(t, err)
	return b.Bytes()
}

// other opens the file as another gateway does that knows nothing of it.
func other(t testing.TB, g *mutabletest.Grid, f *mutable.File) *mutable.File {
	o, err := newClient(t, config(g.View(), 3, 1, 10)).Open(f.Cap())
	require.NoError(t, err)
	return o
}

func text(size int) []byte {
	data := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(size)})
	_, _ = r.Read(data)
	return data
}

func TestCreateReadOverwrite(t *testing.T) {
	for _, layout := range []uri.Layout{uri.SDMF, uri.MDMF} {
		for _, shape := range []struct{ servers, k, n int }{{1, 1, 1}, {3, 1, 3}, {4, 2, 4}, {10, 3, 10}, {4, 3, 10}} {
			for _, size := range []int{0, 1, 1000, 5000, 131072, 131073, 700000} {
				t.Run(fmt.Sprintf("%v %d-of-%d on %d, %d bytes", layout, shape.k, shape.n, shape.servers, size), func(t *testing.T) {
					g := mutabletest.New(shape.servers)
					c := newClient(t, config(g.View(), shape.k, 1, shape.n))
					f := create(t, c, layout, text(size))
					require.True(t, bytes.Equal(text(size), read(t, f)), "the same gateway")
					o := other(t, g, f)
					require.True(t, bytes.Equal(text(size), read(t, o)), "another gateway")
					next := text(size + 7)
					_, err := o.Overwrite(t.Context(), bytes.NewReader(next))
					require.NoError(t, err)
					require.True(t, bytes.Equal(next, read(t, f)))
					s, err := f.Current(t.Context())
					require.NoError(t, err)
					require.EqualValues(t, 2, s.Version().Seqnum)
					verifyAll(t, g, f, shape.n)
				})
			}
		}
	}
}

// verifyAll checks every share as its owner would and returns how many there are.
func verifyAll(t testing.TB, g *mutabletest.Grid, f *mutable.File, n int) {
	t.Helper()
	nums := map[grid.ShareNum]bool{}
	for _, server := range g.Servers {
		for num, b := range server.Shares(f.StorageIndex()) {
			share, err := mutablelayout.ParseShare(b)
			require.NoError(t, err)
			require.NoError(t, share.Verify(int(num), f.Cap().(uri.MutableWrite).Fingerprint))
			_, err = mutablelayout.DecryptKeys(share.PrivateKey, f.Cap().(uri.MutableWrite).Key)
			require.NoError(t, err)
			require.EqualValues(t, len(b), share.Areas.EOF(share.Format))
			nums[num] = true
		}
	}
	require.Len(t, nums, n)
}

func TestReadRanges(t *testing.T) {
	g := mutabletest.New(4)
	data := text(5*131072 + 77)
	for _, layout := range []uri.Layout{uri.SDMF, uri.MDMF} {
		f := create(t, newClient(t, config(g.View(), 2, 1, 4)), layout, data)
		for _, r := range [][2]int64{{0, 0}, {0, 1}, {131071, 2}, {131072, 131072}, {300000, 200000}, {655436, 1}, {655430, 100}, {655437, 5}, {700000, 5}, {1, -1}} {
			var b bytes.Buffer
			n, err := f.Read(t.Context(), &b, r[0], r[1])
			require.NoError(t, err)
			from := min(r[0], int64(len(data)))
			to := int64(len(data))
			if r[1] >= 0 {
				to = min(from+r[1], to)
			}
			require.True(t, bytes.Equal(data[from:to], b.Bytes()), "%v %v", layout, r)
			require.EqualValues(t, to-from, n)
		}
		_, err := f.Read(t.Context(), &bytes.Buffer{}, -1, 5)
		require.ErrorAs(t, err, new(*mutable.RangeError))
		for _, server := range g.Servers { // the other layout has the same storage index
			for num := range server.Shares(f.StorageIndex()) {
				server.Put(f.StorageIndex(), num, nil)
			}
		}
	}
}

func TestReadOnlyCap(t *testing.T) {
	g := mutabletest.New(3)
	f := create(t, newClient(t, config(g.View(), 1, 1, 3)), uri.SDMF, []byte("hello"))
	o, err := newClient(t, config(g.View(), 1, 1, 3)).Open(f.Cap().ReadOnly())
	require.NoError(t, err)
	require.Equal(t, "hello", string(read(t, o)))
	_, err = o.Overwrite(t.Context(), strings.NewReader("x"))
	require.ErrorIs(t, err, mutable.ErrNotWritable)
	_, err = newClient(t, config(g.View(), 1, 1, 3)).Open(f.Cap().Verifier())
	require.ErrorAs(t, err, new(*mutable.KindError))
}

func TestLostServers(t *testing.T) {
	for _, layout := range []uri.Layout{uri.SDMF, uri.MDMF} {
		g := mutabletest.New(10)
		f := create(t, newClient(t, config(g.View(), 3, 1, 10)), layout, text(300000))
		view := g.View()
		o, err := newClient(t, config(view, 3, 1, 10)).Open(f.Cap())
		require.NoError(t, err)
		view.Cut(0, 2, 4)
		view.Leave(6, 7, 8, 9)
		require.True(t, bytes.Equal(text(300000), read(t, o)), "k servers are enough to read")
		_, err = o.Overwrite(t.Context(), strings.NewReader("x"))
		require.ErrorAs(t, err, new(*mutable.NoMajorityError))
		view.Leave(5)
		_, err = o.Read(t.Context(), &bytes.Buffer{}, 0, -1)
		require.ErrorAs(t, err, new(*mutable.UnrecoverableError))
		view.Heal()
		require.True(t, bytes.Equal(text(300000), read(t, o)))
	}
}

func TestCreateNeedsServers(t *testing.T) {
	g := mutabletest.New(3)
	view := g.View()
	c := newClient(t, config(view, 1, 2, 3))
	view.Leave(0)
	g.Servers[1].SetFull(true)
	_, err := c.CreateWithKey(t.Context(), uri.SDMF, key(t, 0), strings.NewReader("x"))
	var few *mutable.NotEnoughServersError
	require.ErrorAs(t, err, &few)
	require.Equal(t, 1, few.Stored)
	require.ErrorIs(t, err, grid.ErrNoSpace)
	g = mutabletest.New(4)
	g.Servers[1].SetFull(true)
	f, err := newClient(t, config(g.View(), 1, 3, 4)).CreateWithKey(t.Context(), uri.SDMF, key(t, 0), strings.NewReader("x"))
	require.NoError(t, err, "the share of the full server went elsewhere")
	verifyAll(t, g, f, 4)
	require.NotContains(t, g.Holders(f.StorageIndex()), 1)
	_, err = newClient(t, config(g.View(), 1, 3, 4)).CreateWithKey(t.Context(), uri.SDMF, key(t, 0), strings.NewReader("y"))
	require.ErrorAs(t, err, new(*mutable.UncoordinatedWriteError), "the file exists")
	require.Equal(t, "x", string(read(t, f)))
}

// One of three servers misses versions, comes back, and is caught up.
func TestServerComesBack(t *testing.T) {
	g := mutabletest.New(3)
	view := g.View()
	f := create(t, newClient(t, config(view, 1, 2, 3)), uri.SDMF, []byte("1"))
	view.Leave(0)
	_, err := f.Overwrite(t.Context(), strings.NewReader("22"))
	require.NoError(t, err)
	_, err = f.Overwrite(t.Context(), strings.NewReader("333"))
	require.NoError(t, err)
	view.Heal()
	view.Leave(1)
	require.Equal(t, "333", string(read(t, f)), "the older version must not be read")
	require.Equal(t, "333", string(read(t, other(t, g, f))))
	_, err = f.Overwrite(t.Context(), strings.NewReader("4444"))
	require.NoError(t, err)
	view.Heal()
	_, err = f.Overwrite(t.Context(), strings.NewReader("55555"))
	require.NoError(t, err)
	for _, server := range g.Servers {
		for _, b := range server.Shares(f.StorageIndex()) {
			share, err := mutablelayout.ParseShare(b)
			require.NoError(t, err)
			require.EqualValues(t, 5, share.Seqnum)
		}
	}
	view.Cut(0, 1)
	_, err = f.Overwrite(t.Context(), strings.NewReader("6"))
	var few *mutable.NoMajorityError
	require.ErrorAs(t, err, &few)
	view.Heal()
	_, err = f.Overwrite(t.Context(), strings.NewReader("7"))
	require.NoError(t, err)
	require.Equal(t, "7", string(read(t, other(t, g, f))))
}

// A share that is lost for good is placed anew when every server is there.
func TestMissingShareIsPlacedAnew(t *testing.T) {
	g := mutabletest.New(4)
	f := create(t, newClient(t, config(g.View(), 1, 1, 3)), uri.SDMF, []byte("1"))
	holder := g.Holders(f.StorageIndex())[0]
	for num := range g.Servers[holder].Shares(f.StorageIndex()) {
		g.Servers[holder].Put(f.StorageIndex(), num, nil)
	}
	view := g.View()
	view.Leave(holder)
	o, err := newClient(t, config(view, 1, 1, 3)).Open(f.Cap())
	require.NoError(t, err)
	_, err = o.Overwrite(t.Context(), strings.NewReader("2"))
	require.NoError(t, err)
	require.Len(t, g.Holders(f.StorageIndex()), 2, "the server that is away may have it")
	view.Heal()
	_, err = o.Overwrite(t.Context(), strings.NewReader("3"))
	require.NoError(t, err)
	require.Len(t, g.Holders(f.StorageIndex()), 3)
	verifyAll(t, g, f, 3)
}

func TestModifyEvaluatesAgain(t *testing.T) {
	g := mutabletest.New(3)
	a := create(t, newClient(t, config(g.View(), 1, 2, 3)), uri.SDMF, []byte("base"))
	b := other(t, g, a)
	require.Equal(t, "base", string(read(t, b)))
	calls := 0
	s, err := a.Modify(t.Context(), func(ctx context.Context, s *mutable.Snapshot) (mutable.Source, bool, error) {
		old, err := s.ReadAll(ctx, 1000)
		require.NoError(t, err)
		if calls++; calls == 1 {
			_, err := b.Overwrite(ctx, strings.NewReader("other"))
			require.NoError(t, err)
		}
		return bytes.NewReader(append(old, "+a"...)), true, nil
	})
	require.NoError(t, err)
	require.Equal(t, 2, calls)
	require.EqualValues(t, 3, s.Version().Seqnum)
	require.Equal(t, "other+a", string(read(t, b)))

	failure := errors.New("no")
	_, err = a.Modify(t.Context(), func(context.Context, *mutable.Snapshot) (mutable.Source, bool, error) { return nil, false, failure })
	require.ErrorIs(t, err, failure)
	s, err = a.Modify(t.Context(), func(context.Context, *mutable.Snapshot) (mutable.Source, bool, error) { return nil, false, nil })
	require.NoError(t, err)
	require.EqualValues(t, 3, s.Version().Seqnum, "nothing to do")
}

// Several gateways append words to one file while connections fail.
func TestManyWriters(t *testing.T) {
	for _, layout := range []uri.Layout{uri.SDMF, uri.MDMF} {
		for _, shape := range []struct{ servers, k, n int }{{3, 1, 3}, {5, 2, 5}} {
			t.Run(fmt.Sprint(layout, shape), func(t *testing.T) { manyWriters(t, layout, shape.servers, shape.k, shape.n) })
		}
	}
}

func manyWriters(t *testing.T, layout uri.Layout, servers, k, n int) {
	const writers, words = 3, 20
	g := mutabletest.New(servers)
	first := create(t, newClient(t, config(g.View(), k, 1, n)), layout, nil)
	var group sync.WaitGroup
	acknowledged := make([][]string, writers)
	for w := range writers {
		view := g.View()
		var mu sync.Mutex
		random := rand.New(rand.NewPCG(uint64(w), 7))
		flaky := func(context.Context, int, mutabletest.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if w == 0 && random.IntN(12) == 0 {
				return mutabletest.ErrCut
			}
			return nil
		}
		view.Hook, view.After = flaky, flaky
		f, err := newClient(t, config(view, k, 1, n)).Open(first.Cap())
		require.NoError(t, err)
		group.Go(func() {
			for i := range words {
				word := fmt.Sprintf("<%d.%d>", w, i)
				_, err := f.Modify(t.Context(), func(ctx context.Context, s *mutable.Snapshot) (mutable.Source, bool, error) {
					old, err := s.ReadAll(ctx, 1<<20)
					if err != nil {
						return nil, false, err
					}
					return bytes.NewReader(append(old, word...)), !bytes.Contains(old, []byte(word)), nil
				})
				if err == nil {
					acknowledged[w] = append(acknowledged[w], word)
				} else if w > 0 {
					t.Errorf("writer %d was always connected: %v", w, err)
				}
			}
		})
	}
	group.Wait()
	got := string(read(t, other(t, g, first)))
	for w, words := range acknowledged {
		for _, word := range words {
			require.Equal(t, 1, strings.Count(got, word), "writer %d: %s", w, word)
		}
	}
	require.NotEmpty(t, acknowledged[0])
}

// A server that never answers holds nobody up for long.
func TestHungServer(t *testing.T) {
	g := mutabletest.New(3)
	view := g.View()
	var mu sync.Mutex
	hung := -1
	view.Hook = func(ctx context.Context, server int, _ mutabletest.Op) error {
		mu.Lock()
		hangs := server == hung
		mu.Unlock()
		if hangs {
			<-ctx.Done()
		}
		return nil
	}
	cfg := config(view, 1, 2, 3)
	cfg.CallTimeout, cfg.Grace = 2*time.Second, time.Millisecond
	f := create(t, newClient(t, cfg), uri.SDMF, []byte("0"))
	mu.Lock()
	hung = 1
	mu.Unlock()
	for i := range 3 {
		want := fmt.Sprint("version ", i)
		_, err := f.Overwrite(t.Context(), strings.NewReader(want))
		require.NoError(t, err)
		require.Equal(t, want, string(read(t, f)))
	}
	mu.Lock()
	hung = -1
	mu.Unlock()
	_, err := f.Overwrite(t.Context(), strings.NewReader("end"))
	require.NoError(t, err)
	require.Equal(t, "end", string(read(t, other(t, g, f))))
}

// Where nobody can have the missing shares they do not count: even a file of which
// one share is left is written, and whole afterwards.
func TestMostSharesLost(t *testing.T) {
	for _, n := range []int{2, 3} {
		g := mutabletest.New(3)
		f := create(t, newClient(t, config(g.View(), 1, 1, n)), uri.MDMF, []byte("1"))
		for _, holder := range g.Holders(f.StorageIndex())[1:] {
			for num := range g.Servers[holder].Shares(f.StorageIndex()) {
				g.Servers[holder].Put(f.StorageIndex(), num, nil)
			}
		}
		view := g.View()
		o, err := newClient(t, config(view, 1, 1, n)).Open(f.Cap())
		require.NoError(t, err)
		view.Leave((g.Holders(f.StorageIndex())[0] + 1) % 3)
		_, err = o.Overwrite(t.Context(), strings.NewReader("2"))
		require.ErrorAs(t, err, new(*mutable.NoMajorityError), "a server that is away may have newer shares")
		view.Heal()
		_, err = o.Overwrite(t.Context(), strings.NewReader("2"))
		require.NoError(t, err)
		verifyAll(t, g, f, n)
	}
}
