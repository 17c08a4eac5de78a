package upload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/gridtest"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// bytesSource is ciphertext in memory.
type bytesSource []byte

func (b bytesSource) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }

func randomBytes(n int, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), seed))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func request(t testing.TB, params grid.Params, data []byte, maxSegment int64) Request {
	segSize, err := erasure.SegmentSize(int64(len(data)), maxSegment, params.K)
	require.NoError(t, err)
	segs, err := erasure.NewSegments(int64(len(data)), params.K, segSize)
	require.NoError(t, err)
	digest := sha256.Sum256(data)
	return Request{SI: grid.StorageIndex(digest[:16]), Params: params, Segments: segs, Ciphertext: bytesSource(data)}
}

var testLease = secret.NewLeaseSecret([32]byte{1})

func newUploader(t testing.TB, g *gridtest.Grid) *Uploader {
	u := New(g, testLease, nil)
	t.Cleanup(u.Close)
	return u
}

// memorySink keeps a share.
type memorySink struct{ data []byte }

func (s *memorySink) Write(_ context.Context, _ int64, data []byte) error {
	s.data = append(s.data, data...)
	return nil
}
func (s *memorySink) Close(context.Context) error { return nil }
func (s *memorySink) Abort(context.Context)       {}

// expected are the shares that the request must make.
func expected(t testing.TB, req Request) [][]byte {
	enc, err := chkencode.New(chkencode.Config{Segments: req.Segments, N: req.Params.N})
	require.NoError(t, err)
	sinks := make(map[grid.ShareNum]chkencode.Sink)
	list := make([]*memorySink, req.Params.N)
	for i := range list {
		list[i] = &memorySink{}
		sinks[grid.ShareNum(i)] = list[i]
	}
	_, err = enc.Encode(t.Context(), bytes.NewReader(req.Ciphertext.(bytesSource)), sinks)
	require.NoError(t, err)
	var shares [][]byte
	for _, s := range list {
		shares = append(shares, s.data)
	}
	return shares
}

// requireStored checks all shares that the grid has, and that each of the wanted
// is there.
func requireStored(t testing.TB, g *gridtest.Grid, req Request, wanted int) {
	t.Helper()
	shares := expected(t, req)
	found := g.Shares(req.SI)
	require.Len(t, found, wanted)
	for n, servers := range found {
		for _, s := range servers {
			require.True(t, bytes.Equal(shares[n], s.Share(t, req.SI, n)), "share %d on %s", n, s.Nickname)
		}
	}
	require.Zero(t, g.Uploads())
}

func TestUpload(t *testing.T) {
	for _, row := range []struct {
		servers    int
		params     grid.Params
		size       int
		maxSegment int64
	}{
		{10, grid.Params{K: 3, Happy: 7, N: 10}, 56, 1 << 20},
		{10, grid.Params{K: 3, Happy: 7, N: 10}, 5 << 20, 1 << 20},
		{3, grid.Params{K: 1, Happy: 2, N: 3}, 3<<20 + 17, 1 << 20},
		{4, grid.Params{K: 2, Happy: 3, N: 4}, 100_000, 1000},
		{1, grid.Params{K: 1, Happy: 1, N: 1}, 1, 1 << 20},
		{25, grid.Params{K: 3, Happy: 7, N: 10}, 1000, 128},
		{2, grid.Params{K: 3, Happy: 2, N: 10}, 1000, 1 << 20},
	} {
		t.Run(fmt.Sprintf("%v on %d servers, %d bytes", row.params, row.servers, row.size), func(t *testing.T) {
			t.Parallel()
			g := gridtest.New(t, row.servers)
			req := request(t, row.params, randomBytes(row.size, 1), row.maxSegment)
			var read atomic.Int64
			req.Progress = read.Store
			r, err := newUploader(t, g).Upload(t.Context(), req)
			require.NoError(t, err)
			requireStored(t, g, req, row.params.N)
			require.EqualValues(t, row.size, read.Load())
			require.EqualValues(t, row.size, r.Size)
			require.Equal(t, row.params.N, r.Pushed)
			require.Zero(t, r.Preexisting)
			require.Equal(t, min(row.servers, row.params.N), r.Happiness)
			require.Len(t, r.ShareMap(), row.params.N)
			require.Empty(t, r.Lost)
			for _, s := range r.Servers {
				require.ElementsMatch(t, s.Pushed, g.ByID(s.ID).Held(t, req.SI))
				require.EqualValues(t, int64(len(s.Pushed))*r.ShareSize, s.Sent)
			}
		})
	}
}

// A new small file takes one call to allocate, one to write and one to close.
func TestSmallFileIsThreeCalls(t *testing.T) {
	g := gridtest.New(t, 3)
	before := g.Servers[0].Calls()
	_, err := newUploader(t, g).Upload(t.Context(), request(t, grid.Params{K: 1, Happy: 2, N: 3}, randomBytes(10<<10, 2), 1<<20))
	require.NoError(t, err)
	for _, s := range g.Servers {
		require.Equal(t, 1, s.Calls(gridtest.Allocate))
		require.Equal(t, 1, s.Calls(gridtest.Write))
		require.Equal(t, 1, s.Calls(gridtest.Close))
		require.Equal(t, before+3, s.Calls())
	}
}

func TestExistingSharesAreCounted(t *testing.T) {
	g := gridtest.New(t, 5)
	u := newUploader(t, g)
	req := request(t, grid.Params{K: 2, Happy: 4, N: 5}, randomBytes(10_000, 3), 1000)
	_, err := u.Upload(t.Context(), req)
	require.NoError(t, err)

	t.Run("all", func(t *testing.T) {
		r, err := u.Upload(t.Context(), req)
		require.NoError(t, err)
		require.Zero(t, r.Pushed)
		require.Equal(t, 5, r.Preexisting)
		require.Equal(t, 5, r.Happiness)
		requireStored(t, g, req, 5)
	})
	t.Run("one is gone", func(t *testing.T) {
		holder := g.Shares(req.SI)[3][0]
		holder.Remove(t, req.SI, 3)
		r, err := u.Upload(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, 1, r.Pushed)
		require.Equal(t, 4, r.Preexisting)
		requireStored(t, g, req, 5)
		require.Equal(t, holder, g.Shares(req.SI)[3][0])
	})
	t.Run("on another server than a new file's", func(t *testing.T) {
		g := gridtest.New(t, 5)
		last := g.In(req.SI)[4]
		last.Put(t, req.SI, 0, expected(t, req)[0])
		r, err := newUploader(t, g).Upload(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, 5, r.Happiness)
		requireStored(t, g, req, 5)
		require.Len(t, g.Shares(req.SI)[0], 1, "a share that is there is not stored a second time")
	})
}

// params3 are for the tables below.
var params3 = grid.Params{K: 1, Happy: 2, N: 3}

// faults that servers of the permuted order have, by their place.
type faults map[int]func(*gridtest.Server)

func hook(h func(context.Context, gridtest.Call) error) func(*gridtest.Server) {
	return func(s *gridtest.Server) { s.OnCall(h) }
}

var errBroken = errors.New("disk on fire")

// failAt fails the given call of its kind, and all that follow.
func failAt(op gridtest.Op, number int) func(*gridtest.Server) {
	return func(s *gridtest.Server) {
		s.OnCall(func(_ context.Context, call gridtest.Call) error {
			if call.Op == op && s.Calls(op) >= number {
				return errBroken
			}
			return nil
		})
	}
}

// disconnectAt lets the connection be lost at the given call.
func disconnectAt(op gridtest.Op, number int) func(*gridtest.Server) {
	return func(s *gridtest.Server) {
		s.OnCall(func(_ context.Context, call gridtest.Call) error {
			if call.Op == op && s.Calls(op) >= number {
				s.Disconnect()
			}
			return nil
		})
	}
}

func readOnly(s *gridtest.Server) { s.ReadOnly() }
func full(s *gridtest.Server)     { s.SetSpace(100) }

// TestFaults: with what happens to servers, uploads go on, begin again, or end in
// an error that names servers and reasons. Nothing is left allocated.
func TestFaults(t *testing.T) {
	for _, row := range []struct {
		name     string
		servers  int
		params   grid.Params
		faults   faults
		stored   int    // shares; 0 for an error
		complain string // in the error, or "" if there is none
		lost     int    // in the result
	}{
		{"one refuses to allocate", 4, params3, faults{0: hook(gridtest.Refuse(errBroken, gridtest.Allocate))}, 3, "", 1},
		{"one hangs when asked to allocate", 4, params3, faults{1: hook(gridtest.Hang(gridtest.Allocate))}, 3, "", 1},
		{"one hangs when asked what it holds", 4, params3, faults{3: hook(gridtest.Hang(gridtest.Get))}, 3, "", 1},
		{"one is read-only", 4, params3, faults{0: readOnly}, 3, "", 0},
		{"one is full and does not know it", 4, params3, faults{0: full}, 3, "", 0},
		{"nobody is in its place", 3, params3, faults{0: full}, 3, "", 0},
		{"all are full", 3, params3, faults{0: full, 1: full, 2: full}, 0, "shares could be placed or found on only 0 server(s)", 0},
		{"all refuse", 3, params3, faults{
			0: hook(gridtest.Refuse(errBroken)), 1: hook(gridtest.Refuse(errBroken)), 2: hook(gridtest.Refuse(errBroken)),
		}, 0, "allocate_buckets: disk on fire", 0},
		{"happiness cannot be reached", 3, grid.Params{K: 2, Happy: 3, N: 3}, faults{1: full}, 0,
			"shares could be placed on only 2 server(s) such that any 2 of them have enough shares to recover the file, but we were asked to place shares on at least 3 such servers.", 0},

		{"one fails to write, the others suffice", 3, params3, faults{0: failAt(gridtest.Write, 2)}, 2, "", 1},
		{"one is disconnected, the others suffice", 3, params3, faults{2: disconnectAt(gridtest.Write, 3)}, 2, "", 1},
		{"one fails to close, the others suffice", 3, params3, faults{1: failAt(gridtest.Close, 1)}, 2, "", 1},
		{"one is replaced", 4, grid.Params{K: 1, Happy: 3, N: 3}, faults{0: failAt(gridtest.Write, 2)}, 3, "", 1},
		{"one that is disconnected is replaced", 4, grid.Params{K: 1, Happy: 3, N: 3}, faults{1: disconnectAt(gridtest.Write, 3)}, 3, "", 1},
		{"one that fails to close is replaced", 4, grid.Params{K: 2, Happy: 3, N: 3}, faults{1: failAt(gridtest.Close, 1)}, 3, "", 1},
		{"one that hangs is replaced", 4, grid.Params{K: 1, Happy: 3, N: 3}, faults{1: hook(gridtest.Hang(gridtest.Write))}, 3, "", 1},
		{"two are replaced, one after the other", 5, grid.Params{K: 1, Happy: 3, N: 3},
			faults{0: failAt(gridtest.Write, 2), 3: failAt(gridtest.Write, 1)}, 3, "", 2},
		{"nobody takes its place", 3, grid.Params{K: 1, Happy: 3, N: 3}, faults{0: failAt(gridtest.Write, 2)}, 0,
			"write: disk on fire", 0},
		{"all fail", 3, params3, faults{
			0: failAt(gridtest.Write, 1), 1: failAt(gridtest.Write, 2), 2: failAt(gridtest.Write, 3),
		}, 0, "disk on fire", 0},
		{"aborting fails, too", 3, grid.Params{K: 1, Happy: 3, N: 3}, faults{0: disconnectAt(gridtest.Write, 1)}, 0, "connection lost", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := gridtest.New(t, row.servers)
				req := request(t, row.params, randomBytes(4<<20, 4), 1<<20)
				for i, fault := range row.faults {
					fault(g.In(req.SI)[i])
				}
				servers := g.In(req.SI)
				u := newUploader(t, g)
				r, err := u.Upload(t.Context(), req)
				u.background.Wait() // for aborts of shares that were done without
				if row.stored > 0 {
					require.NoError(t, err)
					requireStored(t, g, req, row.stored)
					require.GreaterOrEqual(t, r.Happiness, row.params.Happy)
					require.Len(t, r.Lost, row.lost)
					return
				}
				var unhappy *UnhappinessError
				require.ErrorAs(t, err, &unhappy)
				require.ErrorContains(t, err, row.complain)
				for _, f := range unhappy.Failures {
					require.ErrorContains(t, err, f.ID.Name())
				}
				require.Zero(t, g.Uploads())
				for _, s := range servers {
					require.LessOrEqual(t, len(s.Held(t, req.SI)), 1)
				}
			})
		})
	}
}

func TestNoServers(t *testing.T) {
	g := gridtest.New(t, 2)
	req := request(t, params3, randomBytes(100, 5), 1<<20)
	g.Servers[0].PermitUploads(false)
	g.Servers[1].Disconnect()
	_, err := newUploader(t, g).Upload(t.Context(), req)
	require.ErrorIs(t, err, ErrNoServers)
}

// A source that cannot be read again cannot replace a server.
func TestSourceReadOnce(t *testing.T) {
	g := gridtest.New(t, 4)
	data := randomBytes(3<<20, 6)
	req := request(t, grid.Params{K: 1, Happy: 3, N: 3}, data, 1<<20)
	failAt(gridtest.Write, 2)(g.In(req.SI)[0])
	req.Ciphertext = Once(bytes.NewReader(data))
	_, err := newUploader(t, g).Upload(t.Context(), req)
	var unhappy *UnhappinessError
	require.ErrorAs(t, err, &unhappy)
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "cannot be read again")
	require.Zero(t, g.Uploads())
}

func TestSourceFails(t *testing.T) {
	broken := errors.New("bad sector")
	data := randomBytes(3<<20, 7)
	for name, source := range map[string]io.Reader{
		"at once":       iotest.ErrReader(broken),
		"in the middle": io.MultiReader(bytes.NewReader(data[:2<<20]), iotest.ErrReader(broken)),
		"at the end":    io.MultiReader(bytes.NewReader(data[:3<<20-1]), iotest.ErrReader(broken)),
	} {
		t.Run(name, func(t *testing.T) {
			g := gridtest.New(t, 3)
			req := request(t, params3, data, 1<<20)
			req.Ciphertext = Once(source)
			_, err := newUploader(t, g).Upload(t.Context(), req)
			require.ErrorIs(t, err, broken)
			require.Zero(t, g.Uploads())
			require.Empty(t, g.Shares(req.SI))
		})
	}
}

// TestCancelled: whenever the upload is interrupted, nothing is left allocated.
func TestCancelled(t *testing.T) {
	data := randomBytes(3<<20, 8)
	for _, op := range []gridtest.Op{gridtest.Allocate, gridtest.Write, gridtest.Close} {
		t.Run(string(op), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := gridtest.New(t, 3)
				enough := errors.New("enough")
				ctx, cancel := context.WithCancelCause(t.Context())
				g.Servers[1].OnCall(func(_ context.Context, call gridtest.Call) error {
					if call.Op == op {
						cancel(enough)
						time.Sleep(time.Second) // the answer comes when nobody waits for it
					}
					return nil
				})
				req := request(t, params3, data, 1<<20)
				u := New(g, testLease, nil)
				_, err := u.Upload(ctx, req)
				require.ErrorIs(t, err, enough)
				u.Close()
				require.Zero(t, g.Uploads())
			})
		})
	}
}

// What a server allocates after it was given up is given back.
func TestLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gridtest.New(t, 3)
		req := request(t, params3, randomBytes(1000, 9), 1<<20)
		late := g.In(req.SI)[0]
		late.OnCall(gridtest.Slow(askTime+time.Second, gridtest.Allocate))
		u := New(g, testLease, nil)
		_, err := u.Upload(t.Context(), req)
		require.NoError(t, err)
		u.Close()
		require.Zero(t, g.Uploads())
		require.Empty(t, late.Held(t, req.SI))
	})
}

// Two writes of a share are on their way at once, and the writes are large.
func TestPipeline(t *testing.T) {
	g := gridtest.New(t, 1)
	second := make(chan struct{})
	var writes atomic.Int32
	g.Servers[0].OnCall(func(ctx context.Context, call gridtest.Call) error {
		if call.Op != gridtest.Write {
			return nil
		}
		if call.Offset+int64(call.Length) < 8<<20 {
			require.Equal(t, BufferSize, call.Length)
		}
		switch writes.Add(1) {
		case 1:
			select {
			case <-second:
			case <-time.After(time.Minute):
				return errors.New("the second write does not come")
			}
		case 2:
			close(second)
		}
		return nil
	})
	req := request(t, grid.Params{K: 1, Happy: 1, N: 1}, randomBytes(8<<20, 10), 100_000)
	_, err := newUploader(t, g).Upload(t.Context(), req)
	require.NoError(t, err)
	requireStored(t, g, req, 1)
}

// A server in this process gets its writes without copies.
func TestLocalServer(t *testing.T) {
	g := gridtest.New(t, 3)
	for _, s := range g.Servers {
		s.Local()
	}
	req := request(t, params3, randomBytes(3<<20, 11), 1<<20)
	u := newUploader(t, g)
	_, err := u.Upload(t.Context(), req)
	require.NoError(t, err)
	requireStored(t, g, req, 3)
	require.Zero(t, u.buffers.made())
}

// TestMemoryBound: with more shares on their way than there are buffers all goes
// on, and no more buffers are made; afterwards there are none.
func TestMemoryBound(t *testing.T) {
	g := gridtest.New(t, 50)
	u := newUploader(t, g)
	var most atomic.Int64
	for _, s := range g.Servers {
		s.OnCall(func(_ context.Context, call gridtest.Call) error {
			if made := int64(u.buffers.made()); made > most.Load() {
				most.Store(made)
			}
			return nil
		})
	}
	var wg sync.WaitGroup
	for i := range uint64(3) {
		wg.Go(func() {
			req := request(t, grid.Params{K: 2, Happy: 40, N: 50}, randomBytes(4<<20, 12+i), 256<<10)
			_, err := u.Upload(t.Context(), req)
			if err != nil {
				t.Error(err)
				return
			}
			requireStored(t, g, req, 50)
		})
	}
	wg.Wait()
	require.EqualValues(t, MaxBuffers, most.Load())
	require.Zero(t, u.buffers.made())
}

// With four servers and N = 3 every server gets its part of many files.
func TestBalancedPlacement(t *testing.T) {
	g := gridtest.New(t, 4)
	u := newUploader(t, g)
	const files = 400
	placed := make(map[grid.ServerID]int)
	for i := range uint64(files) {
		r, err := u.Upload(t.Context(), request(t, grid.Params{K: 2, Happy: 3, N: 3}, randomBytes(60, 100+i), 1<<20))
		require.NoError(t, err)
		for _, s := range r.Servers {
			placed[s.ID] += len(s.Pushed)
		}
	}
	require.Len(t, placed, 4)
	for id, n := range placed { // 300 are its part; 240 to 360 is seven times the standard deviation
		require.Greater(t, n, 240, id)
		require.Less(t, n, 360, id)
	}
}

// TestTurns: uploads of one file at once store it once.
func TestTurns(t *testing.T) {
	g := gridtest.New(t, 3)
	u := newUploader(t, g)
	req := request(t, params3, randomBytes(100_000, 13), 1<<20)
	var pushed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r, err := u.Upload(t.Context(), req)
			if err != nil {
				t.Error(err)
				return
			}
			pushed.Add(int64(r.Pushed))
		})
	}
	wg.Wait()
	require.EqualValues(t, 3, pushed.Load())
	requireStored(t, g, req, 3)
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	g := gridtest.New(t, 5)
	g.Servers[4].OnCall(gridtest.Refuse(errBroken, gridtest.Close))
	u := newUploader(t, g)
	var wg sync.WaitGroup
	for i := range uint64(16) {
		wg.Go(func() {
			_, err := u.Upload(t.Context(), request(t, grid.Params{K: 2, Happy: 3, N: 4}, randomBytes(300_000, 20+i), 100_000))
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	u.background.Wait() // for aborts of shares that were done without
	require.Zero(t, g.Uploads())
}

// A hostile server says it holds shares that cannot be, and gives writers that
// nobody asked for.
func TestHostileAnswers(t *testing.T) {
	g := gridtest.New(t, 3)
	req := request(t, params3, randomBytes(1000, 14), 1<<20)
	s := g.Servers[1]
	s.Server.Storage = hostile{s.Server.Storage}
	r, err := newUploader(t, g).Upload(t.Context(), req)
	require.NoError(t, err)
	require.GreaterOrEqual(t, r.Happiness, 2)
	for n := range r.ShareMap() {
		require.True(t, n >= 0 && n < 3)
	}
	require.Zero(t, g.Uploads())
}

type hostile struct{ grid.StorageServer }

func (h hostile) AllocateBuckets(ctx context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets, _ []grid.ShareNum, size int64) (grid.Allocation, error) {
	a, err := h.StorageServer.AllocateBuckets(ctx, si, secrets, []grid.ShareNum{0, 1, 2, 100}, size)
	a.AlreadyHave = []grid.ShareNum{-1, 3, 1 << 30}
	return a, err
}

func TestErrorNamesManyFailures(t *testing.T) {
	e := &UnhappinessError{Reason: "reason"}
	for i := range 12 {
		e.Failures = append(e.Failures, Failure{ID: grid.ServerID(fmt.Sprintf("v0-server%02d", i)), Nickname: "nick", Op: "write", Err: errBroken})
	}
	require.ErrorContains(t, e, "server00 (nick): write: disk on fire; server01")
	require.ErrorContains(t, e, "; and 2 more)")
	require.True(t, slices.Contains(e.Unwrap(), errBroken))
}
