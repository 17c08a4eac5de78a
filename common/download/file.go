package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/immutable"
)

// file is what all who have a File open share.
type file struct {
	d       *Downloader
	v       *immutable.Verifier
	decrypt func(p []byte, offset int64)
	ctx     context.Context // of all that goes on for the file, until it is shut
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	key     fileKey

	// Guarded by the mutex of the downloader, which is locked before that of the
	// file.
	users     int
	keptSince time.Time

	mu       sync.Mutex // guards all below
	closed   bool
	finder   *finder
	busy     map[grid.ServerID]int // blocks on their way
	pieces   map[int64]*piece
	idle     []*piece // complete and not in use, the oldest first
	buffers  [][]byte
	decoders []*immutable.SegmentDecoder
	reading  window // of ReadAt
}

func newFile(d *Downloader, v *immutable.Verifier, decrypt func([]byte, int64)) *file {
	f := &file{
		d: d, v: v, decrypt: decrypt,
		busy: make(map[grid.ServerID]int), pieces: make(map[int64]*piece),
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.finder = newFinder(f)
	f.reading = window{f: f}
	return f
}

// Size returns the file's size in bytes.
func (f *file) Size() int64 { return f.v.Cap().Size }

// shut ends what goes on for the file, and waits for it. Reads in progress fail
// with ErrClosed.
func (f *file) shut() {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		f.reading.drop()
		f.finder.notify()
	}
	f.mu.Unlock()
	f.cancel()
	f.wg.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trim(0)
	f.buffers, f.decoders = nil, nil
}

// Rest lets go of the segments that ReadAt keeps for the next call. What is known
// about shares stays. It is for whoever keeps a file open for later.
func (f *file) Rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.restLocked()
}

func (f *file) restLocked() {
	f.reading.drop()
	f.trim(0)
	f.buffers, f.decoders = nil, nil
	for _, sh := range f.finder.shares {
		sh.rest()
	}
}

// worthKeeping lets go of segments as Rest does, and says whether what is known
// about the file is worth keeping for the next who opens it: nobody is reading, and
// shares were found.
func (f *file) worthKeeping() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.restLocked()
	_, opened := f.v.Segments()
	return opened && !f.closed && len(f.pieces) == 0
}

// readAt is File.ReadAt.
func (f *file) readAt(ctx context.Context, p []byte, offset int64) (n int, err error) {
	if err := f.check(offset); err != nil {
		return 0, err
	}
	for n < len(p) && offset < f.Size() {
		m, err := f.readSome(ctx, p[n:], offset)
		n, offset = n+m, offset+int64(m)
		if err != nil {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) check(offset int64) error {
	if offset < 0 || offset > f.Size() {
		return &immutable.RangeError{What: "offset", Value: offset, End: f.Size()}
	}
	return nil
}

// readSome reads from one segment.
func (f *file) readSome(ctx context.Context, p []byte, offset int64) (int, error) {
	segSize, err := f.segmentSize(ctx, offset)
	if err != nil {
		return 0, err
	}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return 0, ErrClosed
	}
	pc := f.reading.want(offset/segSize, f.lastSegment())
	pc.pins++ // another ReadAt may move the window
	f.mu.Unlock()
	defer f.unpin(pc)
	data, err := f.wait(ctx, pc)
	if err != nil {
		return 0, err
	}
	return copy(p, data[offset%segSize:]), nil
}

// writeRange is File.WriteRange.
func (f *file) writeRange(ctx context.Context, w io.Writer, offset, length int64) (written int64, err error) {
	if err := f.check(offset); err != nil {
		return 0, err
	}
	if left := f.Size() - offset; length < 0 || length > left {
		length = left
	}
	if length == 0 {
		return 0, nil
	}
	segSize, err := f.segmentSize(ctx, offset)
	if err != nil {
		return 0, err
	}
	win := window{f: f}
	defer win.end()
	for end := offset + length; offset < end; {
		data, err := win.get(ctx, offset/segSize, (end-1)/segSize)
		if err != nil {
			return written, err
		}
		within := offset % segSize
		data = data[within:min(int64(len(data)), within+end-offset)]
		n, err := w.Write(data)
		written, offset = written+int64(n), offset+int64(n)
		if err != nil {
			return written, fmt.Errorf("hand on plaintext: %w", err)
		}
		if n < len(data) {
			return written, fmt.Errorf("hand on plaintext: %w", io.ErrShortWrite)
		}
	}
	return written, nil
}

// lastSegment is the number of the last segment. The segment size must be known.
func (f *file) lastSegment() int64 {
	segs, _ := f.v.Segments()
	return segs.NumSegments - 1
}

// segmentSize returns the size of segments. Before a share was opened nobody knows;
// then it has the segment fetched that offset is in if the file was encoded as
// usual.
func (f *file) segmentSize(ctx context.Context, offset int64) (int64, error) {
	if segs, ok := f.v.Segments(); ok {
		return segs.SegmentSize, nil
	}
	guess, ok := expectedSegments(f.v)
	if !ok {
		return 0, errors.New("a file of impossible size") // NewVerifier has refused it
	}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return 0, ErrClosed
	}
	pc := f.piece(min(offset/guess.SegmentSize, guess.NumSegments-1), true)
	f.mu.Unlock()
	defer f.unpin(pc)
	_, err := f.wait(ctx, pc)
	segs, ok := f.v.Segments()
	var outside *immutable.RangeError
	if err == nil || ok && errors.As(err, &outside) {
		return segs.SegmentSize, nil
	}
	return 0, err
}
