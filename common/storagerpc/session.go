package storagerpc

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// idleWriter is how long an upload lives without a write, as grid.BucketWriter
// says; the core ends it then without telling.
const idleWriter = 30 * time.Minute

// session is what one connection has of a Server.
type session struct {
	server  *Server
	reading *semaphore.Weighted // bytes of answers that wait to be read

	mu      sync.Mutex // guards all below
	lost    bool
	writers map[*bucketWriter]time.Time // uploads in progress, with their last use
	turns   map[grid.StorageIndex]chan struct{}
}

// session returns that of the caller's connection.
func (s *Server) session(r *foolscap.Request) *session {
	return r.Local(s, func() any {
		new := &session{
			server: s, reading: semaphore.NewWeighted(s.options.MaxRead),
			writers: map[*bucketWriter]time.Time{}, turns: map[grid.StorageIndex]chan struct{}{},
		}
		r.OnDisconnect(new.end)
		return new
	}).(*session)
}

// end aborts what the connection has left unfinished.
func (s *session) end() {
	s.mu.Lock()
	s.lost = true
	writers := s.writers
	s.writers = nil
	s.mu.Unlock()
	for w := range writers {
		w.drop()
	}
}

// room returns how many more uploads the connection may begin. If there is none
// left, it forgets those which the core has ended because nobody wrote to them.
func (s *session) room() int {
	s.mu.Lock()
	var idle []*bucketWriter
	if len(s.writers) >= s.server.options.MaxWriters {
		for w, used := range s.writers {
			if time.Since(used) > idleWriter {
				delete(s.writers, w)
				idle = append(idle, w)
			}
		}
	}
	room := s.server.options.MaxWriters - len(s.writers)
	s.mu.Unlock()
	for _, w := range idle {
		w.drop()
	}
	return room
}

// add takes an upload on. If the connection is lost already, it says so, and
// the upload is the caller's to drop.
func (s *session) add(w *bucketWriter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lost {
		s.writers[w] = time.Now()
	}
	return !s.lost
}

// used notes that an upload is alive.
func (s *session) used(w *bucketWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.writers[w]; ok {
		s.writers[w] = time.Now()
	}
}

// forget lets an upload go that has ended.
func (s *session) forget(w *bucketWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.writers, w)
}

// inOrder is for calls about a storage index that need not wait for a disk. Only
// if calls before it by inTurn are not done does it wait for its turn, too. The
// caller calls done at its end.
func (s *session) inOrder(r *foolscap.Request, si grid.StorageIndex) (done func()) {
	s.mu.Lock()
	_, busy := s.turns[si]
	s.mu.Unlock()
	if busy {
		return s.inTurn(r, si)
	}
	return func() {}
}

// inTurn lets the calls behind this one start, and returns when those before it
// about the same storage index have ended. The caller calls done at its end.
func (s *session) inTurn(r *foolscap.Request, si grid.StorageIndex) (done func()) {
	mine := make(chan struct{})
	s.mu.Lock()
	last := s.turns[si]
	s.turns[si] = mine
	s.mu.Unlock()
	r.Unblock()
	if last != nil {
		<-last
	}
	return func() {
		s.mu.Lock()
		if s.turns[si] == mine {
			delete(s.turns, si)
		}
		s.mu.Unlock()
		close(mine)
	}
}

// takeMemory waits for n bytes, at most MaxRead, for an answer. Only if it has
// to wait do the calls behind it start.
func (s *session) takeMemory(ctx context.Context, r *foolscap.Request, n int64) error {
	if s.reading.TryAcquire(n) {
		if s.server.reading.TryAcquire(n) {
			return nil
		}
		s.reading.Release(n)
	}
	r.Unblock()
	if err := s.reading.Acquire(ctx, n); err != nil {
		return err
	}
	if err := s.server.reading.Acquire(ctx, n); err != nil {
		s.reading.Release(n)
		return err
	}
	return nil
}

// giveMemory gives n bytes back.
func (s *session) giveMemory(n int64) {
	s.server.reading.Release(n)
	s.reading.Release(n)
}
