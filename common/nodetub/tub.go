// Package nodetub makes the Tub of a node as its base directory says: identity
// from private/node.pem, listeners from tub.port, hints from tub.location,
// dialers from [connections] and [tor], names of objects from FURL files.
//
// It belongs to layer L4, above nodeconf and daemon, and follows node.py
// (create_main_tub, create_connection_handlers) and
// util/{i2p,tor}_provider.py of Tahoe-LAFS 1.20.0. It knows no service.
//
// This program starts no Tor and no I2P router of its own: settings that ask for
// that are refused with a sentence. Hints of type i2p are skipped.
package nodetub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync/atomic"

	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/secret"
)

const privateMode = 0o600

// Tub is the Tub of a node with its listeners. Safe for concurrent use.
type Tub struct {
	*foolscap.Tub
	// Certificate is the node's identity, also for HTTPS on the same port.
	Certificate *foolscap.Certificate
	// Hints are the connection hints that the node tells others.
	Hints []string

	dir       *nodeconf.Dir
	listeners []net.Listener
	// accepting ends when the listeners should close, by stop.
	accepting context.Context
	stop      context.CancelFunc
	other     atomic.Pointer[func(net.Conn)]
}

// Options are what a role knows of its Tub. The zero value is fine.
type Options struct {
	Limits foolscap.Limits // zero fields: foolscap.DefaultLimits
	// Limit wraps each listener, to bound connections before the Tub sees them;
	// nil: none.
	Limit func(net.Listener) net.Listener
}

// Open makes the Tub and opens its listeners, which accept once Serve is called.
// The steps that end it are in node.Shutdown; the Tub lets calls in progress end
// and closes in the stage Drain, so that services may close in the next. At the
// first start it makes the certificate, which takes seconds on a small board, and
// my_nodeid.
func Open(node *daemon.Node, options Options) (*Tub, error) {
	dialers, err := Dialers(node.Config)
	if err != nil {
		return nil, err
	}
	certificate, err := loadCertificate(node.Dir.Private(nodeconf.CertificateName))
	if err != nil {
		return nil, err
	}
	if err := node.Dir.WriteNodeID(certificate.TubID()); err != nil {
		return nil, err
	}
	t := &Tub{Certificate: certificate, dir: node.Dir}
	t.accepting, t.stop = context.WithCancel(context.Background())
	if err := t.listen(node.Config, options.Limit); err != nil {
		return nil, err
	}
	t.Tub, err = foolscap.New(foolscap.Options{
		Certificate: certificate, Logger: node.Log, Dialers: dialers,
		Keepalive: node.Config.Node.KeepaliveTimeout, Disconnect: node.Config.Node.DisconnectTimeout,
		OtherProtocol: t.serveOther, Limits: options.Limits,
	})
	if err != nil {
		return nil, errors.Join(err, t.closeListeners())
	}
	t.SetLocation(t.Hints)
	node.Shutdown.Add(daemon.StopAccepting, "tub listeners", func(context.Context) error { return t.closeListeners() })
	node.Shutdown.Add(daemon.Drain, "tub", t.Close)
	return t, nil
}

// loadCertificate reads node.pem and makes it where it is missing.
func loadCertificate(path string) (*foolscap.Certificate, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		certificate, err := foolscap.ParsePEM(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w; restore the file from a backup, for others know this node by it", path, err)
		}
		return certificate, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	certificate, err := foolscap.NewCertificate()
	if err != nil {
		return nil, err
	}
	if text, err = certificate.PEM(); err != nil {
		return nil, err
	}
	return certificate, nodeconf.WriteFile(path, text, privateMode)
}

func (t *Tub) listen(config *nodeconf.Config, limit func(net.Listener) net.Listener) error {
	where, err := config.Listen(nodeconf.ThisHost())
	if err != nil {
		return err
	}
	t.Hints = where.Hints
	for _, endpoint := range where.Endpoints {
		listener, err := listenAt(endpoint)
		if err != nil {
			return errors.Join(err, t.closeListeners())
		}
		if limit != nil {
			listener = limit(listener)
		}
		t.listeners = append(t.listeners, listener)
	}
	return nil
}

func listenAt(endpoint nodeconf.Endpoint) (net.Listener, error) {
	if endpoint.Kind != nodeconf.EndpointTCP {
		return nil, fmt.Errorf("tub.port = %s: this program does not set up a hidden service itself; "+
			"let Tor or I2P lead to a tcp: port of this node and name the service in tub.location", endpoint)
	}
	listener, err := net.Listen(endpoint.Network(), endpoint.Address())
	if err != nil {
		return nil, fmt.Errorf("tub.port = %s: %w", endpoint, err)
	}
	return listener, nil
}

func (t *Tub) closeListeners() error {
	t.stop()
	var errs []error
	for _, listener := range t.listeners {
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Addresses returns where the Tub listens.
func (t *Tub) Addresses() []net.Addr {
	var addresses []net.Addr
	for _, listener := range t.listeners {
		addresses = append(addresses, listener.Addr())
	}
	return addresses
}

// ServeOther gives connections that do not begin like Foolscap to a function,
// which must not block. Without it they are closed.
func (t *Tub) ServeOther(accept func(net.Conn)) { t.other.Store(&accept) }

func (t *Tub) serveOther(conn net.Conn) {
	if accept := t.other.Load(); accept != nil {
		(*accept)(conn)
		return
	}
	_ = conn.Close()
}

// Serve accepts connections until ctx ends, the node stops or a listener fails.
// Register services before.
func (t *Tub) Serve(ctx context.Context) error {
	ended := make(chan error, len(t.listeners))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, listener := range t.listeners {
		go func() { ended <- t.Tub.Serve(ctx, listener) }()
	}
	if len(t.listeners) == 0 {
		select {
		case <-ctx.Done():
		case <-t.accepting.Done():
		}
	}
	var errs []error
	for range t.listeners {
		if err := <-ended; t.accepting.Err() == nil {
			errs = append(errs, err)
		}
		cancel()
	}
	return errors.Join(errs...)
}

// RegisterFile registers an object under the name that a FURL file in private/
// fixes, and writes the file if that is missing or the hints have changed.
func (t *Tub) RegisterFile(name string, object foolscap.Referenceable) (furl.FURL, error) {
	fixed, ok, err := t.dir.Swissnum(name, t.TubID())
	if err != nil {
		return furl.FURL{}, err
	}
	var swissnum secret.Swissnum // zero: a random one
	if ok {
		swissnum = secret.NewSwissnum([]byte(fixed.Reveal()))
	}
	address, err := t.Register(object, swissnum)
	if err != nil {
		return furl.FURL{}, fmt.Errorf("register %s: %w", name, err)
	}
	return address, t.dir.WriteFURL(name, secret.NewCapText([]byte(address.Text())))
}
