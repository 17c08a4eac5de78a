package daemon

import (
	"strconv"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// Role is what the frame knows of a role: the node that is made for it in an
// empty directory.
type Role struct {
	Name string
	Kind nodeconf.Kind
	// Ports, 0 where the role does not listen.
	WebPort, TubPort, SFTPPort uint16
	Storage, Helper            bool // switched on in a new node
}

// The roles with their ports.
var (
	Introducer = Role{Name: "introducer", Kind: nodeconf.KindIntroducer, WebPort: 3456, TubPort: 44190}
	Helper     = Role{Name: "helper", Kind: nodeconf.KindClient, WebPort: 3457, TubPort: 8097, Helper: true}
	Storage    = Role{Name: "storage", Kind: nodeconf.KindClient, WebPort: 3458, TubPort: 8098, SFTPPort: 8022, Storage: true}
	SFTPGW     = Role{Name: "sftpgw", Kind: nodeconf.KindClient, WebPort: 3456, SFTPPort: 8022}
)

// roles are in the order of the documentation's table.
var roles = []Role{Introducer, Helper, Storage, SFTPGW}

func (r Role) isClient() bool { return r.Kind == nodeconf.KindClient }

// portText is the default of a port setting.
func portText(port uint16) string { return strconv.Itoa(int(port)) }
