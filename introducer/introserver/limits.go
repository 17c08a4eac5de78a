package introserver

import "time"

// Limits bound what peers can make an introducer keep.
type Limits struct {
	Announcements     int   // of all services
	AnnouncementBytes int64 // of their messages
	PerPublisher      int   // announcements of one Tub
	Subscriptions     int   // of all services
	PerSubscriber     int   // subscriptions of one Tub
}

// DefaultLimits suit a machine of 1 GiB and 10,000 nodes: 10,000 announcements as
// 1.20 makes them (900 bytes, 1300 with a certificate) take 30 to 40 MB of memory.
// A message made to cost as much as possible takes about 8 times its size.
var DefaultLimits = Limits{
	Announcements: 10_000, AnnouncementBytes: 16 << 20, PerPublisher: 100,
	Subscriptions: 20_000, PerSubscriber: 16,
}

// How much is told at once.
const (
	// maxBatch is the most that one call tells, in bytes of messages, but for a
	// single larger announcement.
	maxBatch = 64 << 10
	// minBatch is what a call may tell however many are under way.
	minBatch = 2 << 10
	// sendMemory is shared by all calls under way.
	sendMemory = 16 << 20
)

// announceTimeout is how long a subscriber may take to answer before it is told
// the next.
const announceTimeout = time.Minute
