package storageserver_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/storagetest"
)

// How a storage node is killed again and again.
const (
	killMoments      = 200
	killMomentsShort = 20
	killTime         = 45 * time.Second // a slow machine sees fewer moments
	killLatest       = 80 * time.Millisecond
	numUploaders     = 4 // half of them over HTTPS, half over Foolscap
	numEditors       = 4
)

// ledger is what a storage node has acknowledged.
type ledger struct {
	mu     sync.Mutex // guards shares
	shares map[share]int
	slots  [numEditors]slot // each is one editor's
}

// share is an immutable share; its data follows from it.
type share struct {
	si grid.StorageIndex
	n  grid.ShareNum
}

// slot is a mutable share whose data follows from its version.
type slot struct {
	si      grid.StorageIndex
	version uint64 // that was acknowledged last; 0 for none
}

// pattern is data that differs in every part from that of another seed.
func pattern(si grid.StorageIndex, version uint64, size int) []byte {
	var seed [32]byte
	copy(seed[:], si[:])
	binary.BigEndian.PutUint64(seed[16:], version)
	data := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(data) // never fails
	return data
}

func (l *ledger) acknowledged(s share, size int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shares[s] = size
}

// upload stores shares until the node is gone.
func (l *ledger) upload(ctx context.Context, server grid.StorageServer) {
	for {
		si, size := freshSI(), 1+rand.IntN(100_000)
		a, err := server.AllocateBuckets(ctx, si, storagetest.Lease('a'), []grid.ShareNum{0, 1}, int64(size))
		if err != nil {
			return
		}
		for n, w := range a.Writers {
			data := pattern(si, uint64(n), size)
			if w.Write(ctx, 0, data[:size/2]) != nil || w.Write(ctx, int64(size/2), data[size/2:]) != nil || w.Close(ctx) != nil {
				return
			}
			l.acknowledged(share{si, n}, size)
		}
	}
}

// versionSize is the size of the data of a slot; it changes with the version.
func versionSize(version uint64) int { return 3000 + int(version%7)*1000 }

// edit changes a slot until the node is gone.
func (s *slot) edit(ctx context.Context, server grid.StorageServer) {
	for {
		data := pattern(s.si, s.version+1, versionSize(s.version+1))
		write := grid.SlotWrite{
			Writes:    []grid.WriteVector{{Offset: 0, Data: data}},
			NewLength: storagetest.Length(int64(len(data))),
		}
		_, err := server.SlotTestvAndReadvAndWritev(ctx, s.si, storagetest.Secrets('a'), map[grid.ShareNum]grid.SlotWrite{0: write}, nil)
		if err != nil {
			return
		}
		s.version++
	}
}

// work lets clients work until the node is killed.
func (l *ledger) work(t *testing.T, c *child) {
	t.Helper()
	servers := []grid.StorageServer{clientOf(t, c.NURL), foolscapClient(t, c.FURL)}
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range numUploaders {
		clients.Go(func() { l.upload(ctx, servers[i%2]) })
	}
	for i := range l.slots {
		clients.Go(func() { l.slots[i].edit(ctx, servers[i%2]) })
	}
	time.Sleep(rand.N(killLatest)) // the moment
	c.kill()
	cancel()
	clients.Wait()
}

// check reads what was acknowledged, and forgets it.
func (l *ledger) check(t *testing.T, server grid.StorageServer) (shares int) {
	t.Helper()
	for s, size := range l.shares {
		readers, err := server.GetBuckets(t.Context(), s.si)
		require.NoError(t, err)
		require.NotNil(t, readers[s.n], "share %d of %v was acknowledged and is not there", s.n, s.si)
		p := make([]byte, size+1)
		n, err := readers[s.n].Read(t.Context(), p, 0)
		require.NoError(t, err)
		require.True(t, bytes.Equal(pattern(s.si, uint64(s.n), size), p[:n]), "share %d of %v has other data", s.n, s.si)
		shares++
	}
	for i := range l.slots {
		l.slots[i].check(t, server)
	}
	return shares
}

// check finds the version that was acknowledged, or the next, which was on its
// way; nothing else and no mixture.
func (s *slot) check(t *testing.T, server grid.StorageServer) {
	t.Helper()
	data, err := server.SlotReadv(t.Context(), s.si, nil, []grid.ReadVector{{Offset: 0, Length: 1 << 20}})
	require.NoError(t, err)
	if s.version == 0 && data[0] == nil {
		return
	}
	require.Len(t, data[0], 1, "the mutable share is gone")
	for _, version := range []uint64{s.version, s.version + 1} {
		if version > 0 && bytes.Equal(data[0][0], pattern(s.si, version, versionSize(version))) {
			s.version = version
			return
		}
	}
	require.Fail(t, "not the version acknowledged, and not the next", "version %d, %d bytes", s.version, len(data[0][0]))
}

// TestKill kills a storage node at random moments, at its start and while clients
// store and change shares, starts it again on the same directory, and wants
// everything back that was acknowledged, and nothing in incoming.
func TestKill(t *testing.T) {
	moments := killMoments
	if testing.Short() {
		moments = killMomentsShort
	}
	dir, deadline := t.TempDir(), time.Now().Add(killTime)
	all := &ledger{shares: map[share]int{}}
	now := &ledger{shares: map[share]int{}}
	for i := range now.slots {
		now.slots[i].si = freshSI()
	}
	done, left := 0, 0
	for ; done < moments && (done < killMomentsShort || time.Now().Before(deadline)); done++ {
		if rand.IntN(8) == 0 {
			c := spawn(t, dir)
			time.Sleep(rand.N(killLatest / 4)) // killed at its start
			c.kill()
			continue
		}
		c := spawn(t, dir)
		c.ready(t)
		require.Empty(t, incoming(t, dir), "left by the process before")
		now.check(t, clientOf(t, c.NURL))
		for s, size := range now.shares {
			all.shares[s] = size
		}
		now.shares = map[share]int{}
		now.work(t, c)
		left += len(incoming(t, dir))
	}
	for s, size := range now.shares {
		all.shares[s] = size
	}
	all.slots = now.slots
	c := spawn(t, dir)
	c.ready(t)
	require.Empty(t, incoming(t, dir))
	shares := all.check(t, clientOf(t, c.NURL))
	c.end(t)
	var versions uint64
	for _, s := range all.slots {
		versions += s.version
	}
	t.Logf("killed %d times: %d shares and %d versions of mutable shares were acknowledged, all are intact; %d unfinished uploads removed",
		done, shares, versions, left)
	require.Positive(t, shares)
	require.Positive(t, versions)
}

func incoming(t testing.TB, dir string) []os.DirEntry {
	t.Helper()
	names, err := os.ReadDir(filepath.Join(dir, "storage", "shares", "incoming"))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return names
}
