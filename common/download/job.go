package download

import (
	"context"
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// job fetches one segment. It belongs to one goroutine, but for what is said to be
// guarded by the mutex of the file.
type job struct {
	f      *file
	seg    int64
	epoch  int // of the finder, at the beginning
	active []*request
	tried  map[*share]bool
	blocks []*request // proven, of different numbers
	news   chan *request
}

// request is a block that is asked for.
type request struct {
	share   *share
	started time.Time
	size    int // of the block, as far as known
	overdue time.Time
	late    bool
	cancel  context.CancelFunc
	block   []byte
	err     error
}

// fetch returns the plaintext of a segment, in a buffer that free gives back,
// which is called with the mutex of the file held.
func (f *file) fetch(ctx context.Context, seg int64) (data []byte, free func(), err error) {
	j := &job{f: f, seg: seg, tried: make(map[*share]bool), news: make(chan *request)}
	f.mu.Lock()
	j.epoch = f.finder.epoch
	f.mu.Unlock()
	defer j.end()
	if err := j.collect(ctx); err != nil {
		return nil, nil, err
	}
	if err := j.proveHash(ctx); err != nil {
		return nil, nil, err
	}
	return j.decode()
}

// k is how many blocks it takes.
func (j *job) k() int { return j.f.v.Cap().K }

// collect gets k blocks.
func (j *job) collect(ctx context.Context) error {
	for len(j.blocks) < j.k() {
		changed, err := j.advance(ctx)
		if err != nil {
			return err
		}
		timer := time.NewTimer(j.untilOverdue())
		select {
		case r := <-j.news:
			err = j.take(r)
		case <-changed:
		case <-timer.C:
			j.markLate()
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		timer.Stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// advance asks for as many blocks as are missing, from shares that are known, and
// servers for more shares if these are not enough.
func (j *job) advance(ctx context.Context) (changed <-chan struct{}, err error) {
	f := j.f
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		missing := j.k() - len(j.blocks) - j.inTime()
		for ; missing > 0; missing-- {
			sh := j.pick()
			if sh == nil {
				break
			}
			j.start(ctx, sh)
		}
		changed = f.finder.changed
		if missing == 0 || f.finder.more(missing+spareAnswers) || len(j.active) > 0 && len(j.blocks)+len(j.numbers()) >= j.k() {
			return changed, nil
		}
		if j.epoch == 0 || f.finder.epoch != j.epoch {
			return nil, j.notEnough()
		}
		f.finder.again() // what was located for an earlier segment is not there any more
		clear(j.tried)
	}
}

// inTime counts the requests that are not late, by share number.
func (j *job) inTime() int {
	var nums []grid.ShareNum
	for _, r := range j.active {
		if !r.late && !slices.Contains(nums, r.share.num) {
			nums = append(nums, r.share.num)
		}
	}
	return len(nums)
}

// numbers are those of the shares that are asked.
func (j *job) numbers() []grid.ShareNum {
	var nums []grid.ShareNum
	for _, r := range j.active {
		if !slices.Contains(nums, r.share.num) {
			nums = append(nums, r.share.num)
		}
	}
	return nums
}

// pick returns the best share to ask for a block, or nil.
func (j *job) pick() (best *share) {
	size, least := j.blockSize(), time.Duration(0)
	for _, sh := range j.f.finder.shares {
		if sh.dead || sh.corrupt || j.tried[sh] || j.covered(sh) {
			continue
		}
		cost := sh.cost(size, j.f.busy[sh.server.ID])
		if sh.suspect {
			cost += time.Hour // it comes last
		}
		if best == nil || cost < least {
			best, least = sh, cost
		}
	}
	return best
}

// covered says whether there is a block with the share's number, or will be in
// time.
func (j *job) covered(sh *share) bool {
	same := func(r *request) bool { return r.share.num == sh.num }
	return slices.ContainsFunc(j.blocks, same) ||
		slices.ContainsFunc(j.active, func(r *request) bool { return same(r) && !r.late })
}

// blockSize is the size of the block, or 0 if it is not known yet.
func (j *job) blockSize() int {
	if segs, ok := expectedSegments(j.f.v); ok && j.seg < segs.NumSegments {
		return int(segs.BlockSizeOf(j.seg))
	}
	return 0
}

// start asks a share for its block. The mutex of the file is held.
func (j *job) start(ctx context.Context, sh *share) {
	f := j.f
	j.tried[sh] = true
	ctx, cancel := context.WithCancel(ctx)
	now := time.Now()
	r := &request{share: sh, started: now, size: j.blockSize(), cancel: cancel}
	r.overdue = now.Add(patience(sh.server, r.size))
	j.active = append(j.active, r)
	f.busy[sh.server.ID]++
	f.wg.Go(func() {
		r.block, r.err = sh.readBlock(ctx, j.seg, func() []byte { return f.buffer(j.seg) })
		f.mu.Lock()
		f.busy[sh.server.ID]--
		f.mu.Unlock()
		select {
		case j.news <- r:
		case <-ctx.Done():
			f.recycle(r.block)
		}
	})
}

// take takes in what came for a request.
func (j *job) take(r *request) error {
	j.active = slices.DeleteFunc(j.active, func(other *request) bool { return other == r })
	r.cancel()
	if r.err == nil {
		if slices.ContainsFunc(j.blocks, func(b *request) bool { return b.share.num == r.share.num }) {
			j.f.recycle(r.block) // another server was faster
			return nil
		}
		j.blocks = append(j.blocks, r)
		return nil
	}
	j.f.recycle(r.block)
	r.block = nil
	j.f.mu.Lock()
	defer j.f.mu.Unlock()
	return j.f.blame(r.share, r.err)
}

// forever is longer than any request takes.
const forever = 24 * time.Hour

// untilOverdue is how long until something that is waited for is late.
func (j *job) untilOverdue() time.Duration {
	now := time.Now()
	j.f.mu.Lock()
	wait := j.f.finder.untilOverdue(now)
	j.f.mu.Unlock()
	for _, r := range j.active {
		if !r.late {
			wait = min(wait, r.overdue.Sub(now))
		}
	}
	return max(0, wait)
}

// markLate stops counting on what takes too long. It may still come.
func (j *job) markLate() {
	now := time.Now()
	j.f.mu.Lock()
	j.f.finder.markLate(now)
	j.f.mu.Unlock()
	for _, r := range j.active {
		if !r.late && !now.Before(r.overdue) {
			r.late = true
			r.share.server.Health.Observe(r.size, now.Sub(r.started))
		}
	}
}

// end cancels what nobody waits for any more.
func (j *job) end() {
	for _, r := range j.active {
		r.cancel()
	}
}

// proveHash makes sure that the segment's hash is known, from any share: those
// that gave blocks first.
func (j *job) proveHash(ctx context.Context) error {
	tried := make(map[*share]bool)
	patient := false
	for {
		sh, changed, err := j.prover(tried)
		if err != nil && !patient { // now wait for those that are slow
			patient = true
			clear(tried)
			continue
		}
		if err != nil {
			return err
		}
		if sh != nil {
			tried[sh] = true
			if ok, err := j.proveHashBy(ctx, sh, patient); ok || err != nil {
				return err
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// prover returns a share to be asked for the hash, or what to wait for.
func (j *job) prover(tried map[*share]bool) (sh *share, changed <-chan struct{}, err error) {
	f := j.f
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range j.blocks {
		if !tried[r.share] {
			return r.share, nil, nil
		}
	}
	for _, sh := range f.finder.shares {
		if !tried[sh] && !sh.dead && !sh.corrupt && !sh.badTree {
			return sh, nil, nil
		}
	}
	if f.finder.more(1) {
		return nil, f.finder.changed, nil
	}
	return nil, nil, j.notEnough()
}

// proveHashBy asks one share for the hash; unless patient, not for long.
func (j *job) proveHashBy(ctx context.Context, sh *share, patient bool) (ok bool, err error) {
	f := j.f
	f.mu.Lock()
	useless := sh.dead || sh.corrupt || sh.badTree
	f.mu.Unlock()
	if useless {
		return false, nil
	}
	short := ctx
	if !patient {
		var cancel context.CancelFunc
		short, cancel = context.WithTimeout(ctx, patience(sh.server, maxTail))
		defer cancel()
	}
	r, err := sh.open(short, j.seg)
	if err == nil {
		err = r.ProveSegmentHash(short, j.seg)
	}
	if err == nil {
		return true, nil
	}
	if short.Err() != nil && ctx.Err() == nil {
		return false, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return false, f.blame(sh, err)
}

// decode makes the plaintext of the blocks.
func (j *job) decode() (data []byte, free func(), err error) {
	f := j.f
	d, err := f.decoder()
	if err != nil {
		return nil, nil, err
	}
	d.Start(j.seg)
	for _, r := range j.blocks {
		r.share.source.used(j.seg)
		d.Adopt(r.share.num, r.block)
	}
	data, err = d.Decode()
	if err != nil {
		return nil, nil, err
	}
	segs, _ := f.v.Segments()
	f.decrypt(data, j.seg*segs.SegmentSize)
	f.mu.Lock()
	defer f.mu.Unlock()
	if j.k() == 1 {
		f.giveDecoderLocked(d)
		block := j.blocks[0].block
		return data, func() { f.recycleLocked(block) }, nil
	}
	for _, r := range j.blocks {
		f.recycleLocked(r.block)
	}
	return data, func() { f.giveDecoderLocked(d) }, nil
}

// notEnough is the error when there are no more shares. The mutex of the file is
// held.
func (j *job) notEnough() error {
	fi := j.f.finder
	e := &NotEnoughSharesError{
		Needed: j.k(), Asked: len(fi.asked), Failed: fi.failed, Problems: slices.Clone(fi.problems),
	}
	for _, r := range j.blocks {
		e.Complete = append(e.Complete, r.share.num)
	}
	for _, sh := range fi.shares {
		e.Found = append(e.Found, sh.num)
	}
	slices.Sort(e.Found)
	e.Found = slices.Compact(e.Found)
	return e
}
