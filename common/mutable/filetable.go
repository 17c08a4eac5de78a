package mutable

import (
	"container/list"
	"sync"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/rsakey"
)

// shared is what all handles of one file know together.
type shared struct {
	si grid.StorageIndex
	// turn is held by whoever changes the file: one at a time in this process.
	turn chan struct{}
	// checks asks servers whether they hold what is known, once for readers
	// that come together.
	checks flight

	mu       sync.Mutex // guards all below
	keys     *mutablelayout.Keys
	public   *rsakey.PublicKey
	verified map[mutablelayout.Header]bool // signatures that were checked
	last     *ServerMap                    // of the last survey or publish, nil if there was none
}

// maxVerified bounds the signatures that are remembered for a file.
const maxVerified = 64

// flight lets calls that come while one is under way share the next one.
type flight struct {
	mu   sync.Mutex // guards next
	next *flightCall
	run  sync.Mutex // held by the call under way
}

type flightCall struct {
	once sync.Once
	m    *ServerMap
	err  error
}

// do returns what a call of f returned that began after do was called.
func (f *flight) do(call func() (*ServerMap, error)) (*ServerMap, error) {
	f.mu.Lock()
	if f.next == nil {
		f.next = &flightCall{}
	}
	mine := f.next
	f.mu.Unlock()
	f.run.Lock()
	defer f.run.Unlock()
	mine.once.Do(func() {
		f.mu.Lock()
		f.next = nil
		f.mu.Unlock()
		mine.m, mine.err = call()
	})
	return mine.m, mine.err
}

// fileTable remembers the files used last.
type fileTable struct {
	max int

	mu    sync.Mutex // guards all below
	files map[grid.StorageIndex]*list.Element
	order *list.List // of *shared, last used first
}

func newFileTable(size int) *fileTable {
	return &fileTable{max: size, files: make(map[grid.StorageIndex]*list.Element), order: list.New()}
}

// get returns what is known of a file. Handles keep what they have when it is
// dropped here; then changes of one process may meet on the servers, as those of
// two do.
func (t *fileTable) get(si grid.StorageIndex) *shared {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.files[si]; ok {
		t.order.MoveToFront(e)
		return e.Value.(*shared)
	}
	s := &shared{si: si, turn: make(chan struct{}, 1), verified: make(map[mutablelayout.Header]bool)}
	t.files[si] = t.order.PushFront(s)
	for t.order.Len() > t.max {
		oldest := t.order.Back()
		delete(t.files, t.order.Remove(oldest).(*shared).si)
	}
	return s
}

func (s *shared) lastMap() *ServerMap {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *shared) setLast(m *ServerMap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = m
}

func (s *shared) knownKeys() *mutablelayout.Keys {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys
}

func (s *shared) setKeys(keys *mutablelayout.Keys) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.public = keys, keys.PrivateKey().Public()
}

// isVerified reports whether the signature of a header was checked before.
func (s *shared) isVerified(h mutablelayout.Header) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.verified[h]
}

func (s *shared) setVerified(h mutablelayout.Header, key *rsakey.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.verified) >= maxVerified {
		clear(s.verified)
	}
	s.verified[h] = true
	if key != nil {
		s.public = key
	}
}

func (s *shared) knownPublic() *rsakey.PublicKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.public
}
