package introclient

import (
	"cmp"
	"slices"
	"sync"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// table merges the announcements of all origins. It is safe for concurrent use.
type table struct {
	mu       sync.Mutex // guards what follows
	entries  map[announce.Index]*Announced
	snapshot []*Announced  // of entries; nil if they have changed since
	changed  chan struct{} // closed at the next change
}

func newTable() *table {
	return &table{entries: map[announce.Index]*Announced{}, changed: make(chan struct{})}
}

func indexOf(a *Announced) announce.Index {
	return announce.Index{ServiceName: a.Service, ServerID: a.ServerID()}
}

// offer takes an announcement if it is better than what is known, and tells those
// who wait.
func (t *table) offer(a *Announced) {
	t.mu.Lock()
	defer t.mu.Unlock()
	better := choose(t.entries[indexOf(a)], a)
	if better == nil {
		return
	}
	t.entries[indexOf(a)] = better
	t.snapshot = nil
	close(t.changed)
	t.changed = make(chan struct{})
}

// choose returns what takes the place of the known one, which may be nil; nil if
// it stays.
func choose(known, offered *Announced) *Announced {
	switch {
	case known == nil || offered.Origin == Static:
		return offered
	case known.Origin == Static || known.Origin == Live && offered.Origin == Cached:
		return nil
	}
	decision := announce.Compare(known.Announcement, offered.Announcement)
	if known.Origin == Cached && offered.Origin == Live {
		if decision != announce.Duplicate {
			return offered // even if its number is lower: the introducer knows better
		}
		confirmed := *offered
		confirmed.Announcement, confirmed.Fields, confirmed.Since = known.Announcement, known.Fields, known.Since
		return &confirmed
	}
	if decision.Accept() {
		return offered
	}
	return nil
}

// list returns all entries, by service and id, and a channel that is closed when
// they change. The slice must not be changed.
func (t *table) list() ([]*Announced, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.snapshot == nil {
		t.snapshot = make([]*Announced, 0, len(t.entries))
		for _, a := range t.entries {
			t.snapshot = append(t.snapshot, a)
		}
		slices.SortFunc(t.snapshot, func(a, b *Announced) int {
			return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare[grid.ServerID](a.ServerID(), b.ServerID()))
		})
	}
	return t.snapshot, t.changed
}
