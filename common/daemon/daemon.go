package daemon

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/version"
)

// Exit codes of every program of this project but tahoe and grid-manager, which
// have those of Tahoe-LAFS.
const (
	ExitOK      = 0 // done, or asked for help or version
	ExitFailure = 1 // could not do what it was asked; standard error says why
	ExitUsage   = 2 // the command line was not understood
)

// Program is the command line of a role. Name, Summary, Role and either Missing
// or Run must be set.
type Program struct {
	Name    string // as the binary is called: "storage"
	Summary string // one sentence: what it does
	Role    Role
	// Missing completes "this version cannot ... yet". If it is set, the program
	// refuses to run before it touches the base directory.
	Missing string
	// Run starts the services of the node, calls node.Ready, and returns when ctx
	// has ended or the node can no longer serve. What is to be done at the end it
	// gives to node.Shutdown on the way. Its error is printed as one line.
	Run func(ctx context.Context, node *Node) error
}

// Main runs p with the command line args (without the program's name) until it
// is done, ctx ends, or SIGTERM or SIGINT comes, and returns the exit code. Help,
// version and the answer of healthcheck go to stdout, the log and complaints to
// stderr. Standard input is not looked at. It changes the handling of signals of
// the process while it runs; a second signal ends the process at once.
func Main(ctx context.Context, p Program, args []string, stdout, stderr io.Writer) int {
	check := len(args) > 0 && args[0] == healthCommand
	if check {
		args = args[1:]
	}
	cl := newCommandLine(p.Role)
	switch err := cl.parse(args); {
	case errors.Is(err, flag.ErrHelp):
		printHelp(stdout, p)
		return ExitOK
	case err != nil:
		return usageError(stderr, p, err.Error())
	case cl.version:
		fmt.Fprintf(stdout, "arm-tahoe %s %s\n", p.Name, version.Get())
		return ExitOK
	case check:
		return report(stderr, p, healthcheck(ctx, cl.value(flagBaseDir), stdout))
	case p.Missing != "":
		return report(stderr, p, fmt.Errorf("this version cannot %s yet; it answers --version, --help and %s only", p.Missing, healthCommand))
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // from then on a signal has its usual effect
	return report(stderr, p, serve(ctx, p, cl, stderr))
}

func report(stderr io.Writer, p Program, err error) int {
	if err == nil {
		return ExitOK
	}
	fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
	return ExitFailure
}

// serve makes the node if there is none, takes its directory and runs it.
func serve(ctx context.Context, p Program, cl *commandLine, stderr io.Writer) error {
	logger, err := NewLogger(stderr, cl.value(flagLogFormat))
	if err != nil {
		return err
	}
	baseDir := cl.value(flagBaseDir)
	empty, err := nodeconf.IsEmpty(baseDir)
	if err != nil {
		return err
	}
	if empty {
		if err := create(p.Role, cl, baseDir); err != nil {
			return err
		}
		logger.Info("node created", "basedir", baseDir)
	}
	node, err := Open(baseDir, logger)
	if err != nil {
		return err
	}
	err = cl.compare(node)
	if err == nil && node.Config.Kind != p.Role.Kind {
		err = fmt.Errorf("%s holds a node of the kind %s, and this program runs the kind %s: give another --%s",
			baseDir, node.Config.Kind, p.Role.Kind, flagBaseDir)
	}
	if err != nil {
		return errors.Join(err, node.Close())
	}
	return node.Serve(ctx, p.Name, p.Run)
}

func usageLine(p Program) string {
	return fmt.Sprintf("usage: %s [%s] [--SETTING=VALUE ...] [--help] [--version]", p.Name, healthCommand)
}

func printHelp(w io.Writer, p Program) {
	fmt.Fprintf(w, "%s: %s\n\n%s\n\n", p.Name, p.Summary, usageLine(p))
	fmt.Fprintf(w, "Settings shape a node that is made in an empty base directory. On an existing\nnode its files win, and a setting that differs from them is refused.\n\n")
	for _, s := range settings {
		if s.has(p.Role) {
			fmt.Fprintf(w, "  --%-15s %s\n  %-17s %s, default: %s\n", s.flag, s.about, "", s.env, s.shownDefault(p.Role))
		}
	}
	fmt.Fprintf(w, "  --%-15s %s\n  --%-15s %s\n\n", "version", "print version, commit, Go and platform, and end", "help", "print this text and end")
	fmt.Fprintf(w, "%s %s asks the running node whether it is well; its exit code is 0 if so.\n", p.Name, healthCommand)
}

func usageError(w io.Writer, p Program, complaint string) int {
	fmt.Fprintf(w, "%s: %s\n%s\n", p.Name, complaint, usageLine(p))
	return ExitUsage
}
