package webapi

import (
	"io"
	"net/http"
	"time"
)

// A peer has paceTime for each paceSize bytes that it sends or takes. Only the
// time in which the node waits for the peer counts, not the other way round.
const (
	paceSize = 128 << 10
	paceTime = time.Minute
	// discardTime is what a peer has to send the rest of a body that nobody wants.
	// net/http reads up to 256 KiB of it, or closes the connection.
	discardTime = 5 * time.Second
)

// pace is the time that is left for the rest of paceSize bytes.
type pace struct {
	left  time.Duration
	bytes int
}

func newPace() pace { return pace{left: paceTime} }

// spend notes that n bytes took a time.
func (p *pace) spend(n int, took time.Duration) {
	p.left -= took
	if p.bytes += n; p.bytes >= paceSize {
		*p = newPace()
	}
}

// body is the body of a request, read at a pace. It is used by the one goroutine
// of its handler.
type body struct {
	io.ReadCloser
	control *http.ResponseController
	pace    pace
	ended   bool
}

// Read sets a deadline and takes it back: net/http goes on reading from the
// connection while the handler works, to see whether the peer has gone.
func (b *body) Read(p []byte) (int, error) {
	start := time.Now()
	// Connections without deadlines, as in tests, have no pace.
	_ = b.control.SetReadDeadline(start.Add(b.pace.left))
	n, err := b.ReadCloser.Read(p)
	_ = b.control.SetReadDeadline(time.Time{})
	b.pace.spend(n, time.Since(start))
	b.ended = b.ended || err != nil
	return n, err
}

// abandon is called when the handler has returned.
func (b *body) abandon() {
	if !b.ended {
		_ = b.control.SetReadDeadline(time.Now().Add(discardTime))
	}
}

// response writes an answer at a pace and knows what became of it.
type response struct {
	http.ResponseWriter
	control *http.ResponseController
	pace    pace
	status  int // 0: nothing is written
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (written int, err error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	for first := true; first || len(p) > 0; first = false {
		part := p[:min(len(p), paceSize)]
		start := time.Now()
		w.limit(w.pace.left)
		n, err := w.ResponseWriter.Write(part)
		w.pace.spend(n, time.Since(start))
		if written += n; err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// limit sets the deadline for what is written next, also by net/http once the
// handler has returned.
func (w *response) limit(d time.Duration) {
	_ = w.control.SetWriteDeadline(time.Now().Add(d))
}

// paced returns writer and request of a call with bodies at a pace; done is
// called when the handler has returned.
func paced(w http.ResponseWriter, r *http.Request) (out *response, in *http.Request, done func()) {
	control := http.NewResponseController(w)
	out = &response{ResponseWriter: w, control: control, pace: newPace()}
	out.limit(paceTime)
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return out, r, func() { out.limit(paceTime) }
	}
	b := &body{ReadCloser: r.Body, control: control, pace: newPace()}
	in = r.WithContext(r.Context())
	in.Body = b
	return out, in, func() {
		b.abandon()
		out.limit(paceTime)
	}
}
