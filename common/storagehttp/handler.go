package storagehttp

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Defaults of HandlerOptions.
const (
	DefaultMaxSlotWrite = 64 << 20
	DefaultBodyMemory   = 128 << 20
)

// HandlerOptions bounds what requests may cost. Zero fields have the defaults.
type HandlerOptions struct {
	// MaxSlotWrite is the largest body of a read-test-write in bytes; more is
	// 413. Clients of 1.20 send all changes to one share in one such body.
	MaxSlotWrite int64
	// BodyMemory is how many bytes of such bodies are held at once; who comes
	// later waits. Bodies up to smallBody do not count.
	BodyMemory int64
	// Logger gets each request at level Debug and unexpected errors at Warn.
	// The default discards all.
	Logger *slog.Logger
}

func (o HandlerOptions) withDefaults() HandlerOptions {
	if o.MaxSlotWrite <= 0 {
		o.MaxSlotWrite = DefaultMaxSlotWrite
	}
	if o.BodyMemory <= 0 {
		o.BodyMemory = DefaultBodyMemory
	}
	o.BodyMemory = max(o.BodyMemory, o.MaxSlotWrite)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Handler is the server's half of the protocol: an http.Handler over a storage
// core. Safe for concurrent use. It belongs into a server made by NewServer.
type Handler struct {
	core    grid.StorageCore
	admits  credential
	options HandlerOptions
	bodies  *semaphore.Weighted
}

// NewHandler returns a handler for those who know the swissnum.
func NewHandler(core grid.StorageCore, swissnum secret.Swissnum, options HandlerOptions) *Handler {
	options = options.withDefaults()
	return &Handler{
		core: core, admits: newCredential(swissnum), options: options,
		bodies: semaphore.NewWeighted(options.BodyMemory),
	}
}

// action serves one method of one endpoint. The error says how the request was
// refused; if the answer has begun already, the connection is cut.
type action struct {
	need secretKinds
	run  func(*Handler, *call) error
}

// methods returns what can be done at an endpoint. HEAD is where GET is.
func methods(p place) map[string]action {
	switch p.end {
	case endVersion:
		return map[string]action{"GET": {0, (*Handler).version}}
	case endLease:
		return map[string]action{"PUT": {needLease, (*Handler).lease}}
	case endAllocate:
		return map[string]action{"POST": {needLease | needUpload, (*Handler).allocate}}
	case endSlot:
		return map[string]action{"POST": {needLease | needEnabler, (*Handler).slot}}
	case endShares:
		return map[string]action{"GET": {0, (*Handler).shares}}
	case endAbort:
		return map[string]action{"PUT": {needUpload, (*Handler).abort}}
	case endCorrupt:
		return map[string]action{"POST": {0, (*Handler).corrupt}}
	case endShare:
		if p.kind == grid.Immutable {
			return map[string]action{"GET": {0, (*Handler).read}, "PATCH": {needUpload, (*Handler).write}}
		}
		return map[string]action{"GET": {0, (*Handler).read}}
	}
	return nil
}

// call is one request being served.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	at      place
	secrets requestSecrets
	status  int // of the answer; 0 until it has begun
	// refusalType is the Content-Type of refusals. A client of 1.20 looks at the
	// type of what it reads from a share before it looks at the status.
	refusalType []string
}

func (c *call) ctx() context.Context { return c.r.Context() }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	c := &call{w: w, r: r, control: http.NewResponseController(w)}
	h.serve(c)
	h.options.Logger.LogAttrs(r.Context(), slog.LevelDebug, "storage request",
		slog.String("op", r.Method+" "+opName(c.at)), slog.String("si", c.at.si.Abbrev()),
		slog.Int("status", c.status), slog.Duration("dur", time.Since(start)))
}

func (h *Handler) serve(c *call) {
	var ok bool
	if c.at, ok = parsePath(c.r.URL.Path); !ok {
		c.html(http.StatusNotFound)
		return
	}
	actions := methods(c.at)
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	do, ok := actions[method]
	if !ok {
		c.w.Header().Set("Allow", allowed(actions))
		c.html(http.StatusMethodNotAllowed)
		return
	}
	if err := h.do(c, do); err != nil {
		h.refuse(c, err)
	}
}

// allowed lists methods for the Allow header.
func allowed(actions map[string]action) string {
	names := slices.Collect(maps.Keys(actions))
	if slices.Contains(names, http.MethodGet) {
		names = append(names, http.MethodHead)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// do checks who asks, then does it (http_server.py _authorization_decorator).
func (h *Handler) do(c *call, do action) (err error) {
	if !h.admits.admits(c.r.Header[headerAuthorization]) {
		return &refusal{http.StatusUnauthorized, textWrongAuthorization}
	}
	if c.secrets, err = parseSecrets(c.r.Header[headerSecrets], do.need); err != nil {
		return &refusal{http.StatusBadRequest, err.Error()}
	}
	return do.run(h, c)
}

// textWrongAuthorization is 1.20's body of 401 to those without the swissnum;
// 401 for other reasons has none.
const textWrongAuthorization = "Wrong Authorization header"

// refusal is an answer that is not what was asked for.
type refusal struct {
	status int
	text   string // the body, for the client to read
}

// Error implements error.
func (r *refusal) Error() string { return strconv.Itoa(r.status) + " " + r.text }

// refuse answers an error of an action.
func (h *Handler) refuse(c *call, err error) {
	if c.status != 0 {
		h.options.Logger.Debug("storage answer cut", "op", opName(c.at), "si", c.at.si.Abbrev(), "err", err)
		panic(http.ErrAbortHandler) // net/http closes the connection: the client must not take this for the end
	}
	var r *refusal
	if !errors.As(err, &r) {
		r = refusalOf(err)
	}
	if r.status == http.StatusInternalServerError {
		h.options.Logger.Warn("storage request", "op", opName(c.at), "si", c.at.si.Abbrev(), "err", err)
		c.html(r.status)
		return
	}
	c.send(r.status, c.refusalType, []byte(r.text))
}

// refusalOf is the answer of 1.20 to the errors of a storage server.
func refusalOf(err error) *refusal {
	var (
		conflict *grid.ConflictingWriteError
		enabler  *grid.BadWriteEnablerError
		argument *grid.ArgumentError
		toRead   *grid.ReadTooLargeError
	)
	switch {
	case errors.Is(err, grid.ErrNoShare), errors.Is(err, grid.ErrNoUpload), errors.Is(err, grid.ErrWriterClosed):
		return &refusal{status: http.StatusNotFound}
	case errors.Is(err, grid.ErrBadUploadSecret), errors.As(err, &enabler):
		return &refusal{status: http.StatusUnauthorized}
	case errors.As(err, &conflict):
		return &refusal{status: http.StatusConflict}
	case errors.As(err, &argument):
		return &refusal{http.StatusBadRequest, argument.Error()}
	case errors.As(err, &toRead): // a limit that 1.20 does not have
		return &refusal{http.StatusRequestEntityTooLarge, toRead.Error()}
	}
	return &refusal{status: http.StatusInternalServerError}
}

// send answers with a short body. Without a type there is no Content-Type.
func (c *call) send(status int, contentType []string, body []byte) {
	c.status = status
	c.w.Header()[headerContentType] = contentType
	if status != http.StatusNoContent {
		c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	c.pace()
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the client has gone, or it was HEAD
}

// cbor answers with a body in CBOR, if the client takes that.
func (c *call) cbor(status int, body []byte) error {
	if !acceptsCBOR(c.r.Header[headerAccept]) {
		return &refusal{status: http.StatusNotAcceptable}
	}
	c.send(status, []string{typeCBOR}, body)
	return nil
}

// html answers with a page, as 1.20 does where its program does not come to
// have a say: no such path, wrong method, an unexpected error.
func (c *call) html(status int) {
	title := strconv.Itoa(status) + " " + http.StatusText(status)
	body := "<!doctype html>\n<html lang=en>\n<title>" + title + "</title>\n<h1>" + http.StatusText(status) + "</h1>\n"
	c.send(status, []string{typeHTML}, []byte(body))
}

// opName is the last word of the path that is no name of a share.
func opName(p place) string {
	return [...]string{"unknown path", "version", "lease", "allocate", "read-test-write", "shares", "share", "abort", "corrupt"}[p.end]
}
