package sharestore

import "sync"

// uploadTable are the uploads in progress. Safe for concurrent use.
type uploadTable struct {
	mu       sync.Mutex // guards everything below
	uploads  map[shareKey]*upload
	promised int64 // bytes, the sum of their sizes
}

func (t *uploadTable) init() { t.uploads = map[shareKey]*upload{} }

// reserve takes in an upload, unless there is one of that share, or what is
// available is promised to others.
func (t *uploadTable) reserve(u *upload, available int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.uploads[u.key] != nil || len(t.uploads) >= MaxUploads || u.size > available-t.promised {
		return false
	}
	t.uploads[u.key] = u
	t.promised += u.size
	return true
}

// release gives the space back.
func (t *uploadTable) release(u *upload) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.uploads[u.key] == u {
		delete(t.uploads, u.key)
		t.promised -= u.size
	}
}

func (t *uploadTable) find(key shareKey) *upload {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.uploads[key]
}

func (t *uploadTable) all() []*upload {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*upload, 0, len(t.uploads))
	for _, u := range t.uploads {
		all = append(all, u)
	}
	return all
}

// sum counts the uploads and the bytes promised to them.
func (t *uploadTable) sum() (num int, promised int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.uploads), t.promised
}
