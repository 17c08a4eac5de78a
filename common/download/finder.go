package download

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
)

const (
	// maxAsking is how many servers are asked at the same time what they hold, as
	// in 1.20.
	maxAsking = 10
	// spareAnswers is how many more servers than shares needed are asked at
	// first.
	spareAnswers = 2
	// askTime is how long a server may take to say what it holds.
	askTime = 60 * time.Second
)

// finder locates the shares of a file. It is guarded by the mutex of the file.
type finder struct {
	file     *file
	asked    map[*broker.Server]bool
	failed   int // of those
	queries  []*query
	shares   []*share
	known    map[place]faults // of shares before
	problems []error
	epoch    int // how often all servers were asked from the beginning
	changed  chan struct{}
}

// query is a server that was asked and has not answered.
type query struct {
	overdue time.Time
	late    bool
}

func newFinder(f *file) *finder {
	return &finder{
		file: f, asked: make(map[*broker.Server]bool), known: make(map[place]faults), changed: make(chan struct{}),
	}
}

// notify wakes all who wait for changed.
func (fi *finder) notify() {
	close(fi.changed)
	fi.changed = make(chan struct{})
}

// more asks servers that were not asked yet, so that at least want answers should
// come in time. It says whether any may come at all.
func (fi *finder) more(want int) bool {
	fi.epoch = max(fi.epoch, 1)
	expected := 0
	for _, q := range fi.queries {
		if !q.late {
			expected++
		}
	}
	for _, s := range fi.file.servers() {
		if expected >= min(want, maxAsking) {
			break
		}
		if fi.asked[s] {
			continue
		}
		fi.ask(s)
		expected++
		if s.Local && fi.file.v.Cap().K == 1 {
			break // it probably has all that is needed
		}
	}
	return len(fi.queries) > 0
}

// ask asks one server what it holds.
func (fi *finder) ask(s *broker.Server) {
	fi.asked[s] = true
	start := time.Now()
	q := &query{overdue: start.Add(patience(s, 0))}
	fi.queries = append(fi.queries, q)
	fi.file.wg.Go(func() {
		ctx, cancel := context.WithTimeoutCause(fi.file.ctx, askTime, errTooSlow)
		defer cancel()
		buckets, err := s.Storage.GetBuckets(ctx, fi.file.v.Cap().SI)
		if errors.Is(context.Cause(ctx), errTooSlow) {
			err = errTooSlow
		}
		if err != nil {
			s.Health.Fail(time.Now())
		} else {
			s.Health.Observe(0, time.Since(start))
		}
		fi.file.mu.Lock()
		defer fi.file.mu.Unlock()
		fi.queries = slices.DeleteFunc(fi.queries, func(other *query) bool { return other == q })
		fi.answered(s, buckets, err)
	})
}

func (fi *finder) answered(s *broker.Server, buckets map[grid.ShareNum]grid.BucketReader, err error) {
	if err != nil {
		fi.failed++
		fi.problem(fmt.Errorf("get_buckets on %s: %w", s.ID.Name(), err))
	}
	for _, n := range slices.Sorted(maps.Keys(buckets)) {
		if n >= 0 && int(n) < fi.file.v.Cap().N {
			fi.shares = append(fi.shares, newShare(fi.file, s, n, buckets[n]))
		}
	}
	fi.notify()
}

// untilOverdue is how long until an answer is late.
func (fi *finder) untilOverdue(now time.Time) time.Duration {
	wait := forever
	for _, q := range fi.queries {
		if !q.late {
			wait = min(wait, q.overdue.Sub(now))
		}
	}
	return wait
}

// markLate stops counting on answers that take too long.
func (fi *finder) markLate(now time.Time) {
	for _, q := range fi.queries {
		q.late = q.late || !now.Before(q.overdue)
	}
}

// maxProblems bounds what is kept for an error.
const maxProblems = 64

func (fi *finder) problem(err error) {
	if len(fi.problems) == maxProblems {
		fi.problems = append(fi.problems[:0], fi.problems[1:]...)
	}
	fi.problems = append(fi.problems, err)
}

// again forgets who was asked and what they hold: servers may have come back, or
// have other shares now. What was wrong with shares is not forgotten.
func (fi *finder) again() {
	fi.epoch++
	fi.failed = 0
	clear(fi.asked)
	for _, sh := range fi.shares {
		fi.known[place{sh.server.ID, sh.num}] = sh.faults
	}
	fi.shares = nil
}

// servers returns all servers in the order in which they are asked.
func (f *file) servers() []*broker.Server {
	list := slices.Clone(f.d.servers.Permuted(f.v.Cap().SI))
	slices.SortStableFunc(list, func(a, b *broker.Server) int {
		switch {
		case a.Local == b.Local:
			return 0
		case a.Local:
			return -1
		}
		return 1
	})
	return list
}
