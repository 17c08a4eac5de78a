package chkencode

import (
	"sync"

	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// worker takes one segment after the other from the source to the writers.
type worker struct {
	*run
	segment *taggedhash.Hasher
	block   *taggedhash.Hasher
}

func newWorker(r *run) *worker {
	return &worker{r, taggedhash.NewCiphertextSegmentHasher(), taggedhash.NewBlockHasher()}
}

func (w *worker) loop() {
	for {
		var s *segment
		select {
		case s = <-w.free:
		case <-w.ctx.Done():
			return
		}
		more, err := w.read(s)
		if err == nil && more {
			err = w.compute(s)
		}
		if err != nil {
			w.cancel(err)
			return
		}
		if !more {
			w.free <- s // for another worker, who then finds out the same
			return
		}
		w.order.done(s, w.dispatch)
	}
}

// compute makes the shares of a segment and their hashes.
func (w *worker) compute(s *segment) error {
	w.segment.Reset()
	s.each(func(piece []byte) { w.segment.Write(piece) })
	put(w.segHashes, s.num, w.segment.Sum())
	if !w.code.Replicates() {
		if err := w.code.Encode(s.shares); err != nil {
			return err
		}
	}
	for i, b := range s.shares {
		put(w.leaves[i], s.num, w.block.Of(b))
	}
	return nil
}

func put(hashes []byte, num int64, h taggedhash.Hash) {
	copy(hashes[num*hashtree.HashSize:], h[:])
}

// dispatch hands a segment to all writers. It never blocks: a queue has room for
// all buffers there are.
func (r *run) dispatch(s *segment) {
	s.users.Store(int32(len(r.writers)) + 1)
	for _, w := range r.writers {
		w.queue <- s
	}
	r.release(s)
}

// sequencer brings segments back into order.
type sequencer struct {
	mu sync.Mutex // guards all below
	// ready holds finished segments that wait for their turn, at their number
	// modulo the number of buffers: no two in memory share a place.
	ready []*segment
	next  int64
}

// done calls f, in order, for s and those that waited for it, if it is their turn.
func (q *sequencer) done(s *segment, f func(*segment)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := int64(len(q.ready))
	q.ready[s.num%n] = s
	for {
		next := q.ready[q.next%n]
		if next == nil {
			return
		}
		q.ready[q.next%n] = nil
		q.next++
		f(next)
	}
}
