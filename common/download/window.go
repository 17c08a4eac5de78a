package download

import "context"

// maxIdle is how many segments a file keeps that nobody reads.
const maxIdle = 2

// piece is a segment that is there or on its way. What is not said to be set once
// is guarded by the mutex of the file.
type piece struct {
	seg      int64
	cancel   context.CancelFunc
	reserved int64 // of the memory for reading ahead
	pins     int   // whoever reads it or is going to

	done chan struct{} // closed when data and err are set
	data []byte
	err  error
	free func() // gives the buffer back; called with the mutex held
}

// piece returns a segment, pinned. If it is not there it is fetched; where that is
// only to be ahead, must is false, and it is nil if there is no memory. The mutex
// is held, and the file is not closed.
func (f *file) piece(seg int64, must bool) *piece {
	if pc := f.pieces[seg]; pc != nil {
		if pc.pins == 0 {
			f.unidle(pc)
		}
		pc.pins++
		return pc
	}
	reserved := int64(0)
	if !must {
		if segs, ok := f.v.Segments(); ok {
			reserved = 2 * segs.SegmentSize
		}
		if reserved == 0 || !f.d.reserve(reserved) {
			return nil
		}
	}
	ctx, cancel := context.WithCancel(f.ctx)
	pc := &piece{seg: seg, cancel: cancel, reserved: reserved, pins: 1, done: make(chan struct{})}
	f.pieces[seg] = pc
	f.wg.Go(func() { f.fill(ctx, pc) })
	return pc
}

func (f *file) unidle(pc *piece) {
	for i, other := range f.idle {
		if other == pc {
			f.idle = append(f.idle[:i], f.idle[i+1:]...)
			return
		}
	}
}

// fill fetches the piece.
func (f *file) fill(ctx context.Context, pc *piece) {
	defer pc.cancel()
	data, free, err := f.fetch(ctx, pc.seg)
	f.mu.Lock()
	defer f.mu.Unlock()
	pc.data, pc.free, pc.err = data, free, err
	close(pc.done)
	if err != nil && f.pieces[pc.seg] == pc {
		delete(f.pieces, pc.seg) // the next who wants it tries again
	}
	if pc.pins == 0 {
		f.discard(pc)
	}
}

// discard gives back what the piece holds. It is done, and nobody has it.
func (f *file) discard(pc *piece) {
	if f.pieces[pc.seg] == pc {
		delete(f.pieces, pc.seg)
	}
	f.d.ahead.Add(-pc.reserved)
	pc.reserved = 0
	if pc.free != nil {
		pc.free()
		pc.free = nil
	}
	pc.data = nil
}

func (f *file) unpin(pc *piece) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unpinLocked(pc)
}

func (f *file) unpinLocked(pc *piece) {
	if pc.pins--; pc.pins > 0 {
		return
	}
	select {
	case <-pc.done:
		if pc.err != nil || f.closed {
			f.discard(pc)
			return
		}
		f.idle = append(f.idle, pc)
		f.trim(maxIdle)
	default: // fill discards it
		pc.cancel()
		if f.pieces[pc.seg] == pc {
			delete(f.pieces, pc.seg)
		}
	}
}

// trim keeps only so many segments that nobody reads.
func (f *file) trim(keep int) {
	for len(f.idle) > keep {
		f.discard(f.idle[0])
		f.idle = f.idle[1:]
	}
}

// wait waits for a piece, which the caller has pinned.
func (f *file) wait(ctx context.Context, pc *piece) ([]byte, error) {
	select {
	case <-pc.done:
		if pc.err != nil && f.ctx.Err() != nil {
			return nil, ErrClosed
		}
		return pc.data, pc.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-f.ctx.Done():
		return nil, ErrClosed
	}
}

// window is the segments that a reader has and those ahead of it. It is guarded by
// the mutex of the file.
type window struct {
	f      *file
	pinned []*piece
	next   int64 // what is read if reading goes on in order
	ahead  int
}

// want returns the segment, which stays pinned until the window moves on, and sees
// that those after it are fetched if the segment follows the one before. last is
// the last that may be wanted.
func (w *window) want(seg, last int64) *piece {
	switch seg {
	case w.next:
		w.ahead = min(max(1, 2*w.ahead), MaxAhead)
	case w.next - 1: // again
	default:
		w.ahead = 0
	}
	w.next = seg + 1
	end := min(seg+int64(w.ahead), last)
	before := w.pinned
	w.pinned = nil
	first := w.f.piece(seg, true)
	w.pinned = append(w.pinned, first)
	for s := seg + 1; s <= end; s++ {
		pc := w.f.piece(s, false)
		if pc == nil {
			break
		}
		w.pinned = append(w.pinned, pc)
	}
	for _, pc := range before {
		w.f.unpinLocked(pc)
	}
	return first
}

// get is want, and waits for the segment. For whoever owns the window.
func (w *window) get(ctx context.Context, seg, last int64) ([]byte, error) {
	f := w.f
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, ErrClosed
	}
	if w.pinned == nil {
		w.next = seg // what was asked for is read in order
	}
	pc := w.want(seg, last)
	f.mu.Unlock()
	return f.wait(ctx, pc)
}

// end lets go of all segments.
func (w *window) end() {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.drop()
}

func (w *window) drop() {
	for _, pc := range w.pinned {
		w.f.unpinLocked(pc)
	}
	w.pinned = nil
}
