package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/placement"
)

// attempt is one selection of servers and one pass over the ciphertext.
type attempt struct {
	u       *Uploader
	req     Request
	earlier []Failure // of servers that are not asked any more

	selection selection
	sinks     map[grid.ShareNum]*sink
	aborts    sync.WaitGroup // of sinks

	// holders are the candidates that hold a share or are being sent it. Used by
	// one goroutine at a time: while encoding, that of Lost.
	holders map[grid.ShareNum][]int
	lost    []Failure // of servers that failed after they were selected
	failed  map[int]bool
}

// run makes the attempt. If it fails because of servers, a.lost tells which; it
// is empty if another attempt makes no sense.
func (a *attempt) run(ctx context.Context) (*Result, error) {
	enc, err := chkencode.New(chkencode.Config{
		Segments: a.req.Segments, N: a.req.Params.N,
		Version: a.req.Version, Workers: a.req.Workers, Lost: a.sinkLost,
	})
	if err != nil {
		return nil, err
	}
	start := time.Now()
	candidates, err := a.u.candidates(a.req, enc.AllocatedSize(), a.earlier)
	if err != nil {
		return nil, err
	}
	a.selection = selection{params: a.req.Params, candidates: candidates, failures: slices.Clone(a.earlier)}
	if err := a.selection.run(ctx); err != nil {
		return nil, err
	}
	selected := time.Now()
	encoded, err := a.push(ctx, enc)
	if err != nil {
		a.aborts.Wait()
		return nil, err
	}
	result := a.result(encoded, enc.AllocatedSize())
	result.Timings.Selection = selected.Sub(start)
	result.Timings.Push = time.Since(selected)
	return result, nil
}

// push encodes the ciphertext into the sinks.
func (a *attempt) push(ctx context.Context, enc *chkencode.Encoder) (*chkencode.Result, error) {
	sinks := a.open(enc.AllocatedSize())
	source, err := a.req.Ciphertext.Open()
	if err != nil {
		for _, s := range a.sinks {
			s.Abort(ctx)
		}
		return nil, a.cannotOpen(err)
	}
	var r io.Reader = source
	if a.req.Progress != nil {
		r = &progressReader{Reader: source, report: a.req.Progress}
	}
	encoded, err := enc.Encode(ctx, r, sinks)
	_ = source.Close() // it was only read
	switch {
	case err == nil:
		return encoded, nil
	case errors.Is(err, chkencode.ErrNoSinks):
		return nil, a.unhappy()
	case errors.Is(err, errStop):
		return nil, a.unhappy()
	}
	a.lost = nil // not the servers' fault
	return nil, err
}

// open makes a sink for each share to be written.
func (a *attempt) open(size int64) map[grid.ShareNum]chkencode.Sink {
	a.sinks = make(map[grid.ShareNum]*sink)
	a.holders = make(map[grid.ShareNum][]int)
	a.failed = make(map[int]bool)
	sinks := make(map[grid.ShareNum]chkencode.Sink)
	for i, c := range a.selection.candidates {
		for _, n := range c.already {
			a.holders[n] = append(a.holders[n], i)
		}
		for n, w := range c.writers {
			s := newSink(a.u, &a.aborts, c.server, w, size)
			a.sinks[n], sinks[n] = s, s
			a.holders[n] = append(a.holders[n], i)
		}
	}
	return sinks
}

// cannotOpen is the error for a source that does not open: what the servers did
// in the attempt before, if it does not open for a second time.
func (a *attempt) cannotOpen(err error) error {
	if errors.Is(err, ErrOnce) && len(a.earlier) > 0 {
		return &UnhappinessError{
			Reason:   "servers failed during the upload, and its source cannot be read again to replace them",
			Failures: a.earlier,
		}
	}
	return fmt.Errorf("read what is to be uploaded: %w", err)
}

// sinkLost is chkencode.Config.Lost.
func (a *attempt) sinkLost(e *chkencode.SinkError) error {
	server := a.drop(e.ShareNum)
	c := a.selection.candidates[server]
	if !a.failed[server] {
		a.failed[server] = true
		a.lost = append(a.lost, Failure{ID: c.server.ID, Nickname: c.server.Nickname, Op: e.Op, Err: e.Err})
	}
	a.u.log.Info("server lost during upload", "si", a.req.SI.Abbrev(),
		"server", c.server.ID.Name(), "shnum", int(e.ShareNum), "op", e.Op, "err", e.Err)
	if a.happiness() < a.req.Params.Happy {
		return errStop
	}
	return nil
}

// drop forgets that the server of a sink holds its share, and returns it.
func (a *attempt) drop(n grid.ShareNum) (server int) {
	holders := a.holders[n] // whoever is being sent the share is the last
	server = holders[len(holders)-1]
	a.holders[n] = holders[:len(holders)-1]
	delete(a.sinks, n)
	return server
}

func (a *attempt) happiness() int { return placement.Happiness(a.holders) }

// unhappy is the error when servers were lost.
func (a *attempt) unhappy() *UnhappinessError {
	servers := make(map[int]bool)
	for _, holders := range a.holders {
		for _, i := range holders {
			servers[i] = true
		}
	}
	e := placement.UnhappinessError{Params: a.req.Params, Effective: a.happiness(), NumServers: len(servers)}
	return &UnhappinessError{Reason: e.Reason(), Failures: slices.Concat(a.selection.failures, a.lost)}
}
