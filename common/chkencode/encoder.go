package chkencode

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/ueb"
)

const (
	// maxWorkers bounds the segments in memory on machines with many cores. The
	// serial part of the work would not keep more of them busy.
	maxWorkers = 4
	// maxBufferMemory bounds the segments in memory where segments or n are
	// large. A single one is always allowed.
	maxBufferMemory = 64 << 20
	// maxSegmentMemory is the largest single segment with its shares: 256 MiB,
	// 1 MiB segments with 2-of-256 and more.
	maxSegmentMemory = 256 << 20
	// maxHashMemory bounds the hash trees: 512 MiB on 32-bit machines, 4 GiB on
	// others. At 3-of-10 and with segments of 1 MiB it is reached by files of
	// 512 GiB and 4 TiB.
	maxHashMemory = 512 << 20 << (3 * (^uint(0) >> 63))
)

// Config says what is to be encoded.
type Config struct {
	// Segments is how the ciphertext is cut, which includes its size and k.
	Segments erasure.Segments
	// N is the number of shares, k..256.
	N int
	// Version is the version of the share layout, [sharelayout.V1] or
	// [sharelayout.V2]. 0 means what 1.20 would choose for the size.
	Version uint32
	// Workers is how many segments are worked on at the same time, at most 4. 0
	// means as many as GOMAXPROCS says.
	Workers int
	// Lost, if not nil, is called when a sink has failed, from one goroutine at a
	// time. Returning nil goes on without that share, returning an error gives
	// up with that error. Without Lost every failure gives up. (encode.py,
	// _remove_shareholder, decides by the happiness of what is left.)
	Lost func(*SinkError) error
}

// Encoder encodes files with one [Config]. It is safe for concurrent use.
type Encoder struct {
	cfg     Config
	code    *erasure.Code
	layout  sharelayout.Layout
	buffers int // segments in memory
}

// Result is what an encoding ends with.
type Result struct {
	// UEB is the URI extension block, the same in all shares.
	UEB []byte
	// UEBHash is its hash, for the cap.
	UEBHash taggedhash.Hash
	// Placed are the shares that were closed without error, ascending.
	Placed []grid.ShareNum
}

// New checks the configuration and prepares the erasure code. The error is a
// [*ConfigError], [*erasure.ParamsError], [*sharelayout.Error] or
// [*hashtree.LeafCountError].
func New(cfg Config) (*Encoder, error) {
	segs, err := erasure.NewSegments(cfg.Segments.Size, cfg.Segments.K, cfg.Segments.SegmentSize)
	if err != nil {
		return nil, err
	}
	cfg.Segments = segs
	e := &Encoder{cfg: cfg}
	if e.code, err = erasure.New(segs.K, cfg.N); err != nil {
		return nil, err
	}
	if err := e.plan(); err != nil {
		return nil, err
	}
	if err := e.size(); err != nil {
		return nil, err
	}
	return e, nil
}

// plan makes the layout of the shares.
func (e *Encoder) plan() (err error) {
	segs, n := e.cfg.Segments, e.cfg.N
	if e.cfg.Version == 0 {
		e.layout, err = sharelayout.New(segs, n, ueb.Size(segs, n))
	} else {
		e.layout, err = sharelayout.NewVersion(e.cfg.Version, segs, n, ueb.Size(segs, n))
	}
	return err
}

// size checks what has to be kept in memory and sets the number of workers and
// buffers.
func (e *Encoder) size() error {
	segs := e.cfg.Segments
	if _, err := hashtree.CheckLeaves(segs.NumSegments); err != nil {
		return err
	}
	if need := e.layout.TreeSize * int64(e.slots()+1); need > maxHashMemory {
		return &ConfigError{"number of segments", fmt.Sprintf(
			"%d segments take %d bytes of hashes, more than %d; use larger segments", segs.NumSegments, need, int64(maxHashMemory))}
	}
	if segs.BlockSize > maxSegmentMemory || stride(segs.BlockSize)*int64(e.slots()) > maxSegmentMemory {
		return &ConfigError{"segment size", fmt.Sprintf(
			"a segment of %d bytes takes more than %d with its shares", segs.SegmentSize, maxSegmentMemory)}
	}
	e.cfg.Workers = e.workers()
	e.buffers = e.cfg.Workers + 1
	if fit := maxBufferMemory / (stride(segs.BlockSize) * int64(e.slots())); fit < int64(e.buffers) {
		e.buffers = max(1, int(fit))
	}
	return nil
}

func (e *Encoder) workers() int {
	w := e.cfg.Workers
	if w <= 0 {
		w = runtime.GOMAXPROCS(0)
	}
	return int(min(int64(w), maxWorkers, e.cfg.Segments.NumSegments))
}

// slots returns how many different blocks a segment has: all shares are the same
// for k = 1.
func (e *Encoder) slots() int {
	if e.code.Replicates() {
		return 1
	}
	return e.cfg.N
}

// slot returns the index of the different block that share shnum has.
func (e *Encoder) slot(shnum int) int {
	if e.code.Replicates() {
		return 0
	}
	return shnum
}

// AllocatedSize returns the size in bytes of each share, which is what a server
// is asked to allocate.
func (e *Encoder) AllocatedSize() int64 { return e.layout.AllocatedSize() }

// Encode reads the ciphertext, exactly as many bytes as announced, and writes the
// shares into sinks. Shares without a sink are made (their hashes are in the UEB)
// and dropped; with no sink at all this computes the UEB.
//
// No sink is closed before all of them have been written completely. On any
// error all sinks that were not closed are aborted, with a context that is not
// cancelled. When Encode returns none of its goroutines is left.
//
// ctx ends the work; it does not interrupt a Read of ciphertext. The error is
// that of ctx, of ciphertext, of Config.Lost, a [*SinkError], a [*ShortError], a
// [*ConfigError] for a sink whose share number is not below N, or [ErrNoSinks].
func (e *Encoder) Encode(ctx context.Context, ciphertext io.Reader, sinks map[grid.ShareNum]Sink) (*Result, error) {
	for num := range sinks {
		if num < 0 || int(num) >= e.cfg.N {
			return nil, &ConfigError{"sinks", fmt.Sprintf("there is no share %d of %d", num, e.cfg.N)}
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := newRun(ctx, cancel, e, ciphertext, sinks)
	return r.encode()
}
