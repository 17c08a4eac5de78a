package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/immutable"
)

// File is an immutable file on the grid. Safe for concurrent use.
type File struct {
	d       *Downloader
	v       *immutable.Verifier
	decrypt func(p []byte, offset int64)
	ctx     context.Context // of all that goes on for the file, until Close
	cancel  context.CancelFunc
	wg      sync.WaitGroup

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

func newFile(d *Downloader, v *immutable.Verifier, decrypt func([]byte, int64)) *File {
	f := &File{
		d: d, v: v, decrypt: decrypt,
		busy: make(map[grid.ServerID]int), pieces: make(map[int64]*piece),
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.finder = newFinder(f)
	f.reading = window{f: f}
	return f
}

// Size returns the file's size in bytes.
func (f *File) Size() int64 { return f.v.Cap().Size }

// Close ends what goes on for the file, and waits for it. Reads in progress fail
// with ErrClosed.
func (f *File) Close() {
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
// about shares stays: it is for whoever keeps a file for later.
func (f *File) Rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reading.drop()
	f.trim(0)
	f.buffers, f.decoders = nil, nil
	for _, sh := range f.finder.shares {
		sh.rest()
	}
}

// ReadAt reads len(p) bytes from offset on, fewer with io.EOF where the file
// ends. All bytes in p[:n] were proven. It may be called concurrently; calls for
// places that follow each other let it fetch ahead.
//
// Errors: an [*immutable.RangeError] for an offset below 0 or above the size,
// [*NotEnoughSharesError], [*immutable.BadUEBError],
// [*immutable.BadCiphertextHashError], ErrClosed, that of ctx.
func (f *File) ReadAt(ctx context.Context, p []byte, offset int64) (n int, err error) {
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

func (f *File) check(offset int64) error {
	if offset < 0 || offset > f.Size() {
		return &immutable.RangeError{What: "offset", Value: offset, End: f.Size()}
	}
	return nil
}

// readSome reads from one segment.
func (f *File) readSome(ctx context.Context, p []byte, offset int64) (int, error) {
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

// WriteRange writes length bytes from offset on to w, fewer if the file ends
// before; a negative length means to the end. Each segment is written as soon as
// it is proven. It returns how many bytes were written. The error is that of w or
// of ReadAt, but never io.EOF.
func (f *File) WriteRange(ctx context.Context, w io.Writer, offset, length int64) (written int64, err error) {
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
func (f *File) lastSegment() int64 {
	segs, _ := f.v.Segments()
	return segs.NumSegments - 1
}

// segmentSize returns the size of segments. Before a share was opened nobody knows;
// then it has the segment fetched that offset is in if the file was encoded as
// usual.
func (f *File) segmentSize(ctx context.Context, offset int64) (int64, error) {
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
