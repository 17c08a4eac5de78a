package webapi

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// contentPolicy is for what is not a page of ours, such as a file of somebody: in
// the sandbox its scripts are of no site, and cannot use the node.
const contentPolicy = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"

// SafeHeaders sets what every answer starts with: X-Frame-Options and
// Referrer-Policy as 1.20 (webish.py), and X-Content-Type-Options and
// Content-Security-Policy, which 1.20 has not. The policy keeps a file from using
// the node in the name of the person who looks at it; pages have their own. Some
// browsers show no PDF under it: a handler of files may remove it for types that
// run no scripts.
func SafeHeaders(h http.Header) {
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", contentPolicy)
}

// notFound is the route of what is nowhere.
var notFound = &route{path: "(none)", access: Public}

// ServeHTTP answers a request, or refuses it; see the package comment.
func (s *Server) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	start := time.Now()
	w, r, done := paced(writer, request)
	defer done()
	SafeHeaders(w.Header())
	found := notFound
	defer func() {
		s.recovered(w, r, found, recover())
		// Only the route is logged: paths and arguments hold caps.
		s.options.Log.Debug("web request", "method", r.Method, "route", found.path, "status", w.status, "peer", peer(r), "dur", time.Since(start))
	}()
	parts, err := Segments(r.URL)
	if err == nil {
		if route := s.router.find(parts); route != nil {
			found = route
		}
		err = s.refusal(r, found)
	}
	switch {
	case err != nil:
		s.refuse(w, r, found, err)
	case found == notFound:
		s.options.Layout.Error(w, r, &Error{http.StatusNotFound, "No Such Resource: sorry, no luck finding that."})
	default:
		found.handler.ServeHTTP(w, r)
	}
}

// refusal says why a request is not answered; nil if it is.
func (s *Server) refusal(r *http.Request, to *route) error {
	changes := !isReading(r.Method)
	if changes && crossSite(r) {
		return &Error{http.StatusForbidden, "A page of another site made your browser send this. If you want it done, do it on the node's own pages."}
	}
	if s.options.Web.Allow == nodeconf.WebAllowAll {
		return nil
	}
	private := changes || to.access == Private
	local := Local(r)
	switch {
	case (private || peer(r).IsLoopback()) && !s.hosts.has(r.Host):
		return &Error{http.StatusForbidden, fmt.Sprintf("The node does not know itself by the name %.200q. "+
			"If it is reached by that name, add it to hosts in [web] of arm-tahoe.cfg.", hostName(r.Host))}
	case !private || local:
		return nil
	}
	return s.login.refusal(r)
}

func isReading(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// crossSite tells whether a browser says that a page of another site is behind the
// request. Programs that are no browsers say nothing.
func crossSite(r *http.Request) bool {
	return new(http.CrossOriginProtection).Check(r) != nil
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, to *route, err error) {
	status, _ := statusOf(err)
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="arm-tahoe", charset="UTF-8"`)
		if r.Header.Get("Authorization") != "" {
			s.options.Log.Warn("web login refused", "peer", peer(r))
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	case http.StatusInternalServerError:
		s.options.Log.Error("web request", "route", to.path, "err", err)
	}
	s.options.Layout.Error(w, r, err)
}

// recovered answers in the place of a handler that panicked.
func (s *Server) recovered(w *response, r *http.Request, at *route, panicked any) {
	if panicked == nil {
		return
	}
	if err, ok := panicked.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	s.options.Log.Error("web handler panicked", "route", at.path, "panic", fmt.Sprint(panicked), "stack", string(debug.Stack()))
	if w.status != 0 { // too late to say anything
		panic(http.ErrAbortHandler)
	}
	s.options.Layout.Error(w, r, errors.New("handler panicked"))
}
