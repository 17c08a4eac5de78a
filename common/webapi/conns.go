package webapi

import (
	"net"
	"net/http"
	"sync"
)

// conns bounds the connections of a server: one more takes the place of that
// which has been idle longest; it is closed itself if all are busy. Safe for
// concurrent use.
//
// storagehttp has the same for its own server. Neither imports the other: an
// introducer has no use for the storage protocol.
type conns struct {
	limit int

	mu    sync.Mutex // guards all below
	clock uint64     // counts changes
	since map[net.Conn]uint64
}

// busyNow stands in since for a request in progress.
const busyNow = 0

// changed is the ConnState of an http.Server.
func (c *conns) changed(conn net.Conn, state http.ConnState) {
	if surplus := c.note(conn, state); surplus != nil {
		_ = surplus.Close() // the server notices and forgets it
	}
}

// note returns a connection to be closed, or nil.
func (c *conns) note(conn net.Conn, state http.ConnState) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	switch state {
	case http.StateActive:
		c.since[conn] = busyNow
	case http.StateNew, http.StateIdle:
		c.since[conn] = c.clock
	default:
		delete(c.since, conn)
	}
	if state == http.StateNew && len(c.since) > c.limit {
		return c.oldest()
	}
	return nil
}

// oldest forgets the connection that has been idle longest, and returns it; the
// new one counts.
func (c *conns) oldest() (found net.Conn) {
	for conn, since := range c.since {
		if since != busyNow && (found == nil || since < c.since[found]) {
			found = conn
		}
	}
	delete(c.since, found)
	return found
}
