package chkencode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/ueb"
	"github.com/stretchr/testify/require"
)

// memorySink keeps a share in memory and checks how it is called.
type memorySink struct {
	mu      sync.Mutex
	data    []byte
	closed  bool
	aborted int
	misuse  string
	onWrite func(ctx context.Context, offset int64) error // may be nil
	onClose error
}

func (s *memorySink) Write(ctx context.Context, offset int64, data []byte) error {
	if s.onWrite != nil {
		if err := s.onWrite(ctx, offset); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case offset != int64(len(s.data)):
		s.misuse = fmt.Sprintf("write at %d, not %d", offset, len(s.data))
	case len(data) == 0:
		s.misuse = "empty write"
	case s.closed, s.aborted > 0:
		s.misuse = "write after the end"
	}
	s.data = append(s.data, data...)
	return nil
}

func (s *memorySink) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.aborted > 0 {
		s.misuse = "close after the end"
	}
	s.closed = s.onClose == nil
	return s.onClose
}

func (s *memorySink) Abort(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || ctx.Err() != nil {
		s.misuse = "abort after close, or with a context that is done"
	}
	s.aborted++
}

func memorySinks(n int) ([]*memorySink, map[grid.ShareNum]Sink) {
	var list []*memorySink
	sinks := make(map[grid.ShareNum]Sink)
	for i := range n {
		s := &memorySink{}
		list = append(list, s)
		sinks[grid.ShareNum(i)] = s
	}
	return list, sinks
}

func randomBytes(n int64) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func config(t testing.TB, size int64, k, n int, maxSegment int64) Config {
	segSize, err := erasure.SegmentSize(size, maxSegment, k)
	require.NoError(t, err)
	segs, err := erasure.NewSegments(size, k, segSize)
	require.NoError(t, err)
	return Config{Segments: segs, N: n}
}

// reference makes the shares in the plainest way: one thing after the other and
// all of it in memory.
func reference(t testing.TB, cfg Config, ciphertext []byte) (shares [][]byte, packed []byte) {
	segs := cfg.Segments
	code, err := erasure.New(segs.K, cfg.N)
	require.NoError(t, err)
	data, leaves := make([][]byte, cfg.N), make([][]byte, cfg.N)
	var segHashes []byte
	segHasher, whole := taggedhash.NewCiphertextSegmentHasher(), taggedhash.NewCiphertextHasher()
	for seg := range segs.NumSegments {
		piece := ciphertext[seg*segs.SegmentSize:][:segs.SizeOf(seg)]
		whole.Write(piece)
		h := segHasher.Of(piece)
		segHashes = append(segHashes, h[:]...)
		bs := segs.BlockSizeOf(seg)
		padded := append(bytes.Clone(piece), make([]byte, bs*int64(segs.K)-int64(len(piece)))...)
		blocks := make([][]byte, cfg.N)
		for i := range blocks {
			if i < segs.K {
				blocks[i] = padded[int64(i)*bs:][:bs]
			} else {
				blocks[i] = make([]byte, bs)
			}
		}
		require.NoError(t, code.Encode(blocks))
		for i, b := range blocks {
			h := taggedhash.BlockHash(b)
			leaves[i] = append(leaves[i], h[:]...)
			data[i] = append(data[i], b...)
		}
	}
	var roots []byte
	trees := make([]*hashtree.Tree, cfg.N)
	for i := range trees {
		trees[i], err = hashtree.Build(leaves[i])
		require.NoError(t, err)
		root := trees[i].Root()
		roots = append(roots, root[:]...)
	}
	shareTree, err := hashtree.Build(roots)
	require.NoError(t, err)
	crypttext, err := hashtree.Build(segHashes)
	require.NoError(t, err)
	packed = ueb.New(segs, cfg.N, ueb.Hashes{
		Ciphertext: whole.Sum(), CiphertextRoot: crypttext.Root(), ShareRoot: shareTree.Root(),
	}).Append(nil)
	layout, err := sharelayout.New(segs, cfg.N, len(packed))
	if cfg.Version != 0 {
		layout, err = sharelayout.NewVersion(cfg.Version, segs, cfg.N, len(packed))
	}
	require.NoError(t, err)
	for i := range cfg.N {
		share := sharelayout.AppendHeader(nil, layout.Header)
		share = append(share, data[i]...)
		share = append(share, make([]byte, layout.TreeSize)...)
		share = crypttext.AppendNodes(share)
		share = trees[i].AppendNodes(share)
		var chain []sharelayout.ShareHash
		for _, node := range sharelayout.ChainNodes(cfg.N, i) {
			chain = append(chain, sharelayout.ShareHash{Node: node, Hash: shareTree.Node(node)})
		}
		share = sharelayout.AppendShareHashes(share, chain)
		shares = append(shares, layout.AppendUEB(share, packed))
	}
	return shares, packed
}

func TestEncode(t *testing.T) {
	for _, tc := range []struct {
		name       string
		size       int64
		k, n       int
		maxSegment int64
		version    uint32
	}{
		{"one byte", 1, 1, 1, 1024, 0},
		{"one byte, 3-of-10", 1, 3, 10, 1024, 0},
		{"one segment", 1000, 3, 10, 1024, 0},
		{"exact segments", 4 * 1026, 3, 10, 1026, 0},
		{"short tail", 10001, 3, 10, 1026, 0},
		{"version 2", 10001, 3, 10, 1026, 2},
		{"replication", 10001, 1, 3, 1000, 0},
		{"only primary shares", 10001, 4, 4, 1000, 0},
		{"256 of 256", 5000, 256, 256, 1024, 0},
		{"2 of 256", 5000, 2, 256, 1024, 0},
		{"blocks larger than a gathered write", 3*gatherSize*3 + 5, 3, 5, 3 * gatherSize, 0},
		{"blocks around a gathered write", 4*gatherSize - 3, 1, 2, gatherSize - 1, 0},
		{"65,537 segments of one byte", 65537, 1, 3, 1, 0},
		{"65,537 segments of two bytes", 2*65537 - 1, 2, 2, 1, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := config(t, tc.size, tc.k, tc.n, tc.maxSegment)
			cfg.Version = tc.version
			ciphertext := randomBytes(tc.size)
			want, packed := reference(t, cfg, ciphertext)
			numWorkers := []int{1, 2, 4}
			if cfg.Segments.NumSegments > 1000 {
				numWorkers = []int{3} // once is long enough
			}
			for _, workers := range numWorkers {
				cfg.Workers = workers
				e, err := New(cfg)
				require.NoError(t, err)
				require.EqualValues(t, len(want[0]), e.AllocatedSize())
				list, sinks := memorySinks(tc.n)
				result, err := e.Encode(t.Context(), bytes.NewReader(ciphertext), sinks)
				require.NoError(t, err)
				require.Equal(t, packed, result.UEB)
				require.Equal(t, taggedhash.UEBHash(packed), result.UEBHash)
				require.Len(t, result.Placed, tc.n)
				for i, s := range list {
					require.Empty(t, s.misuse)
					require.True(t, s.closed)
					require.True(t, bytes.Equal(want[i], s.data), "share %d, %d workers", i, workers)
				}
				none, err := e.Encode(t.Context(), bytes.NewReader(ciphertext), nil)
				require.NoError(t, err)
				require.Equal(t, packed, none.UEB)
				require.Empty(t, none.Placed)
			}
		})
	}
}

func TestSomeSinks(t *testing.T) {
	cfg := config(t, 5000, 3, 10, 300)
	ciphertext := randomBytes(5000)
	want, _ := reference(t, cfg, ciphertext)
	e, err := New(cfg)
	require.NoError(t, err)
	list, sinks := memorySinks(10)
	for _, num := range []grid.ShareNum{0, 3, 4, 9} {
		delete(sinks, num)
	}
	// A reader that gives a byte at a time is as good as any.
	result, err := e.Encode(t.Context(), iotest.OneByteReader(bytes.NewReader(ciphertext)), sinks)
	require.NoError(t, err)
	require.Equal(t, []grid.ShareNum{1, 2, 5, 6, 7, 8}, result.Placed)
	for _, num := range result.Placed {
		require.Equal(t, want[num], list[num].data)
	}
}

func TestReadsNoMoreThanSize(t *testing.T) {
	cfg := config(t, 1000, 3, 5, 300)
	e, err := New(cfg)
	require.NoError(t, err)
	r := bytes.NewReader(randomBytes(1005))
	_, err = e.Encode(t.Context(), r, nil)
	require.NoError(t, err)
	require.Equal(t, 5, r.Len())
}

func TestSourceFails(t *testing.T) {
	cfg := config(t, 10000, 3, 5, 300)
	e, err := New(cfg)
	require.NoError(t, err)
	for _, n := range []int64{0, 1, 299, 300, 9999} {
		list, sinks := memorySinks(5)
		_, err = e.Encode(t.Context(), bytes.NewReader(randomBytes(n)), sinks)
		var short *ShortError
		require.ErrorAs(t, err, &short)
		require.Equal(t, ShortError{Size: 10000, Got: n}, *short)
		requireAborted(t, list)
	}
	list, sinks := memorySinks(5)
	broken := errors.New("broken disk")
	_, err = e.Encode(t.Context(), io.MultiReader(bytes.NewReader(randomBytes(5000)), iotest.ErrReader(broken)), sinks)
	require.ErrorIs(t, err, broken)
	requireAborted(t, list)
}

func requireAborted(t testing.TB, list []*memorySink) {
	for i, s := range list {
		require.Empty(t, s.misuse, "share %d", i)
		require.False(t, s.closed, "share %d", i)
		require.Equal(t, 1, s.aborted, "share %d", i)
	}
}

func TestSinkFails(t *testing.T) {
	cfg := config(t, 100000, 3, 5, 300)
	ciphertext := randomBytes(100000)
	want, _ := reference(t, cfg, ciphertext)
	full := errors.New("disk full")
	failAt := func(limit int64) func(context.Context, int64) error {
		return func(_ context.Context, offset int64) error {
			if offset >= limit {
				return full
			}
			return nil
		}
	}
	t.Run("without Lost it ends", func(t *testing.T) {
		e, err := New(cfg)
		require.NoError(t, err)
		list, sinks := memorySinks(5)
		list[2].onWrite = failAt(1)
		_, err = e.Encode(t.Context(), bytes.NewReader(ciphertext), sinks)
		require.ErrorIs(t, err, full)
		var se *SinkError
		require.ErrorAs(t, err, &se)
		require.Equal(t, grid.ShareNum(2), se.ShareNum)
		require.Equal(t, "write", se.Op)
		requireAborted(t, list)
	})
	t.Run("Lost goes on", func(t *testing.T) {
		cfg := cfg
		var lost []grid.ShareNum
		cfg.Lost = func(err *SinkError) error { lost = append(lost, err.ShareNum); return nil }
		e, err := New(cfg)
		require.NoError(t, err)
		list, sinks := memorySinks(5)
		list[2].onWrite = failAt(0)
		list[4].onClose = full
		result, err := e.Encode(t.Context(), bytes.NewReader(ciphertext), sinks)
		require.NoError(t, err)
		require.Equal(t, []grid.ShareNum{0, 1, 3}, result.Placed)
		require.Equal(t, []grid.ShareNum{2, 4}, lost)
		requireAborted(t, []*memorySink{list[2], list[4]})
		require.Equal(t, want[3], list[3].data)
	})
	t.Run("Lost gives up", func(t *testing.T) {
		cfg := cfg
		unhappy := errors.New("unhappy")
		cfg.Lost = func(err *SinkError) error { return fmt.Errorf("%w: %w", unhappy, err) }
		e, err := New(cfg)
		require.NoError(t, err)
		list, sinks := memorySinks(5)
		list[0].onWrite = failAt(1)
		_, err = e.Encode(t.Context(), bytes.NewReader(ciphertext), sinks)
		require.ErrorIs(t, err, unhappy)
		require.ErrorIs(t, err, full)
		requireAborted(t, list)
	})
	t.Run("all lost", func(t *testing.T) {
		cfg := cfg
		cfg.Lost = func(*SinkError) error { return nil }
		e, err := New(cfg)
		require.NoError(t, err)
		list, sinks := memorySinks(5)
		for _, s := range list {
			s.onWrite = failAt(1)
		}
		_, err = e.Encode(t.Context(), bytes.NewReader(ciphertext), sinks)
		require.ErrorIs(t, err, ErrNoSinks)
		requireAborted(t, list)
	})
	t.Run("close fails", func(t *testing.T) {
		e, err := New(cfg)
		require.NoError(t, err)
		list, sinks := memorySinks(1)
		list[0].onClose = full
		_, err = e.Encode(t.Context(), bytes.NewReader(ciphertext), sinks)
		var se *SinkError
		require.ErrorAs(t, err, &se)
		require.Equal(t, "close", se.Op)
		requireAborted(t, list)
	})
}

// TestCancel runs in a bubble: that it ends shows that no goroutine is left.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t, 1<<20, 3, 5, 3000)
		e, err := New(cfg)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errors.New("took an hour"))
		defer cancel()
		list, sinks := memorySinks(5)
		list[1].onWrite = func(ctx context.Context, _ int64) error {
			<-ctx.Done() // a server that does not answer
			return ctx.Err()
		}
		_, err = e.Encode(ctx, bytes.NewReader(randomBytes(1<<20)), sinks)
		require.EqualError(t, err, "took an hour")
		requireAborted(t, list)
	})
}

// TestSlowSink: one slow sink holds the others back by a few segments only, and
// nothing is lost.
func TestSlowSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		size := int64(3 * gatherSize * 20)
		cfg := config(t, size, 3, 5, 3*gatherSize)
		cfg.Workers = 2
		e, err := New(cfg)
		require.NoError(t, err)
		list, sinks := memorySinks(5)
		list[1].onWrite = func(_ context.Context, offset int64) error {
			time.Sleep(time.Minute) // of the bubble's clock
			synctest.Wait()
			list[0].mu.Lock()
			ahead := int64(len(list[0].data)) - offset
			list[0].mu.Unlock()
			require.LessOrEqual(t, ahead, (int64(e.buffers)+1)*gatherSize+1<<16)
			return nil
		}
		_, err = e.Encode(t.Context(), bytes.NewReader(randomBytes(size)), sinks)
		require.NoError(t, err)
		require.Equal(t, len(list[0].data), len(list[1].data))
	})
}

// TestOffsetsBeyond4GiB drives one writer past 2^32 without the cost of hashing.
func TestOffsetsBeyond4GiB(t *testing.T) {
	cfg := config(t, 5<<30, 1, 1, 1<<20)
	e, err := New(cfg)
	require.NoError(t, err)
	require.EqualValues(t, sharelayout.V2, e.layout.Version)
	require.Greater(t, e.AllocatedSize(), int64(5<<30))
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	last := &offsetSink{}
	r := newRun(ctx, cancel, e, bytes.NewReader(nil), map[grid.ShareNum]Sink{0: last})
	w := r.writers[0]
	w.write(make([]byte, sharelayout.HeaderSizeV2))
	block := make([]byte, 1<<20)
	for range 5 << 10 {
		w.write(block)
	}
	w.writeZeros(e.layout.TreeSize)
	w.flush()
	require.Equal(t, e.layout.CiphertextHashTreeOffset, last.end)
}

type offsetSink struct{ end int64 }

func (s *offsetSink) Write(_ context.Context, offset int64, data []byte) error {
	if offset != s.end {
		return fmt.Errorf("write at %d, not %d", offset, s.end)
	}
	s.end += int64(len(data))
	return nil
}
func (s *offsetSink) Close(context.Context) error { return nil }
func (s *offsetSink) Abort(context.Context)       {}

func TestConfigRefused(t *testing.T) {
	good := config(t, 1000, 3, 10, 300)
	change := func(f func(*Config)) Config {
		cfg := good
		f(&cfg)
		return cfg
	}
	var (
		params *erasure.ParamsError
		layout *sharelayout.Error
		vers   *sharelayout.VersionError
		leaves *hashtree.LeafCountError
		conf   *ConfigError
	)
	for _, tc := range []struct {
		name string
		cfg  Config
		as   any
	}{
		{"zero", Config{}, &params},
		{"empty file", change(func(c *Config) { c.Segments.Size = 0 }), &params},
		{"n below k", change(func(c *Config) { c.N = 2 }), &params},
		{"n above 256", change(func(c *Config) { c.N = 257 }), &params},
		{"segment size", change(func(c *Config) { c.Segments.SegmentSize = 301 }), &params},
		{"version 3", change(func(c *Config) { c.Version = 3 }), &vers},
		{"too large for version 1", change(func(c *Config) { c.Version, c.Segments.Size, c.Segments.SegmentSize = 1, 1<<40, 3<<20 }), &layout},
		{"too many segments", change(func(c *Config) { c.Segments.Size = 1 << 40 }), &leaves},
		{"too many hashes", change(func(c *Config) { c.Segments.Size, c.N = 1<<32, 256 }), &conf},
		{"segment too large", change(func(c *Config) { c.Segments.Size, c.Segments.SegmentSize = 1<<40, 300<<20 }), &conf},
		{"segment far too large", change(func(c *Config) { c.Segments.Size, c.Segments.SegmentSize = 1<<60, 3<<58 }), &conf},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := New(tc.cfg)
			require.ErrorAs(t, err, tc.as)
			require.NotEmpty(t, err.Error())
		})
	}
	e, err := New(good)
	require.NoError(t, err)
	for _, num := range []grid.ShareNum{-1, 10} {
		_, err = e.Encode(t.Context(), bytes.NewReader(nil), map[grid.ShareNum]Sink{num: &memorySink{}})
		require.ErrorAs(t, err, &conf)
	}
}

// TestMemory: the heap does not grow with the file, but for the hashes.
func TestMemory(t *testing.T) {
	peak := func(segments int64) int64 {
		cfg := config(t, segments<<18, 3, 10, 1<<18)
		cfg.Workers = 2
		e, err := New(cfg)
		require.NoError(t, err)
		var before, during runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r := &zeroReader{left: segments << 18, at: 1 << 18, f: func() {
			runtime.GC()
			runtime.ReadMemStats(&during)
		}}
		_, sinks := memorySinks(0)
		_, err = e.Encode(t.Context(), r, sinks)
		require.NoError(t, err)
		return int64(during.HeapAlloc) - int64(before.HeapAlloc)
	}
	peak(1) // what the erasure library makes once for all, 32 MiB on 386
	small, large := peak(8), peak(128)
	require.Less(t, small, int64(8<<20))
	require.Less(t, large-small, int64(120*11*32+1<<18))
}

// zeroReader gives zeros, and calls f when only at bytes are left.
type zeroReader struct {
	left, at int64
	f        func()
}

func (r *zeroReader) Read(p []byte) (int, error) {
	if r.left <= r.at && r.f != nil {
		r.f()
		r.f = nil
	}
	n := min(int64(len(p)), r.left)
	clear(p[:n])
	r.left -= n
	if n == 0 {
		return 0, io.EOF
	}
	return int(n), nil
}

// TestNoAllocationPerSegment compares encodings of 16 and of 1016 segments.
func TestNoAllocationPerSegment(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	allocs := func(segments int64) float64 {
		cfg := config(t, segments*3000, 3, 10, 3000)
		cfg.Workers = 1
		e, err := New(cfg)
		require.NoError(t, err)
		return testing.AllocsPerRun(5, func() {
			_, err := e.Encode(context.Background(), &zeroReader{left: segments * 3000}, nil)
			require.NoError(t, err)
		})
	}
	perSegment := (allocs(1016) - allocs(16)) / 1000
	// The erasure library's pool; see package erasure.
	require.LessOrEqual(t, perSegment, 1.1)
}
