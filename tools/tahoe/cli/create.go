package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// inUseCode is the exit code for a directory that is not empty: 1.20 says -1.
const inUseCode = 255

// createOptions are the options of the three create commands.
type createOptions struct {
	baseDir, nickname, introducer, webPort, join string
	shares                                       [3]string // needed, happy, total
	hideIP, noStorage, helper                    bool
	storageDir                                   string

	listen, location, port, hostname string
	torLaunch, i2pLaunch             bool
	torControlPort, torExecutable    string
	i2pSAMPort, i2pExecutable        string
}

func (t *tahoe) createNodeCommand() *cobra.Command {
	o := &createOptions{}
	c := &cobra.Command{
		Use: "create-node [NODEDIR]", Short: "Create a node that acts as a client, server or both.", Args: atMost(1),
		RunE: func(_ *cobra.Command, args []string) error { return t.createNode(o, args) },
	}
	o.clientFlags(c.Flags())
	o.whereFlags(c.Flags())
	c.Flags().BoolVar(&o.noStorage, "no-storage", false, "do not store shares for others")
	c.Flags().BoolVar(&o.helper, "helper", false, "upload for others")
	c.Flags().StringVar(&o.storageDir, "storage-dir", "", "directory for shares")
	return c
}

func (t *tahoe) createClientCommand() *cobra.Command {
	o := &createOptions{listen: "none", noStorage: true}
	c := &cobra.Command{
		Use: "create-client [NODEDIR]", Short: "Create a client node (with storage initially disabled).", Args: atMost(1),
		RunE: func(_ *cobra.Command, args []string) error { return t.createNode(o, args) },
	}
	o.clientFlags(c.Flags())
	return c
}

func (t *tahoe) createIntroducerCommand() *cobra.Command {
	o := &createOptions{}
	c := &cobra.Command{
		Use: "create-introducer NODEDIR", Short: "Create an introducer node.", Args: atMost(1),
		RunE: func(_ *cobra.Command, args []string) error { return t.createIntroducer(o, args) },
	}
	o.commonFlags(c.Flags())
	o.whereFlags(c.Flags())
	return c
}

func (o *createOptions) commonFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.baseDir, "basedir", "C", "", "base directory of the node")
	f.BoolVar(&o.hideIP, "hide-ip", false, "refuse everything that would tell the node's address")
}

func (o *createOptions) clientFlags(f *pflag.FlagSet) {
	o.commonFlags(f)
	f.StringVarP(&o.nickname, "nickname", "n", "", "name that others are shown")
	f.StringVarP(&o.introducer, "introducer", "i", "", "FURL of the introducer")
	f.StringVarP(&o.webPort, "webport", "p", "tcp:3456:interface=127.0.0.1", "endpoint of the web server, or none")
	f.StringVar(&o.shares[0], "shares-needed", "3", "shares that suffice to read a file")
	f.StringVar(&o.shares[1], "shares-happy", "7", "servers that new files must be placed on")
	f.StringVar(&o.shares[2], "shares-total", "10", "shares made of a file")
	f.StringVar(&o.join, "join", "", "join a grid with an invite code")
}

func (o *createOptions) whereFlags(f *pflag.FlagSet) {
	f.StringVar(&o.location, "location", "", "connection hints for others, as in tcp:example.org:12345")
	f.StringVar(&o.port, "port", "", "endpoint to listen on, as in tcp:12345 or tcp:12345:interface=127.0.0.1")
	f.StringVar(&o.hostname, "hostname", "", "host name for hints, with a port that is chosen now")
	f.StringVar(&o.listen, "listen", "tcp", "ways to listen, separated by commas: tcp, tor, i2p, none")
	f.BoolVar(&o.torLaunch, "tor-launch", false, "start a Tor of the node's own")
	f.StringVar(&o.torControlPort, "tor-control-port", "", "endpoint of Tor's control port")
	f.StringVar(&o.torExecutable, "tor-executable", "", "Tor's program")
	f.BoolVar(&o.i2pLaunch, "i2p-launch", false, "start an I2P router of the node's own")
	f.StringVar(&o.i2pSAMPort, "i2p-sam-port", "", "endpoint of I2P's SAM port")
	f.StringVar(&o.i2pExecutable, "i2p-executable", "", "I2P's program")
}

// listeners are the ways to listen.
func (o *createOptions) listeners() []string { return strings.Split(o.listen, ",") }

// checkWhere is validate_where_options.
func (o *createOptions) checkWhere() error {
	hasPort, hasLocation, hasHost := o.port != "", o.location != "", o.hostname != ""
	switch {
	case o.listen == "none" && hasHost:
		return usagef("--hostname cannot be used when --listen=none")
	case o.listen == "none" && (hasPort || hasLocation):
		return usagef("--port/--location cannot be used when --listen=none")
	case hasLocation && !hasPort:
		return usagef("--location must be used with --port")
	case hasPort && !hasLocation:
		return usagef("--port must be used with --location")
	case hasPort && hasHost:
		return usagef("--hostname cannot be used with --location/--port")
	}
	for _, listener := range o.listeners() {
		if !slices.Contains([]string{"i2p", "none", "tcp", "tor"}, listener) {
			return usagef("--listen= must be one/some of: i2p, none, tcp, tor")
		}
	}
	if hasPort || o.listen == "none" || o.join != "" {
		return nil
	}
	tcp := slices.Contains(o.listeners(), "tcp")
	if tcp && !hasHost {
		return usagef("--listen=tcp requires --hostname=")
	}
	if !tcp && hasHost {
		return usagef("--listen= must be tcp to use --hostname")
	}
	return nil
}

// checkAnonymity is validate_tor_options and validate_i2p_options.
func (o *createOptions) checkAnonymity() error {
	tor, i2p := slices.Contains(o.listeners(), "tor"), slices.Contains(o.listeners(), "i2p")
	switch {
	case !tor && o.torLaunch:
		return usagef("--tor-launch requires --listen=tor")
	case !tor && o.torControlPort != "":
		return usagef("--tor-control-port= requires --listen=tor")
	case o.torLaunch && o.torControlPort != "":
		return usagef("use either --tor-launch or --tor-control-port=, not both")
	case !i2p && o.i2pLaunch:
		return usagef("--i2p-launch requires --listen=i2p")
	case !i2p && o.i2pSAMPort != "":
		return usagef("--i2p-sam-port= requires --listen=i2p")
	case o.i2pLaunch && o.i2pSAMPort != "":
		return usagef("use either --i2p-launch or --i2p-sam-port=, not both")
	case o.i2pLaunch:
		return usagef("--i2p-launch is under development")
	case tor || i2p:
		return errors.New("this version cannot make an address with Tor or I2P yet: make one yourself and let it lead to a port of this machine, and give --port=tcp:PORT and --location=tor:ADDRESS:PORT")
	}
	return nil
}

// where fills in tub.port and tub.location (listeners.py TCPProvider).
func (o *createOptions) where(n *nodeconf.NewNode) error {
	switch {
	case slices.Contains(o.listeners(), "none"):
	case o.port != "":
		n.TubPorts, n.TubLocations = []string{o.port}, []string{o.location}
	default:
		port, err := nodeconf.ThisHost().AllocatePort()
		if err != nil {
			return fmt.Errorf("choose a port: %w", err)
		}
		n.TubPorts = []string{fmt.Sprintf("tcp:%d", port)}
		n.TubLocations = []string{fmt.Sprintf("tcp:%s:%d", o.hostname, port)}
	}
	return nil
}

// params reads the three numbers. Their ranges are the node's business.
func (o *createOptions) params() (p grid.Params, err error) {
	for i, dst := range []*int{&p.K, &p.Happy, &p.N} {
		if *dst, err = strconv.Atoi(strings.TrimSpace(o.shares[i])); err != nil {
			return p, usagef("--%s must be an integer", []string{"shares-needed", "shares-happy", "shares-total"}[i])
		}
	}
	return p, nil
}

func (t *tahoe) createNode(o *createOptions, args []string) error {
	baseDir, err := t.baseDir(o.baseDir, args, defaultNodeDir())
	if err != nil {
		return err
	}
	params, err := o.params()
	if err != nil {
		return err
	}
	if err := o.checkWhere(); err != nil {
		return err
	}
	if err := o.checkAnonymity(); err != nil {
		return err
	}
	if o.join != "" {
		return errors.New("this version cannot join a grid with an invite code yet: use --introducer")
	}
	node := nodeconf.NewNode{
		Kind: nodeconf.KindClient, Nickname: o.nickname, HideIP: o.hideIP, WebPort: o.webPort, Shares: params,
		NoStorage: o.noStorage, StorageDir: o.storageDir, RunHelper: o.helper,
	}
	if o.introducer != "" {
		node.Introducer = secret.NewCapText([]byte(o.introducer))
	}
	if err := t.create(baseDir, o, node); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Node created in %s\n", quotePath(baseDir))
	if o.introducer == "" {
		fmt.Fprintf(t.out, " Please add introducers to %s!\n", quotePath(filepath.Join(baseDir, "private", "introducers.yaml")))
		fmt.Fprintf(t.out, " The node cannot connect to a grid without it.\n")
	}
	if o.nickname == "" {
		fmt.Fprintf(t.out, " Please set [node]nickname= in %s\n", quotePath(filepath.Join(baseDir, nodeconf.ConfigName)))
	}
	return nil
}

func (t *tahoe) createIntroducer(o *createOptions, args []string) error {
	baseDir, err := t.baseDir(o.baseDir, args, "")
	if err != nil {
		return err
	}
	if err := o.checkWhere(); err != nil {
		return err
	}
	if err := o.checkAnonymity(); err != nil {
		return err
	}
	if err := t.create(baseDir, o, nodeconf.NewNode{Kind: nodeconf.KindIntroducer, HideIP: o.hideIP}); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Introducer created in %s\n", quotePath(baseDir))
	return nil
}

// create makes the directory. A node that could not start is made all the same,
// as 1.20 does, with a word on standard error.
func (t *tahoe) create(baseDir string, o *createOptions, node nodeconf.NewNode) error {
	if err := o.where(&node); err != nil {
		return err
	}
	err := nodeconf.Create(baseDir, node)
	var inUse *nodeconf.NotEmptyError
	if errors.As(err, &inUse) {
		fmt.Fprintf(t.Stderr, "The base directory %s is not empty.\n", quotePath(baseDir))
		fmt.Fprintf(t.Stderr, "To avoid clobbering anything, I am going to quit now.\n")
		fmt.Fprintf(t.Stderr, "Please use a different directory, or empty this one.\n")
		return &exitError{code: inUseCode}
	}
	if err != nil {
		return err
	}
	if err := node.Check(baseDir); err != nil {
		fmt.Fprintf(t.Stderr, "%s: this node cannot start before it is changed:\n%v\n", t.Name, err)
	}
	return nil
}
