package dirnode

import (
	"bytes"
	"context"
	"errors"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
)

// Do applies one operation to the directory and returns what became of it, once
// that counts. If ctx ends before, the operation may be carried out or not.
func (d *Directory) Do(ctx context.Context, o Operation) (Result, error) {
	if !d.Writable() {
		return Result{}, ErrNotWritable
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	w := &waiter{ctx: ctx, edit: NewEdit(o, d.client.cfg.Now()), done: make(chan struct{})}
	if err := d.enqueue(w); err != nil {
		return Result{}, err
	}
	select {
	case <-w.done:
		if w.err != nil {
			return Result{}, w.err
		}
		r := w.edit.Result()
		return r, r.Err
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// waiter is an edit somebody waits for. err is set before done is closed.
type waiter struct {
	ctx  context.Context // of the caller: nobody begins with an edit that is not wanted any more
	edit *Edit
	done chan struct{}
	err  error
}

// enqueue lets the edit wait for the directory, and sees to it that somebody
// works there.
func (d *Directory) enqueue(w *waiter) error {
	d.node.mu.Lock()
	defer d.node.mu.Unlock()
	if len(d.node.waiting) >= DefaultMaxWaiting {
		return ErrBusy
	}
	d.node.waiting = append(d.node.waiting, w)
	if !d.node.working {
		d.node.working = true
		d.client.workers.Go(d.work)
	}
	return nil
}

// work publishes edits until none are waiting.
func (d *Directory) work() {
	for {
		p := &publisher{dir: d}
		if p.take(); len(p.waiters) == 0 {
			return
		}
		p.run()
	}
}

// publisher publishes one batch of edits.
type publisher struct {
	dir     *Directory
	batch   Batch
	waiters []*waiter
	table   *dirformat.Table // what the last evaluation came to
}

// take adds all waiting edits to the batch. If there are none and the batch is
// empty the work is over.
func (p *publisher) take() {
	n := p.dir.node
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range n.waiting {
		if w.ctx.Err() != nil {
			continue // its caller is gone, and nothing has happened yet
		}
		p.waiters = append(p.waiters, w)
		p.batch.Add(w.edit)
	}
	n.waiting = nil
	if len(p.waiters) == 0 {
		n.working = false
	}
}

// run publishes the batch and tells who waits.
func (p *publisher) run() {
	ctx, cancel := context.WithTimeout(context.Background(), p.dir.client.cfg.EditTimeout)
	defer cancel()
	s, err := p.dir.file.Modify(ctx, p.change)
	if err == nil {
		p.dir.client.cache.keep(p.dir.node, s.Version(), p.table)
	} else {
		p.dir.client.cfg.Log.Info("directory not changed", "si", p.dir.file.StorageIndex().Abbrev(), "edits", len(p.waiters), "err", err)
	}
	for _, w := range p.waiters {
		w.err = err
		close(w.done)
	}
}

// change is the mutable.Change of the batch. Edits that have come in meanwhile
// join it.
func (p *publisher) change(ctx context.Context, s *mutable.Snapshot) (mutable.Source, bool, error) {
	base, err := p.dir.table(ctx, s)
	if err != nil {
		return nil, false, err
	}
	p.take()
	p.table = base.Clone()
	if !p.batch.Evaluate(p.table) {
		return nil, false, nil
	}
	if size := p.table.Size(); size > mutablelayout.MaxSegmentSize {
		return nil, false, &mutable.TooLargeError{Size: size, Limit: mutablelayout.MaxSegmentSize}
	}
	return bytes.NewReader(p.table.Append(nil)), true, nil
}

// isGone reports whether a version could not be read any more.
func isGone(err error) bool {
	var gone *mutable.UnrecoverableError
	return errors.As(err, &gone)
}
