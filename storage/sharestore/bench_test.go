package sharestore_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/common/storagetest"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

// unsynced is a disk that never waits, to see what the syncs cost.
type unsynced struct{ sharefs.FS }

type unsyncedFile struct{ sharefs.File }

func (unsyncedFile) Sync() error      { return nil }
func (unsynced) SyncDir(string) error { return nil }
func (unsynced) SyncAll() error       { return nil }

func (u unsynced) Edit(name string) (sharefs.File, error) {
	f, err := u.FS.Edit(name)
	return unsyncedFile{f}, err
}

func (u unsynced) Create(name string) (sharefs.File, error) {
	f, err := u.FS.Create(name)
	return unsyncedFile{f}, err
}

// each runs a benchmark with and without syncs, on the disk that holds the
// directory for temporary files.
func each(b *testing.B, bench func(b *testing.B, s *sharestore.Store)) {
	for _, row := range []struct {
		name   string
		synced bool
	}{{"synced", true}, {"unsynced", false}} {
		b.Run(row.name, func(b *testing.B) {
			dir := b.TempDir()
			fsys := disk(b, filepath.Join(dir, "storage"))
			if !row.synced {
				fsys = unsynced{fsys}
			}
			cfg := config(fsys)
			cfg.IndexPath = filepath.Join(dir, "index")
			bench(b, open(b, cfg))
		})
	}
}

var nextSI atomic.Uint64

// freshSI returns a storage index that was never used, spread as hashes are.
func freshSI() (si grid.StorageIndex) {
	n := nextSI.Add(1) * 0x9e3779b97f4a7c15
	binary.BigEndian.PutUint64(si[:], n)
	binary.BigEndian.PutUint64(si[8:], n^n>>31)
	return si
}

func store(b *testing.B, s *sharestore.Store, data []byte) {
	a, err := s.AllocateBuckets(b.Context(), freshSI(), storagetest.Lease('a'), []grid.ShareNum{0}, int64(len(data)))
	if err != nil {
		b.Fatal(err)
	}
	w := a.Writers[0]
	if err := w.Write(b.Context(), 0, data); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkStore stores shares of 10 KiB with 16 clients.
func BenchmarkStore(b *testing.B) {
	each(b, func(b *testing.B, s *sharestore.Store) {
		data := make([]byte, 10<<10)
		b.ReportAllocs()
		b.SetParallelism(8) // times GOMAXPROCS, which is 2 where this was measured
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				store(b, s, data)
			}
		})
	})
}

// BenchmarkStoreAlone stores shares of 10 KiB one after the other.
func BenchmarkStoreAlone(b *testing.B) {
	each(b, func(b *testing.B, s *sharestore.Store) {
		data := make([]byte, 10<<10)
		b.ReportAllocs()
		for b.Loop() {
			store(b, s, data)
		}
	})
}

// BenchmarkStore1MiB stores large shares one after the other.
func BenchmarkStore1MiB(b *testing.B) {
	each(b, func(b *testing.B, s *sharestore.Store) {
		data := make([]byte, 1<<20)
		b.ReportAllocs()
		b.SetBytes(1 << 20)
		for b.Loop() {
			store(b, s, data)
		}
	})
}

// BenchmarkMutableUpdate changes shares as a client edits a directory: test,
// read, write 4 KiB, new lease date.
func BenchmarkMutableUpdate(b *testing.B) {
	each(b, func(b *testing.B, s *sharestore.Store) {
		b.ReportAllocs()
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			si := freshSI()
			write := grid.SlotWrite{Writes: []grid.WriteVector{{Offset: 0, Data: make([]byte, 4<<10)}}}
			for pb.Next() {
				_, err := s.SlotTestvAndReadvAndWritev(b.Context(), si, storagetest.Secrets('a'),
					map[grid.ShareNum]grid.SlotWrite{0: write}, []grid.ReadVector{{Offset: 0, Length: 57}})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// BenchmarkRead reads 64 KiB of a share.
func BenchmarkRead(b *testing.B) {
	each(b, func(b *testing.B, s *sharestore.Store) {
		require.NoError(b, upload(siA, 0, string(make([]byte, 1<<20))).run(new(testing.T), s))
		r, err := s.OpenShare(b.Context(), grid.Immutable, siA, 0)
		require.NoError(b, err)
		p := make([]byte, 64<<10)
		b.SetBytes(int64(len(p)))
		b.ReportAllocs()
		for b.Loop() {
			if n, err := r.Read(b.Context(), p, 1000); n != len(p) || err != nil {
				b.Fatal(n, err)
			}
		}
	})
}

// BenchmarkOpen100000 opens a store with 100,000 shares and serves one of them:
// with the index in place, and, for comparison, the time until a new one is
// complete.
func BenchmarkOpen100000(b *testing.B) {
	dir := b.TempDir()
	storage := filepath.Join(dir, "storage")
	var last grid.StorageIndex
	for range 100000 {
		last = freshSI()
		plan, err := sharecontainer.CreateImmutable(10)
		require.NoError(b, err)
		path := filepath.Join(storage, "shares", filepath.FromSlash(sharecontainer.SharePath(last, 0)))
		require.NoError(b, os.MkdirAll(filepath.Dir(path), 0o700))
		f, err := os.Create(path)
		require.NoError(b, err)
		require.NoError(b, plan.Apply(f))
		require.NoError(b, f.Close())
	}
	cfg := config(disk(b, storage))
	cfg.IndexPath, cfg.NextEpoch = filepath.Join(dir, "index"), "0"
	run := 0
	bench := func(b *testing.B, epoch func() string, ready func(s *sharestore.Store)) {
		for b.Loop() {
			run++
			cfg.Epoch, cfg.NextEpoch = epoch(), fmt.Sprint(run)
			s, err := sharestore.Open(cfg)
			require.NoError(b, err)
			ready(s)
			_, err = s.OpenShare(b.Context(), grid.Immutable, last, 0)
			require.NoError(b, err)
			require.NoError(b, s.Close())
		}
	}
	b.Run("new index", func(b *testing.B) {
		bench(b, func() string { return "" }, func(s *sharestore.Store) { whenComplete(b, s) })
	})
	b.Run("index in place", func(b *testing.B) {
		bench(b, func() string { return cfg.NextEpoch }, func(s *sharestore.Store) {
			require.EqualValues(b, 100000, s.Totals().ImmutableShares)
		})
	})
	info, err := os.Stat(cfg.IndexPath)
	require.NoError(b, err)
	b.Logf("index of %d bytes, %d per share", info.Size(), info.Size()/100000)
}
