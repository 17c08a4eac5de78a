package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/tools/tahoe/fscmd"
	"github.com/besn0847/arm-tahoe/tools/tahoe/fscopy"
	"github.com/besn0847/arm-tahoe/tools/tahoe/progress"
)

// fileCommands are the commands for aliases, files and directories (cli.py).
func (t *tahoe) fileCommands() []*cobra.Command {
	return []*cobra.Command{
		t.mkdirCommand(), t.addAliasCommand(), t.createAliasCommand(), t.listAliasesCommand(), t.lsCommand(), t.getCommand(),
		t.putCommand(), t.cpCommand(), t.unlinkCommand(), t.moveCommand(), t.linkCommand(),
	}
}

// between refuses other numbers of arguments.
func between(least, most int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usagef("Wrong number of arguments.")
		}
		return nil
	}
}

// argument returns an argument, or "" if there are fewer.
func argument(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

func checkFormat(format string, allowed ...string) error {
	if format != "" && !slices.Contains(allowed, strings.ToUpper(format)) {
		return usagef("%s is an invalid format", format)
	}
	return nil
}

func (t *tahoe) mkdirCommand() *cobra.Command {
	var format string
	c, o := gridCommand(&cobra.Command{Use: "mkdir [REMOTE_DIR]", Short: "Create a new directory, either unlinked or as a subdirectory.", Args: between(0, 1)})
	c.Flags().StringVar(&format, "format", "", "format of the directory: SDMF or MDMF (case-insensitive)")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if err := checkFormat(format, "SDMF", "MDMF"); err != nil {
			return err
		}
		return t.withSession(o, func(ctx context.Context, s *fscmd.Session) error { return s.Mkdir(ctx, argument(args, 0), format) })
	}
	return c
}

func (t *tahoe) addAliasCommand() *cobra.Command {
	c, o := gridCommand(&cobra.Command{
		Use: "add-alias ALIAS[:] DIRCAP", Short: "Add a new alias for an existing directory.", Args: between(2, 2),
		Long: "DIRCAP may also be @FILE, for the cap in a file, or - for standard input.",
	})
	c.RunE = func(_ *cobra.Command, args []string) error {
		dir, err := t.nodeDir()
		if err != nil {
			return err
		}
		directory, err := t.capArgument(o, args[1])
		if err != nil {
			return err
		}
		return t.localSession().AddAlias(dir, args[0], directory)
	}
	return c
}

// capArgument is an argument that is nothing but a cap.
func (t *tahoe) capArgument(o *gridOptions, arg string) (secret.CapText, error) {
	if arg == "-" {
		return t.readCap(o, arg)
	}
	if file, found := strings.CutPrefix(arg, "@"); found && file != "" {
		return t.readCap(o, file)
	}
	if arg == "" {
		return secret.CapText{}, errors.New("the cap is empty")
	}
	return secret.NewCapText([]byte(arg)), nil
}

func (t *tahoe) createAliasCommand() *cobra.Command {
	c, o := gridCommand(&cobra.Command{Use: "create-alias ALIAS[:]", Short: "Create a new directory and add an alias for it.", Args: between(1, 1)})
	c.RunE = func(_ *cobra.Command, args []string) error {
		return t.withSession(o, func(ctx context.Context, s *fscmd.Session) error {
			dir, err := t.nodeDir()
			if err != nil {
				return err
			}
			return s.CreateAlias(ctx, dir, args[0])
		})
	}
	return c
}

func (t *tahoe) listAliasesCommand() *cobra.Command {
	var readOnly, asJSON bool
	c, _ := gridCommand(&cobra.Command{Use: "list-aliases", Short: "Display a table of all configured aliases.", Args: between(0, 0)})
	c.Flags().BoolVar(&readOnly, "readonly-uri", false, "show read-only dircaps instead of readwrite")
	c.Flags().BoolVar(&asJSON, "json", false, "show JSON output")
	c.RunE = func(*cobra.Command, []string) error {
		dir, err := t.nodeDir()
		if err != nil {
			return err
		}
		return t.localSession().ListAliases(dir, readOnly, asJSON)
	}
	return c
}

func (t *tahoe) lsCommand() *cobra.Command {
	var l fscmd.LsOptions
	c, o := gridCommand(&cobra.Command{
		Use: "ls [PATH]", Short: "List the contents of some portion of the grid.", Args: between(0, 1),
		Long: "Without PATH it lists tahoe: .\n\nWith --long a line is drwx SIZE DATE NAME: d a directory, ? an object of an\n" +
			"unknown kind; r and w whether it can be read and written through this entry; x a\ndirectory. The date is that of the entry. Sizes are in bytes.",
	})
	c.Flags().BoolVarP(&l.Long, "long", "l", false, "show sizes and dates")
	c.Flags().BoolVar(&l.URI, "uri", false, "show caps")
	c.Flags().BoolVar(&l.ReadOnlyURI, "readonly-uri", false, "show read-only caps")
	c.Flags().BoolVarP(&l.Classify, "classify", "F", false, "append / to names of directories and * to those of mutable files")
	c.Flags().BoolVar(&l.JSON, "json", false, "show the gateway's JSON")
	c.RunE = func(_ *cobra.Command, args []string) error {
		return t.withSession(o, func(ctx context.Context, s *fscmd.Session) error { return s.Ls(ctx, argument(args, 0), l) })
	}
	return c
}

func (t *tahoe) getCommand() *cobra.Command {
	c, o := gridCommand(&cobra.Command{
		Use: "get REMOTE_FILE [LOCAL_FILE]", Short: "Retrieve a file from the grid and write it to the local filesystem.", Args: between(1, 2),
		Long: "Without LOCAL_FILE, or if that is -, it goes to standard output.",
	})
	c.RunE = func(_ *cobra.Command, args []string) error {
		to, err := localArgument(args, 1)
		if err != nil {
			return err
		}
		return t.withSession(o, func(ctx context.Context, s *fscmd.Session) error {
			s.Stdout = t.Stdout // what was asked for is written even if quiet
			if to != "" || !progress.IsTerminal(t.Stdout) {
				t.showProgress(s)
			}
			return s.Get(ctx, args[0], to)
		})
	}
	return c
}

func (t *tahoe) putCommand() *cobra.Command {
	var p fscmd.PutOptions
	c, o := gridCommand(&cobra.Command{
		Use: "put [LOCAL_FILE [REMOTE_FILE]]", Short: "Put a file into the grid, copying its contents from the local filesystem.", Args: between(0, 2),
		Long: "Without LOCAL_FILE, or if that is -, the data comes from standard input. Without\nREMOTE_FILE the file is in no directory; its cap is written to standard output.\n" +
			"A mutable file that is at REMOTE_FILE already, or whose cap it is, is overwritten.",
	})
	c.Flags().BoolVarP(&p.Mutable, "mutable", "m", false, "create a mutable file instead of an immutable one (like --format=SDMF)")
	c.Flags().StringVar(&p.Format, "format", "", "SDMF or MDMF for a mutable file, CHK (default) for an immutable one (case-insensitive)")
	c.Flags().StringVar(&p.PrivateKey, "private-key-path", "", "***Warning*** file with the RSA private key, in PEM, of a new mutable file; never use a key for two files, and keep it as secret as the file's cap")
	c.RunE = func(_ *cobra.Command, args []string) error {
		from, err := localArgument(args, 0)
		if err != nil {
			return err
		}
		if err := checkFormat(p.Format, "SDMF", "MDMF", "CHK"); err != nil {
			return err
		}
		return t.withSession(o, func(ctx context.Context, s *fscmd.Session) error {
			if from == "" && o.stdinTaken {
				return errStdinTwice
			}
			if from != "" || !progress.IsTerminal(t.Stdin) {
				t.showProgress(s)
			}
			return s.Put(ctx, from, argument(args, 1), p)
		})
	}
	return c
}

// localArgument is the path of a file on this machine, "" for standard input or
// output.
func localArgument(args []string, i int) (string, error) {
	if i >= len(args) || args[i] == "-" {
		return "", nil
	}
	return absolute(args[i])
}

func (t *tahoe) cpCommand() *cobra.Command {
	var p fscopy.Options
	c, o := gridCommand(&cobra.Command{
		Use: "cp FROM.. TO", Short: "Copy files between a local filesystem and a Tahoe grid.",
		Long: "What begins with an alias or a cap is in the grid, everything else on this\nmachine. A FROM directory with a name is copied as a whole, into a directory of\n" +
			"that name in TO; of one without a name (a cap, or an alias without a path)\nwhat is in it is copied. Directories that are missing are made.\n\n" +
			"  tahoe cp foo.txt home:                  # home:foo.txt\n  tahoe cp -r Pictures home:stuff         # home:stuff/Pictures\n  tahoe cp -r home:stuff/Pictures /tmp    # /tmp/Pictures",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("cp requires at least two arguments")
			}
			return nil
		},
	})
	c.Flags().BoolVarP(&p.Recursive, "recursive", "r", false, "copy directories and what is in them")
	c.Flags().BoolVarP(&p.Verbose, "verbose", "v", false, "tell what is being done")
	c.Flags().BoolVar(&p.CapsOnly, "caps-only", false, "write the caps of files instead of what they hold (to compare trees)")
	c.RunE = func(_ *cobra.Command, args []string) error {
		return t.withSession(o, func(ctx context.Context, s *fscmd.Session) error {
			if !p.Verbose {
				t.showProgress(s)
			}
			return fscopy.Copy(ctx, s, args[:len(args)-1], args[len(args)-1], p)
		})
	}
	return c
}

func (t *tahoe) unlinkCommand() *cobra.Command {
	c, o := gridCommand(&cobra.Command{Use: "unlink REMOTE_FILE", Aliases: []string{"rm"}, Short: "Remove a named file from its parent directory.", Args: between(1, 1)})
	c.RunE = func(called *cobra.Command, args []string) error {
		return t.withSession(o, func(ctx context.Context, s *fscmd.Session) error { return s.Unlink(ctx, args[0], called.CalledAs()) })
	}
	return c
}

func (t *tahoe) moveCommand() *cobra.Command {
	c, o := gridCommand(&cobra.Command{
		Use: "mv FROM TO", Short: "Move a file within the grid.", Args: between(2, 2),
		Long: "To move a file into a directory, end TO with a slash: tahoe mv tahoe:file tahoe:dir/",
	})
	c.RunE = func(_ *cobra.Command, args []string) error {
		return t.withSession(o, func(ctx context.Context, s *fscmd.Session) error { return s.Move(ctx, args[0], args[1]) })
	}
	return c
}

func (t *tahoe) linkCommand() *cobra.Command {
	c, o := gridCommand(&cobra.Command{
		Use: "ln FROM_LINK TO_LINK", Short: "Make an additional link to an existing file or directory.", Args: between(2, 2),
		Long: "To link into a directory, end TO_LINK with a slash: tahoe ln tahoe:file tahoe:dir/",
	})
	c.RunE = func(_ *cobra.Command, args []string) error {
		return t.withSession(o, func(ctx context.Context, s *fscmd.Session) error { return s.Link(ctx, args[0], args[1]) })
	}
	return c
}
