package download

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/gridtest"
	"github.com/besn0847/arm-tahoe/common/immutable"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/common/uri"
)

func randomBytes(n int, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), seed))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// put stores data and returns its cap.
func put(t testing.TB, g *gridtest.Grid, k, n int, maxSegment int64, data []byte) uri.CHK {
	t.Helper()
	pusher := upload.New(g, secret.NewLeaseSecret([32]byte{1}), nil)
	u, err := immutable.NewUploader(immutable.UploaderConfig{
		Pusher: pusher, Params: grid.Params{K: k, Happy: 1, N: n}, MaxSegmentSize: maxSegment,
		Convergence: secret.NewConvergenceSecret([]byte("test")),
	})
	require.NoError(t, err)
	c, _, err := u.Upload(t.Context(), immutable.Upload{Plaintext: bytes.NewReader(data), Size: immutable.UnknownSize})
	require.NoError(t, err)
	pusher.Close()
	return c.(uri.CHK)
}

func newDownloader(t testing.TB, servers broker.Servers) *Downloader {
	d := New(servers, nil)
	t.Cleanup(d.Close)
	return d
}

func open(t testing.TB, g *gridtest.Grid, c uri.CHK) *File {
	t.Helper()
	f, err := newDownloader(t, g).Open(c)
	require.NoError(t, err)
	t.Cleanup(f.Close)
	return f
}

// get reads the whole file.
func get(t testing.TB, f *File) ([]byte, error) {
	t.Helper()
	var b bytes.Buffer
	n, err := f.WriteRange(t.Context(), &b, 0, -1)
	require.EqualValues(t, b.Len(), n)
	return b.Bytes(), err
}

func requireGet(t testing.TB, f *File, want []byte) {
	t.Helper()
	got, err := get(t, f)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
}

func si(c uri.CHK) grid.StorageIndex { return c.Verify().SI }

func TestRead(t *testing.T) {
	for _, row := range []struct {
		k, n, servers, size int
		maxSegment          int64
	}{
		{1, 3, 3, 56, 1 << 20},
		{1, 3, 3, 3<<20 + 5, 1 << 20},
		{3, 10, 10, 5<<20 + 1, 1 << 20},
		{3, 10, 4, 100_000, 1 << 20},
		{3, 10, 10, 700_000, 128 << 10}, // not the usual segment size
		{2, 3, 3, 4 << 20, 3 << 20},     // fewer segments than expected
		{2, 4, 4, 100_000, 64},          // hash trees that are read in parts
		{1, 1, 1, 1 << 20, 1 << 20},
		{5, 5, 5, 300_001, 10_000},
	} {
		t.Run(fmt.Sprintf("%d of %d, %d bytes in %d", row.k, row.n, row.size, row.maxSegment), func(t *testing.T) {
			t.Parallel()
			g := gridtest.New(t, row.servers)
			data := randomBytes(row.size, 1)
			c := put(t, g, row.k, row.n, row.maxSegment, data)
			requireGet(t, open(t, g, c), data)
			f := open(t, g, c)
			require.EqualValues(t, row.size, f.Size())
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range 30 {
				offset, length := rng.IntN(row.size+1), rng.IntN(2*row.size/3+1)
				if i == 0 {
					offset = row.size - 1
				}
				end := min(row.size, offset+length)
				p := make([]byte, length)
				n, err := f.ReadAt(t.Context(), p, int64(offset))
				if offset+length > row.size {
					require.Equal(t, io.EOF, err)
				} else {
					require.NoError(t, err)
				}
				require.True(t, bytes.Equal(data[offset:end], p[:n]))
				var b bytes.Buffer
				_, err = f.WriteRange(t.Context(), &b, int64(offset), int64(length))
				require.NoError(t, err)
				require.True(t, bytes.Equal(data[offset:end], b.Bytes()))
			}
		})
	}
}

func TestReadInOrder(t *testing.T) {
	g := gridtest.New(t, 3)
	data := randomBytes(1_000_003, 2)
	f := open(t, g, put(t, g, 2, 3, 50_000, data))
	var got []byte
	p := make([]byte, 32<<10)
	for {
		n, err := f.ReadAt(t.Context(), p, int64(len(got)))
		got = append(got, p[:n]...)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
	require.True(t, bytes.Equal(data, got))
	f.Rest()
	require.Zero(t, f.d.ahead.Load())
	requireGet(t, f, data)
}

func TestCiphertext(t *testing.T) {
	g := gridtest.New(t, 3)
	data := randomBytes(100_000, 3)
	c := put(t, g, 2, 3, 30_000, data)
	f, err := newDownloader(t, g).OpenCiphertext(c.Verify())
	require.NoError(t, err)
	defer f.Close()
	got, err := get(t, f)
	require.NoError(t, err)
	require.False(t, bytes.Equal(data, got))
	decrypt, err := immutable.Decrypter(c.Key)
	require.NoError(t, err)
	decrypt(got, 0)
	require.True(t, bytes.Equal(data, got))
}

func TestBadArguments(t *testing.T) {
	g := gridtest.New(t, 3)
	f := open(t, g, put(t, g, 2, 3, 30_000, randomBytes(1000, 4)))
	for _, offset := range []int64{-1, 1001} {
		var outside *immutable.RangeError
		_, err := f.ReadAt(t.Context(), make([]byte, 1), offset)
		require.ErrorAs(t, err, &outside)
		_, err = f.WriteRange(t.Context(), io.Discard, offset, 1)
		require.ErrorAs(t, err, &outside)
	}
	_, err := newDownloader(t, g).Open(uri.CHK{Key: secret.NewImmutableKey([16]byte{}), K: 3, N: 2, Size: 100})
	require.Error(t, err)
	f.Close()
	_, err = f.ReadAt(t.Context(), make([]byte, 1), 0)
	require.ErrorIs(t, err, ErrClosed)
	_, err = f.WriteRange(t.Context(), io.Discard, 0, 1)
	require.ErrorIs(t, err, ErrClosed)
	f.Close()
}

// A small file with k = 1 takes one round trip to find and one to read, also with
// a local server; nothing is asked twice.
func TestFewCalls(t *testing.T) { synctest.Test(t, checkFewCalls) }

func checkFewCalls(t *testing.T) {
	g := gridtest.New(t, 5)
	data := randomBytes(10_000, 5)
	c := put(t, g, 1, 3, 1<<20, data)
	count := func(ops ...gridtest.Op) (n int) {
		for _, s := range g.Servers {
			n += s.Calls(ops...)
		}
		return n
	}
	gets, reads := count(gridtest.Get), count(gridtest.Read)
	f := open(t, g, c)
	requireGet(t, f, data)
	require.Equal(t, reads+1, count(gridtest.Read))
	require.LessOrEqual(t, count(gridtest.Get), gets+1+spareAnswers)
	synctest.Wait() // for servers that were asked and not waited for
	gets = count(gridtest.Get)
	requireGet(t, f, data)
	require.Equal(t, gets, count(gridtest.Get))

	local := g.Shares(si(c))[2][0]
	local.Local()
	all, own := count(), local.Calls()
	requireGet(t, open(t, g, c), data)
	synctest.Wait()
	require.Equal(t, own+2, local.Calls())
	require.Equal(t, all+2, count(), "only the local server is asked")
}

// A large file is opened with three reads of each share.
func TestFewReadsToOpen(t *testing.T) { synctest.Test(t, checkFewReadsToOpen) }

func checkFewReadsToOpen(t *testing.T) {
	g := gridtest.New(t, 3)
	data := randomBytes(8<<20, 6)
	c := put(t, g, 3, 3, 1<<20, data)
	f := open(t, g, c)
	p := make([]byte, 1000)
	_, err := f.ReadAt(t.Context(), p, 5<<20+1000)
	require.NoError(t, err)
	require.Equal(t, data[5<<20+1000:][:1000], p)
	for _, s := range g.Servers {
		require.Equal(t, 3, s.Calls(gridtest.Read))
	}
}

// faultsOf are what happens to servers while they are read from.
var errBroken = errors.New("disk on fire")

func flip(_ grid.ShareNum, _ int64, p []byte) {
	if len(p) > 0 {
		p[len(p)/2] ^= 4
	}
}

func TestFaults(t *testing.T) {
	afterReads := func(n int, s *gridtest.Server, then func()) {
		s.OnCall(func(_ context.Context, call gridtest.Call) error {
			if call.Op == gridtest.Read && s.Calls(gridtest.Read) == n {
				then()
			}
			return nil
		})
	}
	rows := []struct {
		name    string
		fault   func(s *gridtest.Server)
		advised bool
	}{
		{"refuses", func(s *gridtest.Server) { s.OnCall(gridtest.Refuse(errBroken)) }, false},
		{"does not say what it holds", func(s *gridtest.Server) { s.OnCall(gridtest.Hang(gridtest.Get)) }, false},
		{"hangs", func(s *gridtest.Server) { s.OnCall(gridtest.Hang(gridtest.Read)) }, false},
		{"cannot read", func(s *gridtest.Server) { s.OnCall(gridtest.Refuse(errBroken, gridtest.Read)) }, false},
		{"is slow", func(s *gridtest.Server) { s.OnCall(gridtest.Slow(20*time.Second, gridtest.Read)) }, false},
		{"lies", func(s *gridtest.Server) { s.Lie(flip) }, true},
		{"lies and does not want to hear it", func(s *gridtest.Server) {
			s.Lie(flip)
			s.OnCall(gridtest.Hang(gridtest.Advise))
		}, true},
		{"dies in the middle", func(s *gridtest.Server) { afterReads(5, s, s.Disconnect) }, false},
		{"hangs in the middle", func(s *gridtest.Server) {
			afterReads(5, s, func() { s.OnCall(gridtest.Hang()) })
		}, false},
		{"begins to lie in the middle", func(s *gridtest.Server) { afterReads(5, s, func() { s.Lie(flip) }) }, true},
		{"loses its shares in the middle", func(s *gridtest.Server) {
			afterReads(5, s, func() { s.OnCall(gridtest.Refuse(grid.ErrNoShare, gridtest.Read)) })
		}, false},
	}
	for _, row := range rows {
		for _, c := range []struct{ k, n, servers, broken int }{{1, 3, 3, 2}, {3, 10, 10, 7}, {2, 4, 4, 2}} {
			t.Run(fmt.Sprintf("%d of %d/%s", c.k, c.n, row.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := gridtest.New(t, c.servers)
					data := randomBytes(2_000_000, 7)
					chk := put(t, g, c.k, c.n, 100_000, data)
					for _, s := range g.In(si(chk))[:c.broken] {
						row.fault(s)
					}
					f, err := newDownloader(t, g).Open(chk)
					require.NoError(t, err)
					start := time.Now()
					requireGet(t, f, data)
					require.Less(t, time.Since(start), time.Minute)
					f.Close()
					if row.advised && row.name == "lies" {
						told := 0
						for _, s := range g.In(si(chk))[:c.broken] {
							told += len(s.Advice())
							require.LessOrEqual(t, len(s.Advice()), 1)
						}
						require.Positive(t, told)
					}
				})
			})
		}
	}
}

func TestNotEnoughShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gridtest.New(t, 4)
		data := randomBytes(1_000_000, 8)
		c := put(t, g, 3, 4, 10_000, data)
		f, err := newDownloader(t, g).Open(c)
		require.NoError(t, err)
		defer f.Close()
		requireGet(t, f, data)

		g.Servers[0].Disconnect()
		g.Servers[1].OnCall(gridtest.Refuse(errBroken))
		_, err = get(t, f)
		var few *NotEnoughSharesError
		require.ErrorAs(t, err, &few)
		require.ErrorIs(t, err, errBroken)
		require.False(t, few.NoShares())
		require.Len(t, few.Found, 2)
		// Whether a share was complete before the rest failed is a matter of order.
		require.ErrorContains(t, err, "ran out of shares: complete=")
		require.ErrorContains(t, err, "need 3. Last failure: ")

		// They come back, and the same file reads.
		g.Servers[0].Connect()
		requireGet(t, f, data)

		for _, s := range g.Servers {
			for n := range grid.ShareNum(4) {
				s.Remove(t, si(c), n)
			}
			s.OnCall(nil)
		}
		_, err = get(t, open(t, g, c))
		require.ErrorAs(t, err, &few)
		require.True(t, few.NoShares())
		require.EqualError(t, err, "no shares (need 3). Last failure: None (asked 4 servers, 0 gave no answer)")
	})
}

func TestCancelAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gridtest.New(t, 3)
		data := randomBytes(1_000_000, 9)
		c := put(t, g, 2, 3, 100_000, data)
		enough := errors.New("enough")
		for _, op := range []gridtest.Op{gridtest.Get, gridtest.Read} {
			for _, s := range g.Servers {
				s.OnCall(gridtest.Hang(op))
			}
			f, err := newDownloader(t, g).Open(c)
			require.NoError(t, err)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(enough) })
			_, err = f.WriteRange(ctx, io.Discard, 0, -1)
			require.ErrorIs(t, err, enough)

			time.AfterFunc(time.Second, f.Close)
			_, err = f.ReadAt(t.Context(), make([]byte, 10), 500_000)
			require.ErrorIs(t, err, ErrClosed)

			for _, s := range g.Servers {
				s.OnCall(nil)
			}
			f, err = newDownloader(t, g).Open(c)
			require.NoError(t, err)
			requireGet(t, f, data)
			f.Close()
			require.Zero(t, f.d.ahead.Load())
		}
	})
}

type brokenWriter struct{ left int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func TestWriterFails(t *testing.T) {
	g := gridtest.New(t, 3)
	f := open(t, g, put(t, g, 2, 3, 10_000, randomBytes(100_000, 10)))
	n, err := f.WriteRange(t.Context(), &brokenWriter{25_000}, 0, -1)
	require.ErrorIs(t, err, errBroken)
	require.EqualValues(t, 20_000, n)
}

// TestConcurrent is for the race detector: many readers of one file and of others,
// while servers fail.
func TestConcurrent(t *testing.T) {
	g := gridtest.New(t, 5)
	data := randomBytes(1_000_000, 11)
	c := put(t, g, 2, 5, 50_000, data)
	broken := g.In(si(c))[0]
	var calls atomic.Int64
	broken.OnCall(func(_ context.Context, call gridtest.Call) error {
		if call.Op == gridtest.Read && calls.Add(1)%3 == 0 {
			return errBroken
		}
		return nil
	})
	g.In(si(c))[1].Lie(flip)
	f := open(t, g, c)
	var wg sync.WaitGroup
	for i := range uint64(12) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(i, 1))
			for range 20 {
				offset := rng.IntN(len(data))
				length := rng.IntN(min(200_000, len(data)-offset) + 1)
				var b bytes.Buffer
				if i%2 == 0 {
					p := make([]byte, length)
					if _, err := f.ReadAt(t.Context(), p, int64(offset)); err != nil {
						t.Error(err)
					}
					b.Write(p)
				} else if _, err := f.WriteRange(t.Context(), &b, int64(offset), int64(length)); err != nil {
					t.Error(err)
				}
				if !bytes.Equal(data[offset:offset+length], b.Bytes()) {
					t.Error("wrong bytes")
				}
			}
		})
	}
	wg.Wait()
}

// TestMemoryBound: however many read, no more than AheadMemory is fetched ahead,
// and nothing is kept afterwards.
func TestMemoryBound(t *testing.T) { synctest.Test(t, checkMemoryBound) }

func checkMemoryBound(t *testing.T) {
	g := gridtest.New(t, 3)
	data := randomBytes(12<<20, 12)
	c := put(t, g, 1, 3, 2<<20, data)
	d := newDownloader(t, g)
	var reading, most, mostAhead atomic.Int64
	for _, s := range g.Servers {
		s.OnCall(func(_ context.Context, call gridtest.Call) error {
			if call.Op == gridtest.Read {
				now := reading.Add(int64(call.Length))
				defer reading.Add(-int64(call.Length))
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				time.Sleep(time.Millisecond) // so that reads overlap
				for old, now := mostAhead.Load(), d.ahead.Load(); now > old && !mostAhead.CompareAndSwap(old, now); old = mostAhead.Load() {
				}
			}
			return nil
		})
	}
	const readers = 10
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			f, err := d.Open(c)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			if _, err := f.WriteRange(t.Context(), slowWriter{}, 0, -1); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Positive(t, mostAhead.Load())
	require.LessOrEqual(t, mostAhead.Load(), int64(AheadMemory))
	require.LessOrEqual(t, most.Load(), int64(AheadMemory+readers*2*(2<<20)))
	require.Zero(t, d.ahead.Load())
}

// slowWriter lets others read ahead.
type slowWriter struct{}

func (slowWriter) Write(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return len(p), nil
}

// TestKept: what was found out about a file serves the next who opens it, for a
// while and for so many files.
func TestKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gridtest.New(t, 3)
		d := newDownloader(t, g)
		gets := func() (n int) {
			for _, s := range g.Servers {
				n += s.Calls(gridtest.Get)
			}
			return n
		}
		read := func(c uri.CHK, data []byte) {
			t.Helper()
			f, err := d.Open(c)
			require.NoError(t, err)
			requireGet(t, f, data)
			f.Close()
			f.Close()
			_, err = f.ReadAt(t.Context(), make([]byte, 1), 0)
			require.ErrorIs(t, err, ErrClosed)
		}
		data := randomBytes(500_000, 1)
		c := put(t, g, 1, 3, 100_000, data)
		read(c, data)
		synctest.Wait() // for servers that were asked and not waited for
		first := gets()
		read(c, data)
		require.Equal(t, first, gets())
		require.Zero(t, d.ahead.Load())

		// The ciphertext is another file.
		f, err := d.OpenCiphertext(c.Verify())
		require.NoError(t, err)
		got, err := get(t, f)
		require.NoError(t, err)
		require.False(t, bytes.Equal(data, got))
		f.Close()

		// Two have it open, one closes it.
		one, err := d.Open(c)
		require.NoError(t, err)
		two, err := d.Open(c)
		require.NoError(t, err)
		one.Close()
		requireGet(t, two, data)
		two.Close()

		for i := range uint64(MaxKept + 3) {
			other := randomBytes(100, i)
			read(put(t, g, 1, 3, 100_000, other), other)
		}
		require.Len(t, d.kept, MaxKept)
		require.Len(t, d.open, MaxKept)
		before := gets()
		read(c, data)
		require.Greater(t, gets(), before)

		time.Sleep(keepTime + time.Second)
		before = gets()
		read(c, data)
		require.Greater(t, gets(), before)
		require.Len(t, d.kept, 1)

		// What could not be found is not remembered.
		missing := c
		missing.UEBHash[0] ^= 1
		f, err = d.Open(missing)
		require.NoError(t, err)
		_, err = get(t, f)
		require.Error(t, err)
		f.Close()
		require.Len(t, d.open, 1)
	})
}
