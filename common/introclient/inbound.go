package introclient

import (
	"sync"

	"github.com/besn0847/arm-tahoe/common/announce"
)

// inbound is what one introducer has announced to this process. It is safe for
// concurrent use.
type inbound struct {
	mu    sync.Mutex // guards what follows
	known map[announce.Index]*announce.Announcement
	size  int64 // bytes of their messages
}

// accept decides about an announcement and keeps it. full says that there was no
// room.
func (in *inbound) accept(a *announce.Announcement) (decision announce.Decision, full bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	old := in.known[a.Index()]
	decision = announce.Compare(old, a)
	if !decision.Accept() {
		return decision, false
	}
	size := in.size + messageSize(a) - messageSize(old)
	if size > MaxAnnouncementSize || old == nil && len(in.known) >= MaxAnnouncements {
		return decision, true
	}
	if in.known == nil {
		in.known = map[announce.Index]*announce.Announcement{}
	}
	in.known[a.Index()], in.size = a, size
	return decision, false
}

func messageSize(a *announce.Announcement) int64 {
	if a == nil {
		return 0
	}
	return int64(len(a.Signed().Message))
}

// all returns what is known.
func (in *inbound) all() []*announce.Announcement {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := make([]*announce.Announcement, 0, len(in.known))
	for _, a := range in.known {
		list = append(list, a)
	}
	return list
}

func (in *inbound) count() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.known)
}
