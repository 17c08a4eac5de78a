package storagehttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// write serves PATCH immutable/SI/N: a range of a share. The write that
// completes the share stores it, and is answered when that is done.
func (h *Handler) write(c *call) error {
	r, ok := parseContentRange(c.r.Header.Get(headerContentRange))
	if !ok {
		return &refusal{status: http.StatusRequestedRangeNotSatisfiable}
	}
	upload, err := h.findUpload(c)
	if err != nil {
		return err
	}
	if size := c.r.ContentLength; size >= 0 && size < r.End-r.Begin {
		return errShortBody
	}
	if err := c.copyTo(upload, r); err != nil {
		return err
	}
	required := upload.Required()
	status := http.StatusOK
	if len(required) == 0 {
		if status, err = finish(c.ctx(), upload); err != nil {
			return err
		}
	}
	return c.cbor(status, appendRequired(nil, required))
}

func (h *Handler) findUpload(c *call) (grid.Upload, error) {
	if !c.at.n.Valid() {
		return nil, grid.ErrNoUpload
	}
	return h.core.FindUpload(c.ctx(), c.at.si, c.at.n, c.secrets.upload)
}

var errShortBody = &refusal{http.StatusBadRequest, "the body is shorter than its Content-Range"}

// copyTo writes the body to a range of the upload, chunk by chunk. What was
// written before an error stays, as in 1.20, and may be sent again.
func (c *call) copyTo(upload grid.Upload, r grid.Range) error {
	buffer := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(buffer)
	for at := r.Begin; at < r.End; {
		p := buffer[:min(r.End-at, chunkSize)]
		if _, err := c.readFull(p); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return errShortBody
			}
			return err
		}
		if err := upload.Write(c.ctx(), at, p); err != nil {
			return err
		}
		at += int64(len(p))
	}
	return nil
}

// finish closes a complete upload. When two writes complete it together, both
// come here: one closes it, and answers 201 when the share is stored; the other
// may not say so yet, and answers that nothing more is required.
func finish(ctx context.Context, upload grid.Upload) (status int, err error) {
	switch err := upload.Close(ctx); {
	case errors.Is(err, grid.ErrWriterClosed):
		return http.StatusOK, nil
	case err != nil:
		return 0, err
	}
	return http.StatusCreated, nil
}

// abort serves PUT immutable/SI/N/abort.
func (h *Handler) abort(c *call) error {
	upload, err := h.findUpload(c)
	if errors.Is(err, grid.ErrNoUpload) {
		if held := h.holds(c); held != nil {
			return held
		}
		return &refusal{status: http.StatusMethodNotAllowed}
	}
	if err != nil {
		return err
	}
	if err := upload.Abort(c.ctx()); err != nil {
		return err
	}
	c.send(http.StatusOK, nil, nil)
	return nil
}

// appendRequired appends {"required": [{"begin": uint, "end": uint}, ...]}.
func appendRequired(dst []byte, ranges []grid.Range) []byte {
	dst = appendText(appendHead(dst, majorMap, 1), "required")
	dst = appendHead(dst, majorArray, uint64(len(ranges)))
	for _, r := range ranges {
		dst = appendEntry(appendEntry(appendHead(dst, majorMap, 2), "begin", r.Begin), "end", r.End)
	}
	return dst
}

var errRanges = errors.New("ranges are not ascending")

func parseRequired(body []byte) ([]grid.Range, error) {
	var m struct {
		Required raw `cbor:"required"`
	}
	if err := decode.Unmarshal(body, &m); err != nil {
		return nil, err
	}
	items, err := m.Required.elements()
	if err != nil {
		return nil, err
	}
	ranges := make([]grid.Range, len(items))
	last := int64(0)
	for i, item := range items {
		var r struct {
			Begin number `cbor:"begin"`
			End   number `cbor:"end"`
		}
		if err := decode.Unmarshal(item, &r); err != nil {
			return nil, err
		}
		ranges[i] = grid.Range{Begin: r.Begin.position(), End: r.End.position()}
		if !r.Begin.present || !r.End.present || ranges[i].Begin < last || ranges[i].End <= ranges[i].Begin {
			return nil, errRanges
		}
		last = ranges[i].End
	}
	return ranges, nil
}

// intersect returns what is in both lists, which are ascending.
func intersect(a, b []grid.Range) (both []grid.Range) {
	for len(a) > 0 && len(b) > 0 {
		r := grid.Range{Begin: max(a[0].Begin, b[0].Begin), End: min(a[0].End, b[0].End)}
		if r.Begin < r.End {
			both = append(both, r)
		}
		if a[0].End < b[0].End {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return both
}

// zeroSize is how many zeros Close sends at a time.
const zeroSize = 256 << 10

// errIncomplete says that the server wants more of a share that has no more.
var errIncomplete = errors.New("the server does not take the share as complete")

// writer is an upload at a server. The server stores the share as soon as all
// of it is there, so Close has little to do. Safe for concurrent use.
type writer struct {
	client *Client
	at     place
	upload secret.UploadSecret
	size   int64

	mu       sync.Mutex // guards all below
	ended    bool       // by Close or Abort
	complete bool       // the server has stored the share
	// required is at least what is missing: of the answers to concurrent writes
	// no one knows which is the last, but what one of them does not list is there.
	required []grid.Range
}

func newWriter(c *Client, si grid.StorageIndex, n grid.ShareNum, upload secret.UploadSecret, size int64) *writer {
	w := &writer{
		client: c, at: place{end: endShare, kind: grid.Immutable, si: si, n: n},
		upload: upload, size: size,
	}
	if size > 0 {
		w.required = []grid.Range{{End: size}}
	}
	return w
}

// Write implements grid.BucketWriter by one request.
func (w *writer) Write(ctx context.Context, offset int64, data []byte) error {
	r := grid.Range{Begin: offset, End: offset + int64(len(data))}
	if offset < 0 {
		return &grid.ArgumentError{Field: "offset", Reason: "is negative"}
	}
	if offset > w.size || r.End > w.size {
		return &grid.DataTooLargeError{MaxSize: w.size, Offset: offset, Length: int64(len(data))}
	}
	ended, complete := w.state()
	if ended {
		return grid.ErrWriterClosed
	}
	if len(data) == 0 {
		return nil
	}
	if complete {
		return w.compare(ctx, r, data)
	}
	return w.patch(ctx, r, data)
}

func (w *writer) state() (ended, complete bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended, w.complete
}

// patch sends a range that is not empty.
func (w *writer) patch(ctx context.Context, r grid.Range, data []byte) error {
	q := &request{
		method: http.MethodPatch, at: w.at, secrets: requestSecrets{upload: w.upload},
		headers: http.Header{headerContentRange: {formatContentRange(r)}}, body: data,
	}
	status, body, err := w.client.small(ctx, q, maxSmallAnswer)
	switch {
	case hasStatus(err, http.StatusConflict):
		return &grid.ConflictingWriteError{Range: r}
	case hasStatus(err, http.StatusUnauthorized):
		return grid.ErrBadUploadSecret
	case hasStatus(err, http.StatusNotFound):
		if _, complete := w.state(); complete { // by another write meanwhile
			return w.compare(ctx, r, data)
		}
		return grid.ErrWriterClosed
	case err != nil:
		return err
	}
	required, err := parseRequired(body)
	if err != nil {
		return q.broken(err.Error())
	}
	w.note(status == http.StatusCreated, required)
	return nil
}

func (w *writer) note(complete bool, required []grid.Range) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complete = w.complete || complete
	w.required = intersect(w.required, required)
}

// compare stands in for a write to a share that is complete: the same bytes may
// be written again, others not.
func (w *writer) compare(ctx context.Context, r grid.Range, data []byte) error {
	there := make([]byte, len(data))
	share := &reader{client: w.client, at: w.at}
	n, err := share.Read(ctx, there, r.Begin)
	if err != nil {
		return err
	}
	if string(there[:n]) != string(data) {
		return &grid.ConflictingWriteError{Range: r}
	}
	return nil
}

// Close implements grid.BucketWriter. Clients of 1.20 wait here for the server
// to have it all; this one sends zeros for what was never written. A share of 0
// bytes cannot be completed over HTTPS, and is an error.
func (w *writer) Close(ctx context.Context) error {
	complete, required, err := w.end()
	if err != nil || complete {
		return err
	}
	if err := w.fill(ctx, required); err != nil {
		_ = w.drop(ctx) // the first error says more; else it ends by itself in 30 minutes
		return err
	}
	return nil
}

// end makes the writer an ended one.
func (w *writer) end() (complete bool, required []grid.Range, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false, nil, grid.ErrWriterClosed
	}
	w.ended = true
	return w.complete, w.required, nil
}

// fill writes zeros, which must complete the share.
func (w *writer) fill(ctx context.Context, ranges []grid.Range) error {
	zeros := make([]byte, min(w.size, zeroSize))
	for _, r := range ranges {
		for r.Begin < r.End {
			piece := grid.Range{Begin: r.Begin, End: min(r.End, r.Begin+int64(len(zeros)))}
			if err := w.patch(ctx, piece, zeros[:piece.End-piece.Begin]); err != nil {
				return err
			}
			r.Begin = piece.End
		}
	}
	if _, complete := w.state(); !complete {
		return errIncomplete
	}
	return nil
}

// Abort implements grid.BucketWriter. A share that is complete stays: then the
// error is a *StatusError with status 405.
func (w *writer) Abort(ctx context.Context) error {
	if _, _, err := w.end(); err != nil {
		return nil
	}
	return w.drop(ctx)
}

// drop tells the server to forget the upload. That it has done so is no error.
func (w *writer) drop(ctx context.Context) error {
	at := w.at
	at.end = endAbort
	q := &request{method: http.MethodPut, at: at, secrets: requestSecrets{upload: w.upload}}
	_, _, err := w.client.small(ctx, q, 0)
	if hasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}
