package helperserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/helperrpc"
	"github.com/besn0847/arm-tahoe/common/upload"
)

// maxReaders is how many clients one upload can fetch from. Others only wait for
// its end.
const maxReaders = 64

// maxSegmentMemory bounds a segment with its shares, in bytes; there are some in
// memory for each encoding. Segments of 1 MiB take 3.3 MiB at 3-of-10.
const maxSegmentMemory = 64 << 20

// closeTime is how long it may take to tell a client that it is not needed any
// more.
const closeTime = 10 * time.Second

// Phases of an upload.
const (
	Fetching = "fetching ciphertext"
	Waiting  = "waiting for other uploads"
	Pushing  = "pushing"
)

// intake is one upload: ciphertext is fetched from clients, then its shares are
// stored.
type intake struct {
	h       *Helper
	si      grid.StorageIndex
	started time.Time

	missing atomic.Int64 // bytes of ciphertext that are still to be fetched
	here    atomic.Int64 // bytes of ciphertext that are on the disk
	size    atomic.Int64 // of the file; 0 while unknown
	fetched atomic.Int64 // bytes, in this upload
	pushed  atomic.Int64 // bytes of ciphertext that went into shares
	phase   atomic.Value // one of the phases

	// Used by run only.
	wanted     *wanted       // nil until a client said so
	fetchTime  time.Duration // spent waiting for ciphertext
	totalFetch time.Duration

	mu      sync.Mutex // guards all below
	readers []helperrpc.Reader
	all     []helperrpc.Reader // those that are to be closed and released
	ended   bool               // no reader is taken any more

	// Written before done is closed.
	done    chan struct{}
	results *helperrpc.Results
	err     error
}

// wanted is what a client wants stored.
type wanted struct {
	segments erasure.Segments
	params   grid.Params
}

func newIntake(h *Helper, si grid.StorageIndex) *intake {
	in := &intake{h: h, si: si, started: time.Now(), done: make(chan struct{})}
	in.phase.Store(Fetching)
	return in
}

// add adds a client to fetch from.
func (in *intake) add(r helperrpc.Reader) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ended || len(in.all) >= maxReaders {
		return
	}
	r = helperrpc.Reader{Reference: r.Reference.Retain()}
	in.readers, in.all = append(in.readers, r), append(in.all, r)
}

// reader returns the client to fetch from.
func (in *intake) reader() (helperrpc.Reader, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.readers) == 0 {
		return helperrpc.Reader{}, false
	}
	return in.readers[0], true
}

// drop gives up the first client.
func (in *intake) drop() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.readers = in.readers[1:]
}

// run does all of it.
func (in *intake) run() {
	defer in.h.ended(in)
	in.results, in.err = in.do(in.h.ctx)
	in.letGo()
	if in.err == nil {
		in.h.counters.encoded.Add(in.wanted.segments.Size)
		in.h.log.Info("upload done", "si", in.si.Abbrev(), "size", in.wanted.segments.Size,
			"fetched", in.fetched.Load(), "shares", in.results.Pushed, "dur", time.Since(in.started))
		return
	}
	in.h.log.Warn("upload not done", "si", in.si.Abbrev(), "fetched", in.fetched.Load(), "err", in.err)
}

// letGo tells all clients that their ciphertext is not needed any more.
func (in *intake) letGo() {
	in.mu.Lock()
	all := in.all
	in.ended, in.readers, in.all = true, nil, nil
	in.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(in.h.ctx), closeTime)
	defer cancel()
	for _, r := range all {
		_ = r.Close(ctx) // it is a courtesy
		r.Reference.Release()
	}
}

func (in *intake) do(ctx context.Context) (*helperrpc.Results, error) {
	if err := in.fetch(ctx); err != nil {
		return nil, err
	}
	in.phase.Store(Waiting)
	if err := in.h.encodings.Acquire(ctx, 1); err != nil {
		return nil, context.Cause(ctx)
	}
	defer in.h.encodings.Release(1)
	in.phase.Store(Pushing)
	result, err := in.h.cfg.Uploader.Upload(ctx, upload.Request{
		SI: in.si, Params: in.wanted.params, Segments: in.wanted.segments,
		Ciphertext: in, Progress: in.pushed.Store,
	})
	if err != nil {
		return nil, err
	}
	if err := in.h.files.remove(in.si); err != nil {
		in.h.log.Error("remove the ciphertext of an upload", "si", in.si.Abbrev(), "err", err)
	}
	return in.resultsOf(result), nil
}

// Open implements upload.Source.
func (in *intake) Open() (io.ReadCloser, error) {
	r, err := in.h.files.open(in.si)
	return r, diskFailed("open ciphertext", err)
}

// want takes what a client says about its file.
func (in *intake) want(size int64, p helperrpc.Parameters) error {
	w, err := check(size, p, in.h.cfg.MaxSize)
	if err != nil {
		return err
	}
	if old := in.wanted; old != nil && (old.segments != w.segments || old.params.N != w.params.N) {
		return errors.New("another client uploads another file under this storage index")
	}
	if in.wanted == nil {
		in.wanted = w
		in.size.Store(size)
	}
	return nil
}

// check says whether a file can be encoded on this machine as it is wanted.
func check(size int64, p helperrpc.Parameters, maxSize int64) (*wanted, error) {
	if maxSize > 0 && size > maxSize {
		return nil, refuse(typeTooFull, "the helper takes files of up to %d bytes, this one has %d; upload without it", maxSize, size)
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("encoding parameters: %w", err)
	}
	segments, err := erasure.NewSegments(size, p.K, p.SegmentSize)
	if err != nil {
		return nil, fmt.Errorf("encoding parameters: %w", err)
	}
	if memory := segments.BlockSize * int64(blocks(p.Params)); memory > maxSegmentMemory {
		return nil, fmt.Errorf("a segment of %d bytes with its shares takes %d bytes, more than the %d that the helper has for it; use smaller segments",
			segments.SegmentSize, memory, int64(maxSegmentMemory))
	}
	if _, err := chkencode.New(chkencode.Config{Segments: segments, N: p.N}); err != nil {
		return nil, fmt.Errorf("encoding parameters: %w", err)
	}
	return &wanted{segments, p.Params}, nil
}

// blocks is how many different blocks a segment has.
func blocks(p grid.Params) int {
	if p.K == 1 {
		return 1
	}
	return p.N
}
