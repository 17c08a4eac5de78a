package upload

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/placement"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Uploader uploads files to the servers of a grid. Safe for concurrent use.
type Uploader struct {
	servers broker.Servers
	lease   secret.LeaseSecret
	log     *slog.Logger
	buffers *buffers
	// background are calls that nobody waits for any more, and aborts.
	background sync.WaitGroup

	mu     sync.Mutex                          // guards all below
	active map[grid.StorageIndex]chan struct{} // closed when the upload has ended
}

// New returns an uploader that stores shares on servers with leases of the lease
// secret. A nil logger logs nothing. Close it.
func New(servers broker.Servers, lease secret.LeaseSecret, log *slog.Logger) *Uploader {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Uploader{
		servers: servers, lease: lease, log: log, buffers: newBuffers(),
		active: make(map[grid.StorageIndex]chan struct{}),
	}
}

// Close waits until servers that took too long have answered or the time for
// that is over, a minute at most. No upload may be in progress.
func (u *Uploader) Close() { u.background.Wait() }

// Upload stores a file. Uploads of the same storage index take turns, so that
// the later ones find the shares of the first.
//
// Errors: [ErrNoServers], [*UnhappinessError], that of ctx, those of the source
// and of package chkencode for impossible sizes and parameters.
func (u *Uploader) Upload(ctx context.Context, req Request) (*Result, error) {
	end, err := u.turn(ctx, req.SI)
	if err != nil {
		return nil, err
	}
	defer end()
	start := time.Now()
	var earlier []Failure // of attempts before
	for {
		a := &attempt{u: u, req: req, earlier: earlier}
		result, err := a.run(ctx)
		if err == nil {
			result.Timings.Total = time.Since(start)
			return result, nil
		}
		if len(a.lost) == 0 || ctx.Err() != nil {
			return nil, err
		}
		earlier = append(earlier, a.lost...)
		u.log.Info("upload begins again without the servers that failed",
			"si", req.SI.Abbrev(), "err", err)
	}
}

// turn waits until nobody else uploads the storage index.
func (u *Uploader) turn(ctx context.Context, si grid.StorageIndex) (end func(), err error) {
	for {
		u.mu.Lock()
		other := u.active[si]
		if other == nil {
			mine := make(chan struct{})
			u.active[si] = mine
			u.mu.Unlock()
			return func() { u.endTurn(si, mine) }, nil
		}
		u.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (u *Uploader) endTurn(si grid.StorageIndex, mine chan struct{}) {
	u.mu.Lock()
	delete(u.active, si)
	idle := len(u.active) == 0
	u.mu.Unlock()
	close(mine)
	if idle {
		u.buffers.trim()
	}
}

// candidates returns the servers to be asked, without those that failed before.
func (u *Uploader) candidates(req Request, size int64, without []Failure) ([]*candidate, error) {
	failed := make(map[grid.ServerID]bool)
	for _, f := range without {
		failed[f.ID] = true
	}
	var list []*candidate
	for _, server := range u.servers.Uploadable(req.SI) {
		if failed[server.ID] || len(list) == placement.MaxCandidates(req.Params.N) {
			continue
		}
		list = append(list, &candidate{
			u: u, server: server, si: req.SI, size: size, total: req.Params.N,
			secrets:  server.LeaseSecrets(u.lease, req.SI),
			readOnly: server.Version.MaximumImmutableShareSize < size,
		})
	}
	if len(list) == 0 && len(without) == 0 {
		return nil, ErrNoServers
	}
	return list, nil
}

// errStop ends an attempt that another may follow.
var errStop = errors.New("too few servers are left")
