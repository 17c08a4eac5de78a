package webfiles

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/common/webapi"
)

// Config is what a Handler needs.
type Config struct {
	Files       Files
	Directories Directories
	// MutableLayout is that of directories and of mutable files where the request
	// does not say (mutable.format).
	MutableLayout uri.Layout
	Layout        *webapi.Layout
	Log           *slog.Logger // nil: none
}

// Handler answers requests for files and directories. Make it with New, and mount
// it with Mount. Safe for concurrent use.
type Handler struct {
	Config
	transfers chan struct{}
}

// New returns a Handler.
func New(c Config) *Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Handler{Config: c, transfers: make(chan struct{}, MaxTransfers)}
}

// Mount adds the handler to a server, at every path that takes a cap.
func (h *Handler) Mount(s *webapi.Server) {
	for _, path := range []string{"/uri", "/uri/", "/cap", "/cap/"} {
		s.Handle(webapi.Private, path, http.HandlerFunc(h.ServeURI))
	}
	for _, path := range []string{"/file", "/file/", "/named", "/named/"} {
		s.Handle(webapi.Private, path, http.HandlerFunc(h.ServeNamed))
	}
}

// ServeURI answers /uri and /cap and everything below (root.py URIHandler).
func (h *Handler) ServeURI(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, func(q *request, parts []string) error {
		if len(parts) < 2 || len(parts) == 2 && parts[1] == "" {
			return q.unlinked(parts[0])
		}
		return q.cap(parts[1], parts[2:])
	})
}

// ServeNamed answers /file and /named (root.py FileHandler).
func (h *Handler) ServeNamed(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, (*request).named)
}

// serve runs a handler and answers with its error.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, handle func(*request, []string) error) {
	q := &request{Handler: h, w: w, r: r, ctx: r.Context(), query: r.URL.Query()}
	defer q.close()
	parts, err := webapi.Segments(r.URL)
	if err == nil {
		err = handle(q, parts)
	}
	if err == nil || errors.Is(err, errAnswered) {
		return
	}
	if r.Context().Err() != nil { // nobody is there to read it
		return
	}
	answer, known := humanize(err)
	if !known {
		h.Log.Error("web request", "method", r.Method, "err", err)
	}
	h.Layout.Error(w, r, answer)
}

// errAnswered says that something went wrong after the answer had begun.
var errAnswered = errors.New("the answer has begun")

// transfer waits until a file may be sent or received.
func (q *request) transfer() (done func(), err error) {
	select {
	case q.transfers <- struct{}{}:
		return func() { <-q.transfers }, nil
	case <-q.ctx.Done():
		return nil, context.Cause(q.ctx)
	}
}
