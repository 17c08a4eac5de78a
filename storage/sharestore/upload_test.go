package sharestore_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/common/storagetest"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

func TestUploadsBySecret(t *testing.T) {
	s := open(t, config(sharefs.NewMem(1<<30)))
	mine, other := secret.NewUploadSecret([]byte("mine")), secret.NewUploadSecret([]byte("other"))
	have, allocated, err := s.AllocateUploads(t.Context(), siA, storagetest.Lease('a'), mine, []grid.ShareNum{2, 1, 2}, 40)
	require.NoError(t, err)
	require.Empty(t, have)
	require.Equal(t, []grid.ShareNum{1, 2}, allocated)
	_, allocated, err = s.AllocateUploads(t.Context(), siA, storagetest.Lease('a'), other, []grid.ShareNum{2, 3}, 40)
	require.NoError(t, err)
	require.Equal(t, []grid.ShareNum{3}, allocated, "each share has its own secret")

	_, err = s.FindUpload(t.Context(), siA, 1, other)
	require.ErrorIs(t, err, grid.ErrBadUploadSecret)
	_, err = s.FindUpload(t.Context(), siA, 7, mine)
	require.ErrorIs(t, err, grid.ErrNoUpload)
	_, _, err = s.AllocateUploads(t.Context(), siA, storagetest.Lease('a'), secret.NewUploadSecret(nil), nil, 40)
	require.Error(t, err)
	u, err := s.FindUpload(t.Context(), siA, 1, mine)
	require.NoError(t, err)
	// The ranges that a running 1.20 answered: storage-http.json, "write ..." probes.
	require.Equal(t, []grid.Range{{Begin: 0, End: 40}}, u.Required())
	require.NoError(t, u.Write(t.Context(), 0, []byte("0123456789")))
	require.NoError(t, u.Write(t.Context(), 20, []byte("klmnopqrst")))
	require.Equal(t, []grid.Range{{Begin: 10, End: 20}, {Begin: 30, End: 40}}, u.Required())
	require.NoError(t, u.Write(t.Context(), 5, []byte("56789abcdefghijklmno")))
	require.NoError(t, u.Write(t.Context(), 30, []byte("uvwxyzABCD")))
	require.Empty(t, u.Required())
	require.NoError(t, u.Close(t.Context()))
	_, err = s.FindUpload(t.Context(), siA, 1, mine)
	require.ErrorIs(t, err, grid.ErrNoUpload)
	require.Equal(t, "0123456789abcdefghijklmnopqrstuvwxyzABCD", readShare(t, s, shareID{siA, 1}))

	a, err := s.AllocateBuckets(t.Context(), siB, storagetest.Lease('a'), []grid.ShareNum{0}, 1)
	require.NoError(t, err)
	require.Len(t, a.Writers, 1)
	_, err = s.FindUpload(t.Context(), siB, 0, secret.UploadSecret{})
	require.ErrorIs(t, err, grid.ErrNoUpload, "an upload over Foolscap is not to be found")
}

func TestUploadTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sharefs.NewMem(1000)
		s, err := sharestore.Open(config(m))
		require.NoError(t, err)
		a, err := s.AllocateBuckets(t.Context(), siA, storagetest.Lease('a'), []grid.ShareNum{0, 1}, 500)
		require.NoError(t, err)
		time.Sleep(29 * time.Minute) // of the bubble
		require.NoError(t, a.Writers[0].Write(t.Context(), 0, []byte("x")))
		time.Sleep(2 * time.Minute)
		require.ErrorIs(t, a.Writers[1].Write(t.Context(), 0, []byte("x")), grid.ErrWriterClosed)
		status, err := s.Status()
		require.NoError(t, err)
		require.Equal(t, 1, status.Uploads)
		require.EqualValues(t, 500, status.Promised)
		require.NoError(t, a.Writers[0].Close(t.Context()))
		require.NoError(t, s.Close())
		names, err := m.ReadDir(sharecontainer.IncomingDir)
		require.NoError(t, err)
		require.Empty(t, names)
	})
}

func TestUploadsAreBounded(t *testing.T) {
	s := open(t, config(sharefs.NewMem(1<<40)))
	numbers := make([]grid.ShareNum, 256)
	for i := range numbers {
		numbers[i] = grid.ShareNum(i)
	}
	begun := 0
	for i := range 2 + sharestore.MaxUploads/256 {
		a, err := s.AllocateBuckets(t.Context(), grid.StorageIndex{byte(i)}, storagetest.Lease('a'), numbers, 0)
		require.NoError(t, err)
		begun += len(a.Writers)
	}
	require.Equal(t, sharestore.MaxUploads, begun)
}

func TestSizeLimit(t *testing.T) {
	cfg := config(sharefs.NewMem(1 << 30))
	cfg.SizeLimit = 2000
	s := open(t, cfg)
	whenComplete(t, s)
	require.NoError(t, upload(siA, 0, strings.Repeat("x", 1000)).run(t, s))
	available, err := s.Available()
	require.NoError(t, err)
	require.EqualValues(t, 2000-1000-12-72, available)
	require.Error(t, upload(siB, 0, strings.Repeat("x", 1000)).run(t, s), "not allocated")
	require.ErrorIs(t, slot(siM, map[grid.ShareNum]string{0: strings.Repeat("x", 1000)}).run(t, s), grid.ErrNoSpace)
	require.NoError(t, slot(siM, map[grid.ShareNum]string{0: "fits"}).run(t, s))
	require.NoError(t, slot(siM, map[grid.ShareNum]string{0: "FITS"}).run(t, s))
	require.NoError(t, slot(siM, map[grid.ShareNum]string{0: absent}).run(t, s))
}

func TestHugeMutableShareIsRefused(t *testing.T) {
	s := open(t, config(sharefs.NewMem(1<<20)))
	for _, offset := range []int64{1 << 21, 1 << 50} {
		_, err := s.SlotTestvAndReadvAndWritev(t.Context(), siM, storagetest.Secrets('a'), map[grid.ShareNum]grid.SlotWrite{
			0: {Writes: []grid.WriteVector{{Offset: offset, Data: []byte("x")}}},
		}, nil)
		require.ErrorIs(t, err, grid.ErrNoSpace)
	}
	_, err := s.SlotTestvAndReadvAndWritev(t.Context(), siM, storagetest.Secrets('a'), map[grid.ShareNum]grid.SlotWrite{
		0: {Writes: []grid.WriteVector{{Offset: 1 << 62, Data: []byte("x")}}},
	}, nil)
	var tooLarge *grid.DataTooLargeError
	require.ErrorAs(t, err, &tooLarge)
}

func TestReadsAreBounded(t *testing.T) {
	s := open(t, config(sharefs.NewMem(1<<30)))
	require.NoError(t, slot(siM, map[grid.ShareNum]string{0: strings.Repeat("x", 1<<20)}).run(t, s))
	vectors := make([]grid.ReadVector, 65)
	for i := range vectors {
		vectors[i].Length = 1 << 20
	}
	_, err := s.SlotReadv(t.Context(), siM, nil, vectors)
	var tooLarge *grid.ReadTooLargeError
	require.ErrorAs(t, err, &tooLarge)
	_, err = s.SlotReadv(t.Context(), siM, nil, vectors[:64])
	require.NoError(t, err)
}

func TestLeasesNeedSpace(t *testing.T) {
	m := sharefs.NewMem(1 << 20)
	s := open(t, config(m))
	require.NoError(t, upload(siA, 0, "data").run(t, s))
	m.SetSpace(10)
	require.ErrorIs(t, s.AddLease(t.Context(), siA, storagetest.Lease('b')), grid.ErrNoSpace)
	require.NoError(t, s.AddLease(t.Context(), siA, storagetest.Lease('a')), "a renewal needs none")
	n, err := s.LeaseShares(t.Context(), siB, storagetest.Lease('a'))
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestDiscard(t *testing.T) {
	cfg := config(sharefs.NewMem(1 << 20))
	cfg.DiscardData = true
	s := open(t, cfg)
	require.NoError(t, upload(siA, 0, "data").run(t, s))
	require.Equal(t, "\x00\x00\x00\x00", readShare(t, s, shareID{siA, 0}))
}

func TestReservedSpace(t *testing.T) {
	cfg := config(sharefs.NewMem(1000))
	cfg.ReservedSpace = 900
	s := open(t, cfg)
	v, err := s.Version(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 100, v.AvailableSpace)
	cfg.FS, cfg.ReservedSpace = sharefs.NewMem(1000), 2000
	v, err = open(t, cfg).Version(t.Context())
	require.NoError(t, err)
	require.Zero(t, v.AvailableSpace)
}

func TestAdvisories(t *testing.T) {
	dir := t.TempDir()
	s := open(t, config(disk(t, dir)))
	require.NoError(t, upload(siA, 0, "data").run(t, s))
	for range 2 {
		require.NoError(t, s.AdviseCorruptShare(t.Context(), grid.Immutable, siA, 0, "bogus"))
	}
	require.NoError(t, s.AdviseCorruptShare(t.Context(), grid.Immutable, siA, 1, "not held"))
	reports, err := os.ReadDir(filepath.Join(dir, sharecontainer.AdvisoriesDir))
	require.NoError(t, err)
	require.Len(t, reports, 2)
	require.Equal(t, "2026-11-02T000000--"+siA.String()+"-0", reports[0].Name())
	text, err := os.ReadFile(filepath.Join(dir, sharecontainer.AdvisoriesDir, reports[0].Name()))
	require.NoError(t, err)
	require.Equal(t, "report: Share Corruption\ntype: immutable\nstorage_index: "+siA.String()+"\nshare_number: 0\n\nbogus\n\n", string(text))
}

// A link in the directory leads nobody out of it.
func TestLinksAreNotFollowed(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	s := open(t, config(disk(t, dir)))
	require.NoError(t, upload(siA, 0, "data").run(t, s))
	share := filepath.Join(dir, "shares", filepath.FromSlash(sharecontainer.SharePath(siA, 0)))
	require.NoError(t, os.Rename(share, outside))
	require.NoError(t, os.Symlink(outside, share))
	before, err := os.ReadFile(outside)
	require.NoError(t, err)
	_, err = s.OpenShare(t.Context(), grid.Immutable, siB, 0)
	require.ErrorIs(t, err, grid.ErrNoShare)
	require.Error(t, s.AddLease(t.Context(), siA, storagetest.Lease('b')))
	after, err := os.ReadFile(outside)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestCounts(t *testing.T) {
	var mu sync.Mutex
	counts := map[string]int64{}
	cfg := config(sharefs.NewMem(1 << 30))
	cfg.Count = func(name string, delta int64) {
		mu.Lock()
		defer mu.Unlock()
		counts[name] += delta
	}
	s := open(t, cfg)
	require.NoError(t, upload(siA, 0, "twelve bytes").run(t, s))
	a, err := s.AllocateBuckets(t.Context(), siA, storagetest.Lease('a'), []grid.ShareNum{1}, 1000)
	require.NoError(t, err)
	require.NoError(t, a.Writers[1].Abort(t.Context()))
	require.NoError(t, a.Writers[1].Abort(t.Context()), "counts once")
	require.Equal(t, map[string]int64{"bytes_added": 12, "abort": 1}, counts)
}
