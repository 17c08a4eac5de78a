package sharestore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
)

// Garbage collection goes in small steps, so that clients hardly notice.
const (
	collectDelay    = 6 * time.Minute // after the start, as the lease crawler of 1.20
	collectInterval = time.Hour
	collectStep     = 16 // buckets in one go
	collectPause    = 200 * time.Millisecond
	// clockTolerance is how much the newest lease may be in the future. More
	// means that the clock has gone back.
	clockTolerance = 24 * time.Hour
)

// oldestLease is before there was any Tahoe-LAFS: a lease from before was made
// by a board whose clock was not set yet, so that nobody knows how old it is,
// and it does not expire.
var oldestLease = time.Date(2007, 1, 1, 0, 0, 0, 0, time.UTC)

// CollectReport is what a cycle of garbage collection has done.
type CollectReport struct {
	Started, Finished time.Time
	Examined          int64 // shares with an expired lease
	Removed           int64 // shares all of whose leases had expired
	RemovedBytes      int64
	Kept              int64  // shares with a lease of unknown age; see Collect
	Skipped           string // why nothing was done, a sentence; "" otherwise
}

// collectForever collects now and then until ctx is done.
func (s *Store) collectForever(ctx context.Context) {
	wait := collectDelay
	for pause(ctx, wait) {
		report, err := s.Collect(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			s.cfg.Log.Error("collecting shares whose leases have expired", "err", err)
		case report.Skipped != "":
			s.cfg.Log.Warn("no lease expires now", "why", report.Skipped)
		case report.Removed > 0:
			s.cfg.Log.Info("removed shares whose leases had expired", "shares", report.Removed, "bytes", report.RemovedBytes)
		}
		wait = collectInterval
	}
}

// pause waits, and answers false if ctx is done.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Collect removes shares all of whose leases have expired, as Config.Expire
// says; 1.20 removes expired leases also where others remain, which no client
// can tell. Candidates come from the index; what is removed was read from the
// share itself. Shares without any lease stay, as with 1.20.
//
// Nothing expires while the clock is not to be believed: before BuildDate (a
// board without a clock boots in 1970), and while it is more than a day behind
// the newest lease. Leases from before 2007 do not expire either, for they were
// made while the clock was wrong.
func (s *Store) Collect(ctx context.Context) (report CollectReport, err error) {
	now := s.cfg.Now()
	report = CollectReport{Started: now}
	defer func() {
		report.Finished = s.cfg.Now()
		s.collected.Store(&report)
	}()
	limit := s.cfg.Expire.limit(now)
	if report.Skipped = s.implausible(now); report.Skipped != "" || limit.IsZero() {
		return report, nil
	}
	var after expiryKey
	for {
		keys, err := s.index.expiring(endsBefore(limit), after, collectStep)
		if err != nil {
			return report, err
		}
		for _, key := range keys {
			if err := s.collectBucket(key.si(), limit, &report); err != nil {
				return report, err
			}
			after = key
		}
		if len(keys) < collectStep {
			return report, nil
		}
		if !pause(ctx, collectPause) {
			return report, ctx.Err()
		}
	}
}

// implausible says why nothing may expire now, or "".
func (s *Store) implausible(now time.Time) string {
	totals, newest := s.index.sums()
	granted := newest.Granted()
	switch {
	case now.Before(s.cfg.BuildDate):
		return fmt.Sprintf("the clock shows %s, which was before this program was built; set the clock",
			now.UTC().Format(time.DateTime))
	case !totals.Complete:
		return "the index of shares is still being made"
	case granted.Sub(now) > clockTolerance:
		return fmt.Sprintf("the clock shows %s, but a lease was made on %s; one of them is wrong",
			now.UTC().Format(time.DateTime), granted.UTC().Format(time.DateTime))
	}
	return ""
}

// endsBefore is the expiry such that leases with an earlier one were granted
// before limit.
func endsBefore(limit time.Time) sharecontainer.Expiry {
	seconds := limit.Add(sharecontainer.LeaseDuration-1).Unix() + 1
	return sharecontainer.Expiry(min(max(seconds, 0), math.MaxUint32))
}

// collectBucket removes the shares of a storage index that have expired.
func (s *Store) collectBucket(si grid.StorageIndex, limit time.Time, report *CollectReport) error {
	lock := s.locks.of(si)
	lock.Lock()
	defer lock.Unlock()
	held, err := s.list(si)
	if err != nil {
		return err
	}
	r := &replacement{store: s, si: si}
	defer r.release()
	var removed int64
	for _, n := range held {
		state, size, err := s.expiryOf(shareKey{si, n}, limit)
		if err != nil {
			s.cfg.Log.Warn("the leases of a share cannot be read; it stays", "si", si.Abbrev(), "shnum", int(n), "err", err)
			continue
		}
		report.count(state)
		if state == expired {
			r.remove(n)
			removed += size
		}
	}
	if err := r.run(); err != nil {
		return err
	}
	report.Removed += int64(len(r.removed))
	report.RemovedBytes += removed
	s.forget(si, held)
	return nil
}

// forget removes from the index what is not in the directory: somebody has
// removed files by hand.
func (s *Store) forget(si grid.StorageIndex, held []grid.ShareNum) {
	s.index.change(si, func(b bucketInfo) bucketInfo {
		for _, info := range b {
			if !contains(held, info.n) {
				b = b.without(info.n)
			}
		}
		return b
	})
}

// expiryState is what the leases of a share say.
type expiryState int

const (
	valid      expiryState = iota
	partly                 // expired in part
	unknownAge             // expired, but for leases from before 2007
	expired
)

func (r *CollectReport) count(state expiryState) {
	if state != valid {
		r.Examined++
	}
	if state == unknownAge {
		r.Kept++
	}
}

// expiryOf reads the leases of a share. The lock is held.
func (s *Store) expiryOf(key shareKey, limit time.Time) (state expiryState, size int64, err error) {
	f, err := s.cfg.FS.Open(shareFile(bucketDir(key.si), key.n))
	if err != nil {
		return valid, 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sh, err := readShare(f)
	if err != nil || !s.cfg.Expire.covers(sh.kind()) {
		return valid, 0, err
	}
	var num, old, unknown int
	for lease, err := range sh.leases() {
		if err != nil {
			return valid, 0, err
		}
		num++
		granted := lease.Expires.Granted()
		switch {
		case granted.Before(oldestLease):
			unknown++
		case granted.Before(limit):
			old++
		}
	}
	switch {
	case old+unknown == 0:
		return valid, sh.fileSize, nil
	case old+unknown < num:
		return partly, sh.fileSize, nil
	case unknown > 0:
		return unknownAge, sh.fileSize, nil
	}
	return expired, sh.fileSize, nil
}
