package download

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/immutable"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
	"github.com/besn0847/arm-tahoe/common/ueb"
)

const (
	// smallShare is up to which size a share is read as a whole.
	smallShare = 64 << 10
	// maxTail bounds what is read at once after the blocks: hashes of 1024
	// segments and the rest. Of larger shares the hash trees are read in parts.
	maxTail = 160 << 10
	// slack is read beyond the expected end: shares from before the plaintext
	// hashes were given up have a longer URI extension block.
	slack = 640
	// maxSpan bounds the first block that is read while the share is opened.
	maxSpan = 1 << 20
)

// source is an immutable.Source that reads what will be wanted before it is asked
// for. Safe for concurrent use.
type source struct {
	share *share

	mu    sync.RWMutex // guards spans; not what they hold
	spans []*span
}

// span is a part of the share that was read or is being read.
type span struct {
	offset int64
	size   int64 // that was asked for
	seg    int64 // whose block it is; -1 for hashes
	done   chan struct{}
	data   []byte // what is there, when done
	end    bool   // the share ends with it
	err    error
}

func newSource(sh *share) *source { return &source{share: sh} }

// prefetch begins to read what opening the share and the block of seg take, by
// what follows from the cap.
func (s *source) prefetch(ctx context.Context, v *immutable.Verifier, seg int64) {
	segs, ok := expectedSegments(v)
	if !ok || seg < 0 || seg >= segs.NumSegments {
		return
	}
	n := v.Cap().N
	layout, err := sharelayout.New(segs, n, ueb.Size(segs, n))
	if err != nil {
		return
	}
	size := layout.AllocatedSize()
	if size <= smallShare {
		s.start(ctx, 0, size+slack, -1)
		return
	}
	s.start(ctx, 0, sharelayout.MaxHeaderSize, -1)
	tail := layout.CiphertextHashTreeOffset
	if size-tail > maxTail {
		tail = layout.ShareHashesOffset
	}
	s.start(ctx, tail, size-tail+slack, -1)
	if block := segs.BlockSizeOf(seg); block <= maxSpan && !s.share.server.Local {
		s.start(ctx, layout.DataOffset+seg*segs.BlockSize, block, seg)
	}
}

// expectedSegments is how the file is cut, or probably.
func expectedSegments(v *immutable.Verifier) (erasure.Segments, bool) {
	if segs, ok := v.Segments(); ok {
		return segs, true
	}
	c := v.Cap()
	size, err := erasure.SegmentSize(c.Size, immutable.DefaultMaxSegmentSize, c.K)
	if err != nil {
		return erasure.Segments{}, false
	}
	segs, err := erasure.NewSegments(c.Size, c.K, size)
	return segs, err == nil
}

func (s *source) start(ctx context.Context, offset, length, seg int64) {
	sp := &span{offset: offset, size: length, seg: seg, done: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spans = append(s.spans, sp)
	s.share.file.wg.Go(func() {
		defer close(sp.done)
		data := make([]byte, length)
		n, err := s.direct(ctx, data, offset)
		sp.data, sp.err, sp.end = data[:n], err, errors.Is(err, io.EOF)
	})
}

// ReadAt implements immutable.Source.
func (s *source) ReadAt(ctx context.Context, p []byte, offset int64) (int, error) {
	if sp := s.find(offset, len(p)); sp != nil {
		select {
		case <-sp.done:
			if n, ok := sp.read(p, offset); ok {
				if n < len(p) {
					return n, io.EOF
				}
				return n, nil
			}
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	return s.direct(ctx, p, offset)
}

// find returns a span that may have the range, or nil.
func (s *source) find(offset int64, length int) *span {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, sp := range s.spans {
		if offset >= sp.offset && offset+int64(length) <= sp.offset+sp.size {
			return sp
		}
	}
	// One that reaches beyond the expected end.
	for _, sp := range s.spans {
		if sp.seg < 0 && offset >= sp.offset && offset < sp.offset+sp.size {
			return sp
		}
	}
	return nil
}

// read copies from the span. ok is false if it does not have the range.
func (sp *span) read(p []byte, offset int64) (n int, ok bool) {
	if sp.err != nil && !sp.end || offset > sp.offset+int64(len(sp.data)) {
		return 0, false
	}
	n = copy(p, sp.data[offset-sp.offset:])
	return n, n == len(p) || sp.end
}

// used lets go of what was read for the first block, and of the hashes.
func (s *source) used(seg int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.spans[:0]
	for _, sp := range s.spans {
		if sp.seg >= 0 && sp.seg != seg {
			kept = append(kept, sp)
		} else if sp.seg < 0 && sp.size <= smallShare+slack {
			kept = append(kept, sp)
		}
	}
	clear(s.spans[len(kept):])
	s.spans = kept
}

// drop lets go of everything.
func (s *source) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spans = nil
}

// direct reads from the server.
func (s *source) direct(ctx context.Context, p []byte, offset int64) (int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readTime+time.Duration(len(p)/slowest)*time.Second, errTooSlow)
	defer cancel()
	start := time.Now()
	n, err := s.share.reader.Read(ctx, p, offset)
	if err != nil {
		if errors.Is(context.Cause(ctx), errTooSlow) {
			err = errTooSlow
		}
		return 0, err
	}
	if n < 0 || n > len(p) {
		return 0, errors.New("server says it read more than it was asked for")
	}
	s.share.server.Health.Observe(n, time.Since(start))
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
