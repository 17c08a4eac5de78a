package sharestore_test

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

// indexed is a directory with some shares and an index.
type indexed struct {
	cfg sharestore.Config
	log *lockedBuffer
	dir string
}

func newIndexed(t *testing.T) *indexed {
	dir := t.TempDir()
	x := &indexed{dir: dir}
	x.cfg = config(disk(t, filepath.Join(dir, "storage")))
	x.cfg.IndexPath = filepath.Join(dir, "index")
	x.cfg.NextEpoch = "first token"
	s := x.open(t)
	require.NoError(t, upload(siA, 0, "immutable").run(t, s))
	require.NoError(t, upload(siA, 1, "immutable, too").run(t, s))
	require.NoError(t, slot(siM, map[grid.ShareNum]string{0: "mutable"}).run(t, s))
	require.Equal(t, x.totals(), whenComplete(t, s))
	require.NoError(t, s.Close())
	x.cfg.Epoch, x.cfg.NextEpoch = "first token", "second token"
	return x
}

// totals are the sums over the shares of newIndexed.
func (x *indexed) totals() sharestore.Totals {
	return sharestore.Totals{
		Buckets: 2, ImmutableShares: 2, MutableShares: 1, Leases: 3,
		ImmutableBytes: 9 + 14 + 2*(12+72), MutableBytes: 472 + 7, Complete: true,
	}
}

func (x *indexed) open(t *testing.T) *sharestore.Store {
	x.log = &lockedBuffer{}
	x.cfg.Log = slog.New(slog.NewTextHandler(x.log, nil))
	s, err := sharestore.Open(x.cfg)
	require.NoError(t, err)
	return s
}

func TestIndexIsKept(t *testing.T) {
	x := newIndexed(t)
	s := x.open(t)
	require.Equal(t, x.totals(), s.Totals(), "at once")
	require.NotContains(t, x.log.String(), "made again")
	require.NoError(t, s.Close())
	require.NotContains(t, string(must(os.ReadFile(x.cfg.IndexPath+".clean"))), "token", "the epoch is a secret")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestIndexIsMadeAgain(t *testing.T) {
	rows := []struct {
		name, why string
		spoil     func(t *testing.T, x *indexed)
	}{
		{"missing", "missing", func(t *testing.T, x *indexed) {
			require.NoError(t, os.Remove(x.cfg.IndexPath))
			require.NoError(t, os.Remove(x.cfg.IndexPath+".clean"))
		}},
		{"crash", "not closed properly", func(t *testing.T, x *indexed) {
			require.NoError(t, os.Remove(x.cfg.IndexPath+".clean"))
		}},
		{"another program", "another program", func(t *testing.T, x *indexed) { x.cfg.Epoch = "token of Python" }},
		{"no token", "another program", func(t *testing.T, x *indexed) { x.cfg.Epoch = "" }},
		{"cut off", "damaged", func(t *testing.T, x *indexed) { require.NoError(t, os.Truncate(x.cfg.IndexPath, 5000)) }},
		{"rubbish", "damaged", func(t *testing.T, x *indexed) {
			b := must(os.ReadFile(x.cfg.IndexPath))
			for i := range b {
				b[i] = byte(rand.Uint32())
			}
			require.NoError(t, os.WriteFile(x.cfg.IndexPath, b, 0o600))
		}},
		{"mark is rubbish", "damaged", func(t *testing.T, x *indexed) {
			require.NoError(t, os.WriteFile(x.cfg.IndexPath+".clean", []byte("x"), 0o600))
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			x := newIndexed(t)
			row.spoil(t, x)
			s := x.open(t)
			require.Contains(t, x.log.String(), row.why)
			require.Equal(t, "immutable", readShare(t, s, shareID{siA, 0}), "served meanwhile")
			require.Equal(t, x.totals(), whenComplete(t, s))
			require.NoError(t, s.Close())
			x.cfg.Epoch = x.cfg.NextEpoch
			s = x.open(t)
			require.Equal(t, x.totals(), s.Totals())
			require.NoError(t, s.Close())
		})
	}
}

// Pages of rubbish behind a good beginning would show only when they are used, and
// bbolt can end the whole process then: the file is not even opened.
func TestIndexDamagedInside(t *testing.T) {
	for seed := range uint64(20) {
		x := newIndexed(t)
		b := must(os.ReadFile(x.cfg.IndexPath))
		r := rand.New(rand.NewPCG(seed, 0))
		for range 200 {
			b[2*os.Getpagesize()+r.IntN(len(b)-2*os.Getpagesize())] ^= byte(1 + r.Uint32N(255))
		}
		require.NoError(t, os.WriteFile(x.cfg.IndexPath, b, 0o600))
		s := x.open(t)
		require.Equal(t, "mutable", readShare(t, s, shareID{siM, 0}))
		require.NoError(t, upload(siC, 0, "goes on").run(t, s))
		require.NoError(t, slot(siM, map[grid.ShareNum]string{0: "changed"}).run(t, s))
		require.Equal(t, "goes on", readShare(t, s, shareID{siC, 0}))
		require.NoError(t, s.Close())
		require.Contains(t, x.log.String(), "damaged")
	}
}

// Sums follow every operation, and equal those of an index made anew.
func TestIndexFollows(t *testing.T) {
	x := newIndexed(t)
	s := x.open(t)
	for _, st := range scenario() {
		if st.name == "upload 0" || st.name == "upload 1" {
			continue // there already
		}
		require.NoError(t, st.run(t, s), st.name)
	}
	followed := s.Totals()
	require.NoError(t, s.Close())
	x.cfg.Epoch = "of another program"
	s = x.open(t)
	require.Equal(t, followed, whenComplete(t, s))
	require.NoError(t, s.Close())
	require.FileExists(t, filepath.Join(x.dir, "storage", sharecontainer.SharesDir, sharecontainer.SharePath(siA, 0)))
}

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestIndexProgress(t *testing.T) {
	x := newIndexed(t)
	s := x.open(t)
	status, err := s.Status()
	require.NoError(t, err)
	require.Equal(t, 100, status.IndexPercent, "index in place")
	require.NoError(t, s.Close())

	x.cfg.Epoch = "somebody else's"
	s = x.open(t)
	whenComplete(t, s)
	status, err = s.Status()
	require.NoError(t, err)
	require.Equal(t, 100, status.IndexPercent, "made again")
	require.NoError(t, s.Close())
}
