package daemon

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Names of the settings.
const (
	flagBaseDir       = "basedir"
	flagIntroducer    = "introducer"
	flagHelper        = "helper"
	flagNickname      = "nickname"
	flagLocation      = "location"
	flagTubPort       = "tub-port"
	flagWebPort       = "web-port"
	flagSFTPPort      = "sftp-port"
	flagShares        = "shares"
	flagStorageDir    = "storage-dir"
	flagReservedSpace = "reserved-space"
	flagSizeLimit     = "size-limit"
	flagLogFormat     = "log-format"
)

// setting is a row of the one table of flags and variables. The flag comes
// before the variable, and that before the default.
type setting struct {
	flag, env, about string
	// standard is the default for a role.
	standard func(Role) string
	// has tells whether a role has the setting; the variable is ignored by others.
	has func(Role) bool
	// apply reads the value into a new node.
	apply func(n *nodeconf.NewNode, value string) error
	// differs tells whether the files of a node say something else, and which of
	// their settings does; nil if the setting is not about the node.
	differs func(node *Node, value string) (key string, differs bool, err error)
}

func always(text string) func(Role) string { return func(Role) string { return text } }

func everyRole(Role) bool   { return true }
func clients(r Role) bool   { return r.isClient() }
func listeners(r Role) bool { return r.TubPort != 0 }
func storers(r Role) bool   { return r.Storage }

var settings = []setting{
	{flag: flagBaseDir, env: "TAHOE_BASEDIR", about: "base directory of the node", standard: always("/etc/tahoe"), has: everyRole},
	{flag: flagIntroducer, env: "TAHOE_INTRODUCER_FURL", about: "FURL of the introducer", standard: always(""), has: clients,
		apply: applyIntroducer, differs: differsIntroducer},
	{flag: flagHelper, env: "TAHOE_HELPER_FURL", about: "FURL of the helper to upload through", standard: always(""), has: clients,
		apply: applyHelper, differs: differsHelper},
	{flag: flagNickname, env: "TAHOE_NICKNAME", about: "name that others are shown", standard: func(Role) string { return hostName() }, has: everyRole,
		apply: func(n *nodeconf.NewNode, value string) error { n.Nickname = value; return nil }, differs: differsNickname},
	{flag: flagLocation, env: "TAHOE_LOCATION", about: "where others reach the Tub: a host name or address, or connection hints as in tub.location; AUTO stands for all addresses of this machine",
		standard: always("AUTO"), has: listeners, apply: applyLocation, differs: differsLocation},
	{flag: flagTubPort, env: "TAHOE_TUB_PORT", about: "port or endpoint of the Tub", standard: func(r Role) string { return portText(r.TubPort) }, has: listeners,
		apply: applyTubPort, differs: differsTubPort},
	{flag: flagWebPort, env: "TAHOE_WEB_PORT", about: "port or endpoint of the web server, or none", standard: func(r Role) string { return portText(r.WebPort) }, has: everyRole,
		apply: applyWebPort, differs: differsWebPort},
	{flag: flagSFTPPort, env: "TAHOE_SFTP_PORT", about: "port or endpoint of the SFTP server, or none", standard: func(r Role) string { return portText(r.SFTPPort) },
		has: func(r Role) bool { return r.SFTPPort != 0 }, apply: applySFTPPort, differs: differsSFTPPort},
	{flag: flagShares, env: "TAHOE_SHARES", about: "shares needed, servers of happiness and shares in all of new files, as k/happy/N", standard: always("1/2/3"), has: clients,
		apply: applyShares, differs: differsShares},
	{flag: flagStorageDir, env: "TAHOE_STORAGE_DIR", about: "directory for shares, from the base directory", standard: always("storage"), has: storers,
		apply:   func(n *nodeconf.NewNode, value string) error { n.StorageDir = value; return nil },
		differs: differsStorageDir},
	{flag: flagReservedSpace, env: "TAHOE_RESERVED_SPACE", about: "bytes of the disk to leave free, as in 10G", standard: always("1G"), has: storers,
		apply: applySize(func(n *nodeconf.NewNode, value string) { n.ReservedSpace = value }), differs: differsReservedSpace},
	{flag: flagSizeLimit, env: "TAHOE_SIZE_LIMIT", about: "bytes that shares may take in all, as in 10G; no limit if empty", standard: always(""), has: storers,
		apply: applySize(func(n *nodeconf.NewNode, value string) { n.SizeLimit = value }), differs: differsSizeLimit},
	{flag: flagLogFormat, env: "TAHOE_LOG_FORMAT", about: "format of the log on standard error: text or json", standard: always("text"), has: everyRole},
}

// shownDefault is the default as people read it.
func (s setting) shownDefault(r Role) string {
	if s.flag == flagNickname {
		return "the machine's name"
	}
	if text := s.standard(r); text != "" {
		return text
	}
	return "none"
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// commandLine is what was given, by flag or by variable.
type commandLine struct {
	role    Role
	given   map[string]string // by flag
	source  map[string]string // how it was given: "--nickname" or "TAHOE_NICKNAME"
	version bool
}

func newCommandLine(role Role) *commandLine {
	return &commandLine{role: role, given: map[string]string{}, source: map[string]string{}}
}

// parse reads variables and args. An empty variable is as if not set.
func (c *commandLine) parse(args []string) error {
	flags := flag.NewFlagSet(c.role.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&c.version, "version", false, "")
	for _, s := range settings {
		if !s.has(c.role) {
			continue
		}
		if value := os.Getenv(s.env); value != "" {
			c.given[s.flag], c.source[s.flag] = value, s.env
		}
		flags.Func(s.flag, "", func(value string) error {
			c.given[s.flag], c.source[s.flag] = value, "--"+s.flag
			return nil
		})
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return nil
}

// value returns what was given, or the default.
func (c *commandLine) value(name string) string {
	if value, ok := c.given[name]; ok {
		return value
	}
	for _, s := range settings {
		if s.flag == name {
			return s.standard(c.role)
		}
	}
	return ""
}

// name is how the user knows the setting.
func (c *commandLine) name(s setting) string {
	if source, ok := c.source[s.flag]; ok {
		return source
	}
	return "--" + s.flag
}

// create makes the node that the command line describes.
func create(role Role, cl *commandLine, baseDir string) error {
	node := nodeconf.NewNode{Kind: role.Kind, NoStorage: !role.Storage, RunHelper: role.Helper, Shares: grid.DefaultParams}
	for _, s := range settings {
		if s.apply == nil || !s.has(role) {
			continue
		}
		if err := s.apply(&node, cl.value(s.flag)); err != nil {
			return fmt.Errorf("%s: %w", cl.name(s), err)
		}
	}
	if err := node.Check(baseDir); err != nil {
		return fmt.Errorf("make a node from these settings: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(baseDir), 0o755); err != nil {
		return err
	}
	return nodeconf.Create(baseDir, node)
}

// compare refuses settings that differ from what the node's files say. Values are
// not repeated, since some are secret.
func (c *commandLine) compare(node *Node) error {
	var errs []error
	for _, s := range settings {
		value, ok := c.given[s.flag]
		if !ok || s.differs == nil {
			continue
		}
		switch key, differs, err := s.differs(node, value); {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", c.name(s), err))
		case differs:
			errs = append(errs, fmt.Errorf("%s differs from %s of this node, whose files win: change it there, or leave it out of the command line", c.name(s), key))
		}
	}
	return errors.Join(errs...)
}

func checkFURL(value string) error {
	if value != "" && (!strings.HasPrefix(value, "pb://") || strings.ContainsAny(value, "#\n ")) {
		return errors.New("is not a FURL: use the text that begins with pb://")
	}
	return nil
}

func furl(value string) secret.CapText {
	if value == "" {
		return secret.CapText{}
	}
	return secret.NewCapText([]byte(value))
}

func applyIntroducer(n *nodeconf.NewNode, value string) error {
	n.Introducer = furl(value)
	return checkFURL(value)
}

func differsIntroducer(node *Node, value string) (string, bool, error) {
	list, err := node.Dir.Introducers(node.Config)
	for _, in := range list {
		if in.FURL.Equal(furl(value)) {
			return "", false, nil
		}
	}
	return "private/introducers.yaml", true, err
}

func applyHelper(n *nodeconf.NewNode, value string) error {
	n.Helper = furl(value)
	return checkFURL(value)
}

func differsHelper(node *Node, value string) (string, bool, error) {
	return "[client] helper.furl", !node.Config.Client.HelperFURL.Equal(furl(value)), nil
}

func differsNickname(node *Node, value string) (string, bool, error) {
	return "[node] nickname", value != node.Config.Node.Nickname, nil
}

// hostNamePattern matches a name or an IPv4 address.
var hostNamePattern = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)

// locationHints makes a hint of a host name or address, with the port of the
// first TCP endpoint. Everything else is hints already.
func locationHints(value string, ports []string) ([]string, error) {
	host := value
	if address, err := netip.ParseAddr(strings.Trim(value, "[]")); err == nil && address.Is6() {
		host = "[" + address.String() + "]"
	} else if value == "AUTO" || !hostNamePattern.MatchString(value) {
		return strings.Split(value, ","), nil
	}
	for _, text := range ports {
		if e, err := nodeconf.ParseEndpoint(text); err == nil && e.Kind == nodeconf.EndpointTCP {
			return []string{fmt.Sprintf("tcp:%s:%d", host, e.Port)}, nil
		}
	}
	return nil, errors.New("is a host name, but the Tub has no TCP port: use hints such as tcp:HOST:PORT")
}

// applyLocation keeps the text; applyTubPort, which comes later in the table,
// makes hints of it.
func applyLocation(n *nodeconf.NewNode, value string) error {
	n.TubLocations = []string{value}
	return nil
}

func applyTubPort(n *nodeconf.NewNode, value string) (err error) {
	n.TubPorts = strings.Split(value, ",")
	for i, text := range n.TubPorts {
		e, err := nodeconf.ParseEndpoint(text)
		if err != nil {
			return err
		}
		n.TubPorts[i] = e.String()
	}
	n.TubLocations, err = locationHints(n.TubLocations[0], n.TubPorts)
	return err
}

func differsLocation(node *Node, value string) (string, bool, error) {
	var ports []string
	for _, e := range node.Config.Node.TubPort {
		ports = append(ports, e.String())
	}
	hints, err := locationHints(value, ports)
	return "[node] tub.location", strings.Join(hints, ",") != strings.Join(node.Config.Node.TubLocation, ","), err
}

func differsTubPort(node *Node, value string) (string, bool, error) {
	var here []string
	for _, e := range node.Config.Node.TubPort {
		here = append(here, e.String())
	}
	n := nodeconf.NewNode{TubLocations: []string{"AUTO"}}
	err := applyTubPort(&n, value)
	return "[node] tub.port", strings.Join(here, ",") != strings.Join(n.TubPorts, ","), err
}

// endpointText reads a port or endpoint, or none.
func endpointText(value string) (string, error) {
	if value == "" || strings.EqualFold(value, "none") {
		return "", nil
	}
	e, err := nodeconf.ParseEndpoint(value)
	return e.String(), err
}

func applyWebPort(n *nodeconf.NewNode, value string) (err error) {
	n.WebPort, err = endpointText(value)
	return err
}

func differsWebPort(node *Node, value string) (string, bool, error) {
	text, err := endpointText(value)
	here := ""
	if port := node.Config.Node.WebPort; port != nil {
		here = port.String()
	}
	return "[node] web.port", text != here, err
}

func applySFTPPort(n *nodeconf.NewNode, value string) (err error) {
	n.SFTPAccounts = "private/accounts"
	n.SFTPPort, err = endpointText(value)
	return err
}

func differsSFTPPort(node *Node, value string) (string, bool, error) {
	text, err := endpointText(value)
	here := ""
	if node.Config.SFTP.Enabled {
		here = node.Config.SFTP.Port.String()
	}
	return "[sftpd] port", text != here, err
}

// parseShares reads k/happy/N.
func parseShares(value string) (p grid.Params, err error) {
	parts := strings.Split(value, "/")
	if len(parts) == 3 {
		var errs [3]error
		for i, dst := range []*int{&p.K, &p.Happy, &p.N} {
			*dst, errs[i] = strconv.Atoi(strings.TrimSpace(parts[i]))
		}
		if errors.Join(errs[:]...) == nil {
			return p, p.Validate()
		}
	}
	return p, fmt.Errorf("%q is not k/happy/N: use three numbers, as in 1/2/3", value)
}

func applyShares(n *nodeconf.NewNode, value string) (err error) {
	n.Shares, err = parseShares(value)
	return err
}

func differsShares(node *Node, value string) (string, bool, error) {
	p, err := parseShares(value)
	return "[client] shares", p != node.Config.Client.Shares, err
}

func differsStorageDir(node *Node, value string) (string, bool, error) {
	path := filepath.Clean(value)
	if !filepath.IsAbs(path) {
		path = filepath.Join(node.Config.BaseDir, path)
	}
	return "[storage] storage_dir", path != node.Config.Storage.Dir, nil
}

func applySize(set func(*nodeconf.NewNode, string)) func(*nodeconf.NewNode, string) error {
	return func(n *nodeconf.NewNode, value string) error {
		set(n, value)
		if value == "" {
			return nil
		}
		_, err := nodeconf.ParseSize(value)
		return err
	}
}

func differsReservedSpace(node *Node, value string) (string, bool, error) {
	size, err := nodeconf.ParseSize(value)
	return "[storage] reserved_space", size != node.Config.Storage.ReservedSpace, err
}

func differsSizeLimit(node *Node, value string) (string, bool, error) {
	if value == "" {
		return "[storage] size_limit in " + nodeconf.OwnConfigName, node.Config.Storage.SizeLimit != -1, nil
	}
	size, err := nodeconf.ParseSize(value)
	return "[storage] size_limit in " + nodeconf.OwnConfigName, size != node.Config.Storage.SizeLimit, err
}
