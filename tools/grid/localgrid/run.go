package localgrid

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// Main runs the grid until ctx ends or a signal comes, and returns the exit code.
// What it prints for people goes to stdout, the log of the nodes to stderr.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return daemon.ExitOK
	case err != nil:
		fmt.Fprintf(stderr, "grid: %v\n", err)
		return daemon.ExitUsage
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if err := run(ctx, o, logger, stdout); err != nil {
		fmt.Fprintf(stderr, "grid: %v\n", err)
		return daemon.ExitFailure
	}
	return daemon.ExitOK
}

// run makes what is missing, starts everything, and stops it when ctx ends or a
// node fails.
func run(ctx context.Context, o Options, logger *slog.Logger, out io.Writer) (err error) {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	if err := o.record(); err != nil {
		return err
	}
	who, err := openAccount(ctx, o)
	if err != nil {
		return err
	}
	all := o.members()
	defer func() { err = errors.Join(err, endAll(all, out)) }()
	if err := startAll(ctx, o, all, who, logger, out); err != nil {
		return err
	}
	ready, err := waitUsable(ctx, o, all, out)
	if err != nil || ctx.Err() != nil {
		return err
	}
	if err := announceReady(o, ready, who, out); err != nil {
		return err
	}
	return wait(ctx, all)
}

func startAll(ctx context.Context, o Options, all []*member, who account, logger *slog.Logger, out io.Writer) error {
	introducerFURL, rootCap := "", ""
	for _, m := range all {
		if ctx.Err() != nil {
			return nil
		}
		if err := m.create(o, introducerFURL); err != nil {
			return err
		}
		if err := who.write(m, rootCap); err != nil {
			return err
		}
		if err := m.start(ctx, logger); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s is running: http://%s:%d/\n", m.name, shownHost(o), m.web)
		var err error
		switch {
		case m.kind == nodeconf.KindIntroducer:
			introducerFURL, err = m.private(nodeconf.IntroducerFURLName)
		case m.helper:
			rootCap, err = m.rootCap()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wait returns when ctx ends, or with the error of a node that ended before.
func wait(ctx context.Context, all []*member) error {
	failed := make(chan error, len(all))
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, m := range all {
		go func() {
			select {
			case err := <-m.ended:
				m.ended <- nil // for end
				failed <- fmt.Errorf("%s ended: %w", m.name, err)
			case <-stop.Done():
			}
		}()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// endAll stops the nodes, the last first.
func endAll(all []*member, out io.Writer) error {
	fmt.Fprintln(out, "stopping")
	var errs []error
	for _, m := range slices.Backward(all) {
		errs = append(errs, m.end())
	}
	fmt.Fprintln(out, "stopped")
	return errors.Join(errs...)
}

// announceReady tells people and scripts.
func announceReady(o Options, r ready, who account, out io.Writer) error {
	if o.ReadyFile != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := nodeconf.WriteFile(o.ReadyFile, append(text, '\n'), 0o600); err != nil {
			return err
		}
	}
	first := r.Nodes[0]
	fmt.Fprintf(out, `
The grid can store files: %s of them on %d nodes. Try:

  web        %s  (all servers), %s  (first node)
  upload     curl -T FILE %suri
  directory  go run ./tools/tahoe -d %s ls tahoe:
             go run ./tools/tahoe -d %s put FILE tahoe:
  SFTP       sftp -P %d %s@%s   (password: %s)
             sshfs -p %d -o idmap=user %s@%s:/ MOUNTPOINT
  grid       Ctrl-C stops it, the same command goes on

`, o.Shares, o.Nodes, r.Helper.URL, first.URL, first.URL, first.BaseDir, first.BaseDir,
		first.SFTPPort, who.user, shownHost(o), who.password, first.SFTPPort, who.user, shownHost(o))
	return nil
}
