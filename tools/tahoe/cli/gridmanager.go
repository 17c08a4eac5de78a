package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// clickUsageCode is the exit code of Python's click for a command line that was
// not understood; other errors are 1.
const clickUsageCode = 2

// maxExpiryDays is the longest that a certificate may be good.
const maxExpiryDays = 5 * 365

// gridManager is one run of grid-manager.
type gridManager struct {
	in     io.Reader
	out    io.Writer
	config string // directory, or - for standard input and output
}

// GridManager runs `grid-manager args` and returns the exit code: 0, 1 if
// something failed, 2 if the command line was not understood.
func (c Command) GridManager(ctx context.Context, args []string) int {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	g := &gridManager{in: c.Stdin, out: c.Stdout}
	root := g.command()
	quietly(root)
	root.SetArgs(args)
	root.SetOut(c.Stdout)
	root.SetErr(c.Stderr)
	used, err := root.ExecuteContextC(ctx)
	return c.reportClick(used, err)
}

// reportClick prints an error as click does.
func (c Command) reportClick(used *cobra.Command, err error) int {
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(c.Stderr, "Usage: %s\nTry '%s --help' for help.\n\nError: %s\n", used.UseLine(), used.CommandPath(), usage.text)
		return clickUsageCode
	}
	if err != nil {
		fmt.Fprintf(c.Stderr, "Error: %v\n", err)
		return 1
	}
	return 0
}

// gridManagerCommand is `tahoe grid-manager`, with grid-manager's own errors and
// exit codes.
func (t *tahoe) gridManagerCommand() *cobra.Command {
	return &cobra.Command{
		Use: "grid-manager", Short: "issue certificates to storage servers: use 'tahoe grid-manager --help'", DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			c := t.Command
			c.Stdout = t.out
			if code := c.GridManager(t.ctx, args); code != 0 {
				return &exitError{code: code}
			}
			return nil
		},
	}
}

func (g *gridManager) command() *cobra.Command {
	root := &cobra.Command{
		Use: "grid-manager", Short: "A Tahoe Grid Manager issues certificates to storage-servers.", Args: cobra.ArbitraryArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if g.config == "" {
				return usagef("Missing option '--config' / '-c'.")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("Missing command.")
			}
			return usagef("No such command '%s'.", args[0])
		},
	}
	root.PersistentFlags().StringVarP(&g.config, "config", "c", "", "Configuration directory (or - for stdin)  [required]")
	add := func(short string, names []string, run func(args []string) error, use string) {
		root.AddCommand(&cobra.Command{Use: strings.Join(append([]string{use}, names...), " "), Short: short, Args: named(names),
			RunE: func(_ *cobra.Command, args []string) error { return run(args) }})
	}
	add("Make a new Grid Manager", nil, g.create, "create")
	add("Show the public identity key of a Grid Manager", nil, g.publicIdentity, "public-identity")
	add("Add a new storage-server by name to a Grid Manager", []string{"NAME", "PUBLIC_KEY"}, g.add, "add")
	add("Remove an existing storage-server by name from a Grid Manager", []string{"NAME"}, g.remove, "remove")
	add("List all storage-servers known to a Grid Manager", nil, g.list, "list")
	add("sign a new certificate", []string{"NAME", "EXPIRY_DAYS"}, g.sign, "sign")
	return root
}

// named asks for the arguments with these names.
func named(names []string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch extra := len(args) - len(names); {
		case extra < 0:
			return usagef("Missing argument '%s'.", names[len(args)])
		case extra == 1:
			return usagef("Got unexpected extra argument (%s)", args[len(names)])
		case extra > 1:
			return usagef("Got unexpected extra arguments (%s)", strings.Join(args[len(names):], " "))
		}
		return nil
	}
}

func (g *gridManager) isStream() bool { return g.config == "-" }

func (g *gridManager) path(name string) string { return filepath.Join(g.config, name) }

const managerFile = "config.json"

func (g *gridManager) load() (*announce.GridManager, error) {
	var text []byte
	var err error
	if g.isStream() {
		text, err = io.ReadAll(io.LimitReader(g.in, maxInput))
	} else {
		text, err = readInput(g.path(managerFile))
	}
	if err != nil {
		return nil, err
	}
	m, err := announce.ParseGridManager(text)
	if err != nil {
		return nil, fmt.Errorf("Error loading Grid Manager from '%s': %w", g.config, err)
	}
	return m, nil
}

// save writes the private key: to its owner's file, or where it was asked for.
func (g *gridManager) save(m *announce.GridManager) error {
	text := m.AppendReveal(nil)
	if g.isStream() {
		_, err := g.out.Write(append(text, '\n'))
		return err
	}
	return nodeconf.WriteFile(g.path(managerFile), text, 0o600)
}

func (g *gridManager) create([]string) error {
	if !g.isStream() {
		err := os.MkdirAll(filepath.Dir(filepath.Clean(g.config)), 0o755)
		if err == nil {
			err = os.Mkdir(g.config, 0o700)
		}
		if err != nil {
			//lint:ignore ST1005 the text of 1.20
			return fmt.Errorf("Can't create '%s': %s", g.config, pythonError(err))
		}
	}
	return g.save(&announce.GridManager{Key: newKey()})
}

// pythonError words an error of the file system as Python does.
func pythonError(err error) string {
	var number syscall.Errno
	var path *fs.PathError
	if !errors.As(err, &number) || !errors.As(err, &path) {
		return err.Error()
	}
	absolute, absErr := filepath.Abs(path.Path)
	if absErr != nil {
		absolute = path.Path
	}
	text := number.Error()
	return fmt.Sprintf("[Errno %d] %s: '%s'", number, strings.ToUpper(text[:1])+text[1:], absolute)
}

func (g *gridManager) publicIdentity([]string) error {
	m, err := g.load()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(g.out, m.Key.VerifyingKey())
	return err
}

func (g *gridManager) add(args []string) error {
	m, err := g.load()
	if err != nil {
		return err
	}
	key, err := announce.ParseVerifyingKey(args[1])
	if err != nil {
		return fmt.Errorf("%w; use the contents of the server's node.pubkey", err)
	}
	if _, exists := m.Find(args[0]); exists {
		//lint:ignore ST1005 the text of 1.20
		return fmt.Errorf("A storage-server called '%s' already exists", args[0])
	}
	m.Servers = append(m.Servers, announce.ManagedServer{Name: args[0], Key: key})
	return g.save(m)
}

// known finds a server, or answers as 1.20 does.
func known(m *announce.GridManager, name string) (announce.ManagedServer, error) {
	server, ok := m.Find(name)
	if !ok {
		//lint:ignore ST1005 the text of 1.20
		return server, fmt.Errorf("No storage-server called '%s' exists", name)
	}
	return server, nil
}

// certificatePath returns the file of a server's certificate number i. The name
// is the person's choice, but it must stay in the directory.
func (g *gridManager) certificatePath(name string, i int) (string, error) {
	file := fmt.Sprintf("%s.cert.%d", name, i)
	if filepath.Base(file) != file {
		return "", fmt.Errorf("the name %q cannot be part of a file name: remove this server, and add it under another", name)
	}
	return g.path(file), nil
}

func (g *gridManager) remove(args []string) error {
	m, err := g.load()
	if err != nil {
		return err
	}
	if _, err := known(m, args[0]); err != nil {
		return err
	}
	m.Servers = slices.DeleteFunc(m.Servers, func(s announce.ManagedServer) bool { return s.Name == args[0] })
	if !g.isStream() {
		if err := g.removeCertificates(args[0]); err != nil {
			return err
		}
	}
	return g.save(m)
}

func (g *gridManager) removeCertificates(name string) error {
	for i := 0; ; i++ {
		path, err := g.certificatePath(name, i)
		if err != nil {
			return nil // then there are none
		}
		switch err := os.Remove(path); {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		}
	}
}

func (g *gridManager) list([]string) error {
	m, err := g.load()
	if err != nil {
		return err
	}
	slices.SortFunc(m.Servers, func(a, b announce.ManagedServer) int { return strings.Compare(a.Name, b.Name) })
	for _, server := range m.Servers {
		fmt.Fprintf(g.out, "%s: %s\n", server.Name, server.Key)
		if !g.isStream() {
			if err := g.listCertificates(m, server.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *gridManager) listCertificates(m *announce.GridManager, name string) error {
	for i := 0; ; i++ {
		path, err := g.certificatePath(name, i)
		if err != nil {
			return err
		}
		text, err := readInput(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		certificate, err := announce.ParseCertificate(text)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		statement, err := certificate.Verify(m.Key.VerifyingKey())
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		fmt.Fprintf(g.out, "%s  cert %d: %s\n", strings.Repeat(" ", len([]rune(name))), i, validity(statement.Expires, time.Now()))
	}
}

// validity tells until when a certificate is good.
func validity(expires, now time.Time) string {
	layout := "2006-01-02 15:04:05.000000+00:00"
	if expires.Nanosecond() == 0 {
		layout = "2006-01-02 15:04:05+00:00"
	}
	word := "expired"
	if now.Before(expires) {
		word = "valid until"
	}
	return fmt.Sprintf("%s %s (%s)", word, expires.UTC().Format(layout), abbreviate(now.Sub(expires)))
}

// abbreviate words a time since (util/abbreviate.py abbreviate_time).
func abbreviate(since time.Duration) string {
	seconds, postfix := since.Seconds(), "ago"
	if since < 0 {
		seconds, postfix = -seconds, "in the future"
	}
	const hour, day = 3600, 24 * 3600
	for _, unit := range []struct {
		below, size float64
		name        string
	}{{120, 1, "second"}, {3 * hour, 60, "minute"}, {2 * day, hour, "hour"}, {60 * day, day, "day"}, {4 * 365 * day, 30 * day, "month"}, {0, 365 * day, "year"}} {
		if seconds >= unit.below && unit.below > 0 {
			continue
		}
		count := int64(seconds / unit.size)
		if count == 1 {
			return fmt.Sprintf("1 %s %s", unit.name, postfix)
		}
		return fmt.Sprintf("%d %ss %s", count, unit.name, postfix)
	}
	return ""
}

func (g *gridManager) sign(args []string) error {
	days, err := strconv.Atoi(args[1])
	if err != nil {
		return usagef("Invalid value for 'EXPIRY_DAYS': '%s' is not a valid integer range.", args[1])
	}
	if days < 1 || days > maxExpiryDays {
		return usagef("Invalid value for 'EXPIRY_DAYS': %d is not in the range 1<=x<=%d.", days, maxExpiryDays)
	}
	m, err := g.load()
	if err != nil {
		return err
	}
	server, err := known(m, args[0])
	if err != nil {
		return err
	}
	certificate := announce.SignCertificate(m.Key, announce.Statement{Expires: time.Now().Add(time.Duration(days) * 24 * time.Hour), ServerKey: server.Key})
	text := certificate.AppendFile(nil)
	if _, err := fmt.Fprintf(g.out, "%s\n", text); err != nil || g.isStream() {
		return err
	}
	return g.store(server.Name, text)
}

// store writes a certificate under the next number.
func (g *gridManager) store(name string, text []byte) error {
	for i := 0; ; i++ {
		path, err := g.certificatePath(name, i)
		if err != nil {
			return err
		}
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = file.Write(text)
		return errors.Join(err, file.Sync(), file.Close())
	}
}
