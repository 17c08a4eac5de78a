package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/tools/tahoe/fscmd"
	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
	"github.com/besn0847/arm-tahoe/tools/tahoe/progress"
)

// capFileHelp tells how to keep caps out of the command line.
const capFileHelp = `
Other users of this machine can see the arguments of a command. A cap can come
from a file instead, or from standard input: with --cap-file NAME=FILE, where
FILE is - for standard input, NAME: stands for that cap in this command, and
NAME:path for what the path leads to from there:

  tahoe ls --cap-file docs=secrets/docs.cap docs:letters
  pass show grid/backup.cap | tahoe get --cap-file backup=- backup: backup.tar`

// nodeURLForm is what a node's URL looks like (cli.py NODEURL_RE).
var nodeURLForm = regexp.MustCompile(`^http(s?)://([^:]*)(:([1-9][0-9]*))?`)

// gridOptions are those of all commands on files (cli.py FileStoreOptions).
type gridOptions struct {
	nodeURL, dirCap string
	capFiles        []string
	stdinTaken      bool // by a cap
}

// gridCommand adds them to a command.
func gridCommand(c *cobra.Command) (*cobra.Command, *gridOptions) {
	o := &gridOptions{}
	c.Long = strings.TrimSpace(c.Short + "\n\n" + strings.TrimSpace(c.Long) + "\n" + capFileHelp)
	c.Flags().StringVarP(&o.nodeURL, "node-url", "u", "", "URL of the gateway, such as http://127.0.0.1:3456 (default: node.url in the node's base directory)")
	c.Flags().StringVar(&o.dirCap, "dir-cap", "", "cap of the directory that the alias tahoe stands for in this command")
	c.Flags().StringArrayVar(&o.capFiles, "cap-file", nil, "NAME=FILE: NAME: stands for the cap in FILE in this command; - is standard input")
	return c, o
}

// nodeDir returns the node's base directory, which need not exist.
func (t *tahoe) nodeDir() (*nodeconf.Dir, error) {
	path := defaultNodeDir()
	if t.nodeDirectory != "" {
		var err error
		if path, err = absolute(t.nodeDirectory); err != nil {
			return nil, err
		}
	}
	return nodeconf.ExistingDir(path)
}

// localSession is for commands that need no gateway.
func (t *tahoe) localSession() *fscmd.Session {
	return &fscmd.Session{Stdin: t.Stdin, Stdout: t.out, Stderr: t.Stderr, Quiet: t.quiet, Terminal: progress.IsTerminal(t.Stdout)}
}

// withSession runs a command with its gateway and aliases.
func (t *tahoe) withSession(o *gridOptions, run func(context.Context, *fscmd.Session) error) error {
	dir, err := t.nodeDir()
	if err != nil {
		return err
	}
	url, err := o.url(dir)
	if err != nil {
		return err
	}
	s := t.localSession()
	if s.Aliases, err = t.aliases(o, dir); err != nil {
		return err
	}
	s.Gateway = gateway.New(url)
	defer func() { s.Meter.Stop() }()
	return run(t.ctx, s)
}

// showProgress starts the line of progress, if somebody sees it.
func (t *tahoe) showProgress(s *fscmd.Session) {
	if !t.quiet && progress.IsTerminal(t.Stderr) {
		s.Meter = progress.Start(t.Stderr)
	}
}

// url finds the gateway.
func (o *gridOptions) url(dir *nodeconf.Dir) (string, error) {
	if o.nodeURL != "" {
		if !nodeURLForm.MatchString(o.nodeURL) {
			return "", usagef("--node-url is required to be a string and look like \"http://HOSTNAMEORADDR:PORT\", not: '%s'", o.nodeURL)
		}
		return o.nodeURL, nil
	}
	url, found, err := dir.NodeURL()
	switch {
	case err != nil:
		return "", err
	case !found || url == "":
		return "", fmt.Errorf("there is no gateway's address in %s: start the node, or give --node-url or --node-directory", quotePath(dir.Path("node.url")))
	}
	return url, nil
}

// aliases puts together what names stand for.
func (t *tahoe) aliases(o *gridOptions, dir *nodeconf.Dir) (*fscmd.Aliases, error) {
	list, err := dir.Aliases()
	if err != nil {
		return nil, err
	}
	aliases := fscmd.NewAliases(list)
	if o.dirCap != "" {
		aliases.Set(fscmd.DefaultAlias, secret.NewCapText([]byte(o.dirCap)))
	}
	for _, option := range o.capFiles {
		name, file, found := strings.Cut(option, "=")
		if !found || file == "" || strings.ContainsAny(name, ":/ ") {
			return nil, usagef("--cap-file is required to look like NAME=FILE, with a NAME without colons, slashes and spaces")
		}
		c, err := t.readCap(o, file)
		if err != nil {
			return nil, err
		}
		aliases.Give(name, c)
	}
	return aliases, nil
}

// readCap reads a cap from a file, or from standard input for "-".
func (t *tahoe) readCap(o *gridOptions, path string) (c secret.CapText, err error) {
	var input io.Reader = t.Stdin
	what := "standard input"
	if path == "-" {
		if o.stdinTaken {
			return c, usagef("only one cap can come from standard input")
		}
		o.stdinTaken = true
	} else {
		file, err := os.Open(fscmd.ExpandHome(path))
		if err != nil {
			return c, err
		}
		defer file.Close()
		input, what = file, quotePath(path)
	}
	text, err := io.ReadAll(io.LimitReader(input, uri.MaxTextSize+1))
	if err != nil {
		return c, fmt.Errorf("read a cap from %s: %w", what, err)
	}
	if _, err := uri.Parse(strings.TrimSpace(string(text))); err != nil {
		return c, fmt.Errorf("%s holds no cap: one that begins with URI: must stand there alone", what)
	}
	return secret.NewCapText([]byte(strings.TrimSpace(string(text)))), nil
}

var errStdinTwice = errors.New("standard input cannot be both a cap and the file: give one of them as a file")
