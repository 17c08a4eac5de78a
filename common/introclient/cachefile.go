package introclient

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// cacheFile is the cache of one introducer. It belongs to the goroutine that runs
// it, but for dirty.
type cacheFile struct {
	client  *Client
	petname string
	dirty   chan struct{} // of one place: something has been accepted
	stored  map[announce.Index]*announce.Announcement
}

// load reads the file. Entries that make no sense are left out, and the whole file
// if it cannot be read: it is only a cache.
func (f *cacheFile) load() {
	f.stored = map[announce.Index]*announce.Announcement{}
	f.client.cacheMu.Lock()
	list, err := f.client.config.Cache.CachedAnnouncements(f.petname)
	f.client.cacheMu.Unlock()
	if err != nil {
		f.client.log.Warn("the cache of an introducer cannot be read", "introducer", f.petname, "err", err)
		return
	}
	for _, entry := range list[:min(len(list), MaxAnnouncements)] {
		if _, err := announce.ParseServerKey(entry.Key); err != nil {
			continue
		}
		if a, err := announce.Unsigned(grid.ServerID(entry.Key), entry.Announcement); err == nil {
			f.stored[a.Index()] = a
		}
	}
}

// run writes the file whenever it would change, not too often, and once more at
// the end.
func (f *cacheFile) run(ctx context.Context, known *inbound) {
	for ctx.Err() == nil {
		select {
		case <-f.dirty:
			sleep(ctx, cacheDelay)
			f.save(known.all())
			sleep(ctx, cacheInterval)
		case <-ctx.Done():
		}
	}
	f.save(known.all())
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// save replaces the file if it has something else. An introducer that has not
// announced anything yet empties no cache.
func (f *cacheFile) save(known []*announce.Announcement) {
	if len(known) == 0 || f.same(known) {
		return
	}
	slices.SortFunc(known, func(a, b *announce.Announcement) int {
		return cmp.Or(cmp.Compare(a.ServiceName(), b.ServiceName()), cmp.Compare(a.ServerID(), b.ServerID()))
	})
	list := make([]announce.Cached, 0, len(known))
	for _, a := range known {
		list = append(list, announce.Cached{Announcement: json.RawMessage(a.Signed().Message), Key: string(a.ServerID())})
	}
	f.client.cacheMu.Lock()
	err := f.client.config.Cache.WriteCachedAnnouncements(f.petname, list)
	f.client.cacheMu.Unlock()
	if err != nil {
		f.client.log.Warn("the cache of an introducer cannot be written", "introducer", f.petname, "err", err)
		return
	}
	clear(f.stored)
	for _, a := range known {
		f.stored[a.Index()] = a
	}
}

func (f *cacheFile) same(known []*announce.Announcement) bool {
	if len(known) != len(f.stored) {
		return false
	}
	return !slices.ContainsFunc(known, func(a *announce.Announcement) bool {
		old := f.stored[a.Index()]
		return old == nil || announce.Compare(old, a) != announce.Duplicate
	})
}
