package introserver

import (
	"cmp"
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// entry is one announcement.
type entry struct {
	announcement *announce.Announcement
	when         time.Time
	revision     int64           // when it came, among all announcements
	replaced     bool            // or evicted
	publisher    grid.TubID      // that brought it first
	gone         <-chan struct{} // closed when the publisher's connection is lost
}

func (e *entry) size() int64 { return int64(len(e.announcement.Signed().Message)) }

func (e *entry) connected() bool {
	select {
	case <-e.gone:
		return false
	default:
		return true
	}
}

// feed is one service: what was announced and who wants to know. It is guarded by
// the Service's mu.
type feed struct {
	entries       map[grid.ServerID]*entry
	journal       []*entry // by revision, replaced ones included
	subscriptions map[*subscription]struct{}
}

func newFeed() *feed {
	return &feed{entries: map[grid.ServerID]*entry{}, subscriptions: map[*subscription]struct{}{}}
}

// put adds an entry, in place of an old one of the same server.
func (f *feed) put(e *entry) {
	f.remove(e.announcement.ServerID())
	f.entries[e.announcement.ServerID()] = e
	f.journal = append(f.journal, e)
}

func (f *feed) remove(id grid.ServerID) {
	old := f.entries[id]
	if old == nil {
		return
	}
	old.replaced = true
	delete(f.entries, id)
	if len(f.journal) > 2*len(f.entries)+16 {
		f.journal = slices.DeleteFunc(f.journal, func(e *entry) bool { return e.replaced })
	}
}

// after returns what came after a revision, up to so many bytes of messages but at
// least one announcement, and the revision of the last; nil if there is nothing.
func (f *feed) after(revision, most int64) (batch []announce.Signed, last int64) {
	start, _ := slices.BinarySearchFunc(f.journal, revision+1, func(e *entry, r int64) int { return cmp.Compare(e.revision, r) })
	var size int64
	for _, e := range f.journal[start:] {
		if e.replaced {
			continue
		}
		if size += e.size(); size > most && len(batch) > 0 {
			break
		}
		batch, last = append(batch, e.announcement.Signed()), e.revision
	}
	return batch, last
}

func (f *feed) empty() bool { return len(f.entries) == 0 && len(f.subscriptions) == 0 }
