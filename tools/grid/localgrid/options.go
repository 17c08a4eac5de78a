package localgrid

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

const (
	maxNodes = 50
	// The ports are counted from that of the introducer's web page.
	defaultBasePort = 3456
	tubOffset       = 1000
	sftpOffset      = 4564 // so that the first node, two behind the introducer, has 8022
	recordName      = "grid.json"
)

// Options say what the grid is. They are kept in grid.json, and a later start
// with others is refused, but for those that are not kept.
type Options struct {
	Dir       string `json:"-"`
	ReadyFile string `json:"-"`
	// User and Password are for SFTP. Without a password the one of the last
	// start counts, or one is made up.
	User     string `json:"-"`
	Password string `json:"-"`

	Nodes    int    `json:"nodes"`
	Shares   string `json:"shares"`
	BasePort int    `json:"base_port"`
	Listen   string `json:"listen"`
}

// parse reads the command line. Flags that were not given take what the grid was
// made with.
func parse(args []string, output io.Writer) (Options, error) {
	o := Options{}
	flags := flag.NewFlagSet("grid", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.Usage = func() {
		fmt.Fprintf(output, "grid: a whole grid on this machine, in one process.\n\nusage: grid [--SETTING=VALUE ...]\n\n")
		flags.PrintDefaults()
		fmt.Fprintf(output, "\nThe grid is made at the first start and goes on at every other; its directory\nremembers what it was made with. Ctrl-C stops it.\n")
	}
	flags.StringVar(&o.Dir, "dir", "grid-data", "directory of the grid, made if it is missing")
	flags.StringVar(&o.ReadyFile, "ready-file", "", "file that gets a JSON with every address once the grid can store a file")
	flags.IntVar(&o.Nodes, "nodes", 3, "number of storage nodes")
	flags.StringVar(&o.Shares, "shares", "1/2/3", "shares needed, servers of happiness, shares in all: k/happy/N")
	flags.IntVar(&o.BasePort, "base-port", defaultBasePort, "port of the introducer's page; all others are counted from it: pages of helper and nodes, Tubs (+1000), SFTP (+4566)")
	flags.StringVar(&o.Listen, "listen", "127.0.0.1", "address to listen on; 0.0.0.0 for all")
	flags.StringVar(&o.User, "user", "tahoe", "name of the SFTP account")
	flags.StringVar(&o.Password, "password", "", "its password; made up and kept in the directory if empty")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is not understood: all settings begin with --", flags.Arg(0))
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	return o.remember(given)
}

// remember takes what the grid was made with in place of flags that were not
// given, and refuses those that differ.
func (o Options) remember(given map[string]bool) (Options, error) {
	text, err := os.ReadFile(filepath.Join(o.Dir, recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return o, o.check()
	}
	if err != nil {
		return o, err
	}
	var made Options
	if err := json.Unmarshal(text, &made); err != nil {
		return o, fmt.Errorf("%s: %w; remove %s to make the grid anew", recordName, err, o.Dir)
	}
	for _, setting := range []struct{ name, made, asked string }{
		{"nodes", strconv.Itoa(made.Nodes), strconv.Itoa(o.Nodes)},
		{"shares", made.Shares, o.Shares},
		{"base-port", strconv.Itoa(made.BasePort), strconv.Itoa(o.BasePort)},
		{"listen", made.Listen, o.Listen},
	} {
		if given[setting.name] && setting.made != setting.asked {
			return o, fmt.Errorf("the grid in %s was made with --%s %s: leave the flag out, or give another --dir", o.Dir, setting.name, setting.made)
		}
	}
	made.Dir, made.ReadyFile, made.User, made.Password = o.Dir, o.ReadyFile, o.User, o.Password
	return made, made.check()
}

func (o Options) check() error {
	if o.Nodes < 1 || o.Nodes > maxNodes {
		return fmt.Errorf("--nodes %d: give 1 to %d", o.Nodes, maxNodes)
	}
	if last := o.BasePort + sftpOffset + o.Nodes + 1; o.BasePort < 1 || last > 65535 {
		return fmt.Errorf("--base-port %d: give 1 to %d", o.BasePort, 65535-sftpOffset-o.Nodes-1)
	}
	if o.User == "" || strings.ContainsAny(o.User, " \t\n#") {
		return fmt.Errorf("--user %q: give a name without spaces", o.User)
	}
	if net.ParseIP(o.Listen).To4() == nil {
		return fmt.Errorf("--listen %q: give an IPv4 address, such as 127.0.0.1 or 0.0.0.0", o.Listen)
	}
	params, err := o.params()
	if err == nil && params.Happy > o.Nodes {
		err = fmt.Errorf("--shares %s asks for %d servers, and there are %d nodes", o.Shares, params.Happy, o.Nodes)
	}
	return err
}

func (o Options) params() (grid.Params, error) {
	var numbers [3]int
	parts := strings.Split(o.Shares, "/")
	if len(parts) != len(numbers) {
		return grid.Params{}, fmt.Errorf("--shares %q: give k/happy/N, such as 1/2/3", o.Shares)
	}
	for i, part := range parts {
		var err error
		if numbers[i], err = strconv.Atoi(part); err != nil {
			return grid.Params{}, fmt.Errorf("--shares %q: give k/happy/N, such as 1/2/3", o.Shares)
		}
	}
	params := grid.Params{K: numbers[0], Happy: numbers[1], N: numbers[2]}
	return params, params.Validate()
}

// record writes what the grid is made with.
func (o Options) record() error {
	text, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	return nodeconf.WriteFile(filepath.Join(o.Dir, recordName), append(text, '\n'), 0o644)
}
