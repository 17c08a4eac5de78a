package chkencode

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/ueb"
)

// run is one call of Encode.
type run struct {
	*Encoder
	ctx    context.Context // of this call only
	cancel context.CancelCauseFunc
	source *source
	free   chan *segment // buffers that nobody uses
	order  sequencer
	// leaves has, for each different block, the hashes of all blocks; segHashes
	// those of the segments. Workers write to different places of them.
	leaves    [][]byte
	segHashes []byte
	writers   []*shareWriter

	lostMu sync.Mutex // one call of Config.Lost at a time; guards what is below
	alive  int        // writers that did not lose their sink
}

func newRun(ctx context.Context, cancel context.CancelCauseFunc, e *Encoder, r io.Reader, sinks map[grid.ShareNum]Sink) *run {
	run := &run{
		Encoder:   e,
		ctx:       ctx,
		cancel:    cancel,
		source:    &source{r: r, hasher: taggedhash.NewCiphertextHasher()},
		free:      make(chan *segment, e.buffers),
		segHashes: make([]byte, e.cfg.Segments.NumSegments*hashtree.HashSize),
		leaves:    make([][]byte, e.slots()),
	}
	for i := range run.leaves {
		run.leaves[i] = make([]byte, len(run.segHashes))
	}
	for range e.buffers {
		run.free <- newSegment(e.cfg.Segments.BlockSize, e.slots())
	}
	run.order.ready = make([]*segment, e.buffers)
	for num := range grid.ShareNum(e.cfg.N) {
		if sink := sinks[num]; sink != nil {
			run.writers = append(run.writers, newShareWriter(run, num, sink))
		}
	}
	run.alive = len(run.writers)
	return run
}

// encode runs the stages. The writers' goroutines end when their queues are
// closed, the workers' when the ciphertext is read.
func (r *run) encode() (*Result, error) {
	var writing, working sync.WaitGroup
	for _, w := range r.writers {
		writing.Go(w.loop)
	}
	for range r.cfg.Workers {
		working.Go(func() { newWorker(r).loop() })
	}
	working.Wait()
	var result *Result
	if r.ctx.Err() == nil {
		var err error
		if result, err = r.finishHashes(); err != nil {
			r.cancel(err)
		}
	}
	for _, w := range r.writers {
		close(w.queue)
	}
	writing.Wait()
	return r.closeAll(result)
}

// finishHashes builds the trees and the UEB and leaves with every writer what
// belongs at the end of its share.
func (r *run) finishHashes() (*Result, error) {
	ciphertext, err := hashtree.Build(r.segHashes)
	if err != nil {
		return nil, err
	}
	trees, roots, err := r.blockTrees()
	if err != nil {
		return nil, err
	}
	shares, err := hashtree.Build(roots)
	if err != nil {
		return nil, err
	}
	packed := ueb.New(r.cfg.Segments, r.cfg.N, ueb.Hashes{
		Ciphertext:     r.source.hasher.Sum(),
		CiphertextRoot: ciphertext.Root(),
		ShareRoot:      shares.Root(),
	}).Append(nil)
	for _, w := range r.writers {
		w.end = &shareEnd{
			ciphertext: ciphertext.Nodes(),
			blocks:     trees[r.slot(int(w.num))].Nodes(),
			chain:      r.chain(shares, int(w.num)),
			ueb:        packed,
		}
	}
	return &Result{UEB: packed, UEBHash: taggedhash.UEBHash(packed)}, nil
}

// blockTrees builds the block hash trees, letting go of the leaves and of the
// trees that no writer wants, and returns them with the roots of all shares.
func (r *run) blockTrees() (trees []*hashtree.Tree, roots []byte, err error) {
	wanted := make([]bool, len(r.leaves))
	for _, w := range r.writers {
		wanted[r.slot(int(w.num))] = true
	}
	trees = make([]*hashtree.Tree, len(r.leaves))
	for num := range r.cfg.N {
		slot := r.slot(num)
		if num == slot {
			tree, err := hashtree.Build(r.leaves[slot])
			if err != nil {
				return nil, nil, err
			}
			r.leaves[slot] = nil
			root := tree.Root()
			roots = append(roots, root[:]...)
			if wanted[slot] {
				trees[slot] = tree
			}
		} else {
			roots = append(roots, roots[slot*hashtree.HashSize:][:hashtree.HashSize]...)
		}
	}
	return trees, roots, nil
}

// chain returns the bytes of the share hash chain of share num.
func (r *run) chain(shares *hashtree.Tree, num int) []byte {
	var chain []sharelayout.ShareHash
	for _, node := range sharelayout.ChainNodes(r.cfg.N, num) {
		chain = append(chain, sharelayout.ShareHash{Node: node, Hash: shares.Node(node)})
	}
	return sharelayout.AppendShareHashes(nil, chain)
}

// closeAll closes the shares that were written completely, or aborts them if
// anything went wrong.
func (r *run) closeAll(result *Result) (*Result, error) {
	if r.ctx.Err() == nil {
		r.inParallel((*shareWriter).close)
	}
	err := r.err()
	if err != nil {
		r.inParallel((*shareWriter).abort)
		return nil, err
	}
	for _, w := range r.writers {
		if w.state == closed {
			result.Placed = append(result.Placed, w.num)
		}
	}
	return result, nil
}

func (r *run) inParallel(f func(*shareWriter)) {
	var wg sync.WaitGroup
	for _, w := range r.writers {
		wg.Go(func() { f(w) })
	}
	wg.Wait()
}

// err returns why the run was given up, or nil.
func (r *run) err() error {
	if r.ctx.Err() == nil {
		return nil
	}
	return context.Cause(r.ctx)
}

// sinkFailed asks whether to go on without a share.
func (r *run) sinkFailed(err *SinkError) {
	r.lostMu.Lock()
	defer r.lostMu.Unlock()
	if r.ctx.Err() != nil {
		return // given up already, and this is probably why the sink failed
	}
	r.alive--
	if r.cfg.Lost == nil {
		r.cancel(err)
		return
	}
	if err := r.cfg.Lost(err); err != nil {
		r.cancel(err)
	} else if r.alive == 0 {
		r.cancel(ErrNoSinks)
	}
}

// release gives a segment's buffer back when its last user is done.
func (r *run) release(s *segment) {
	if s.users.Add(-1) == 0 {
		r.free <- s
	}
}

// source reads the ciphertext in order. Its users take turns.
type source struct {
	mu     sync.Mutex // guards all below
	r      io.Reader
	hasher *taggedhash.Hasher // of the whole ciphertext
	next   int64              // segment to be read
}

// read reads the next segment into s. It returns false after the last one.
func (r *run) read(s *segment) (bool, error) {
	src, segs := r.source, r.cfg.Segments
	src.mu.Lock()
	defer src.mu.Unlock()
	if src.next == segs.NumSegments {
		return false, nil
	}
	s.cut(src.next, segs.SizeOf(src.next), segs.BlockSizeOf(src.next))
	got, err := s.fill(src.r, segs.K)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return false, &ShortError{Size: segs.Size, Got: src.next*segs.SegmentSize + got}
	}
	if err != nil {
		return false, err
	}
	src.next++
	s.each(func(piece []byte) { src.hasher.Write(piece) })
	return true, nil
}
