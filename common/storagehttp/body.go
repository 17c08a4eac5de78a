package storagehttp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Limits of bodies.
const (
	// MaxAllocateSize and MaxCorruptSize are the largest bodies of these
	// requests in bytes, as in 1.20.
	MaxAllocateSize = 8192
	MaxCorruptSize  = 32768

	// smallBody is the size up to which bodies do not count against the memory
	// for bodies: limits on connections bound these.
	smallBody = 64 << 10

	// chunkSize is how much of a share is in memory for one request.
	chunkSize = 128 << 10

	// paceTime is how long a peer may take for each chunkSize bytes, in either
	// direction. 1.20 waits a minute for each byte.
	paceTime = time.Minute
)

// chunks are buffers of chunkSize bytes.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// pace gives the client paceTime from now to send or take the next bytes.
// Connections without deadlines have none.
func (c *call) pace() {
	limit := time.Now().Add(paceTime)
	_ = c.control.SetReadDeadline(limit)
	_ = c.control.SetWriteDeadline(limit)
}

// unhurried takes back pace while the server itself is busy, or the end of that
// time would look like a client that has gone.
func (c *call) unhurried() {
	_ = c.control.SetReadDeadline(time.Time{})
	_ = c.control.SetWriteDeadline(time.Time{})
}

// readFull fills p from the body at the pace that is asked for. The error says
// io.EOF or io.ErrUnexpectedEOF if the body has ended.
func (c *call) readFull(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		c.pace()
		var m int
		m, err = io.ReadFull(c.r.Body, p[n:min(len(p), n+chunkSize)])
		n += m
	}
	c.unhurried()
	if err == io.EOF && n > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// body reads a body of CBOR of at most limit bytes (http_server.py
// read_encoded). The memory is given back by free, which is never nil.
func (h *Handler) body(c *call, limit int64) (body []byte, free func(), err error) {
	free = func() {}
	if kind := mediaType(c.r.Header); kind != "" && kind != typeCBOR {
		return nil, free, &refusal{status: http.StatusUnsupportedMediaType}
	}
	size := c.r.ContentLength
	if size < 0 { // chunks, which no client of 1.20 sends
		size = limit
	}
	if size > limit {
		return nil, free, tooLarge(limit)
	}
	if size > smallBody {
		if err := h.bodies.Acquire(c.ctx(), size); err != nil {
			return nil, free, fmt.Errorf("wait for memory: %w", err)
		}
		free = func() { h.bodies.Release(size) }
	}
	body, err = c.readBody(size)
	return body, free, err
}

// readBody reads a body of size bytes, or of up to size if it comes in chunks.
func (c *call) readBody(size int64) ([]byte, error) {
	body := make([]byte, size)
	n, err := c.readFull(body)
	if c.r.ContentLength >= 0 {
		if err != nil {
			return nil, &refusal{http.StatusBadRequest, "the body ended early"}
		}
		return body, nil
	}
	if err == nil && !c.atEnd() {
		return nil, tooLarge(size)
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &refusal{http.StatusBadRequest, "the body ended early"}
	}
	return body[:n], nil
}

// atEnd says whether there is no more body.
func (c *call) atEnd() bool {
	var one [1]byte
	n, err := c.readFull(one[:])
	return n == 0 && err == io.EOF
}

func tooLarge(limit int64) *refusal {
	return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", limit)}
}

// badBody refuses a body that does not follow the schema.
func badBody(err error) *refusal {
	return &refusal{http.StatusBadRequest, "error validating cbor: " + err.Error()}
}
