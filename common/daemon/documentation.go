package daemon

import (
	"fmt"
	"strings"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

const documentationStart = `# Configuration

This page is made from the code: ` + "`go test ./tools/lint -update`" + ` writes it.

## Flags and variables of introducer, helper, storage and sftpgw

A flag comes before its variable, that before the default; an empty variable is as
if not set. They shape a node that is made in an empty base directory (a
lost+found does not count). On an existing node its files win, and a flag or
variable that differs from them is refused with a sentence. Every role also has
--version, --help and the subcommand healthcheck, which asks the running node over
its web port and is for containers.

`

const documentationFiles = `
Exit codes: 0 done, 1 something failed (standard error says what), 2 the command
line was not understood. SIGTERM and SIGINT end a node within five seconds: it
stops accepting, lets running requests end, syncs, closes. A second signal ends it
at once. ` + "`tahoe`" + ` and ` + "`grid-manager`" + ` have the exit codes of Tahoe-LAFS.

## tahoe.cfg

The node reads it when it starts and never writes it. Sections, keys and dialect
are those of Tahoe-LAFS 1.20 (Python's ConfigParser): "key = value" or "key: value";
comments are lines that begin with # or ;, never behind a value; indented lines
continue a value; of equal keys the later wins; a percent sign is written %%.
Unknown sections and keys are refused, with file, line and the nearest name.

Booleans are true, yes, on, 1 and false, no, off, 0. Sizes are bytes with K, M, G,
T, P or E (1000), Ki and so on (1024). Durations are days, months of 31 days or
years of 365 days. Dates are YYYY-MM-DD, in UTC. Paths start at the base directory.
An endpoint is tcp:PORT or tcp:PORT:interface=ADDRESS. Introducers have the sections
node, connections, tor and i2p only.

`

const documentationFree = `
[grid_managers] has lines NAME = pub-v0-..., the keys of grid managers that this
client trusts; [grid_manager_certificates] has lines NAME = FILE, the certificates
that this storage server announces.

## arm-tahoe.cfg

Settings that Tahoe-LAFS does not know, in a file of their own beside tahoe.cfg, so
that Python's node can take the directory back. The dialect is the same. The file
may be missing.

`

const documentationDir = `
## The base directory

Names, contents and modes are Tahoe-LAFS's, but that files in private/ are readable
by their owner only even without the directory's mode.

| file | what it is |
| --- | --- |
| tahoe.cfg, arm-tahoe.cfg | the configuration |
| tahoe-client.tac, tahoe-introducer.tac | the name tells the kind of node |
| running.process | process id and start time of the process that holds the directory; a second one is refused |
| client.port | the Tub's port if tahoe.cfg has none |
| my_nodeid, node.pubkey, node.url | TubID, public key, web address |
| announcement-seqnum, permutation-seed | what the node has announced, and where it stands among servers |
| access.blacklist | lines "STORAGEINDEX reason": what this gateway must not open; read again when it changes |
| storage/ | shares |
| private/node.pem | certificate and key of the Tub, made at the first start |
| private/node.privkey, private/secret, private/convergence | the node's secrets, made at the first start |
| private/introducer.furl, private/storage.furl, private/helper.furl | FURLs of the node's own services; an existing file keeps the FURL |
| private/introducers.yaml, private/servers.yaml | introducers and servers to use |
| private/introducer_NAME_cache.yaml | what that introducer has announced |
| private/api_auth_token | new at each start |
| private/aliases | names of directories |
`

// Documentation returns docs/configuration.md.
func Documentation() string {
	var b strings.Builder
	b.WriteString(documentationStart)
	b.WriteString("| flag | variable | meaning | " + roleNames() + " |\n| --- | --- | --- |" + strings.Repeat(" --- |", len(roles)) + "\n")
	for _, s := range settings {
		fmt.Fprintf(&b, "| `--%s` | `%s` | %s |", s.flag, s.env, s.about)
		for _, r := range roles {
			if s.has(r) {
				fmt.Fprintf(&b, " %s |", s.shownDefault(r))
			} else {
				b.WriteString(" |")
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\nThe columns of the roles hold the defaults; where one is empty, the role does not\nhave the flag.\n")
	b.WriteString(documentationFiles)
	writeKeys(&b, nodeconf.Keys())
	b.WriteString(documentationFree)
	writeKeys(&b, nodeconf.OwnKeys())
	b.WriteString(documentationDir)
	return b.String()
}

func roleNames() string {
	var names []string
	for _, r := range roles {
		names = append(names, r.Name)
	}
	return strings.Join(names, " | ")
}

func writeKeys(b *strings.Builder, keys []nodeconf.Key) {
	b.WriteString("| section | key | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, k := range keys {
		fmt.Fprintf(b, "| %s | `%s` | %s | %s |\n", k.Section, k.Name, strings.ReplaceAll(k.Default, "<", "&lt;"), k.About)
	}
}
