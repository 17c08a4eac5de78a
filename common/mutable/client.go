package mutable

import (
	"crypto/rand"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// Defaults of Config.
const (
	// DefaultMaxMemory is how many bytes of shares one publish may hold.
	DefaultMaxMemory = 64 << 20
	// DefaultMaxFiles is how many files are remembered.
	DefaultMaxFiles = 1024
	// DefaultCallTimeout is when a server that does not answer is given up.
	DefaultCallTimeout = 30 * time.Second
	// DefaultGrace is how long slow servers are waited for.
	DefaultGrace = 3 * time.Second
	// DefaultMaxAttempts is how often a publish is tried.
	DefaultMaxAttempts = 60
	// DefaultBackoff is the mean of the first random wait after a surprise.
	DefaultBackoff = 15 * time.Millisecond
)

// maxBackoff bounds the mean of the random waits.
const maxBackoff = time.Second

// Config says how files are read and written.
type Config struct {
	// Servers are those of the grid. If they have a method Away() int that
	// counts the servers that are known and not connected, a share that no
	// server has is placed anew by the next change as soon as there is no such
	// server. Without the method such shares stay missing.
	Servers broker.Servers
	// Lease is the client's secret for leases.
	Lease secret.LeaseSecret
	// Params are for new files. Happy is how many servers must take a share of
	// a new file; 1.20 asks for none in particular.
	Params grid.Params
	// Keys makes the keys of new files; nil makes each when it is needed.
	Keys *KeyPool
	// Log gets what an operator should know; nil for nothing.
	Log *slog.Logger
	// MaxMemory bounds the bytes of shares that one publish holds; 0 is
	// DefaultMaxMemory.
	MaxMemory int64
	// MaxFiles bounds the files that are remembered, about 10 KiB each; 0 is
	// DefaultMaxFiles.
	MaxFiles int
	// CallTimeout bounds each call to a server; 0 is DefaultCallTimeout.
	CallTimeout time.Duration
	// Grace is how long surveys and publishes wait for the rest of the servers
	// when those that have answered are enough; 0 is DefaultGrace.
	Grace time.Duration
	// MaxAttempts bounds how often one publish is tried; 0 is
	// DefaultMaxAttempts.
	MaxAttempts int
	// Backoff is the mean of the first random wait, which doubles with each
	// attempt up to a second; 0 is DefaultBackoff.
	Backoff time.Duration
	// Random is where salts come from; nil is crypto/rand.Reader.
	Random io.Reader
}

func (c Config) withDefaults() Config {
	orSize(&c.MaxMemory, DefaultMaxMemory)
	orSize(&c.MaxFiles, DefaultMaxFiles)
	orSize(&c.CallTimeout, DefaultCallTimeout)
	orSize(&c.Grace, DefaultGrace)
	orSize(&c.MaxAttempts, DefaultMaxAttempts)
	orSize(&c.Backoff, DefaultBackoff)
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func orSize[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Client reads and writes mutable files. Safe for concurrent use.
type Client struct {
	cfg   Config
	files *fileTable
	// stragglers are calls whose answer is not waited for any more.
	stragglers sync.WaitGroup
}

// Close waits for calls to servers that are under way though nobody needs their
// answers. The client must not be used any more.
func (c *Client) Close() { c.stragglers.Wait() }

// New returns a client. Besides such calls it keeps no goroutine running.
func New(cfg Config) *Client {
	cfg = cfg.withDefaults()
	return &Client{cfg: cfg, files: newFileTable(cfg.MaxFiles)}
}

// Open returns the file of a cap, which must be a uri.MutableWrite or a
// uri.MutableRead. It asks no server.
func (c *Client) Open(file uri.Cap) (*File, error) {
	switch file := file.(type) {
	case uri.MutableWrite:
		read := file.Read()
		return &File{client: c, shared: c.files.get(storageIndex(read)), read: read, write: &file}, nil
	case uri.MutableRead:
		return &File{client: c, shared: c.files.get(storageIndex(file)), read: file}, nil
	}
	return nil, &KindError{Kind: file.Kind()}
}

func storageIndex(read uri.MutableRead) grid.StorageIndex {
	return mutablelayout.StorageIndex(read.Key)
}

// A KindError says that a cap is not that of a mutable file that can be read.
type KindError struct {
	Kind uri.Kind
}

// Error gives the kind.
func (e *KindError) Error() string { return e.Kind.String() + " is not the cap of a mutable file" }

// newKey takes a key from the pool or makes one.
func (c *Client) newKey() (rsakey.PrivateKey, error) {
	if c.cfg.Keys != nil {
		return c.cfg.Keys.Get()
	}
	return rsakey.Generate(c.cfg.Random)
}
