package upload

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// askTime is how long a server may take to say what it holds or to allocate, as
// in 1.20. One that has not answered is left out; it may still answer until
// lateTime, so that what it allocates can be given back.
const (
	askTime  = 15 * time.Second
	lateTime = 60 * time.Second
)

// candidate is a server that may get shares of this upload. Its methods must not
// be called concurrently.
type candidate struct {
	u       *Uploader
	server  *broker.Server
	si      grid.StorageIndex
	secrets grid.LeaseSecrets
	size    int64 // of each share
	total   int   // n

	readOnly  bool            // says that it takes no share of this size
	already   []grid.ShareNum // held before
	requested []grid.ShareNum // asked to be allocated
	renewed   bool            // was asked to allocate, which renews leases
	writers   map[grid.ShareNum]grid.BucketWriter
	err       error // of the last call
	op        string
}

// answer is what a server says to either question.
type answer struct {
	held    []grid.ShareNum
	writers map[grid.ShareNum]grid.BucketWriter
	err     error
}

// locate asks what the server holds.
func (c *candidate) locate(ctx context.Context) {
	c.op = "get_buckets"
	a := c.ask(ctx, func(ctx context.Context) answer {
		buckets, err := c.server.Storage.GetBuckets(ctx, c.si)
		return answer{held: slices.Sorted(maps.Keys(buckets)), err: err}
	})
	c.already, c.err = c.sane(a.held), a.err
}

// sane leaves out share numbers that the file does not have: a server may say
// anything.
func (c *candidate) sane(held []grid.ShareNum) []grid.ShareNum {
	return slices.DeleteFunc(held, func(n grid.ShareNum) bool { return n < 0 || int(n) >= c.total })
}

// allocate asks for the shares, which may be none: that renews leases.
func (c *candidate) allocate(ctx context.Context, shares []grid.ShareNum) {
	c.op = "allocate_buckets"
	c.requested = append(c.requested, shares...)
	a := c.ask(ctx, func(ctx context.Context) answer {
		a, err := c.server.Storage.AllocateBuckets(ctx, c.si, c.secrets, shares, c.size)
		return answer{a.AlreadyHave, a.Writers, err}
	})
	if c.err = a.err; c.err != nil {
		return
	}
	c.renewed = true
	c.already = c.sane(a.held)
	if c.writers == nil {
		c.writers = make(map[grid.ShareNum]grid.BucketWriter)
	}
	maps.Copy(c.writers, a.writers)
}

// ask makes a call and waits askTime for its answer. An answer that comes later
// is undone.
func (c *candidate) ask(ctx context.Context, call func(context.Context) answer) answer {
	answers, gone := make(chan answer), make(chan struct{})
	c.u.background.Go(func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), lateTime)
		defer cancel()
		start := time.Now()
		a := call(late)
		c.observe(a.err, time.Since(start))
		select {
		case answers <- a:
		case <-gone:
			for _, w := range a.writers {
				abort(ctx, w)
			}
		}
	})
	timer := time.NewTimer(askTime)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a
	case <-timer.C:
		close(gone)
		c.server.Health.Fail(time.Now())
		return answer{err: errTooSlow}
	case <-ctx.Done():
		close(gone)
		return answer{err: context.Cause(ctx)}
	}
}

func (c *candidate) observe(err error, took time.Duration) {
	if err != nil {
		c.server.Health.Fail(time.Now())
	} else {
		c.server.Health.Observe(0, took)
	}
}

// failure is the last call's.
func (c *candidate) failure() Failure {
	return Failure{ID: c.server.ID, Nickname: c.server.Nickname, Op: c.op, Err: c.err}
}

// granted lists the shares that are allocated.
func (c *candidate) granted() []grid.ShareNum { return slices.Sorted(maps.Keys(c.writers)) }
