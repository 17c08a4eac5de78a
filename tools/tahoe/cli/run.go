package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

func (t *tahoe) runCommand() *cobra.Command {
	var baseDir string
	var allowStdinClose bool
	c := &cobra.Command{
		Use: "run [NODEDIR]", Short: "run a node without daemonizing",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%q is not understood: this program has no options of twistd", args[1])
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := t.baseDir(baseDir, args, defaultNodeDir())
			if err != nil {
				return err
			}
			return t.run(path, allowStdinClose)
		},
	}
	c.Flags().StringVarP(&baseDir, "basedir", "C", "", "base directory of the node")
	c.Flags().BoolVar(&allowStdinClose, "allow-stdin-close", false, "do not end when standard input closes")
	return c
}

// run is scripts/tahoe_run.py run. Unlike there, the exit code of a node that has
// ended as it was told is 0.
func (t *tahoe) run(baseDir string, allowStdinClose bool) error {
	fmt.Fprintf(t.out, "'tahoe run' in %s\n", quotePath(baseDir))
	if info, err := os.Stat(baseDir); err != nil || !info.IsDir() {
		fmt.Fprintf(t.Stderr, "%s does not look like a directory at all\n", quotePath(baseDir))
		return &exitError{code: 1}
	}
	kind, err := nodeconf.IdentifyKind(baseDir)
	if errors.Is(err, nodeconf.ErrNoNode) {
		fmt.Fprintf(t.Stderr, "%s is not a recognizable node directory\n", quotePath(baseDir))
		return &exitError{code: 1}
	}
	if err != nil {
		return err
	}
	node, err := t.open(baseDir)
	if err != nil {
		return err
	}
	run := t.Run[kind]
	if run == nil {
		return errors.Join(fmt.Errorf("this version cannot run a node of the kind %s yet; its configuration is in order", kind), node.Close())
	}
	fmt.Fprintf(t.out, "running node in %s\n", quotePath(baseDir))
	return t.serve(node, run, allowStdinClose)
}

// open loads the node and words errors as 1.20 does.
func (t *tahoe) open(baseDir string) (*daemon.Node, error) {
	logger, err := daemon.NewLogger(t.Stderr, "text")
	if err != nil {
		return nil, err
	}
	node, err := daemon.Open(baseDir, logger)
	var inUse *nodeconf.InUseError
	var wrong *nodeconf.Error
	switch {
	case errors.As(err, &inUse):
		fmt.Fprintf(t.Stderr, "ERROR: %v\n", err)
		return nil, &exitError{code: 1}
	case errors.As(err, &wrong):
		fmt.Fprintf(t.Stderr, "\nConfiguration error:\n%v\n\n", err)
		return nil, &exitError{code: 1}
	}
	return node, err
}

func (t *tahoe) serve(node *daemon.Node, run func(context.Context, *daemon.Node) error, allowStdinClose bool) error {
	ctx, stop := signal.NotifyContext(t.ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // from then on a signal has its usual effect
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !allowStdinClose {
		// Nothing ends a read of standard input but its end, or the process's.
		go func() {
			_, _ = io.Copy(io.Discard, t.Stdin)
			cancel()
		}()
	}
	node.OnReady = func() { fmt.Fprintf(t.out, "%s running\n", node.Config.Kind) }
	return node.Serve(ctx, "tahoe run", run)
}
