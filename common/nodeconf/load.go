package nodeconf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Load reads and checks the configuration of the node in a base directory. A
// missing tahoe.cfg is an empty one. All errors in the files are reported, each
// as an *Error, joined by errors.Join, one line each.
func Load(baseDir string) (*Config, error) {
	baseDir, err := filepath.Abs(baseDir)
	if err != nil {
		return nil, err
	}
	kind, err := IdentifyKind(baseDir)
	if err != nil {
		return nil, err
	}
	if err := refuseOldFiles(baseDir, kind); err != nil {
		return nil, err
	}
	texts := [2][]byte{}
	for i, name := range []string{ConfigName, OwnConfigName} {
		if texts[i], err = readLimited(filepath.Join(baseDir, name), MaxFileSize+1); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return Parse(baseDir, kind, texts[0], texts[1])
}

// Parse checks the texts of tahoe.cfg and arm-tahoe.cfg, each of which may be
// empty, for a node in an absolute base directory. It reads nothing from disk.
// Errors are as from Load.
func Parse(baseDir string, kind Kind, tahoe, own []byte) (*Config, error) {
	tahoeFile, err := ParseFile(filepath.Join(baseDir, ConfigName), tahoe)
	ownFile, ownErr := ParseFile(filepath.Join(baseDir, OwnConfigName), own)
	if err := errors.Join(err, ownErr); err != nil {
		return nil, err
	}
	b := &builder{
		config: &Config{BaseDir: baseDir, Kind: kind},
		tahoe:  &reader{file: tahoeFile, keys: tahoeKeys},
		own:    &reader{file: ownFile, keys: ownKeys},
	}
	b.build()
	errs := append(tahoeSchema(kind).check(tahoeFile), ownSchema().check(ownFile)...)
	errs = append(append(errs, b.tahoe.errs...), b.own.errs...)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return b.config, nil
}

// IdentifyKind tells what node a base directory holds, from the name of its .tac
// file (scripts/tahoe_run.py identify_node_type).
func IdentifyKind(baseDir string) (Kind, error) {
	entries, err := os.ReadDir(baseDir)
	if err != nil {
		return "", fmt.Errorf("%s does not look like a directory at all: %w", baseDir, err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".tac") {
			continue
		}
		for _, kind := range []Kind{KindClient, KindIntroducer} {
			if strings.Contains(entry.Name(), string(kind)) {
				return kind, nil
			}
		}
	}
	return "", fmt.Errorf("%s: %w", baseDir, ErrNoNode)
}

// ErrNoNode says that a directory has no node in it.
var ErrNoNode = errors.New("not a node directory: it has no tahoe-client.tac or tahoe-introducer.tac; make one with tahoe create-node or create-introducer")

// oldNames are configuration files from before Tahoe-LAFS 1.3 (node.py
// _error_about_old_config_files).
var oldNames = []string{
	"nickname", "webport", "keepalive_timeout", "log_gatherer.furl", "disconnect_timeout", "advertised_ip_addresses",
	"introducer.furl", "helper.furl", "key_generator.furl", "stats_gatherer.furl", "no_storage", "readonly_storage",
	"sizelimit", "debug_discard_storage", "run_helper",
}

func refuseOldFiles(baseDir string, kind Kind) error {
	for _, name := range oldNames {
		if kind == KindIntroducer && name == "introducer.furl" {
			continue
		}
		if _, err := os.Stat(filepath.Join(baseDir, name)); err == nil {
			return &Error{File: filepath.Join(baseDir, name), Reason: "is a configuration file from before Tahoe-LAFS 1.3",
				Advice: "move its contents to " + ConfigName + " and remove it"}
		}
	}
	return nil
}

// readLimited reads up to limit bytes of a file.
func readLimited(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
}

// builder fills a Config from both files.
type builder struct {
	config     *Config
	tahoe, own *reader
}

func (b *builder) build() {
	b.node()
	b.tub()
	b.privacy()
	b.anonymity()
	if b.config.Kind == KindIntroducer {
		b.requireTub("node", "tub.port", "this is an introducer")
		b.web()
		return
	}
	b.client()
	b.storage()
	b.expire()
	b.helper()
	b.sftp()
	b.gridManagers()
	b.web()
}

func (b *builder) node() {
	r, n := b.tahoe, &b.config.Node
	n.Nickname = r.orDefault("node", "nickname")
	n.WebPort = r.endpoint("node", "web.port")
	n.WebStatic = b.config.path(r.orDefault("node", "web.static"))
	n.RevealIPAddress = r.boolean("node", "reveal-IP-address")
	n.TempDir = b.config.path(r.orDefault("node", "tempdir"))
	n.KeepaliveTimeout = r.seconds("node", "timeout.keepalive")
	n.DisconnectTimeout = r.seconds("node", "timeout.disconnect")
	n.LogGatherer = r.furl("node", "log_gatherer.furl")
}

// tub reads tub.port and tub.location (node.py _tub_portlocation).
func (b *builder) tub() {
	r, n := b.tahoe, &b.config.Node
	port, hasPort := r.text("node", "tub.port")
	location, hasLocation := r.text("node", "tub.location")
	port, location = strip(port), strip(location)
	portDisabled, locationDisabled := port == disabledWord, location == disabledWord
	switch {
	case hasPort && port == "":
		r.at("node", "tub.port", errors.New("must not be empty"), "remove the line, or use tcp:PORT or disabled")
		return
	case hasLocation && location == "":
		r.at("node", "tub.location", errors.New("must not be empty"), "remove the line, or use AUTO, tcp:HOST:PORT or disabled")
		return
	case portDisabled && !locationDisabled:
		r.at("node", "tub.location", errors.New("is not disabled, but tub.port is"), "disable both or none")
		return
	case locationDisabled && !portDisabled:
		r.at("node", "tub.port", errors.New("is not disabled, but tub.location is"), "disable both or none")
		return
	case portDisabled:
		n.TubDisabled = true
		return
	}
	if hasPort {
		n.TubPort = b.tubPorts(port)
	}
	n.TubLocation = []string{autoHint}
	if hasLocation {
		n.TubLocation = strings.Split(location, ",")
	}
}

// parseTubPorts reads a list of endpoints. Port 0 is refused: the port becomes
// part of FURLs.
func parseTubPorts(text string) ([]Endpoint, error) {
	var endpoints []Endpoint
	for part := range strings.SplitSeq(text, ",") {
		e, err := ParseEndpoint(part)
		if err != nil {
			return nil, err
		}
		if e.Kind == EndpointTCP && e.Port == 0 {
			return nil, errors.New("cannot be 0: you must choose")
		}
		endpoints = append(endpoints, e)
	}
	return endpoints, nil
}

func (b *builder) tubPorts(text string) []Endpoint {
	endpoints, err := parseTubPorts(text)
	if err != nil {
		b.tahoe.at("node", "tub.port", err, "")
	}
	return endpoints
}

// privacy refuses what would tell the node's address (node.py PrivacyError).
func (b *builder) privacy() {
	r, c := b.tahoe, b.config
	c.Connections.TCP = strings.ToLower(r.orDefault("connections", "tcp"))
	switch c.Connections.TCP {
	case "tcp", "tor", disabledWord:
	default:
		r.at("connections", "tcp", fmt.Errorf("%s is no way to reach tcp: hints", quote(c.Connections.TCP)), "use tcp, tor or disabled")
	}
	if c.Node.RevealIPAddress {
		return
	}
	if c.Connections.TCP == "tcp" {
		r.at("connections", "tcp", errors.New("is tcp, which tells the node's address, but reveal-IP-address is false"), "use tor or disabled")
	}
	for _, hint := range c.Node.TubLocation {
		if hint == autoHint || hintType(hint) == "tcp" {
			r.at("node", "tub.location", fmt.Errorf("has the hint %s, which tells the node's address, but reveal-IP-address is false", quote(hint)),
				"use tor: or i2p: hints, or disable tub.port and tub.location")
		}
	}
}

// anonymity reads [tor] and [i2p].
func (b *builder) anonymity() {
	r := b.tahoe
	t := &b.config.Tor
	t.Enabled, t.Launch, t.Onion = r.boolean("tor", "enabled"), r.boolean("tor", "launch"), r.boolean("tor", "onion")
	t.SocksPort, t.ControlPort, t.Executable = r.orDefault("tor", "socks.port"), r.orDefault("tor", "control.port"), r.orDefault("tor", "tor.executable")
	t.OnionLocalPort, t.OnionExternalPort = r.port("tor", "onion.local_port"), r.port("tor", "onion.external_port")
	t.OnionPrivateKeyFile = b.optionalPath(r, "tor", "onion.private_key_file")
	b.require("tor", t.Onion, "onion", "onion.local_port", "onion.external_port", "onion.private_key_file")
	i := &b.config.I2P
	i.Enabled, i.Launch, i.Dest = r.boolean("i2p", "enabled"), r.boolean("i2p", "launch"), r.boolean("i2p", "dest")
	i.SAMPort, i.ConfigDir, i.Executable = r.orDefault("i2p", "sam.port"), r.orDefault("i2p", "i2p.configdir"), r.orDefault("i2p", "i2p.executable")
	i.DestPort = r.port("i2p", "dest.port")
	i.DestPrivateKeyFile = b.optionalPath(r, "i2p", "dest.private_key_file")
	b.require("i2p", i.Dest, "dest", "dest.port", "dest.private_key_file")
}

// require refuses a key that is switched on without those that it needs.
func (b *builder) require(sectionName string, on bool, key string, needed ...string) {
	for _, name := range needed {
		if on && b.tahoe.file.Line(sectionName, name) == 0 {
			b.tahoe.at(sectionName, key, fmt.Errorf("is true, but %s is missing", name), "")
		}
	}
}

func (b *builder) optionalPath(r *reader, sectionName, key string) string {
	text := r.orDefault(sectionName, key)
	if text == "" {
		return ""
	}
	return b.config.path(text)
}

func (b *builder) client() {
	r, c := b.tahoe, &b.config.Client
	if c.IntroducerFURL = r.furl("client", "introducer.furl"); isNone(c.IntroducerFURL) {
		r.at("client", "introducer.furl", errors.New("is None"), "to have no introducer here, remove the line")
	}
	if c.HelperFURL = r.furl("client", "helper.furl"); isNone(c.HelperFURL) {
		c.HelperFURL = secret.CapText{}
	}
	numErrors := len(r.errs)
	c.Shares = grid.Params{
		K:     int(r.integer("client", "shares.needed", 1, grid.MaxShares)),
		Happy: int(r.integer("client", "shares.happy", 1, grid.MaxShares)),
		N:     int(r.integer("client", "shares.total", 1, grid.MaxShares)),
	}
	var wrong *grid.ParamsError
	if err := c.Shares.Validate(); len(r.errs) == numErrors && errors.As(err, &wrong) {
		r.at("client", "shares."+wrong.Field, fmt.Errorf("%d is out of range", wrong.Value), fmt.Sprintf("use a number from %d to %d", wrong.Low, wrong.High))
	}
	c.SegmentSize = r.integer("client", "shares._max_immutable_segment_size_for_testing", 1, math.MaxInt32)
	c.ForceFoolscap = r.boolean("client", "force_foolscap")
	c.PreferredPeers = r.list("client", "peers.preferred")
	switch format := r.orDefault("client", "mutable.format"); strings.ToUpper(format) {
	case "MDMF":
		c.MDMF = true
	case "SDMF", "":
	default:
		r.at("client", "mutable.format", fmt.Errorf("%s is no format of mutable files", quote(format)), "use SDMF or MDMF")
	}
	b.noPlugins("client", "storage.plugins")
}

// isNone: 1.20 once wrote the word for no FURL.
func isNone(furl secret.CapText) bool {
	return !furl.IsZero() && furl.RevealString() == "None"
}

func (b *builder) noPlugins(sectionName, key string) {
	if names := b.tahoe.list(sectionName, key); len(names) > 0 {
		b.tahoe.at(sectionName, key, fmt.Errorf("names the plugin %s, but plugins are Python programs, which this one cannot run", quote(names[0])), "remove the line")
	}
}

func (b *builder) storage() {
	r, s := b.tahoe, &b.config.Storage
	s.Enabled, s.Anonymous, s.ReadOnly = r.boolean("storage", "enabled"), r.boolean("storage", "anonymous"), r.boolean("storage", "readonly")
	s.ReservedSpace = r.size("storage", "reserved_space", 0)
	s.Dir = b.config.path(r.orDefault("storage", "storage_dir"))
	s.Discard, s.GridManagement = r.boolean("storage", "debug_discard"), r.boolean("storage", "grid_management")
	s.ForceFoolscap = r.boolean("storage", "force_foolscap")
	b.noPlugins("storage", "plugins")
	if s.Enabled {
		b.requireTub("storage", "enabled", "this is a storage server")
	}
	s.SizeLimit = b.own.size("storage", "size_limit", -1)
	s.ScrubRate = b.own.size("storage", "scrub_rate", 0)
}

// requireTub: introducers, storage servers and helpers are called by others.
func (b *builder) requireTub(sectionName, key, what string) {
	if b.config.Node.TubDisabled {
		b.tahoe.at(sectionName, key, fmt.Errorf("%s, but the node does not listen: [node] tub.port is disabled", what), "give [node] a tub.port and a tub.location")
	}
}

func (b *builder) expire() {
	r, e := b.tahoe, &b.config.Storage.Expire
	e.Enabled = r.boolean("storage", "expire.enabled")
	e.Immutable, e.Mutable = r.boolean("storage", "expire.immutable"), r.boolean("storage", "expire.mutable")
	e.Mode = ExpireMode(r.orDefault("storage", "expire.mode"))
	switch hasMode := r.file.Line("storage", "expire.mode") > 0; {
	case e.Mode != ExpireAge && e.Mode != ExpireCutoffDate:
		r.at("storage", "expire.mode", fmt.Errorf("%s is no mode", quote(string(e.Mode))), "use age or cutoff-date")
	case e.Enabled && !hasMode:
		r.at("storage", "expire.enabled", errors.New("is true, but expire.mode is missing"), "add expire.mode = age or expire.mode = cutoff-date")
	}
	if text, ok := r.text("storage", "expire.override_lease_duration"); ok {
		seconds, err := ParseDuration(text)
		if err != nil {
			r.at("storage", "expire.override_lease_duration", err, "")
		}
		e.OverrideLeaseSeconds = &seconds
	}
	b.cutoffDate()
}

func (b *builder) cutoffDate() {
	r, e := b.tahoe, &b.config.Storage.Expire
	text, ok := r.text("storage", "expire.cutoff_date")
	if text == "" && e.Mode != ExpireCutoffDate {
		return
	}
	if !ok {
		r.at("storage", "expire.mode", errors.New("is cutoff-date, but expire.cutoff_date is missing"), "add expire.cutoff_date = YYYY-MM-DD")
		return
	}
	var err error
	if e.CutoffDate, err = ParseDate(text); err != nil {
		r.at("storage", "expire.cutoff_date", err, "")
	}
}

func (b *builder) helper() {
	b.config.Helper.Enabled = b.tahoe.boolean("helper", "enabled")
	if b.config.Helper.Enabled {
		b.requireTub("helper", "enabled", "this is a helper")
	}
}

func (b *builder) sftp() {
	r, s := b.tahoe, &b.config.SFTP
	s.Enabled = r.boolean("sftpd", "enabled")
	if port := r.endpoint("sftpd", "port"); port != nil {
		s.Port = *port
	}
	s.HostPublicKeyFile = b.optionalPath(r, "sftpd", "host_pubkey_file")
	s.HostPrivateKeyFile = b.optionalPath(r, "sftpd", "host_privkey_file")
	s.AccountsFile = b.optionalPath(r, "sftpd", "accounts.file")
	s.WriteBack = b.own.boolean("sftpd", "write_back")
	s.SpoolDir = b.config.path(b.own.orDefault("sftpd", "spool_dir"))
	s.SpoolSize = b.own.size("sftpd", "spool_size", 0)
}

func (b *builder) gridManagers() {
	r := b.tahoe
	for _, name := range r.file.Keys(gridManagersSection) {
		text, _ := r.text(gridManagersSection, name)
		key, err := announce.ParseVerifyingKey(text)
		if err != nil {
			r.at(gridManagersSection, name, err, "use the pub-v0-... that grid-manager public-identity prints")
		}
		b.config.GridManagers = append(b.config.GridManagers, GridManagerKey{name, key})
	}
	for _, name := range r.file.Keys(certificatesSection) {
		text, _ := r.text(certificatesSection, name)
		b.config.Certificates = append(b.config.Certificates, CertificateFile{name, b.config.path(text)})
	}
}

func (b *builder) web() {
	r, w := b.own, &b.config.Web
	w.PasswordFile = b.optionalPath(r, "web", "password_file")
	w.Hosts = r.list("web", "hosts")
	w.Allow = WebAllow(strings.ToLower(r.orDefault("web", "allow")))
	if !slices.Contains([]WebAllow{WebAllowPassword, WebAllowAll}, w.Allow) {
		r.at("web", "allow", fmt.Errorf("%s is not a choice", quote(string(w.Allow))), "use password or all")
	}
}
