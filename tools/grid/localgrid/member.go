package localgrid

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/besn0847/arm-tahoe/common/clientnode"
	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/helper/helpernode"
	"github.com/besn0847/arm-tahoe/introducer/intronode"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpnode"
	"github.com/besn0847/arm-tahoe/storage/storagenode"
)

// member is one node of the grid.
type member struct {
	name    string
	base    string
	web     int // ports
	tub     int
	sftp    int // 0: none
	kind    nodeconf.Kind
	storage bool
	helper  bool

	stop  context.CancelFunc
	ended chan error
}

// members are the nodes in the order in which they are started.
func (o Options) members() []*member {
	all := []*member{
		{name: "introducer", kind: nodeconf.KindIntroducer},
		{name: "helper", kind: nodeconf.KindClient, helper: true},
	}
	for i := range o.Nodes {
		all = append(all, &member{name: fmt.Sprintf("node%d", i+1), kind: nodeconf.KindClient, storage: true})
	}
	for i, m := range all {
		m.base = filepath.Join(o.Dir, m.name)
		m.web, m.tub = o.BasePort+i, o.BasePort+tubOffset+i
		if m.storage {
			m.sftp = o.BasePort + sftpOffset + i
		}
	}
	return all
}

// create makes the base directory, unless it is there.
func (m *member) create(o Options, introducerFURL string) error {
	empty, err := nodeconf.IsEmpty(m.base)
	if err != nil || !empty {
		return err
	}
	params, err := o.params()
	if err != nil {
		return err
	}
	node := nodeconf.NewNode{
		Kind: m.kind, Nickname: m.name, Shares: params, NoStorage: !m.storage, RunHelper: m.helper,
		WebPort:  fmt.Sprintf("tcp:%d:interface=%s", m.web, o.Listen),
		TubPorts: []string{fmt.Sprintf("tcp:%d:interface=%s", m.tub, o.Listen)},
		TubLocations: []string{
			fmt.Sprintf("tcp:%s:%d", o.Listen, m.tub),
		},
	}
	if o.Listen == "0.0.0.0" {
		node.TubLocations = []string{"AUTO"}
	}
	if m.sftp != 0 {
		node.SFTPPort = fmt.Sprintf("tcp:%d:interface=%s", m.sftp, o.Listen)
		node.SFTPAccounts = "private/accounts"
	}
	if introducerFURL != "" && m.kind == nodeconf.KindClient {
		node.Introducer = secret.NewCapText([]byte(introducerFURL))
	}
	return nodeconf.Create(m.base, node)
}

// start runs the node and returns when it is ready. ended gets its error.
func (m *member) start(ctx context.Context, logger *slog.Logger) error {
	node, err := daemon.Open(m.base, logger.With("node", m.name))
	if err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	run := intronode.Run
	if m.kind == nodeconf.KindClient {
		run = runClient
	}
	ctx, m.stop = context.WithCancel(context.WithoutCancel(ctx))
	m.ended = make(chan error, 1)
	ready := make(chan struct{})
	node.OnReady = func() { close(ready) }
	go func() { m.ended <- node.Serve(ctx, m.name, run) }()
	select {
	case <-ready:
		return nil
	case err := <-m.ended:
		m.ended <- nil // for end
		return fmt.Errorf("%s: %w", m.name, err)
	}
}

// end stops the node, if it was started, and waits for it.
func (m *member) end() error {
	if m.stop == nil {
		return nil
	}
	m.stop()
	if err := <-m.ended; err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	return nil
}

// private reads a line of a file in private/.
func (m *member) private(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(m.base, "private", name))
	return strings.TrimSpace(string(text)), err
}

// copyAliases gives the node the aliases of another, unless it has some.
func (m *member) copyAliases(from *member) error {
	const name = "aliases"
	if _, err := m.private(name); err == nil {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(from.base, "private", name))
	if err != nil {
		return err
	}
	return nodeconf.WriteFile(filepath.Join(m.base, "private", name), text, 0o600)
}

// runClient serves everything that a client node can be.
func runClient(ctx context.Context, node *daemon.Node) error {
	return clientnode.Run(ctx, node, clientnode.Services{
		Storage: storagenode.Start, Helper: helpernode.Start, SFTP: sftpnode.Start, TubOptions: storagenode.TubOptions(),
	})
}
