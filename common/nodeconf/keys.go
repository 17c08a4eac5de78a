package nodeconf

import (
	"fmt"
	"slices"
	"strings"
)

// Names of the two configuration files in a base directory.
const (
	ConfigName    = "tahoe.cfg"
	OwnConfigName = "arm-tahoe.cfg"
)

// Key describes a setting.
type Key struct {
	Section, Name string
	Default       string // "" if there is none
	About         string // with unit and choices
}

// Keys returns the settings of tahoe.cfg that Tahoe-LAFS 1.20 knows, in sections
// and in the spelling of its documentation (node.py _common_valid_config,
// client.py _client_config).
func Keys() []Key { return slices.Clone(tahoeKeys) }

// OwnKeys returns the settings of arm-tahoe.cfg.
func OwnKeys() []Key { return slices.Clone(ownKeys) }

var tahoeKeys = []Key{
	{"node", "nickname", "<unspecified>", "name that others are shown"},
	{"node", "web.port", "", "endpoint of the web server, as tcp:3456:interface=127.0.0.1; none if empty"},
	{"node", "web.static", "public_html", "directory whose files are served below /static"},
	{"node", "tub.port", "", "endpoints to listen on, separated by commas, or disabled; if absent, a port is chosen once and kept in client.port"},
	{"node", "tub.location", "AUTO", "connection hints for others, separated by commas; AUTO stands for all local addresses; disabled if tub.port is"},
	{"node", "reveal-IP-address", "true", "false refuses every setting that would tell the address"},
	{"node", "tempdir", "tmp", "directory for temporary files"},
	{"node", "timeout.keepalive", "", "seconds of silence after which a connection is tried"},
	{"node", "timeout.disconnect", "", "seconds of silence after which a connection is given up"},
	{"node", "log_gatherer.furl", "", "not used by this program"},
	{"connections", "tcp", "tcp", "how tcp: hints are reached: tcp, tor or disabled"},
	{"tor", "enabled", "true", "use Tor for tor: hints"},
	{"tor", "launch", "false", "start a Tor of the node's own"},
	{"tor", "socks.port", "", "where Tor's SOCKS proxy listens"},
	{"tor", "control.port", "", "where Tor's control port listens"},
	{"tor", "tor.executable", "", "program to start"},
	{"tor", "onion", "false", "listen as an onion service"},
	{"tor", "onion.local_port", "", "port of this machine that the onion service leads to"},
	{"tor", "onion.external_port", "", "port of the onion service"},
	{"tor", "onion.private_key_file", "", "file with the onion service's key"},
	{"i2p", "enabled", "true", "use I2P for i2p: hints"},
	{"i2p", "launch", "false", "start an I2P router of the node's own"},
	{"i2p", "sam.port", "", "where the router's SAM port listens"},
	{"i2p", "i2p.configdir", "", "configuration directory of the router"},
	{"i2p", "i2p.executable", "", "program to start"},
	{"i2p", "dest", "false", "listen as an I2P destination"},
	{"i2p", "dest.port", "", "port of the destination"},
	{"i2p", "dest.private_key_file", "", "file with the destination's key"},
	{"client", "introducer.furl", "", "introducer named default; private/introducers.yaml is the place for it today"},
	{"client", "helper.furl", "", "helper to upload through"},
	{"client", "shares.needed", "3", "shares that suffice to read a file, from 1 to 256"},
	{"client", "shares.happy", "7", "servers of happiness that an upload must reach"},
	{"client", "shares.total", "10", "shares made of a file, up to 256"},
	{"client", "mutable.format", "SDMF", "format of new mutable files: SDMF or MDMF"},
	{"client", "force_foolscap", "false", "do not speak HTTPS with storage servers"},
	{"client", "peers.preferred", "", "servers to ask first; no effect in 1.20"},
	{"client", "storage.plugins", "", "storage plugins; none exist for this program"},
	{"client", "key_generator.furl", "", "ignored"},
	{"client", "shares._max_immutable_segment_size_for_testing", "1048576", "segment size of new immutable files in bytes"},
	{"storage", "enabled", "true", "be a storage server"},
	{"storage", "anonymous", "true", "serve everybody who knows the storage FURL"},
	{"storage", "readonly", "false", "accept no new shares"},
	{"storage", "reserved_space", "0", "bytes of the disk to leave free"},
	{"storage", "storage_dir", "storage", "directory for shares"},
	{"storage", "debug_discard", "false", "throw new shares away"},
	{"storage", "expire.enabled", "false", "remove shares without a valid lease"},
	{"storage", "expire.mode", "age", "age or cutoff-date; required if expire.enabled"},
	{"storage", "expire.override_lease_duration", "", "duration of leases instead of the one they carry, as in 60 days"},
	{"storage", "expire.cutoff_date", "", "leases renewed before this day are expired, YYYY-MM-DD"},
	{"storage", "expire.immutable", "true", "expire immutable shares"},
	{"storage", "expire.mutable", "true", "expire mutable shares"},
	{"storage", "plugins", "", "storage plugins; none exist for this program"},
	{"storage", "grid_management", "false", "announce the certificates of [grid_manager_certificates]"},
	{"storage", "force_foolscap", "false", "do not serve HTTPS"},
	{"helper", "enabled", "false", "be a helper"},
	{"sftpd", "enabled", "false", "serve SFTP"},
	{"sftpd", "port", "tcp:8022", "endpoint of the SFTP server"},
	{"sftpd", "host_pubkey_file", "", "file with the SSH host's public key"},
	{"sftpd", "host_privkey_file", "", "file with the SSH host's private key"},
	{"sftpd", "accounts.file", "", "file with the accounts"},
}

var ownKeys = []Key{
	{"storage", "size_limit", "", "bytes that shares may take on the disk in all; no limit if absent"},
	{"storage", "scrub_rate", "1M", "bytes of shares re-read in a second at most; 0 switches scrubbing off"},
	{"web", "password_file", "", "file with the hashed web password, which opens caps and changes to other machines"},
	{"web", "allow", "password", "who may use caps over the web: password (this machine, and who knows the password) or all"},
	{"web", "hosts", "", "further names under which browsers reach the web server, separated by commas"},
	{"sftpd", "write_back", "false", "close answers once the file is in the spool on disk; the upload follows"},
	{"sftpd", "spool_dir", "spool", "directory of the spool"},
	{"sftpd", "spool_size", "1G", "bytes that the spool may take"},
}

// Sections that take any key (client.py _is_valid_section).
const (
	gridManagersSection = "grid_managers"
	certificatesSection = "grid_manager_certificates"
)

func isFreeSection(name string) bool {
	return name == gridManagersSection || name == certificatesSection ||
		strings.HasPrefix(name, "storageserver.plugins.") || strings.HasPrefix(name, "storageclient.plugins.")
}

// commonSections are those that an introducer has too.
var commonSections = []string{"node", "connections", "tor", "i2p"}

// schema is what one file may contain.
type schema struct {
	keys []Key
	free func(section string) bool
}

func tahoeSchema(kind Kind) schema {
	if kind != KindIntroducer {
		return schema{tahoeKeys, isFreeSection}
	}
	keys := slices.DeleteFunc(slices.Clone(tahoeKeys), func(k Key) bool { return !slices.Contains(commonSections, k.Section) })
	return schema{keys, func(string) bool { return false }}
}

func ownSchema() schema { return schema{ownKeys, func(string) bool { return false }} }

// check refuses the sections and keys that the schema does not have, all at once.
func (s schema) check(f *File) (errs []error) {
	for _, name := range f.Sections() {
		switch {
		case s.free(name):
		case !s.hasSection(name):
			errs = append(errs, &Error{File: f.name, Line: f.section(name).line, Reason: fmt.Sprintf("unknown section [%s]", name),
				Advice: s.sectionAdvice(name)})
		default:
			errs = append(errs, s.checkKeys(f, name)...)
		}
	}
	return errs
}

func (s schema) checkKeys(f *File, sectionName string) (errs []error) {
	for _, key := range f.Keys(sectionName) {
		if !s.hasKey(sectionName, key) {
			errs = append(errs, &Error{File: f.name, Line: f.Line(sectionName, key), Section: sectionName, Key: key,
				Reason: "unknown key", Advice: s.keyAdvice(sectionName, key)})
		}
	}
	return errs
}

func (s schema) hasSection(name string) bool {
	return slices.ContainsFunc(s.keys, func(k Key) bool { return k.Section == name })
}

func (s schema) hasKey(sectionName, key string) bool { return hasKey(s.keys, sectionName, key) }

func hasKey(keys []Key, sectionName, key string) bool {
	return slices.ContainsFunc(keys, func(k Key) bool { return k.Section == sectionName && strings.ToLower(k.Name) == key })
}

func (s schema) sectionAdvice(name string) string {
	if slices.ContainsFunc(tahoeKeys, func(k Key) bool { return k.Section == name }) && !s.hasSection(name) {
		return "this section is for tahoe.cfg of a node that is not an introducer; remove it"
	}
	var names []string
	for _, k := range s.keys {
		if !slices.Contains(names, k.Section) {
			names = append(names, k.Section)
		}
	}
	if near := nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean [%s]?", near)
	}
	return "the sections are " + strings.Join(names, ", ")
}

func (s schema) keyAdvice(sectionName, key string) string {
	var names []string
	for _, k := range s.keys {
		if k.Section == sectionName {
			names = append(names, k.Name)
		} else if strings.ToLower(k.Name) == key {
			return fmt.Sprintf("it belongs in [%s]", k.Section)
		}
	}
	switch near := nearest(key, names); {
	case hasKey(ownKeys, sectionName, key):
		return "it belongs in " + OwnConfigName
	case hasKey(tahoeKeys, sectionName, key):
		return "it belongs in " + ConfigName
	case near != "":
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "the keys here are " + strings.Join(names, ", ")
}

// nearest returns the name that differs least, "" if all differ by more than a
// third of their characters.
func nearest(name string, names []string) string {
	best, bestDistance := "", 0
	for _, candidate := range names {
		d := distance(strings.ToLower(name), strings.ToLower(candidate))
		if d <= max(2, len(candidate)/3) && (best == "" || d < bestDistance) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the number of characters to insert, remove or change (Levenshtein).
// Names from a file are cut, since the work grows with the product of lengths.
func distance(a, b string) int {
	a = a[:min(len(a), 100)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
