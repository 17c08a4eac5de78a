package storagehttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// read serves GET and HEAD KIND/SI/N: a share or a range of it (http_server.py
// read_range).
func (h *Handler) read(c *call) error {
	c.refusalType = []string{typeShare}
	if !c.at.n.Valid() {
		return grid.ErrNoShare
	}
	share, err := h.core.OpenShare(c.ctx(), c.at.kind, c.at.si, c.at.n)
	if err != nil {
		return err
	}
	values := c.r.Header[headerRange]
	if len(values) == 0 {
		return c.stream(share, grid.Range{End: share.Size()}, http.StatusOK)
	}
	r, ok := parseRange(values[0])
	if !ok {
		return &refusal{status: http.StatusRequestedRangeNotSatisfiable}
	}
	r.End = min(r.End, share.Size())
	if r.Begin >= r.End { // Content-Range has no words for an empty range
		return &refusal{status: http.StatusNoContent}
	}
	return c.stream(share, r, http.StatusPartialContent)
}

// errShrunk says that a mutable share became shorter while it was being read.
var errShrunk = errors.New("the share became shorter meanwhile")

// stream answers with a range of a share. The first chunk is read before the
// answer begins, so that most errors have a status.
func (c *call) stream(share grid.ShareReader, r grid.Range, status int) error {
	buffer := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(buffer)
	for at := r.Begin; at < r.End && c.r.Method != http.MethodHead; {
		p := buffer[:min(r.End-at, chunkSize)]
		n, err := share.Read(c.ctx(), p, at)
		if err != nil {
			return err
		}
		if n < len(p) {
			return errShrunk
		}
		c.begin(status, r)
		c.pace()
		if _, err := c.w.Write(p); err != nil {
			return err
		}
		at += int64(n)
	}
	c.begin(status, r)
	return nil
}

// begin sends the status and headers, once.
func (c *call) begin(status int, r grid.Range) {
	if c.status != 0 {
		return
	}
	headers := c.w.Header()
	headers.Set(headerContentType, typeShare)
	headers.Set("Content-Length", strconv.FormatInt(r.End-r.Begin, 10))
	if status == http.StatusPartialContent {
		headers.Set(headerContentRange, formatContentRange(r))
	}
	c.status = status
	c.w.WriteHeader(status)
}

// reader is a share at a server. Safe for concurrent use.
type reader struct {
	client *Client
	at     place
}

// Read implements grid.BucketReader by one request.
func (r *reader) Read(ctx context.Context, p []byte, offset int64) (int, error) {
	if err := checkReadVector(grid.ReadVector{Offset: offset, Length: int64(len(p))}); err != nil {
		return 0, err
	}
	n := 0
	err := r.get(ctx, offset, int64(len(p)), func(int64) ([]byte, error) { return p, nil }, &n)
	return n, err
}

// AdviseCorruptShare implements grid.BucketReader.
func (r *reader) AdviseCorruptShare(ctx context.Context, reason string) error {
	return r.client.AdviseCorruptShare(ctx, r.at.kind, r.at.si, r.at.n, reason)
}

// all reads a range that may be longer than the share.
func (r *reader) all(ctx context.Context, v grid.ReadVector) ([]byte, error) {
	var data []byte
	n := 0
	err := r.get(ctx, v.Offset, v.Length, func(size int64) ([]byte, error) {
		if size > MaxAnswerSize {
			return nil, &grid.ReadTooLargeError{MaxSize: MaxAnswerSize}
		}
		data = make([]byte, size)
		return data, nil
	}, &n)
	if err != nil {
		return nil, err
	}
	if data == nil {
		data = []byte{}
	}
	return data, nil
}

// get reads a range into the buffer that it gets for the number of bytes which
// the server says it has, and says how many these are.
func (r *reader) get(ctx context.Context, offset, length int64, buffer func(int64) ([]byte, error), n *int) error {
	if length == 0 || offset >= maxPosition {
		return nil
	}
	end := offset + min(length, maxPosition-offset)
	q := &request{
		method: http.MethodGet, at: r.at,
		headers: http.Header{headerRange: {formatRange(grid.Range{Begin: offset, End: end})}},
	}
	answer, err := r.client.do(ctx, q)
	if err != nil {
		return err
	}
	defer closeBody(answer)
	size, err := q.rangeSize(answer, grid.Range{Begin: offset, End: end})
	if err != nil || size == 0 {
		return err
	}
	p, err := buffer(size)
	if err != nil {
		return err
	}
	if *n, err = io.ReadFull(answer.Body, p[:size]); err != nil {
		*n = 0
		return fmt.Errorf("%s: %w", q, err)
	}
	return q.expectEnd(answer)
}

// rangeSize checks the headers of an answer to a request for a range that is
// not empty, and returns how much of it there is (http_client.py
// read_share_chunk).
func (q *request) rangeSize(answer *http.Response, asked grid.Range) (int64, error) {
	switch answer.StatusCode {
	case http.StatusNoContent:
		return 0, nil
	case http.StatusNotFound:
		return 0, grid.ErrNoShare
	case http.StatusPartialContent:
	default:
		return 0, q.refused(answer)
	}
	if mediaType(answer.Header) != typeShare {
		return 0, q.broken("the answer is not " + typeShare)
	}
	got, ok := parseContentRange(answer.Header.Get(headerContentRange))
	if !ok || got.Begin != asked.Begin || got.End > asked.End {
		return 0, q.broken("the answer is not the range that was asked for")
	}
	return got.End - got.Begin, nil
}

// expectEnd checks that the body has no more.
func (q *request) expectEnd(answer *http.Response) error {
	var one [1]byte
	if n, err := io.ReadFull(answer.Body, one[:]); n != 0 || err != io.EOF {
		return q.broken("the answer is not as long as its Content-Range")
	}
	return nil
}
