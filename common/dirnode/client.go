package dirnode

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// Defaults of Config.
const (
	// DefaultMaxCached is how many bytes of tables are kept.
	DefaultMaxCached = 16 << 20
	// DefaultEditTimeout bounds how long a batch of edits may take.
	DefaultEditTimeout = 2 * time.Minute
	// DefaultMaxWaiting bounds the edits that wait for one directory.
	DefaultMaxWaiting = 4096
)

// Files stores and reads the files of immutable directories. Implementations are
// safe for concurrent use.
type Files interface {
	// ReadAll returns the content of an immutable file, a uri.CHK or a
	// uri.Literal, which belongs to the caller. More than limit bytes are an
	// error.
	ReadAll(ctx context.Context, file uri.Cap, limit int64) ([]byte, error)
	// PutImmutable stores data as an immutable file, as a literal if it is
	// small, and returns its cap.
	PutImmutable(ctx context.Context, data []byte) (uri.Cap, error)
}

// Config says what directories are made of.
type Config struct {
	Mutable *mutable.Client
	// Files may be nil if there are no immutable directories but literal ones.
	Files Files
	// Now is the clock for links; nil is time.Now.
	Now func() time.Time
	// MaxCached bounds the bytes of tables that are kept, counting four bytes
	// of memory for each of a table; 0 is DefaultMaxCached.
	MaxCached int64
	// EditTimeout is when edits are given up; 0 is DefaultEditTimeout.
	EditTimeout time.Duration
	// Log gets what an operator should know; nil for nothing.
	Log *slog.Logger
}

// Client opens and makes directories. Safe for concurrent use.
type Client struct {
	cfg   Config
	cache *cache
	// workers are goroutines that publish edits.
	workers sync.WaitGroup
}

// New returns a client. While edits are waiting it keeps a goroutine running for
// each directory.
func New(cfg Config) *Client {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxCached == 0 {
		cfg.MaxCached = DefaultMaxCached
	}
	if cfg.EditTimeout == 0 {
		cfg.EditTimeout = DefaultEditTimeout
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{cfg: cfg, cache: newCache(cfg.MaxCached)}
}

// Close waits for the edits that are under way. The client must not be used any
// more.
func (c *Client) Close() { c.workers.Wait() }

// Open returns the directory of a cap, which must be a uri.Directory that permits
// reading. It asks no server.
func (c *Client) Open(cap uri.Cap) (*Directory, error) {
	dir, ok := cap.(uri.Directory)
	if !ok || dir.Kind().IsVerifier() {
		kind := uri.KindUnknown
		if cap != nil {
			kind = cap.Kind()
		}
		return nil, &KindError{Kind: kind}
	}
	d := &Directory{client: c, cap: dir}
	if dir.Kind().IsMutable() {
		file, err := c.cfg.Mutable.Open(dir.File())
		if err != nil {
			return nil, err
		}
		d.file = file
	}
	d.node = c.cache.node(cacheKey(dir))
	return d, nil
}

// cacheKey distinguishes directories, and what their holders may see of them.
func cacheKey(dir uri.Directory) key {
	si, _ := dir.StorageIndex()
	k := key{si: si, writable: dir.Kind().IsWritable()}
	if !dir.Kind().IsMutable() {
		k.immutable = dir.Text()
	}
	return k
}
