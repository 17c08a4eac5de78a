package storagerpc

import (
	"context"
	"errors"
	"math"
	"sync"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// bucketWriter is one upload as a remote object (storage/immutable.py
// FoolscapBucketWriter).
type bucketWriter struct {
	session *session
	si      grid.StorageIndex
	core    grid.BucketWriter
}

func (w *bucketWriter) RemoteInterface() string { return interfaceWriter }

// MethodLimits bounds calls; see foolscap.MethodLimiter.
func (w *bucketWriter) MethodLimits(name string, limits *banana.Limits) error {
	if name != "write" {
		method{memory: smallCall}.limit(limits)
	}
	return nil
}

func (w *bucketWriter) RemoteCall(ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	var err error
	switch r.Method {
	case "write":
		err = w.write(ctx, r)
	case "close":
		err = w.close(ctx, r)
	case "abort":
		err = w.abort(ctx, r)
	default:
		err = foolscap.UnknownMethod(r, interfaceWriter)
	}
	return nil, w.session.server.refuse(ctx, r, err)
}

func (w *bucketWriter) write(ctx context.Context, r *foolscap.Request) error {
	a := r.Args("offset", "data")
	offset, data := argument(a, 0, offsetSize), a.Bytes(1, 0, math.MaxInt32)
	if a.Err() != nil {
		return a.Err()
	}
	defer w.session.inOrder(r, w.si)()
	w.session.used(w)
	err := w.core.Write(ctx, offset, data)
	banana.Recycle(data) // the arguments are ours, and Write has only borrowed it
	return err
}

func (w *bucketWriter) close(ctx context.Context, r *foolscap.Request) error {
	if err := r.Args().Err(); err != nil {
		return err
	}
	defer w.session.inTurn(r, w.si)()
	w.session.forget(w)
	err := w.core.Close(ctx)
	if errors.Is(err, grid.ErrWriterClosed) {
		return remoteClosed
	}
	return err
}

func (w *bucketWriter) abort(ctx context.Context, r *foolscap.Request) error {
	if err := r.Args().Err(); err != nil {
		return err
	}
	defer w.session.inOrder(r, w.si)()
	w.session.forget(w)
	return w.core.Abort(ctx)
}

// drop aborts an upload for nobody.
func (w *bucketWriter) drop() {
	if err := w.core.Abort(context.Background()); err != nil {
		w.session.server.log.Warn("an upload could not be aborted", "si", w.si.Abbrev(), "err", err)
	}
}

// maxPiece is how many bytes one call writes or reads; more goes in several
// calls, so that no side holds more.
const maxPiece = 8 << 20

// remoteWriter is an upload at a server. It is a grid.BucketWriter.
type remoteWriter struct {
	ref *foolscap.Reference

	mu    sync.Mutex
	ended bool // guarded by mu
}

// newRemoteWriter keeps a reference of its own.
func newRemoteWriter(ref *foolscap.Reference) *remoteWriter {
	return &remoteWriter{ref: ref.Retain()}
}

// Write stores data; see grid.BucketWriter.
func (w *remoteWriter) Write(ctx context.Context, offset int64, data []byte) error {
	if offset < 0 || offset > math.MaxInt64-int64(len(data)) {
		return checkRange("offset", -1, int64(len(data)))
	}
	if w.isEnded() {
		return grid.ErrWriterClosed
	}
	for done := 0; ; {
		piece := data[done:min(done+maxPiece, len(data))]
		if err := w.writePiece(ctx, offset+int64(done), piece); err != nil {
			return wholeWrite(err, offset, int64(len(data)))
		}
		if done += len(piece); done == len(data) {
			return nil
		}
	}
}

func (w *remoteWriter) writePiece(ctx context.Context, offset int64, piece []byte) error {
	var l loan
	defer l.settle()
	return call(ctx, w.ref, noneOf, "write", banana.Int(offset), l.lend(piece))
}

// wholeWrite makes an error about a piece one about all of a write.
func wholeWrite(err error, offset, length int64) error {
	var tooLarge *grid.DataTooLargeError
	if errors.As(err, &tooLarge) {
		tooLarge.Offset, tooLarge.Length = offset, length
	}
	return err
}

// Close completes the share; see grid.BucketWriter. If the context ends first,
// the share may be completed or not.
func (w *remoteWriter) Close(ctx context.Context) error {
	if !w.end() {
		return grid.ErrWriterClosed
	}
	defer w.ref.Release()
	err := call(ctx, w.ref, noneOf, "close")
	if errors.Is(err, &foolscap.RemoteError{Type: typeAssertion}) { // close has no other precondition
		return &refusal{grid.ErrWriterClosed, err}
	}
	return err
}

// Abort drops the share; see grid.BucketWriter. With a context that has ended
// it does nothing, and the upload ends with the connection, or in 30 minutes.
func (w *remoteWriter) Abort(ctx context.Context) error {
	if !w.end() {
		return nil
	}
	defer w.ref.Release()
	return call(ctx, w.ref, noneOf, "abort")
}

func (w *remoteWriter) isEnded() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

// end says whether the writer was in use until now.
func (w *remoteWriter) end() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := !w.ended
	w.ended = true
	return was
}
