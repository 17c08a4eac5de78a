package helperserver

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/helperrpc"
)

const (
	// maxChecks is how many clients' questions are asked of the grid at once.
	maxChecks = 16
	// maxRecent and recentTime are how many results are kept, and for how long,
	// for clients that were told to upload while the upload ended.
	maxRecent  = 32
	recentTime = time.Minute
	// sweepTime is how often files are looked through for old ones.
	sweepTime = time.Hour
)

// Helper is the service. Make it with New. Its methods are safe for concurrent
// use.
type Helper struct {
	cfg       Config
	log       *slog.Logger
	files     *files
	checks    *semaphore.Weighted
	encodings *semaphore.Weighted
	counters  counters

	ctx    context.Context // of everything it does
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // intakes, and the sweeper

	mu     sync.Mutex // guards all below
	closed bool
	active map[grid.StorageIndex]*intake
	recent map[grid.StorageIndex]recent
}

var _ helperrpc.Service = (*Helper)(nil)

// recent is how an upload ended.
type recent struct {
	results *helperrpc.Results
	at      time.Time
}

// New makes the directories and returns a helper. Close it.
func New(cfg Config) (*Helper, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	files, err := openFiles(cfg.Dir, cfg.Boot)
	if err != nil {
		return nil, err
	}
	h := &Helper{
		cfg: cfg, log: cfg.Logger, files: files,
		checks: semaphore.NewWeighted(maxChecks), encodings: semaphore.NewWeighted(int64(cfg.MaxEncodings)),
		active: make(map[grid.StorageIndex]*intake), recent: make(map[grid.StorageIndex]recent),
	}
	h.ctx, h.cancel = context.WithCancelCause(context.Background())
	h.sweep(time.Now())
	h.wg.Go(h.sweepNowAndThen)
	return h, nil
}

// Close ends the uploads under way, keeps what they have fetched, and returns when
// nothing runs any more.
func (h *Helper) Close() error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.cancel(ErrClosed)
	h.wg.Wait()
	return h.files.close()
}

// UploadCHK implements helperrpc.Service: it looks whether the file is in the
// grid.
func (h *Helper) UploadCHK(ctx context.Context, si grid.StorageIndex) (*helperrpc.Results, error) {
	h.counters.requests.Add(1)
	if h.isActive(si) {
		return nil, nil
	}
	if err := h.checks.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer h.checks.Release(1)
	start := time.Now()
	results, err := find(ctx, h.cfg.Servers.Permuted(si), si)
	if err != nil {
		return nil, failure(err)
	}
	if results != nil {
		h.counters.present.Add(1)
		h.log.Info("file is in the grid", "si", si.Abbrev(), "shares", results.Preexisting)
		return results, nil
	}
	h.counters.needed.Add(1)
	h.forget(si, start)
	return nil, nil
}

func (h *Helper) isActive(si grid.StorageIndex) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.active[si] != nil
}

// forget drops a result that is older than the time: the shares are not there any
// more.
func (h *Helper) forget(si grid.StorageIndex, before time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r, ok := h.recent[si]; ok && r.at.Before(before) {
		delete(h.recent, si)
	}
}

// Upload implements helperrpc.Service.
func (h *Helper) Upload(ctx context.Context, si grid.StorageIndex, reader helperrpc.Reader) (*helperrpc.Results, error) {
	in, results, err := h.join(si, reader)
	if results != nil || err != nil {
		return results, failureOrNil(err)
	}
	select {
	case <-in.done:
		return in.results, failureOrNil(in.err)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func failureOrNil(err error) error {
	if err == nil {
		return nil
	}
	return failure(err)
}

// join finds the upload of a file, or begins it, and adds a client to it.
func (h *Helper) join(si grid.StorageIndex, reader helperrpc.Reader) (*intake, *helperrpc.Results, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, nil, ErrClosed
	}
	if in := h.active[si]; in != nil {
		in.add(reader)
		return in, nil, nil
	}
	if r, ok := h.recent[si]; ok && time.Since(r.at) < recentTime {
		return nil, r.results, nil
	}
	if len(h.active) >= h.cfg.MaxActive {
		return nil, nil, refuse(typeTooFull, "the helper is busy with %d other uploads; try again later, or upload without it", len(h.active))
	}
	in := newIntake(h, si)
	in.add(reader)
	h.active[si] = in
	h.wg.Go(in.run)
	return in, nil, nil
}

// ended takes an upload out of the active ones.
func (h *Helper) ended(in *intake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.active, in.si)
	if in.err == nil {
		h.remember(in.si, in.results)
	}
	close(in.done)
}

// remember keeps a result for a while. h.mu is held.
func (h *Helper) remember(si grid.StorageIndex, results *helperrpc.Results) {
	now := time.Now()
	oldest := si
	for other, r := range h.recent {
		if now.Sub(r.at) >= recentTime {
			delete(h.recent, other)
		} else if o, ok := h.recent[oldest]; !ok || r.at.Before(o.at) {
			oldest = other
		}
	}
	if len(h.recent) >= maxRecent {
		delete(h.recent, oldest)
	}
	h.recent[si] = recent{results, now}
}

// reserve says whether an upload may fetch so many more bytes, and counts them as
// taken.
func (h *Helper) reserve(in *intake, need int64) error {
	free, err := h.cfg.Free()
	if err != nil {
		return diskFailed("ask for free space", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	room := free - h.cfg.Reserved
	for _, other := range h.active {
		if other != in {
			room -= other.missing.Load()
		}
	}
	if need > room {
		return refuse(typeTooFull, "the helper's disk has no room for the %d bytes that are missing of this file: "+
			"%d are free, of which %d are reserved and others promised to uploads; try again later, or upload without the helper",
			need, free, h.cfg.Reserved)
	}
	in.missing.Store(need)
	return nil
}
