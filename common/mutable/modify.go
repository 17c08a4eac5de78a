package mutable

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/besn0847/arm-tahoe/common/mutablelayout"
)

// A Change makes the next content of a file from a snapshot. It is called again
// on each newer version until what it returned was published. If changed is
// false the file stays as it is, as far as this change is concerned; next is
// ignored then. An error ends the modification.
type Change func(ctx context.Context, s *Snapshot) (next Source, changed bool, err error)

const (
	// patience is how often a writer that seems to be publishing is given time.
	patience = 3
	// maxDoubts is how often it is waited for a state in which Decide can tell.
	maxDoubts = 10
	// maxRereads is how often it is read again what has gone while it was read.
	maxRereads = 30
)

// Modify changes the file and returns the version that contains the change, or
// in which there was nothing to change: that version is established, see the
// package comment. Changes of the same file in this process wait for each other.
//
// Errors: that of change; *NoMajorityError, *UncoordinatedWriteError,
// *UnrecoverableError, ErrNotWritable, *TooLargeError, that of ctx. After an error
// the change may be part of a version or not, unless the error was the first one
// of change.
func (f *File) Modify(ctx context.Context, change Change) (*Snapshot, error) {
	return f.modify(ctx, func(ctx context.Context, s *Snapshot, d Decision) (*content, error) {
		next, changed, err := change(ctx, s)
		if err != nil {
			return nil, err
		}
		if !changed {
			return nil, nil
		}
		return f.replace(ctx, s, d, next)
	})
}

// Overwrite replaces the whole content, whatever it is.
func (f *File) Overwrite(ctx context.Context, src Source) (*Snapshot, error) {
	return f.modify(ctx, func(ctx context.Context, s *Snapshot, d Decision) (*content, error) {
		return f.replace(ctx, s, d, src)
	})
}

// replace encodes a version that replaces all of the file.
func (f *File) replace(ctx context.Context, s *Snapshot, d Decision, next Source) (*content, error) {
	keys, err := f.keys(ctx, s.m)
	if err != nil {
		return nil, err
	}
	return f.encode(keys, mutablelayout.Params{
		Format: f.format(), Seqnum: d.Seqnum, K: s.version.K, N: s.version.N,
	}, next, f.client.cfg.Random)
}

// maker makes the content of the version that Decide wants; nil if nothing needs
// to change.
type maker func(ctx context.Context, s *Snapshot, d Decision) (*content, error)

// modification is the state of modify.
type modification struct {
	file    *File
	m       *ServerMap
	fresh   bool // m was asked for after the modification began
	waits   int
	rereads int
	doubts  int
	sent    bool // something was written
	attempt int
}

// errAgain says that everything has to be read again.
var errAgain = errors.New("read again")

func (f *File) modify(ctx context.Context, make maker) (*Snapshot, error) {
	if f.write == nil {
		return nil, ErrNotWritable
	}
	done, err := f.takeTurn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	mod := &modification{file: f}
	for ; mod.attempt < f.client.cfg.MaxAttempts; mod.attempt++ {
		s, err := mod.try(ctx, make)
		if err == nil || !errors.Is(err, errAgain) {
			return s, mod.explain(err)
		}
	}
	return nil, &UncoordinatedWriteError{Attempts: mod.attempt}
}

// explain adds to an error what happened before it.
func (mod *modification) explain(err error) error {
	var few *NoMajorityError
	if errors.As(err, &few) && mod.sent {
		more := *few
		more.Unknown = true
		return &more
	}
	return err
}

// try is one attempt. The error is errAgain if there should be another one.
func (mod *modification) try(ctx context.Context, make maker) (*Snapshot, error) {
	d, err := mod.look(ctx)
	if err != nil {
		if d, err = mod.unclear(ctx, d, err); err != nil {
			return nil, err
		}
	}
	if d.Wait && mod.waits < patience {
		mod.waits++
		return nil, mod.pause(ctx)
	}
	s := &Snapshot{file: mod.file, m: mod.m, version: d.Base}
	if d.Complete {
		if err := mod.complete(ctx, s, d); !isCorrupt(err) {
			return nil, err
		}
		// It cannot be made again as it is. A version with its content has the
		// same place in the round.
	}
	c, err := make(ctx, s, d)
	if err != nil {
		return nil, mod.again(ctx, err)
	}
	if c == nil {
		if d.Alone && (mod.fresh || mod.file.unchanged(ctx, mod.m)) {
			return s, nil
		}
		if c, err = mod.carry(ctx, s, d); err != nil {
			return nil, mod.again(ctx, err)
		}
	}
	return mod.publish(ctx, d, c)
}

// again turns the error of a version that has gone while it was read into
// errAgain.
func (mod *modification) again(ctx context.Context, err error) error {
	var gone *UnrecoverableError
	changed := errors.As(err, &gone) || errors.Is(err, errChanged) // the latter where the private key is read
	if changed && mod.rereads < maxRereads {
		mod.rereads++
		return mod.pause(ctx)
	}
	return err
}

// complete writes the base to servers that hold older versions.
func (mod *modification) complete(ctx context.Context, s *Snapshot, d Decision) error {
	c, err := mod.file.rebuild(ctx, s)
	if err != nil {
		return mod.again(ctx, err)
	}
	_, err = mod.publish(ctx, d, c)
	return err
}

// unclear gives those time whose half-written versions may be why none can be
// told to count. After that it goes on with what there is.
func (mod *modification) unclear(ctx context.Context, d Decision, err error) (Decision, error) {
	var gone *UnrecoverableError
	if !errors.As(err, &gone) || gone.Found == 0 {
		return d, err
	}
	if mod.doubts < maxDoubts {
		mod.doubts++
		return d, mod.pause(ctx)
	}
	if last, ok := lastResort(mod.m.holdings()); ok {
		mod.file.client.cfg.Log.Warn("writers have stopped halfway; taking the newest version", "si", mod.file.shared.si.Abbrev())
		return last, nil
	}
	return d, err
}

// carry makes a version with the content of the base, where nothing is to be
// changed but others might take another version for newer. For a base that is
// merely old it is errAgain.
func (mod *modification) carry(ctx context.Context, s *Snapshot, d Decision) (*content, error) {
	if d.Alone {
		mod.m = nil
		return nil, errAgain
	}
	data, err := s.ReadAll(ctx, mod.file.client.cfg.MaxMemory)
	if err != nil {
		return nil, err
	}
	return mod.file.replace(ctx, s, d, bytes.NewReader(data))
}

// look decides what to build on, by what is known from before in the first
// attempt if that is enough: the conditions of the writes hold it to be true.
func (mod *modification) look(ctx context.Context) (Decision, error) {
	f := mod.file
	if last := f.shared.lastMap(); mod.attempt == 0 && last != nil && !last.outdated(f.client.cfg.Servers.Permuted(f.shared.si)) {
		if d, err := Decide(last.holdings()); err == nil && d.Alone && len(d.Targets) == len(last.holdings()) {
			mod.m = last
			return d, nil
		}
	}
	mode := ModeWrite
	if mod.attempt > 0 {
		mode = ModeAll
	}
	m, err := f.Survey(ctx, mode)
	if err != nil {
		return Decision{}, err
	}
	mod.m, mod.fresh = m, true
	d, err := Decide(m.holdings())
	var gone *UnrecoverableError
	if errors.As(err, &gone) {
		return d, m.unrecoverable()
	}
	return d, err
}

// publish writes a version to the targets of the decision.
func (mod *modification) publish(ctx context.Context, d Decision, c *content) (*Snapshot, error) {
	keys, err := mod.file.keys(ctx, mod.m)
	if err != nil {
		return nil, mod.again(ctx, err)
	}
	shares := mod.targets(d, c)
	if len(shares) == 0 {
		return nil, mod.pause(ctx)
	}
	mod.sent = true
	out := mod.file.publish(ctx, keys, mod.m, shares, c)
	mod.m, mod.fresh = out.m, false
	if mod.counts(d, out) {
		return &Snapshot{file: mod.file, m: out.m, version: c.version.Head().Header}, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if out.surprise || out.failed != nil {
		return nil, mod.pause(ctx)
	}
	return nil, errAgain
}

// counts reports whether a publish is the end: nobody was surprised, it took part
// in a round of its own, and a majority took it.
func (mod *modification) counts(d Decision, out outcome) bool {
	if out.surprise || d.Wait {
		return false
	}
	s := situation(mod.m.holdings())
	return len(out.took) > 0 && s.quorum(out.took[0].Version, out.took)
}

// targets returns the shares that are written.
func (mod *modification) targets(d Decision, c *content) []*Share {
	var shares []*Share
	for _, i := range d.Targets {
		s := mod.m.shares[i]
		if s.Num < d.Base.N && (!c.inPlace || s.Err == nil && s.Head.Header == d.Base) {
			shares = append(shares, s)
		}
	}
	return shares
}

// pause waits for a random time, longer with each attempt, and returns errAgain.
func (mod *modification) pause(ctx context.Context) error {
	if err := mod.file.client.pause(ctx, mod.attempt); err != nil {
		return err
	}
	return errAgain
}

// pause waits for a random time, longer with each attempt.
func (c *Client) pause(ctx context.Context, attempt int) error {
	mean := min(c.cfg.Backoff<<min(attempt, 10), maxBackoff)
	timer := time.NewTimer(rand.N(2*mean + 1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
