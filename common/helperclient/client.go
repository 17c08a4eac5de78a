package helperclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/helperrpc"
)

// DefaultRetryTime is how long an upload waits for a helper that has gone away.
const DefaultRetryTime = 2 * time.Minute

// versionTime is how long a helper may take to say its version.
const versionTime = time.Minute

// ErrNotConnected says that there is no connection to the helper. 1.20 uploads
// without one then.
var ErrNotConnected = errors.New("not connected to the helper")

// Config says which helper. Tub and FURL are required.
type Config struct {
	Tub *foolscap.Tub
	// FURL is that of tahoe.cfg, [client]helper.furl. It is a secret.
	FURL furl.FURL
	// RetryTime is how long an upload waits for a helper that has gone away; 0 is
	// DefaultRetryTime, negative not at all.
	RetryTime time.Duration
	// Logger gets what an operator may want to know; nil for nothing.
	Logger *slog.Logger
}

// Client keeps a connection to a helper. Safe for concurrent use.
type Client struct {
	cfg         Config
	log         *slog.Logger
	ctx         context.Context // of the client's life
	cancel      context.CancelFunc
	reconnector *foolscap.Reconnector

	mu      sync.Mutex // guards all below
	helper  *foolscap.Reference
	version string
	lastErr error         // why a helper that answered is not used
	changed chan struct{} // closed when helper changes
}

// Info is a snapshot for status pages.
type Info struct {
	Connected  bool
	Version    string // of the helper, such as "tahoe-lafs/1.20.0"
	Err        error  // why the helper is not used, though it answers
	Connection foolscap.ReconnectionInfo
}

// New begins to connect. Close the client before the Tub.
func New(cfg Config) *Client {
	if cfg.RetryTime == 0 {
		cfg.RetryTime = DefaultRetryTime
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Client{cfg: cfg, log: cfg.Logger, changed: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.reconnector = cfg.Tub.Connect(c.ctx, cfg.FURL, c.connected)
	return c
}

// Close ends the attempts to connect. Uploads under way go on over the connection
// that they have, until the Tub is closed, and do not wait for another.
func (c *Client) Close() {
	c.cancel()
	c.reconnector.Stop()
}

// Connected says whether there is a helper to upload through.
func (c *Client) Connected() bool { return c.Info().Connected }

// Info returns what the client does.
func (c *Client) Info() Info {
	info := c.reconnector.Info()
	c.mu.Lock()
	defer c.mu.Unlock()
	return Info{Connected: c.helper != nil, Version: c.version, Err: c.lastErr, Connection: info}
}

// connected is called with each new connection, and waits until it is lost.
func (c *Client) connected(ctx context.Context, ref *foolscap.Reference) {
	asking, cancel := context.WithTimeout(ctx, versionTime)
	version, err := helperrpc.Helper{Reference: ref}.Version(asking)
	cancel()
	if err != nil {
		c.set(nil, "", err)
		c.log.Warn("the helper cannot be used", "err", err)
		return
	}
	c.set(ref, version, nil)
	c.log.Info("connected to the helper", "version", version)
	<-ctx.Done()
	c.set(nil, "", nil)
	c.log.Info("connection to the helper is gone")
}

func (c *Client) set(ref *foolscap.Reference, version string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.helper, c.version, c.lastErr = ref, version, err
	close(c.changed)
	c.changed = make(chan struct{})
}

// current returns a handle on the helper, nil if there is none.
func (c *Client) current() (ref *foolscap.Reference, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.helper != nil {
		select {
		case <-c.helper.Done(): // lost, and nobody has told us yet
		default:
			return c.helper.Retain(), c.changed
		}
	}
	return nil, c.changed
}

// await waits for a helper. The caller releases the handle.
func (c *Client) await(ctx context.Context, patience time.Duration) (*foolscap.Reference, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		ref, changed := c.current()
		if ref != nil {
			return ref, nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil, fmt.Errorf("%w for %v", ErrNotConnected, patience)
		case <-c.ctx.Done():
			return nil, ErrNotConnected
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
