package nodeconf

import (
	"path/filepath"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Kind is what `tahoe run` makes of a base directory.
type Kind string

// The kinds of nodes, in the words of 1.20. A storage server and a helper are
// clients with something switched on.
const (
	KindClient     Kind = "client"
	KindIntroducer Kind = "introducer"
)

// Config is the configuration of a node: tahoe.cfg and arm-tahoe.cfg, read
// once, with every default filled in. It is not changed after Load and safe for
// concurrent use. Paths are absolute. FURLs are caps, and typed as such, so
// that they do not print.
type Config struct {
	BaseDir string
	Kind    Kind

	Node         NodeSection
	Connections  ConnectionsSection
	Tor          TorSection
	I2P          I2PSection
	Client       ClientSection
	Storage      StorageSection
	Helper       HelperSection
	SFTP         SFTPSection
	GridManagers []GridManagerKey
	Certificates []CertificateFile // of [grid_manager_certificates]
	Web          WebSection        // of arm-tahoe.cfg
}

// NodeSection is [node].
type NodeSection struct {
	Nickname  string    // "<unspecified>" if not set
	WebPort   *Endpoint // nil: no web server
	WebStatic string    // directory
	// TubPort holds the endpoints of tub.port; none if it is absent or disabled.
	TubPort []Endpoint
	// TubLocation holds the hints of tub.location as they are written, AUTO
	// among them, which is the default; none if it is disabled.
	TubLocation []string
	// TubDisabled: the node does not listen.
	TubDisabled     bool
	RevealIPAddress bool
	TempDir         string
	// Zero: not set.
	KeepaliveTimeout, DisconnectTimeout time.Duration
	LogGatherer                         secret.CapText // zero: none; not used
}

// ConnectionsSection is [connections].
type ConnectionsSection struct {
	TCP string // how tcp: hints are reached: "tcp", "tor" or "disabled"
}

// TorSection is [tor]. Ports of Tor are Twisted's client endpoints, kept as they
// are written.
type TorSection struct {
	Enabled, Launch                    bool
	SocksPort, ControlPort, Executable string // "" if not set
	Onion                              bool
	OnionLocalPort, OnionExternalPort  uint16 // 0 if not set
	OnionPrivateKeyFile                string // "" if not set
}

// I2PSection is [i2p].
type I2PSection struct {
	Enabled, Launch                bool
	SAMPort, ConfigDir, Executable string // "" if not set
	Dest                           bool
	DestPort                       uint16 // 0 if not set
	DestPrivateKeyFile             string // "" if not set
}

// ClientSection is [client].
type ClientSection struct {
	IntroducerFURL secret.CapText // zero: none; see Dir.Introducers
	HelperFURL     secret.CapText // zero: none
	Shares         grid.Params
	SegmentSize    int64 // of new immutable files, in bytes
	MDMF           bool  // new mutable files are MDMF, not SDMF
	ForceFoolscap  bool
	PreferredPeers []string // no effect in 1.20
}

// ExpireMode says how leases expire.
type ExpireMode string

// The modes of expire.mode.
const (
	ExpireAge        ExpireMode = "age"
	ExpireCutoffDate ExpireMode = "cutoff-date"
)

// StorageSection is [storage] of both files.
type StorageSection struct {
	Enabled, Anonymous, ReadOnly bool
	ReservedSpace                int64 // bytes to leave free on the disk
	Dir                          string
	Discard                      bool
	Expire                       ExpireSettings
	GridManagement               bool
	ForceFoolscap                bool

	SizeLimit int64 // arm-tahoe.cfg: bytes; -1: no limit
	ScrubRate int64 // arm-tahoe.cfg: bytes per second; 0: off
}

// ExpireSettings are the expire.* of [storage].
type ExpireSettings struct {
	Enabled bool
	Mode    ExpireMode
	// OverrideLeaseSeconds is nil if leases last as long as they say.
	OverrideLeaseSeconds *int64
	CutoffDate           time.Time // zero if not set
	Immutable, Mutable   bool
}

// HelperSection is [helper].
type HelperSection struct {
	Enabled bool
}

// SFTPSection is [sftpd] of both files.
type SFTPSection struct {
	Enabled                               bool
	Port                                  Endpoint
	HostPublicKeyFile, HostPrivateKeyFile string // "" if not set
	AccountsFile                          string // "" if not set

	WriteBack bool   // arm-tahoe.cfg
	SpoolDir  string // arm-tahoe.cfg
	SpoolSize int64  // arm-tahoe.cfg: bytes
}

// WebAllow says who may use caps over the web.
type WebAllow string

// The values of [web] allow in arm-tahoe.cfg.
const (
	WebAllowPassword WebAllow = "password" // this machine, and who knows the password
	WebAllowAll      WebAllow = "all"      // everybody, as 1.20
)

// WebSection is [web] of arm-tahoe.cfg.
type WebSection struct {
	PasswordFile string // "" if not set
	Allow        WebAllow
	Hosts        []string // further names of this web server
}

// GridManagerKey is a line of [grid_managers].
type GridManagerKey struct {
	Name string // in lower case
	Key  announce.VerifyingKey
}

// CertificateFile is a line of [grid_manager_certificates].
type CertificateFile struct {
	Name string // in lower case
	Path string
}

// path makes a setting relative to the base directory absolute (node.py
// get_config_path).
func (c *Config) path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(c.BaseDir, name)
}

// PrivatePath returns the path of a file in private/.
func (c *Config) PrivatePath(name string) string {
	return filepath.Join(c.BaseDir, privateName, name)
}
