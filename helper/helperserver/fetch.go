package helperserver

import (
	"context"
	"errors"
	"time"

	"github.com/besn0847/arm-tahoe/common/helperrpc"
)

// skipRate is how many bytes a second a client surely gets through that it has
// sent before: it reads and encrypts them again.
const skipRate = 1 << 20

// fetch gets all ciphertext onto the disk, from one client after the other.
func (in *intake) fetch(ctx context.Context) error {
	start := time.Now()
	defer func() { in.totalFetch = time.Since(start) }()
	last := errors.New("there was none")
	for {
		r, ok := in.reader()
		if !ok {
			var refused *refusal
			if errors.As(last, &refused) {
				return last
			}
			return refuse(typeNoReaders, "ran out of assisted uploaders, last failure was %v", last)
		}
		err := in.fetchFrom(ctx, r)
		var disk *diskError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &disk):
			return err
		}
		in.h.log.Info("a client failed in an upload", "si", in.si.Abbrev(), "peer", r.Reference.Peer().String(), "err", err)
		in.drop()
		last = err
	}
}

// fetchFrom gets what is missing from one client.
func (in *intake) fetchFrom(ctx context.Context, r helperrpc.Reader) error {
	size, params, err := in.interview(ctx, r)
	if err != nil {
		return err
	}
	if err := in.want(size, params); err != nil {
		return err
	}
	complete, err := in.h.files.complete(in.si, size)
	if complete {
		in.here.Store(size)
	}
	if complete || err != nil {
		return diskFailed("look for ciphertext", err)
	}
	p, err := in.h.files.begin(in.si, size)
	if err != nil {
		return diskFailed("open ciphertext", err)
	}
	if p.resumed {
		in.h.counters.resumes.Add(1)
	}
	in.here.Store(p.have)
	err = in.h.reserve(in, size-p.have)
	if err == nil {
		err = in.receive(ctx, r, p, size)
	}
	if err != nil {
		in.missing.Store(0)
		return errors.Join(err, diskFailed("keep ciphertext", p.close()))
	}
	return diskFailed("finish ciphertext", p.finish())
}

// interview asks a client what it wants stored.
func (in *intake) interview(ctx context.Context, r helperrpc.Reader) (int64, helperrpc.Parameters, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, in.h.cfg.ReadTime, errTooSlow)
	defer cancel()
	size, err := r.Size(ctx)
	if err != nil {
		return 0, helperrpc.Parameters{}, err
	}
	params, err := r.Parameters(ctx)
	return size, params, err
}

// receive gets the rest of the ciphertext, with several requests under way, and
// leaves none behind.
func (in *intake) receive(ctx context.Context, r helperrpc.Reader, p *partial, size int64) error {
	ctx, cancel := context.WithCancel(ctx)
	q := queue{in: in, r: r, next: p.have, size: size, window: 1, skip: time.Duration(p.have/skipRate) * time.Second}
	defer q.giveUp()
	defer cancel()
	for p.have < size {
		if err := q.fill(ctx); err != nil {
			return err
		}
		pieces, err := q.take(ctx)
		if err != nil {
			return err
		}
		for _, piece := range pieces {
			if err := p.write(piece); err != nil {
				return diskFailed("write ciphertext", err)
			}
		}
		in.missing.Store(size - p.have)
		in.here.Store(p.have)
	}
	return nil
}

// queue are the requests under way with one client, in the order of offsets.
type queue struct {
	in     *intake
	r      helperrpc.Reader
	reads  []request
	next   int64 // offset of the next request
	size   int64
	window int
	skip   time.Duration // more time for the first answer
}

type request struct {
	*helperrpc.Read
	length int
}

// fill sends requests.
func (q *queue) fill(ctx context.Context) error {
	for len(q.reads) < q.window && q.next < q.size {
		length := int(min(q.size-q.next, int64(q.in.h.cfg.ChunkSize)))
		read, err := q.r.Begin(ctx, q.next, length)
		if err != nil {
			return err
		}
		q.reads = append(q.reads, request{read, length})
		q.next += int64(length)
	}
	return nil
}

// take waits for the answer to the first request.
func (q *queue) take(ctx context.Context) ([][]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, q.in.h.cfg.ReadTime+q.skip, errTooSlow)
	defer cancel()
	first := q.reads[0]
	q.reads = q.reads[1:]
	start := time.Now()
	pieces, err := first.Wait(ctx)
	q.in.fetchTime += time.Since(start)
	if err != nil {
		return nil, err
	}
	got := 0
	for _, piece := range pieces {
		got += len(piece)
	}
	q.in.fetched.Add(int64(got))
	q.in.h.counters.fetched.Add(int64(got))
	if got != first.length {
		return nil, refuse(typeNoReaders, "the client gave %d bytes of ciphertext when asked for %d: has its file become shorter?", got, first.length)
	}
	q.window, q.skip = q.in.h.cfg.Window, 0
	return pieces, nil
}

var errTooSlow = errors.New("the client took too long to answer")

// giveUp lets go of answers that are not wanted any more.
func (q *queue) giveUp() {
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for _, read := range q.reads {
		_, _ = read.Wait(gone)
	}
}
