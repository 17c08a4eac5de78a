// Package cli is the command line of tahoe and grid-manager: the options, texts
// on standard output, files and exit codes of Tahoe-LAFS 1.20.0, so that scripts
// work with either (scripts/*.py, cli/grid_manager.py). What goes to standard
// error, and help, is in our own words; but the commands for files, which fscmd
// and fscopy do, say there what 1.20's say.
//
// Options may also stand behind arguments, which 1.20 does not allow; its
// abbreviations of options (--nick for --nickname) are not understood here.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/version"
	"github.com/besn0847/arm-tahoe/tools/tahoe/fscmd"
	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// Command is a call of the program.
type Command struct {
	Name           string // as it was called, for complaints
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Run runs a node of a kind, as daemon.Program.Run does. Kinds that are
	// missing are refused in one sentence.
	Run map[nodeconf.Kind]func(context.Context, *daemon.Node) error
}

// exitError ends the command with an exit code; err, if not nil, is printed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError is a complaint about the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// globals are the options before the command.
type globals struct {
	nodeDirectory string
	quiet         bool
}

// tahoe is one run of the tahoe program.
type tahoe struct {
	Command
	ctx context.Context
	globals
	out io.Writer // Stdout, or nothing if quiet
}

// Tahoe runs `tahoe args` and returns the exit code: 0, 1 if something failed or
// the command line was not understood, 255 if create-node finds its directory in
// use, all as 1.20 does.
func (c Command) Tahoe(ctx context.Context, args []string) int {
	t := &tahoe{Command: c, ctx: ctx, out: c.Stdout}
	root := t.rootCommand()
	root.SetArgs(args)
	root.SetOut(c.Stdout)
	root.SetErr(c.Stderr)
	used, err := root.ExecuteC()
	var usage *usageError
	var exit *exitError
	var failure *fscmd.Failure
	switch {
	case err == nil:
		return daemon.ExitOK
	case errors.As(err, &usage):
		// runner.py parse_or_exit prints both on standard output.
		fmt.Fprintf(c.Stdout, "%s\n%s:  %s\n\n", used.UsageString(), c.Name, usage.text)
		return daemon.ExitFailure
	case errors.As(err, &exit):
		if exit.err != nil {
			fmt.Fprintf(c.Stderr, "%s: %v\n", c.Name, exit.err)
		}
		return exit.code
	case errors.As(err, &failure):
		if failure.Text != "" {
			fmt.Fprintln(c.Stderr, failure.Text)
		}
		return failure.Code
	}
	fmt.Fprintf(c.Stderr, "%s: %v\n", c.Name, err)
	return daemon.ExitFailure
}

func (t *tahoe) rootCommand() *cobra.Command {
	showVersion := false
	root := &cobra.Command{
		Use:   "tahoe",
		Short: "The command line of a Tahoe-LAFS grid.",
		Args:  cobra.ArbitraryArgs,
		PersistentPreRun: func(*cobra.Command, []string) {
			if t.quiet {
				t.out = io.Discard
			}
		},
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case showVersion:
				fmt.Fprintf(t.Stdout, "arm-tahoe tahoe %s\n", version.Get())
				return nil
			case len(args) == 0:
				return usagef("must specify a command")
			}
			return usagef("Unknown command: %s", args[0])
		},
	}
	quietly(root)
	root.PersistentFlags().StringVarP(&t.nodeDirectory, "node-directory", "d", "", "the node's base directory (default "+quotePath(defaultNodeDir())+")")
	root.PersistentFlags().BoolVarP(&t.quiet, "quiet", "q", false, "write nothing to standard output")
	root.Flags().BoolVarP(&showVersion, "version", "V", false, "print version, commit, Go and platform, and end")
	root.AddCommand(t.fileCommands()...)
	root.AddCommand(t.createNodeCommand(), t.createClientCommand(), t.createIntroducerCommand(), t.runCommand(), t.adminCommand(), t.gridManagerCommand())
	return root
}

// quietly leaves the printing of errors to us and takes away what 1.20 does not
// have.
func quietly(root *cobra.Command) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.DisableSuggestions = true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true})
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{flagComplaint(err)} })
}

// flagComplaint words an error as Python's getopt does.
func flagComplaint(err error) string {
	var unknown *pflag.NotExistError
	var required *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		return fmt.Sprintf("option %s not recognized", optionName(unknown.GetSpecifiedName()))
	case errors.As(err, &required):
		return fmt.Sprintf("option %s requires argument", optionName(required.GetSpecifiedName()))
	}
	return err.Error()
}

func optionName(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// atMost refuses more arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return usagef("Wrong number of arguments.")
		}
		return nil
	}
}

// defaultNodeDir is ~/.tahoe (scripts/default_nodedir.py).
func defaultNodeDir() string { return fscmd.ExpandHome("~/.tahoe") }

// absolute makes a path of an argument (util/encodingutil.py argv_to_abspath).
func absolute(arg string) (string, error) {
	if strings.HasPrefix(arg, "-") {
		return "", usagef("Path argument %s cannot start with '-'.\nUse %s if you intended to refer to a file.", quotePath(arg), quotePath("./"+arg))
	}
	return fscmd.Absolute(arg)
}

// baseDir finds the base directory among an option, an argument and the global
// option (scripts/common.py BasedirOptions.parseArgs).
func (t *tahoe) baseDir(option string, args []string, standard string) (string, error) {
	arg := ""
	if len(args) > 0 {
		arg = args[0]
	}
	switch {
	case t.nodeDirectory != "" && option != "":
		return "", usagef("The --node-directory (or -d) and --basedir (or -C) options cannot both be used.")
	case t.nodeDirectory != "" && arg != "":
		return "", usagef("The --node-directory (or -d) option and a basedir argument cannot both be used.")
	case option != "" && arg != "":
		return "", usagef("The --basedir (or -C) option and a basedir argument cannot both be used.")
	}
	for _, path := range []string{arg, option, t.nodeDirectory} {
		if path != "" {
			return absolute(path)
		}
	}
	if standard == "" {
		return "", usagef("No default basedir available, you must provide one with --node-directory, --basedir, or a basedir argument")
	}
	return standard, nil
}

// quotePath quotes a path as 1.20 does.
func quotePath(path string) string { return pyquote.Path(path) }
