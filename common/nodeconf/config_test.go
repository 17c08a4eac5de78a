package nodeconf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
)

const someFURL = "pb://4vvrocf4clbseg7vgcydwhljwvrtuwxv@tcp:127.0.0.1:29999/swissnumswissnum"

func parse(t *testing.T, kind Kind, tahoe, own string) *Config {
	t.Helper()
	config, err := Parse("/base", kind, []byte(tahoe), []byte(own))
	require.NoError(t, err)
	return config
}

func TestParse_defaults(t *testing.T) {
	c := parse(t, KindClient, "", "")
	require.Equal(t, "<unspecified>", c.Node.Nickname)
	require.Nil(t, c.Node.WebPort)
	require.Equal(t, "/base/public_html", c.Node.WebStatic)
	require.Equal(t, []string{"AUTO"}, c.Node.TubLocation)
	require.Empty(t, c.Node.TubPort)
	require.False(t, c.Node.TubDisabled)
	require.True(t, c.Node.RevealIPAddress)
	require.Equal(t, "/base/tmp", c.Node.TempDir)
	require.Zero(t, c.Node.KeepaliveTimeout)
	require.Equal(t, "tcp", c.Connections.TCP)
	require.True(t, c.Tor.Enabled)
	require.True(t, c.I2P.Enabled)
	require.Equal(t, grid.DefaultParams, c.Client.Shares)
	require.Equal(t, int64(1<<20), c.Client.SegmentSize)
	require.False(t, c.Client.MDMF)
	require.True(t, c.Client.HelperFURL.IsZero())
	require.True(t, c.Storage.Enabled, "true if absent")
	require.True(t, c.Storage.Anonymous)
	require.Zero(t, c.Storage.ReservedSpace)
	require.Equal(t, "/base/storage", c.Storage.Dir)
	require.Equal(t, ExpireSettings{Mode: ExpireAge, Immutable: true, Mutable: true}, c.Storage.Expire)
	require.Equal(t, int64(-1), c.Storage.SizeLimit)
	require.Equal(t, int64(1_000_000), c.Storage.ScrubRate)
	require.False(t, c.Helper.Enabled)
	require.Equal(t, Endpoint{Kind: EndpointTCP, Port: 8022}, c.SFTP.Port)
	require.Equal(t, int64(1_000_000_000), c.SFTP.SpoolSize)
	require.Equal(t, WebAllowPassword, c.Web.Allow)
}

func TestParse_values(t *testing.T) {
	c := parse(t, KindClient, `
[node]
nickname = 50%% Ü
web.port = 3456:interface=127.0.0.1
web.static = /srv/static
tub.port = tcp:8098,listen:tor
tub.location = tcp:pi.local:8098,tor:x.onion:1
timeout.keepalive = 120
timeout.disconnect = 1800
[connections]
tcp = TOR
[tor]
onion = true
onion.local_port = 1
onion.external_port = 2
onion.private_key_file = private/onion
[client]
helper.furl = `+someFURL+`
shares.needed = 1
shares.happy = 2
shares.total = 3
mutable.format = mdmf
force_foolscap = yes
peers.preferred = a, b,
[storage]
readonly = 1
reserved_space = 10GiB
storage_dir = /mnt/disk
expire.enabled = on
expire.mode = cutoff-date
expire.cutoff_date = 2009-03-16
expire.override_lease_duration = 2 months
expire.immutable = false
grid_management = true
[helper]
enabled = true
[sftpd]
enabled = true
port = tcp:8023:interface=127.0.0.1
host_privkey_file = private/k
accounts.file = private/accounts
[grid_managers]
Ann = pub-v0-`+strings.Repeat("a", 52)+`
[grid_manager_certificates]
Ann = ann.cert
`, `
[storage]
size_limit = 5G
scrub_rate = 0
[web]
password_file = private/web.password
allow = ALL
hosts = pi.local, pi
[sftpd]
write_back = true
spool_size = 2G
`)
	require.Equal(t, "50% Ü", c.Node.Nickname)
	require.Equal(t, &Endpoint{EndpointTCP, "127.0.0.1", 3456}, c.Node.WebPort)
	require.Equal(t, "/srv/static", c.Node.WebStatic)
	require.Equal(t, []Endpoint{{Kind: EndpointTCP, Port: 8098}, {Kind: EndpointTor}}, c.Node.TubPort)
	require.Equal(t, []string{"tcp:pi.local:8098", "tor:x.onion:1"}, c.Node.TubLocation)
	require.Equal(t, 2*time.Minute, c.Node.KeepaliveTimeout)
	require.Equal(t, 30*time.Minute, c.Node.DisconnectTimeout)
	require.Equal(t, "tor", c.Connections.TCP)
	require.Equal(t, uint16(2), c.Tor.OnionExternalPort)
	require.Equal(t, someFURL, c.Client.HelperFURL.RevealString())
	require.Equal(t, grid.Params{K: 1, Happy: 2, N: 3}, c.Client.Shares)
	require.True(t, c.Client.MDMF)
	require.Equal(t, []string{"a", "b"}, c.Client.PreferredPeers)
	require.True(t, c.Storage.ReadOnly)
	require.Equal(t, int64(10<<30), c.Storage.ReservedSpace)
	require.Equal(t, "/mnt/disk", c.Storage.Dir)
	require.Equal(t, ExpireCutoffDate, c.Storage.Expire.Mode)
	require.Equal(t, int64(1237161600), c.Storage.Expire.CutoffDate.Unix())
	require.Equal(t, int64(62*24*60*60), *c.Storage.Expire.OverrideLeaseSeconds)
	require.False(t, c.Storage.Expire.Immutable)
	require.True(t, c.Storage.Expire.Mutable)
	require.Equal(t, int64(5_000_000_000), c.Storage.SizeLimit)
	require.Zero(t, c.Storage.ScrubRate)
	require.Equal(t, "/base/private/k", c.SFTP.HostPrivateKeyFile)
	require.True(t, c.SFTP.WriteBack)
	require.Len(t, c.GridManagers, 1)
	require.Equal(t, "ann", c.GridManagers[0].Name)
	require.Equal(t, []CertificateFile{{"ann", "/base/ann.cert"}}, c.Certificates)
	require.Equal(t, WebSection{"/base/private/web.password", WebAllowAll, []string{"pi.local", "pi"}}, c.Web)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		require.NotContains(t, fmt.Sprintf(verb, c), "swissnum")
	}
}

// Each refusal names the file, the line, the key, and what would be right.
func TestParse_refuses(t *testing.T) {
	for _, c := range []struct {
		name, tahoe, own, want string
	}{
		{"unknown section", "\n[nodes]\n", "", "/base/tahoe.cfg:2: unknown section [nodes]; did you mean [node]?"},
		{"unknown key", "[node]\n\nnickame = x\n", "", "/base/tahoe.cfg:3: [node] nickame: unknown key; did you mean nickname?"},
		{"key of another section", "[node]\nreserved_space = 1\n", "", "/base/tahoe.cfg:2: [node] reserved_space: unknown key; it belongs in [storage]"},
		{"our key in tahoe.cfg", "[storage]\nsize_limit = 1G\n", "", "/base/tahoe.cfg:2: [storage] size_limit: unknown key; it belongs in arm-tahoe.cfg"},
		{"Tahoe's key in ours", "", "[storage]\nreadonly = yes\n", "/base/arm-tahoe.cfg:2: [storage] readonly: unknown key; it belongs in tahoe.cfg"},
		{"unlike any", "[helper]\nfrobnicate = 1\n", "", "/base/tahoe.cfg:2: [helper] frobnicate: unknown key; the keys here are enabled"},
		{"no section", "nickname = x", "", "/base/tahoe.cfg:1: stands before the first section; begin with a section header such as [node]"},
		{"not UTF-8", "[node]\nnickname = \xff\n", "", "/base/tahoe.cfg:2: is not UTF-8; save the file as UTF-8"},
		{"boolean", "[storage]\nreadonly = perhaps\n", "", `/base/tahoe.cfg:2: [storage] readonly: "perhaps" is not a boolean: use true or false`},
		{"empty boolean", "[storage]\nreadonly =\n", "", `/base/tahoe.cfg:2: [storage] readonly: "" is not a boolean: use true or false`},
		{"size", "[storage]\nreserved_space = lots\n", "", `"lots" is not a size: use a number with K, M, G, T, P or E, as in 10G or 10GiB`},
		{"our size", "", "[storage]\nsize_limit = 5 G\n", `/base/arm-tahoe.cfg:2: [storage] size_limit: "5 G" is not a size`},
		{"duration", "[storage]\nexpire.override_lease_duration = 60\n", "", `"60" is not a duration: use a number of days, months or years, as in 60 days`},
		{"date", "[storage]\nexpire.cutoff_date = 1.2.2009\n", "", `"1.2.2009" is not a date: use YYYY-MM-DD, as in 2009-03-16`},
		{"mode missing", "[storage]\nexpire.enabled = true\n", "", "expire.enabled: is true, but expire.mode is missing; add expire.mode = age"},
		{"mode", "[storage]\nexpire.mode = old\n", "", `"old" is no mode; use age or cutoff-date`},
		{"cutoff missing", "[storage]\nexpire.mode = cutoff-date\n", "", "is cutoff-date, but expire.cutoff_date is missing"},
		{"number", "[client]\nshares.needed = three\n", "", `/base/tahoe.cfg:2: [client] shares.needed: "three" is not a whole number`},
		{"shares", "[client]\nshares.needed = 300\n", "", "300 is out of range: use a number from 1 to 256"},
		{"k above N", "[client]\nshares.needed = 11\n", "", "shares.needed: 11 is out of range; use a number from 1 to 10"},
		{"happy above N", "[client]\nshares.total = 5\n", "", "[client] shares.happy: 7 is out of range; use a number from 1 to 5"},
		{"format", "[client]\nmutable.format = LDMF\n", "", `"LDMF" is no format of mutable files; use SDMF or MDMF`},
		{"hash in a FURL", "[client]\nhelper.furl = pb://secretsecret # mine\n", "", "/base/tahoe.cfg:2: [client] helper.furl: contains a '#', which does not begin a comment behind a value; put the comment on a line of its own"},
		{"introducer None", "[client]\nintroducer.furl = None\n", "", "introducer.furl: is None; to have no introducer here, remove the line"},
		{"plugins", "[storage]\nplugins = zkap\n", "", `names the plugin "zkap", but plugins are Python programs, which this one cannot run; remove the line`},
		{"port 0", "[node]\ntub.port = tcp:0\n", "", "/base/tahoe.cfg:2: [node] tub.port: cannot be 0: you must choose"},
		{"port", "[node]\ntub.port = tcp:http\n", "", `"tcp:http" has no port from 0 to 65535`},
		{"unix socket", "[node]\nweb.port = unix:/run/web\n", "", `use tcp:PORT or tcp:PORT:interface=ADDRESS`},
		{"interface", "[node]\nweb.port = tcp:1:interface=eth0\n", "", `the interface "eth0" is not an IP address`},
		{"half disabled", "[node]\ntub.port = disabled\n", "", "tub.location: is not disabled, but tub.port is; disable both or none"},
		{"storage without Tub", "[node]\ntub.port = disabled\ntub.location = disabled\n[storage]\nenabled = true\n", "", "/base/tahoe.cfg:5: [storage] enabled: this is a storage server, but the node does not listen"},
		{"helper without Tub", "[node]\ntub.port = disabled\ntub.location = disabled\n[storage]\nenabled = false\n[helper]\nenabled = true\n", "", "this is a helper, but the node does not listen"},
		{"privacy of connections", "[node]\nreveal-IP-address = false\ntub.port = disabled\ntub.location = disabled\n[storage]\nenabled = no\n", "", "[connections] tcp: is tcp, which tells the node's address, but reveal-IP-address is false; use tor or disabled"},
		{"privacy of AUTO", "[node]\nreveal-IP-address = false\n[connections]\ntcp = tor\n", "", `tub.location: has the hint "AUTO", which tells the node's address`},
		{"connections", "[connections]\ntcp = carrier\n", "", `"carrier" is no way to reach tcp: hints; use tcp, tor or disabled`},
		{"onion", "[tor]\nonion = true\n", "", "[tor] onion: is true, but onion.local_port is missing"},
		{"grid manager", "[grid_managers]\nann = v0-x\n", "", "/base/tahoe.cfg:2: [grid_managers] ann: public key: does not begin with pub-v0-; use the pub-v0-... that grid-manager public-identity prints"},
		{"percent", "[node]\nnickname = 50%\n", "", `/base/tahoe.cfg:2: [node] nickname: a % that is followed neither by another nor by a name in parentheses; write "%%" for a percent sign`},
		{"allow", "", "[web]\nallow = none\n", `/base/arm-tahoe.cfg:2: [web] allow: "none" is not a choice; use password or all`},
		{"too large", strings.Repeat("#", MaxFileSize+1), "", "has 1048577 bytes, more than the 1048576 allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("/base", KindClient, []byte(c.tahoe), []byte(c.own))
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "secretsecret")
			var wrong *Error
			require.True(t, errors.As(err, &wrong))
		})
	}
}

func TestParse_reportsEveryError(t *testing.T) {
	_, err := Parse("/base", KindClient, []byte("[node]\nfoo=1\nweb.port=x\n[bar]\n[storage]\nreadonly=?\n"), []byte("[web]\nallow=?\n"))
	require.Len(t, strings.Split(err.Error(), "\n"), 5)
}

func TestParse_introducer(t *testing.T) {
	c := parse(t, KindIntroducer, "[node]\ntub.port = tcp:44190\ntub.location = tcp:h:44190\n", "")
	require.False(t, c.Storage.Enabled)
	for _, text := range []string{"[storage]\nenabled = false\n", "[grid_managers]\n"} {
		_, err := Parse("/base", KindIntroducer, []byte(text), nil)
		require.ErrorContains(t, err, "unknown section")
	}
	_, err := Parse("/base", KindIntroducer, []byte("[client]\n"), nil)
	require.ErrorContains(t, err, "this section is for tahoe.cfg of a node that is not an introducer; remove it")
	_, err = Parse("/base", KindIntroducer, []byte("[node]\ntub.port=disabled\ntub.location=disabled\n"), nil)
	require.ErrorContains(t, err, "this is an introducer, but the node does not listen")
}

func TestParse_explodingReferences(t *testing.T) {
	var text strings.Builder
	text.WriteString("[grid_managers]\n")
	for i := range 9 {
		fmt.Fprintf(&text, "k%d = %s\n", i, strings.Repeat(fmt.Sprintf("%%(k%d)s", i+1), 1000))
	}
	text.WriteString("k9 =\n")
	_, err := Parse("/base", KindClient, []byte(text.String()), nil)
	require.ErrorContains(t, err, "references")
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(filepath.Join(dir, "nothing"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Load(dir)
	require.ErrorIs(t, err, ErrNoNode)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tahoe-client.tac"), nil, 0o600))
	c, err := Load(dir)
	require.NoError(t, err, "a missing tahoe.cfg is an empty one")
	require.Equal(t, KindClient, c.Kind)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "no_storage"), nil, 0o600))
	_, err = Load(dir)
	require.ErrorContains(t, err, "is a configuration file from before Tahoe-LAFS 1.3")
}
