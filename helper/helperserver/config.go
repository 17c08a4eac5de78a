package helperserver

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/helperrpc"
	"github.com/besn0847/arm-tahoe/common/upload"
)

// Uploader stores ciphertext: an *upload.Uploader.
type Uploader interface {
	Upload(ctx context.Context, req upload.Request) (*upload.Result, error)
}

// Defaults of Config, for a machine of 1 GiB.
const (
	DefaultMaxActive    = 32
	DefaultMaxEncodings = 2
	DefaultMaxFiles     = 1000
	DefaultMaxAge       = 7 * 24 * time.Hour
	DefaultReserved     = 256 << 20
	DefaultChunkSize    = 128 << 10
	DefaultWindow       = 4
	DefaultReadTime     = 5 * time.Minute
)

// Config says what a helper is. The first three are required; zero values of the
// others are the defaults.
type Config struct {
	// Dir is the directory of the files, helper in the node's. It is made.
	Dir string
	// Servers are those of the grid, asked whether a file is there.
	Servers broker.Servers
	// Uploader stores the shares.
	Uploader Uploader

	// MaxActive is how many uploads there are at once, MaxEncodings how many of
	// them make and push shares; the others wait.
	MaxActive, MaxEncodings int
	// MaxFiles and MaxAge are how many files of uploads that are not active are
	// kept, and for how long after the last byte.
	MaxFiles int
	MaxAge   time.Duration
	// Reserved is how many bytes of the disk are left free; negative for none.
	Reserved int64
	// MaxSize is the largest file in bytes; 0 for whatever the disk holds.
	MaxSize int64
	// ChunkSize is how many bytes a client is asked for at a time, at most
	// helperrpc.MaxRead, and Window how many such requests are under way; 1 as in
	// 1.20.
	ChunkSize, Window int
	// ReadTime is how long a client may take for each request.
	ReadTime time.Duration

	// Free returns the bytes that are free on the disk of Dir; nil asks the
	// system.
	Free func() (int64, error)
	// Boot returns the id of the system's start and when that was; nil asks the
	// system. An empty id is never the same as another.
	Boot func() (id string, at time.Time)
	// Logger gets what an operator may want to know; nil for nothing.
	Logger *slog.Logger
}

// complete checks the configuration and puts in the defaults.
func (c *Config) complete() error {
	if c.Dir == "" || c.Servers == nil || c.Uploader == nil {
		return errors.New("a helper needs a directory, the servers of the grid and an uploader")
	}
	c.MaxActive = cmp.Or(c.MaxActive, DefaultMaxActive)
	c.MaxEncodings = cmp.Or(c.MaxEncodings, DefaultMaxEncodings)
	c.MaxFiles = cmp.Or(c.MaxFiles, DefaultMaxFiles)
	c.MaxAge = cmp.Or(c.MaxAge, DefaultMaxAge)
	c.Reserved = max(0, cmp.Or(c.Reserved, DefaultReserved))
	c.ChunkSize = min(cmp.Or(c.ChunkSize, DefaultChunkSize), helperrpc.MaxRead)
	c.Window = cmp.Or(c.Window, DefaultWindow)
	c.ReadTime = cmp.Or(c.ReadTime, DefaultReadTime)
	if c.MaxActive < 0 || c.MaxEncodings < 0 || c.MaxFiles < 0 || c.MaxAge < 0 || c.MaxSize < 0 ||
		c.ChunkSize < 0 || c.Window < 0 || c.ReadTime < 0 {
		return errors.New("a limit of the helper is negative")
	}
	if c.Free == nil {
		c.Free = func() (int64, error) { return freeSpace(c.Dir) }
	}
	if c.Boot == nil {
		c.Boot = systemBoot
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
