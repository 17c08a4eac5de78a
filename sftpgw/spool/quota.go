package spool

import (
	"sync"
	"syscall"
)

// Quota bounds the bytes that files hold together. Safe for concurrent use.
type Quota struct {
	dir string
	max int64

	mu   sync.Mutex // guards used
	used int64
}

// NewQuota returns a quota of max bytes for files in a directory, "" for that of
// the system. The directory must exist when something is written.
func NewQuota(dir string, max int64) *Quota { return &Quota{dir: dir, max: max} }

// Used returns how many bytes are held.
func (q *Quota) Used() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.used
}

// Max returns how many bytes may be held.
func (q *Quota) Max() int64 { return q.max }

// take takes n bytes, gives them back if n is negative, or returns ENOSPC.
func (q *Quota) take(n int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n > 0 && n > q.max-q.used {
		return syscall.ENOSPC
	}
	q.used += n
	return nil
}
