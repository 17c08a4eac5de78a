// Package connlimit bounds the connections of HTTP servers.
//
// It belongs to layer L2; the storage protocol and the web servers of nodes use
// it.
package connlimit

import (
	"net"
	"net/http"
	"sync"
)

// Limiter bounds the connections of a server: one more takes the place of that
// which has been idle longest; it is closed itself if all are busy. Make it with
// New. Safe for concurrent use.
type Limiter struct {
	limit int

	mu    sync.Mutex // guards all below
	clock uint64     // counts changes of state
	// since has all open connections: when they became idle, or busy.
	since map[net.Conn]uint64
}

// busy is the time of connections with a request in progress.
const busy = 0

// New returns a limiter for at most so many connections, at least 1.
func New(limit int) *Limiter {
	return &Limiter{limit: max(limit, 1), since: map[net.Conn]uint64{}}
}

// Changed is the ConnState of an http.Server.
func (l *Limiter) Changed(conn net.Conn, state http.ConnState) {
	if surplus := l.note(conn, state); surplus != nil {
		_ = surplus.Close() // the server notices and forgets it
	}
}

// CloseIdle closes the connections without a request in progress, and those that
// have not sent one yet, for which http.Server.Shutdown would wait five seconds:
// clients like to open one more than they need. Give it to RegisterOnShutdown.
func (l *Limiter) CloseIdle() {
	l.mu.Lock()
	var idle []net.Conn
	for conn, since := range l.since {
		if since != busy {
			idle = append(idle, conn)
		}
	}
	l.mu.Unlock()
	for _, conn := range idle {
		_ = conn.Close() // the server notices and forgets it
	}
}

// note returns a connection to be closed, or nil.
func (l *Limiter) note(conn net.Conn, state http.ConnState) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	switch state {
	case http.StateActive:
		l.since[conn] = busy
	case http.StateNew, http.StateIdle:
		l.since[conn] = l.clock
	default:
		delete(l.since, conn)
	}
	if state == http.StateNew && len(l.since) > l.limit {
		return l.longestIdle()
	}
	return nil
}

// longestIdle forgets a connection and returns it. There is at least the new
// one.
func (l *Limiter) longestIdle() (oldest net.Conn) {
	for conn, since := range l.since {
		if since != busy && (oldest == nil || since < l.since[oldest]) {
			oldest = conn
		}
	}
	delete(l.since, oldest)
	return oldest
}
