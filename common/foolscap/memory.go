package foolscap

import (
	"context"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/banana"
)

// memoryWait is how long a message waits for memory that others use, before it
// is refused.
const memoryWait = 10 * time.Second

// budget is memory shared by all connections of a Tub.
type budget struct {
	limit int64

	mu      sync.Mutex
	used    int64         // guarded by mu
	changed chan struct{} // guarded by mu; closed when used falls
}

func newBudget(limit int64) *budget { return &budget{limit: limit, changed: make(chan struct{})} }

// tryTake takes n bytes, or returns a channel that is closed when it is worth
// trying again.
func (b *budget) tryTake(n int64) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > b.limit {
		return b.changed
	}
	b.used += n
	return nil
}

// take takes n bytes, waiting up to memoryWait. The error is a violation or that
// of ctx.
func (b *budget) take(ctx context.Context, n int64) error {
	wait := b.tryTake(n)
	if wait == nil {
		return nil
	}
	timer := time.NewTimer(memoryWait)
	defer timer.Stop()
	for {
		select {
		case <-wait:
		case <-timer.C:
			return banana.Violationf("no memory for this message now, try again later")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if wait = b.tryTake(n); wait == nil {
			return nil
		}
	}
}

// add takes n bytes even if that is too much.
func (b *budget) add(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used += n
}

// give returns n bytes.
func (b *budget) give(n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	close(b.changed)
	b.changed = make(chan struct{})
}

// waitBelow returns when less than the limit is in use, or ctx ends.
func (b *budget) waitBelow(ctx context.Context) {
	for {
		wait := b.tryTake(0)
		if wait == nil {
			return
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return
		}
	}
}
