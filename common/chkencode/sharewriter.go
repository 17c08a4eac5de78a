package chkencode

import (
	"context"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
)

// gatherSize is how many bytes of small pieces are gathered into one write.
// Pieces of this size or larger, such as the blocks of 1 MiB segments at k = 3,
// are not copied. (1.20 gathers a million bytes; layout.py, _WriteBuffer.)
const gatherSize = 128 << 10

// state is where a share stands.
type state int

const (
	open state = iota
	closed
	lost // given up, and its sink aborted
)

// shareWriter writes one share into its sink.
type shareWriter struct {
	*run
	num   grid.ShareNum
	sink  Sink
	queue chan *segment
	end   *shareEnd // set before queue is closed; nil if there is no end to come
	state state

	offset int64  // of what is gathered
	gather []byte // not yet written
}

// shareEnd is what follows the blocks.
type shareEnd struct {
	ciphertext, blocks, chain, ueb []byte
}

func newShareWriter(r *run, num grid.ShareNum, sink Sink) *shareWriter {
	size := min(gatherSize, r.layout.AllocatedSize())
	return &shareWriter{
		run:    r,
		num:    num,
		sink:   sink,
		queue:  make(chan *segment, r.buffers),
		gather: make([]byte, 0, size),
	}
}

// loop writes the header, the blocks as they come and, if there is one, the end.
// It takes segments from the queue even if the share is lost, to release them.
func (w *shareWriter) loop() {
	w.write(sharelayout.AppendHeader(nil, w.layout.Header))
	for s := range w.queue {
		w.write(s.shares[w.slot(int(w.num))])
		w.release(s)
	}
	if w.end != nil {
		w.writeZeros(w.layout.TreeSize)
		w.write(w.end.ciphertext)
		w.write(w.end.blocks)
		w.write(w.end.chain)
		w.write(w.layout.AppendUEB(nil, w.end.ueb))
		w.flush()
	}
}

// write gathers a small piece, or writes what was gathered and then a large one.
func (w *shareWriter) write(piece []byte) {
	if len(piece) > cap(w.gather)-len(w.gather) {
		w.flush()
	}
	if len(piece) >= cap(w.gather) {
		w.send(piece)
		return
	}
	w.gather = append(w.gather, piece...)
}

func (w *shareWriter) flush() {
	if len(w.gather) > 0 {
		w.send(w.gather)
		w.gather = w.gather[:0]
	}
}

// zeros is what the plaintext hash tree is written from.
var zeros [4 << 10]byte

func (w *shareWriter) writeZeros(size int64) {
	for ; size > 0; size -= int64(len(zeros)) {
		w.write(zeros[:min(size, int64(len(zeros)))])
	}
}

func (w *shareWriter) send(piece []byte) {
	if w.state == open && w.ctx.Err() == nil {
		w.check("write", w.sink.Write(w.ctx, w.offset, piece))
	}
	w.offset += int64(len(piece))
}

// check gives the share up if its sink has failed.
func (w *shareWriter) check(op string, err error) {
	if err != nil {
		w.abort()
		w.sinkFailed(&SinkError{ShareNum: w.num, Op: op, Err: err})
	}
}

// close completes the share.
func (w *shareWriter) close() {
	if w.state != open {
		return
	}
	if err := w.sink.Close(w.ctx); err != nil {
		w.check("close", err)
		return
	}
	w.state = closed
}

// abort gives the share up, unless that was done before or it is complete.
func (w *shareWriter) abort() {
	if w.state == open {
		w.state = lost
		w.sink.Abort(context.WithoutCancel(w.ctx))
	}
}
