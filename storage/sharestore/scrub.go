package sharestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
)

// scrubInterval is the pause between two scrubs of everything.
const scrubInterval = 24 * time.Hour

// maxScrubReports bounds how many corrupt shares are remembered, so that each
// gets one advisory while the store is open, not one in every cycle.
const maxScrubReports = 10000

// ScrubReport counts what a scrub has seen.
type ScrubReport struct {
	Started  time.Time
	Finished time.Time // zero while it is running
	Shares   int64     // read, of both kinds
	Bytes    int64     // read
	Corrupt  int64     // shares; each has an advisory
	// Unverifiable counts shares whose container is whole but whose content
	// this version cannot check: of a format that it does not know, or with
	// hash trees or blocks that are too large for it.
	Unverifiable int64
}

// errUnverifiable says that a share cannot be checked.
var errUnverifiable = errors.New("cannot be checked")

// scrubForever scrubs until ctx is done.
func (s *Store) scrubForever(ctx context.Context) {
	wait := collectDelay
	for pause(ctx, wait) {
		report, err := s.Scrub(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.cfg.Log.Error("scrub ended early", "err", err)
		default:
			s.cfg.Log.Info("scrub is done", "shares", report.Shares, "bytes", report.Bytes,
				"corrupt", report.Corrupt, "unverifiable", report.Unverifiable, "dur", report.Finished.Sub(report.Started))
		}
		wait = scrubInterval
	}
}

// Scrub reads all shares once, at Config.ScrubRate bytes per second (0 is as
// fast as it goes), and checks what can be checked without a cap: the
// container, all hashes and blocks, and the signature of mutable shares. A
// share that is corrupt gets an advisory, and stays: it may be good enough for
// some segments. A client that holds the cap could still find a share to be the
// right one of another file.
//
// Each scrub begins somewhere else, so that a node that is restarted daily gets
// around, too. Only one runs at a time; others wait.
func (s *Store) Scrub(ctx context.Context) (ScrubReport, error) {
	s.scrubbing.Lock()
	defer s.scrubbing.Unlock()
	report := ScrubReport{Started: s.cfg.Now()}
	limiter := &limiter{ctx: ctx, rate: s.cfg.ScrubRate}
	err := s.walk(ctx, rand.Float64(), func(_ float64, si grid.StorageIndex) error {
		lock := s.locks.of(si)
		lock.RLock()
		held, err := s.list(si)
		lock.RUnlock()
		if err != nil {
			s.cfg.Log.Warn("shares cannot be listed", "si", si.Abbrev(), "err", err)
		}
		for _, n := range held {
			if err := s.scrubShare(shareKey{si, n}, limiter, &report); err != nil {
				return err
			}
			report.Bytes = limiter.total
			s.scrubbed.Store(new(report))
		}
		return nil
	})
	report.Finished = s.cfg.Now()
	s.scrubbed.Store(new(report))
	return report, err
}

// scrubShare checks one share and counts it. The error is that of ctx only.
func (s *Store) scrubShare(key shareKey, l *limiter, report *ScrubReport) error {
	kind, err := s.verifyFile(key, l)
	var unknownVersion *sharelayout.VersionError
	var unknownFormat *mutablelayout.FormatError
	switch {
	case l.ctx.Err() != nil:
		return l.ctx.Err()
	case isMissing(err): // removed since it was listed
		return nil
	case err == nil:
	case errors.Is(err, errUnverifiable), errors.As(err, &unknownVersion), errors.As(err, &unknownFormat):
		report.Unverifiable++
	default:
		report.Corrupt++
		if err := s.reportCorrupt(key, kind, err); err != nil {
			s.cfg.Log.Error("a corrupt share could not be reported", "si", key.si.Abbrev(), "shnum", int(key.n), "err", err)
		}
	}
	report.Shares++
	return nil
}

// reportCorrupt files an advisory, once for each share.
func (s *Store) reportCorrupt(key shareKey, kind grid.ShareKind, why error) error {
	if s.reported[key] || len(s.reported) >= maxScrubReports {
		return nil
	}
	s.reported[key] = true
	return s.AdviseCorruptShare(context.Background(), kind, key.si, key.n, "scrub: "+why.Error())
}

// verifyFile checks one share. No lock is held while it reads: a mutable share
// that is replaced meanwhile is read to its end in the old file.
func (s *Store) verifyFile(key shareKey, l *limiter) (kind grid.ShareKind, err error) {
	lock := s.locks.of(key.si)
	lock.RLock()
	f, err := s.cfg.FS.Open(shareFile(bucketDir(key.si), key.n))
	lock.RUnlock()
	kind = grid.Immutable
	if err != nil {
		return kind, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sh, err := readShare(f)
	if err != nil {
		return kind, err
	}
	kind = grid.ShareKind(sh.kind())
	for _, err := range sh.leases() {
		if err != nil {
			return kind, fmt.Errorf("leases: %w", err)
		}
	}
	data := io.NewSectionReader(&limitedReader{sh.data(), l}, 0, sh.data().Size())
	if sh.kind() == sharecontainer.KindMutable {
		return kind, verifyMutable(data, key.n)
	}
	return kind, verifyImmutable(data, key.n)
}

// limiter keeps reading down to a rate.
type limiter struct {
	ctx   context.Context
	rate  int64 // bytes per second; 0 is no limit
	total int64
	debt  int64 // bytes read since the last pause
}

// read counts bytes, and waits from time to time.
func (l *limiter) read(n int) error {
	l.total += int64(n)
	l.debt += int64(n)
	if l.rate == 0 || l.debt < l.rate/10 {
		return l.ctx.Err()
	}
	wait := time.Duration(float64(l.debt) / float64(l.rate) * float64(time.Second))
	l.debt = 0
	if !pause(l.ctx, wait) {
		return l.ctx.Err()
	}
	return nil
}

// limitedReader reads as fast as its limiter allows.
type limitedReader struct {
	r io.ReaderAt
	l *limiter
}

// ReadAt reads, and waits.
func (r *limitedReader) ReadAt(b []byte, offset int64) (int, error) {
	n, err := r.r.ReadAt(b, offset)
	if waitErr := r.l.read(n); waitErr != nil {
		return n, waitErr
	}
	return n, err
}
