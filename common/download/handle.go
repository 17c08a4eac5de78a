package download

import (
	"context"
	"io"
	"sync/atomic"
)

// File is an immutable file on the grid that somebody has open. Safe for concurrent
// use.
type File struct {
	*file
	closed atomic.Bool
}

// Close lets go of the file. Reads in progress should have ended; if nobody else
// has it open they fail with ErrClosed.
func (f *File) Close() {
	if !f.closed.Swap(true) {
		f.d.release(f.file)
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
	if f.closed.Load() {
		return 0, ErrClosed
	}
	return f.readAt(ctx, p, offset)
}

// WriteRange writes length bytes from offset on to w, fewer if the file ends
// before; a negative length means to the end. Each segment is written as soon as
// it is proven. It returns how many bytes were written. The error is that of w or
// of ReadAt, but never io.EOF.
func (f *File) WriteRange(ctx context.Context, w io.Writer, offset, length int64) (written int64, err error) {
	if f.closed.Load() {
		return 0, ErrClosed
	}
	return f.writeRange(ctx, w, offset, length)
}
