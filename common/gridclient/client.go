package gridclient

import (
	"context"
	"log/slog"
	"sync"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/download"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/immutable"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// Config says how a node uses its grid.
type Config struct {
	// Broker says how storage servers are found and reached, with
	// [client]force_foolscap and peers.preferred.
	Broker broker.Config
	// Servers, if not nil, are used in place of a broker.
	Servers broker.Servers
	// Params are shares.needed, shares.happy and shares.total.
	Params grid.Params
	// SegmentSize is that of new immutable files, in bytes; 0 is
	// immutable.DefaultMaxSegmentSize.
	SegmentSize int64
	// Convergence and Lease are the secrets in private/convergence and
	// private/secret.
	Convergence secret.ConvergenceSecret
	Lease       secret.LeaseSecret
	// TempDir is where what must be kept for a while is kept, encrypted. It
	// exists.
	TempDir string
	// MDMF says that new mutable files are MDMF where nobody asked for a format.
	MDMF bool
	// Blacklist returns why a storage index must not be opened; nil permits all.
	Blacklist func(si grid.StorageIndex) (reason string, prohibited bool, err error)
	// Helper is what immutable files are uploaded through while it is connected;
	// nil is none.
	Helper Helper
	// KeyPool is how many RSA keys are made ahead of need.
	KeyPool int
	Log     *slog.Logger // nil: none
}

// Helper uploads in place of this node; a helperclient.Client is one.
type Helper interface {
	immutable.Pusher
	Connected() bool
}

// Client uses a grid. Safe for concurrent use.
type Client struct {
	cfg       Config
	broker    *broker.Broker // nil where Config.Servers is used
	servers   broker.Servers
	promised  sync.Map // storage indexes to func() string; see Promise
	uploads   *upload.Uploader
	files     *immutable.Uploader
	downloads *download.Downloader
	keys      *mutable.KeyPool
	mutables  *mutable.Client
	dirs      *dirnode.Client
	counters  counters
}

// New returns a client. Nothing is connected before Run. Close it. The error is
// that of immutable.NewUploader for impossible parameters, or that of the temporary
// directory.
func New(cfg Config) (*Client, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := immutable.RemoveSpools(cfg.TempDir); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg}
	servers := cfg.Servers
	if servers == nil {
		c.broker = broker.New(cfg.Broker)
		servers = known{c.broker}
	}
	c.servers = servers
	c.uploads = upload.New(servers, cfg.Lease, cfg.Log)
	var err error
	c.files, err = immutable.NewUploader(immutable.UploaderConfig{
		Pusher: pusher{c.uploads, cfg.Helper}, Params: cfg.Params, MaxSegmentSize: cfg.SegmentSize,
		Convergence: cfg.Convergence, TempDir: cfg.TempDir,
	})
	if err != nil {
		c.uploads.Close()
		return nil, err
	}
	c.downloads = download.New(servers, cfg.Log)
	c.keys = mutable.NewKeyPool(cfg.KeyPool)
	c.mutables = mutable.New(mutable.Config{
		Servers: servers, Lease: cfg.Lease, Params: cfg.Params, Keys: c.keys, Log: cfg.Log,
	})
	c.dirs = dirnode.New(dirnode.Config{Mutable: c.mutables, Files: dirFiles{c}, Log: cfg.Log})
	return c, nil
}

// Run keeps up the connections to storage servers until ctx ends. It is called once.
func (c *Client) Run(ctx context.Context) error {
	if c.broker == nil {
		<-ctx.Done()
		return nil
	}
	c.broker.Run(ctx)
	return nil
}

// Close waits for what is under way. No call may be in progress, and none may
// follow; that of Run ends by its context, after Close.
func (c *Client) Close() {
	c.dirs.Close()
	c.mutables.Close()
	c.uploads.Close()
	c.downloads.Close()
	c.keys.Close()
}

// Status returns how the storage servers are that are known, by id.
func (c *Client) Status() []broker.Status {
	if c.broker == nil {
		return nil
	}
	return c.broker.Status()
}

// Servers returns the servers, for services beside the client, such as a helper.
func (c *Client) Servers() broker.Servers { return c.servers }

// Uploader returns what stores ciphertext on the servers, for a helper; it is closed
// with the client.
func (c *Client) Uploader() *upload.Uploader { return c.uploads }

// WaitFor waits until at least so many servers are connected that may be given new
// shares.
func (c *Client) WaitFor(ctx context.Context, servers int) error {
	if c.broker == nil {
		return nil
	}
	return c.broker.WaitFor(ctx, servers)
}

// MutableLayout is the layout of new mutable files and directories where nobody
// asked for one (mutable.format).
func (c *Client) MutableLayout() uri.Layout {
	if c.cfg.MDMF {
		return uri.MDMF
	}
	return uri.SDMF
}

// allowed looks into the blacklist, and whether the file is stored at all.
func (c *Client) allowed(cap uri.Cap) error {
	si, ok := cap.StorageIndex()
	if !ok {
		return nil
	}
	if err := c.stored(si); err != nil || c.cfg.Blacklist == nil {
		return err
	}
	reason, prohibited, err := c.cfg.Blacklist(si)
	switch {
	case err != nil:
		return err
	case prohibited:
		return &ProhibitedError{Reason: reason}
	}
	return nil
}

// known are the servers of a broker, which also tell package mutable how many are
// away.
type known struct{ *broker.Broker }

// Away counts the servers that are known and not connected.
func (k known) Away() (away int) {
	for _, s := range k.Status() {
		if !s.Connected {
			away++
		}
	}
	return away
}

// pusher uploads through the helper while there is one (upload.py Uploader).
type pusher struct {
	direct *upload.Uploader
	helper Helper
}

// Upload implements immutable.Pusher.
func (p pusher) Upload(ctx context.Context, req upload.Request) (*upload.Result, error) {
	if p.helper != nil && p.helper.Connected() {
		return p.helper.Upload(ctx, req)
	}
	return p.direct.Upload(ctx, req)
}
