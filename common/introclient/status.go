package introclient

import (
	"fmt"
	"strings"
	"time"

	"github.com/besn0847/arm-tahoe/common/foolscap"
)

// Status is how the connection to one introducer is.
type Status struct {
	Petname   string
	Connected bool
	// Since is when the connection was made or lost; zero before the first.
	Since time.Time
	// Hint is how we reached it, "" if it reached us or we are not connected.
	Hint string
	// LastReceived is when it was last heard of; zero if we are not connected.
	LastReceived time.Time
	Version      string // of the introducer, as in "tahoe-lafs/1.20.0"; "" if not known
	// Attempts is what the Reconnector does; zero before Run.
	Attempts foolscap.ReconnectionInfo
	// Problem is why it does not take our announcements or subscriptions though we
	// are connected; nil if it does.
	Problem error
	// Announcements is how many it has announced to this process.
	Announcements int
	// FromCache says that the cache was used because it was not there.
	FromCache bool
}

// Summary is the sentence of 1.20's welcome page and its JSON
// (util/connection_status.py from_foolscap_reconnector).
func (s Status) Summary(now time.Time) string {
	switch {
	case s.Connected && s.Hint == "":
		return "Connected via listener"
	case s.Connected:
		kind, _, _ := strings.Cut(s.Hint, ":")
		return fmt.Sprintf("Connected to %s via %s", s.Hint, kind)
	case s.Attempts.State == "":
		return "unstarted"
	case s.Attempts.State == foolscap.Waiting:
		return fmt.Sprintf("Reconnecting in %d seconds (last attempt %ds ago)",
			int64(s.Attempts.NextAttempt.Sub(now).Seconds()), int64(now.Sub(s.Attempts.LastAttempt).Seconds()))
	}
	return "Trying to connect"
}
