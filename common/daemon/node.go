package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/version"
)

// Node is a base directory that this process holds, with its configuration.
type Node struct {
	Config   *nodeconf.Config
	Dir      *nodeconf.Dir
	Log      *slog.Logger
	Shutdown *Shutdown

	// OnReady is called by Ready; it may be nil. `tahoe run` prints a line there.
	OnReady func()

	lock   *nodeconf.Lock
	failed chan error // the first failure of what Go has started
}

// Open loads and checks the node in a base directory and takes the directory for
// this process. The error is a *nodeconf.InUseError if another process has it.
func Open(baseDir string, logger *slog.Logger) (*Node, error) {
	config, err := nodeconf.Load(baseDir)
	if err != nil {
		return nil, err
	}
	dir, err := nodeconf.OpenDir(baseDir)
	if err != nil {
		return nil, err
	}
	lock, err := dir.Lock()
	if err != nil {
		return nil, err
	}
	return &Node{Config: config, Dir: dir, Log: logger, Shutdown: new(Shutdown), lock: lock, failed: make(chan error, 1)}, nil
}

// Close gives the base directory back.
func (n *Node) Close() error { return n.lock.Release() }

// Ready is called by a program once everything it serves is served.
func (n *Node) Ready() {
	n.Log.Info(string(n.Config.Kind) + " running")
	if n.OnReady != nil {
		n.OnReady()
	}
}

// Go runs a part of the node until ctx ends or a step of n.Shutdown, before the
// stage Sync, ends it. Its error ends the node, see Wait. Nothing is synced or
// closed before the part has returned, or the time for that is over.
func (n *Node) Go(ctx context.Context, name string, serve func(context.Context) error) {
	ended := make(chan struct{})
	n.Shutdown.Add(Sync, name, func(ctx context.Context) error {
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	go func() {
		defer close(ended)
		if err := serve(ctx); err != nil && ctx.Err() == nil {
			select {
			case n.failed <- fmt.Errorf("%s: %w", name, err):
			default:
			}
		}
	}()
}

// Wait returns nil when ctx ends, or before that the error of the first part that
// failed.
func (n *Node) Wait(ctx context.Context) error {
	select {
	case err := <-n.failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// Serve runs the node: run until it returns, then the steps of n.Shutdown, within
// ShutdownTimeout of the end of ctx, then Close. If run does not return in that
// time after ctx has ended, it is left behind and that is an error; the caller
// should then end the process.
func (n *Node) Serve(ctx context.Context, program string, run func(context.Context, *Node) error) error {
	n.logStart(program)
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, n) }()
	var err error
	deadline := context.Background()
	select {
	case err = <-ended:
	case <-ctx.Done():
		n.Log.Info("stopping")
		var cancel context.CancelFunc
		deadline, cancel = context.WithTimeout(deadline, ShutdownTimeout)
		defer cancel()
		select {
		case err = <-ended:
		case <-deadline.Done():
			err = fmt.Errorf("the node did not stop within %s", ShutdownTimeout)
		}
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	err = errors.Join(err, n.Shutdown.Run(deadline), n.Close())
	n.Log.Info("stopped")
	return err
}

// logStart writes what the node is, and no FURL.
func (n *Node) logStart(program string) {
	c := n.Config
	attributes := []any{"version", version.Get().Version, "kind", c.Kind, "basedir", c.BaseDir, "nickname", c.Node.Nickname}
	if c.Node.WebPort != nil {
		attributes = append(attributes, "web", c.Node.WebPort.String())
	}
	if len(c.Node.TubPort) > 0 {
		attributes = append(attributes, "tub", c.Node.TubPort[0].String())
	}
	if c.Storage.Enabled {
		attributes = append(attributes, "storage", c.Storage.Dir, "reserved_space", c.Storage.ReservedSpace, "size_limit", c.Storage.SizeLimit)
	}
	if c.SFTP.Enabled {
		attributes = append(attributes, "sftp", c.SFTP.Port.String())
	}
	n.Log.Info("starting "+program, attributes...)
}
