package sharestore

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
)

// Limits of one store. They bound memory and file descriptors, whatever
// clients do.
const (
	// MaxUploads is how many shares may be on their way at once, in all. More
	// are treated as if there were no space.
	MaxUploads = 4096
	// MaxReadvSize is how many bytes one call may read of mutable shares, over
	// all its vectors and shares: they are held in memory. 1.20 has no limit.
	MaxReadvSize = 64 << 20
	// MaxOpenFiles is how many share files stay open between calls.
	MaxOpenFiles = 128
	// UploadTimeout is how long an upload lives without a write (1.20.0:
	// immutable.py BucketWriter).
	UploadTimeout = 30 * time.Minute
	// MaxReasonSize is how much of a client's words an advisory keeps. HTTP
	// of 1.20 takes as many; its Foolscap has no limit.
	MaxReasonSize = 32765
)

// Config says where and how a store keeps shares. Units are bytes.
type Config struct {
	FS     sharefs.FS // the storage directory; the caller closes it, after the store
	NodeID grid.TubID // written into mutable containers
	// ApplicationVersion is told to clients, such as "arm-tahoe/1.0".
	ApplicationVersion string

	// These are in [storage] of tahoe.cfg.
	ReadOnly      bool  // readonly: takes no new immutable shares
	ReservedSpace int64 // reserved_space: left free on the disk
	DiscardData   bool  // debug_discard: immutable shares read as zeros
	Expire        Expire

	// These are in [storage] of arm-tahoe.cfg.
	SizeLimit int64 // size_limit: of all share files together; 0 is none
	ScrubRate int64 // bytes per second; 0 is no scrub

	// IndexPath is the index, a file on the disk; there will be two more
	// beginning with its name. Without it the index is in memory and made
	// again at every start.
	IndexPath string
	// Epoch tells whether another program may have used the directory: the
	// content of private/api_auth_token as found at the start. It changes
	// with every start of a node. NextEpoch is what this node leaves there.
	Epoch, NextEpoch string

	// BuildDate is a time that was in the past when this program was made: a
	// clock that shows less is wrong.
	BuildDate time.Time
	Now       func() time.Time // the clock; nil is time.Now
	Log       *slog.Logger     // nil is none
	// Observe, if not nil, is told how long an operation took, under Tahoe's
	// names: allocate, write, close, read, get, writev, readv, add-lease. It
	// is called concurrently.
	Observe func(op string, took time.Duration)
	// Count, if not nil, is told what no duration belongs to, under Tahoe's
	// names: abort (1 for each upload dropped) and bytes_added (to immutable
	// shares). It is called concurrently and must not call the store.
	Count func(name string, delta int64)
}

// validate fills in what may be left out.
func (c *Config) validate() error {
	if c.FS == nil {
		return errors.New("share store: no file system")
	}
	for field, value := range map[string]int64{
		"reserved_space": c.ReservedSpace, "size_limit": c.SizeLimit, "scrub rate": c.ScrubRate,
	} {
		if value < 0 {
			return fmt.Errorf("share store: %s is %d, must not be negative", field, value)
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(string, time.Duration) {}
	}
	if c.Count == nil {
		c.Count = func(string, int64) {}
	}
	return c.Expire.validate()
}
