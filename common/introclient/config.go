package introclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
)

// Limits on what one introducer can make a node keep. Tahoe has none.
const (
	MaxAnnouncements    = 10_000   // of one introducer
	MaxAnnouncementSize = 12 << 20 // bytes of their messages
	MaxCertificates     = 32       // of grid managers that are checked, of one announcement
)

// Times.
const (
	// CacheWait is how long a node waits for the first connection to an introducer
	// before it uses the cache. 1.20 waits until the attempt has failed, which may
	// take 120 seconds.
	CacheWait = 10 * time.Second
	// cacheDelay lets announcements gather that come together; cacheInterval is
	// the shortest time between two writes of one cache.
	cacheDelay    = 2 * time.Second
	cacheInterval = time.Minute
	// callTimeout bounds a call to an introducer.
	callTimeout = 2 * time.Minute
	// retryInterval is when a call that an introducer refused is made again.
	retryInterval = 5 * time.Minute
)

// Introducer is an introducer that the node knows.
type Introducer struct {
	Petname string // unique; part of a file name
	FURL    furl.FURL
}

// StaticServer is a server of private/servers.yaml: one that counts whatever
// introducers say.
type StaticServer struct {
	ID           string // any text
	Announcement json.RawMessage
	// Connections says how kinds of hints are reached, as in tcp: tor.
	Connections map[string]string
}

// Cache keeps the announcements of introducers, by petname. Its methods are called
// by one goroutine at a time. nodeconf.Dir is one.
type Cache interface {
	CachedAnnouncements(petname string) ([]announce.Cached, error)
	WriteCachedAnnouncements(petname string, list []announce.Cached) error
}

// Config says what a Client is. Its zero fields mean what is written there.
type Config struct {
	// Tub is the node's main Tub: with it the node connects, and introducers know
	// it by it. It must outlive Run. Needed if there are introducers.
	Tub         *foolscap.Tub
	Introducers []Introducer
	// Services are those whose announcements are wanted. Nil: storage.
	Services []string

	// Nickname, MyVersion ("tahoe-lafs/1.20.0") and OldestSupported ("1.0.0") are
	// what the node says about itself, to introducers and in announcements.
	Nickname, MyVersion, OldestSupported string

	// Key signs announcements, and NextSeqnum gives each a new, greater number
	// that is on disk already (nodeconf.Dir.NextSeqnum). Needed for Publish.
	Key        announce.SigningKey
	NextSeqnum func() (int64, error)

	Cache         Cache // nil: none
	StaticServers []StaticServer
	// GridManagers are the keys of [grid_managers]. Without any, every server may
	// receive shares.
	GridManagers []announce.VerifyingKey

	Logger *slog.Logger     // nil: none
	Now    func() time.Time // nil: time.Now
}

func (c Config) withDefaults() Config {
	if c.Services == nil {
		c.Services = []string{announce.StorageService}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c Config) validate() error {
	if len(c.Introducers) > 0 && c.Tub == nil {
		return errors.New("introducer client: no Tub to reach introducers with")
	}
	seen := map[string]bool{}
	for _, in := range c.Introducers {
		switch {
		case in.Petname == "":
			return errors.New("introducer client: an introducer without a petname; give it one in private/introducers.yaml")
		case seen[in.Petname]:
			return fmt.Errorf("introducer client: two introducers have the petname %q; rename one in private/introducers.yaml", in.Petname)
		case in.FURL.IsZero():
			return fmt.Errorf("introducer client: the introducer %q has no FURL", in.Petname)
		}
		seen[in.Petname] = true
	}
	return nil
}
