package upload

import (
	"context"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
)

const (
	// writeTime is how long a server may take for a write or a close, plus a
	// second for each slowest bytes of it.
	writeTime = 60 * time.Second
	slowest   = 16 << 10
	// abortTime is how long it may take to forget an upload.
	abortTime = 10 * time.Second
)

// sink is a chkencode.Sink that writes a share to a server. It gathers small
// writes and sends several at a time, unless the server is in this process:
// there every write goes straight to the disk.
type sink struct {
	u      *Uploader
	aborts *sync.WaitGroup // of the upload
	server *broker.Server
	below  grid.BucketWriter
	size   int64 // of the share

	// Used by the goroutine of the encoder only.
	buf    []byte // not yet sent; nil if there is none
	offset int64  // of buf in the share

	slots chan struct{} // one for each write on its way
	wg    sync.WaitGroup

	mu    sync.Mutex // guards all below
	err   error      // the first of a write that nobody waited for
	bytes int64      // that the server has taken
}

func newSink(u *Uploader, aborts *sync.WaitGroup, server *broker.Server, below grid.BucketWriter, size int64) *sink {
	return &sink{
		u: u, aborts: aborts, server: server, below: below, size: size,
		slots: make(chan struct{}, maxInFlight),
	}
}

// Write implements chkencode.Sink.
func (s *sink) Write(ctx context.Context, offset int64, data []byte) error {
	for len(data) > 0 {
		if err := s.failure(); err != nil {
			return err
		}
		if s.buf == nil {
			if s.server.Local || int64(len(data)) == s.size {
				return s.write(ctx, offset, data)
			}
			if s.buf = s.u.buffers.get(); s.buf == nil {
				return s.write(ctx, offset, data)
			}
			s.offset = offset
		}
		n := min(len(data), cap(s.buf)-len(s.buf))
		s.buf = append(s.buf, data[:n]...)
		data, offset = data[n:], offset+int64(n)
		if len(s.buf) == cap(s.buf) {
			if err := s.send(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// send lets the buffer be written by somebody else, when it is its turn.
func (s *sink) send(ctx context.Context) error {
	if s.buf == nil {
		return nil
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	buf, offset := s.buf, s.offset
	s.buf = nil
	s.wg.Go(func() {
		err := s.write(ctx, offset, buf)
		s.u.buffers.put(buf)
		s.note(err)
		<-s.slots
	})
	return nil
}

// write writes to the server and waits for it.
func (s *sink) write(ctx context.Context, offset int64, data []byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeFor(len(data)), errTooSlow)
	defer cancel()
	start := time.Now()
	err := s.below.Write(ctx, offset, data)
	if err != nil {
		s.server.Health.Fail(time.Now())
		return cause(ctx, err)
	}
	s.server.Health.Observe(len(data), time.Since(start))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += int64(len(data))
	return nil
}

func timeFor(bytes int) time.Duration {
	return writeTime + time.Duration(bytes/slowest)*time.Second
}

// Close implements chkencode.Sink.
func (s *sink) Close(ctx context.Context) error {
	if err := s.flush(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, writeTime, errTooSlow)
	defer cancel()
	if err := s.below.Close(ctx); err != nil {
		s.server.Health.Fail(time.Now())
		return cause(ctx, err)
	}
	return nil
}

// flush writes what is gathered, and waits for all writes.
func (s *sink) flush(ctx context.Context) error {
	var err error
	if s.buf != nil && s.failure() == nil {
		err = s.write(ctx, s.offset, s.buf)
	}
	s.wg.Wait()
	s.release()
	if err != nil {
		return err
	}
	return s.failure()
}

// Abort implements chkencode.Sink. It does not wait: an upload may go on without
// this share. Writes on their way end with the upload, or in time.
func (s *sink) Abort(ctx context.Context) {
	s.aborts.Add(1)
	s.u.background.Go(func() {
		defer s.aborts.Done()
		s.wg.Wait()
		s.release()
		abort(ctx, s.below)
	})
}

// abort lets a server forget a share. One that it does not reach drops the share
// by itself.
func abort(ctx context.Context, w grid.BucketWriter) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	_ = w.Abort(ctx)
}

func (s *sink) release() {
	s.u.buffers.put(s.buf)
	s.buf = nil
}

// note keeps the first error.
func (s *sink) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *sink) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *sink) sent() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}
