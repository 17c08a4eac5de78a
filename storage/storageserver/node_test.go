package storageserver_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/storagehttp"
	"github.com/besn0847/arm-tahoe/common/storagerpc"
	"github.com/besn0847/arm-tahoe/storage/storageserver"
)

// patience is how long a test waits for what happens soon, on any machine.
const patience = 2 * time.Minute

// node is a storage node with nothing but its service.
type node struct {
	cfg      storageserver.Config
	service  *storageserver.Service
	tub      *foolscap.Tub
	fields   *announce.Fields
	listener net.Listener
	served   chan error
}

// configIn reads the node in a base directory, which is made if it is missing,
// and renews its token, as a main does.
func configIn(dir, tahoe, own string) (cfg storageserver.Config, err error) {
	if cfg.Dir, err = nodeconf.OpenDir(dir); err != nil {
		return cfg, err
	}
	if cfg.Node, err = nodeconf.Parse(dir, nodeconf.KindClient, []byte(tahoe), []byte(own)); err != nil {
		return cfg, err
	}
	if cfg.Certificate, err = certificateIn(cfg.Dir); err != nil {
		return cfg, err
	}
	key, err := cfg.Dir.NodeKey()
	if err != nil {
		return cfg, err
	}
	cfg.NodeKey = key.VerifyingKey()
	if cfg.Token, _, err = cfg.Dir.APIToken(); err != nil {
		return cfg, err
	}
	if cfg.NextToken, err = cfg.Dir.NewAPIToken(); err != nil {
		return cfg, err
	}
	return cfg, nil
}

// certificateIn reads or makes node.pem.
func certificateIn(dir *nodeconf.Dir) (*foolscap.Certificate, error) {
	path := dir.Private(nodeconf.CertificateName)
	if text, err := os.ReadFile(path); err == nil {
		return foolscap.ParsePEM(text)
	}
	c, err := foolscap.NewEphemeralCertificate()
	if err != nil {
		return nil, err
	}
	text, err := c.PEM()
	if err != nil {
		return nil, err
	}
	return c, nodeconf.WriteFile(path, text, 0o600)
}

// start opens the service and serves it on a port of this machine.
func start(cfg storageserver.Config, limits foolscap.Limits) (n *node, err error) {
	n = &node{cfg: cfg, served: make(chan error, 1)}
	if n.service, err = storageserver.Open(cfg); err != nil {
		return nil, err
	}
	n.tub, err = foolscap.New(foolscap.Options{
		Certificate: cfg.Certificate, OtherProtocol: n.service.OtherProtocol(), Limits: limits,
	})
	if err != nil {
		return nil, err
	}
	if n.listener, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	n.tub.SetLocation([]string{"tcp:" + n.listener.Addr().String()})
	if n.fields, err = n.service.Attach(n.tub); err != nil {
		return nil, err
	}
	limited := storageserver.LimitPeers(n.listener, storageserver.MaxConnsPerPeer)
	go func() { n.served <- n.tub.Serve(context.Background(), limited) }()
	return n, nil
}

// stop ends the node as a main does.
func (n *node) stop(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		n.service.StopAccepting, n.service.Drain, n.tub.Close, n.service.Close,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := <-n.served; !errors.Is(err, foolscap.ErrClosed) { // closed before it began
		return err
	}
	return nil
}

func newConfig(t testing.TB, dir, tahoe, own string) storageserver.Config {
	t.Helper()
	cfg, err := configIn(dir, tahoe, own)
	require.NoError(t, err)
	cfg.Log = slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return cfg
}

type testLog struct{ testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	l.Logf("%s", b)
	return len(b), nil
}

// run starts a node for the time of the test.
func run(t testing.TB, cfg storageserver.Config) *node {
	t.Helper()
	n, err := start(cfg, storageserver.TubLimits())
	require.NoError(t, err)
	t.Cleanup(func() { n.halt(t) })
	return n
}

// halt ends the node; a second time it does nothing.
func (n *node) halt(t testing.TB) {
	t.Helper()
	if n.served == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, n.stop(ctx))
	n.served = nil
}

// client speaks HTTPS to the node.
func (n *node) client(t testing.TB) *storagehttp.Client {
	t.Helper()
	require.Len(t, n.fields.NURLs, 1)
	return clientOf(t, n.fields.NURLs[0])
}

func clientOf(t testing.TB, text string) *storagehttp.Client {
	t.Helper()
	nurl, err := storagehttp.ParseNURL(text)
	require.NoError(t, err)
	c, err := storagehttp.NewClient(nurl, storagehttp.ClientOptions{})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// newTub is a Tub of a client.
func newTub(t testing.TB) *foolscap.Tub {
	t.Helper()
	certificate, err := foolscap.NewEphemeralCertificate()
	require.NoError(t, err)
	tub, err := foolscap.New(foolscap.Options{Certificate: certificate})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = tub.Close(ctx) // what is on its way does not matter any more
	})
	return tub
}

// foolscapClient speaks Foolscap to who has the FURL, with a Tub of its own.
func foolscapClient(t testing.TB, text string) *storagerpc.Client {
	t.Helper()
	tub := newTub(t)
	f, err := furl.Parse(text)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ref, err := tub.GetReference(ctx, f)
	require.NoError(t, err)
	c, err := storagerpc.NewClient(ref)
	require.NoError(t, err)
	return c
}

func freshSI() (si grid.StorageIndex) {
	_, _ = rand.Read(si[:]) // never fails
	return si
}

// store uploads one immutable share.
func store(ctx context.Context, server grid.StorageServer, si grid.StorageIndex, lease grid.LeaseSecrets, data []byte) error {
	a, err := server.AllocateBuckets(ctx, si, lease, []grid.ShareNum{0}, int64(len(data)))
	if err != nil {
		return err
	}
	w := a.Writers[0]
	if w == nil {
		return fmt.Errorf("not allocated; held are %v", a.AlreadyHave)
	}
	half := len(data) / 2
	if err := w.Write(ctx, 0, data[:half]); err != nil {
		return err
	}
	if err := w.Write(ctx, int64(half), data[half:]); err != nil {
		return err
	}
	return w.Close(ctx)
}

// read returns the data of an immutable share.
func read(ctx context.Context, server grid.StorageServer, si grid.StorageIndex, size int) ([]byte, error) {
	readers, err := server.GetBuckets(ctx, si)
	if err != nil {
		return nil, err
	}
	if readers[0] == nil {
		return nil, grid.ErrNoShare
	}
	p := make([]byte, size+1)
	n, err := readers[0].Read(ctx, p, 0)
	return p[:n], err
}
