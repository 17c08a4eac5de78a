// Package clientnode puts a client node together: what every node has that is
// not an introducer (Tub, introducers, web server), and the services that its
// role adds. The mains of helper, storage, sftpgw and tahoe run it.
//
// It belongs to layer L4 and knows no role: a role gives it functions that start
// its services. It follows client.py (create_client_from_config, _Client) of
// Tahoe-LAFS 1.20.0.
package clientnode

import (
	"context"
	"fmt"
	"net/http"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/gridclient"
	"github.com/besn0847/arm-tahoe/common/helperclient"
	"github.com/besn0847/arm-tahoe/common/introclient"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/nodetub"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/version"
	"github.com/besn0847/arm-tahoe/common/webapi"
)

// oldestSupported is what 1.20 announces of itself (_auto_deps aside, client.py).
const oldestSupported = "1.0.0"

// Node is a client node while it starts and serves. Services add themselves when
// they are started, before anything is served.
type Node struct {
	*daemon.Node
	Tub         *nodetub.Tub
	Introducers *introclient.Client
	Web         *webapi.Server // nil: the node has no web port
	// Key is the identity of the node's announcements.
	Key announce.SigningKey
	// PreviousToken is what private/api_auth_token held when the node started,
	// zero if nothing; Token is what it holds now.
	PreviousToken, Token secret.CapText

	// Local is this node's own storage server, nil without one: shares for it do
	// not go through the network. The storage service sets it.
	Local *broker.Local
	// Grid is what gateways use: that of the web, and other services of the node.
	// It is there before any service but storage is started.
	Grid *gridclient.Client
	// Helper is the helper that files are uploaded through, nil without one.
	Helper *helperclient.Client
	// HelperStatus answers /helper_status; nil: there is no helper here.
	HelperStatus http.Handler
}

// Start starts a service of the node: it registers with the Tub, mounts pages,
// publishes what is to be announced, and adds steps to node.Shutdown. ctx ends
// when the node is told to stop.
type Start func(ctx context.Context, n *Node) error

// Services are what a role can do beyond being a client. One that tahoe.cfg asks
// for and that is nil is refused.
type Services struct {
	Storage, Helper, SFTP Start
	// TubOptions are what these services want of the Tub.
	TubOptions nodetub.Options
}

// Run serves until ctx ends or the node can no longer serve.
func Run(ctx context.Context, node *daemon.Node, services Services) error {
	starts, err := services.wanted(node.Config)
	if err != nil {
		return err
	}
	n, err := open(ctx, node, services.TubOptions)
	if err != nil {
		return err
	}
	for _, start := range starts {
		if err := start(ctx, n); err != nil {
			return err
		}
	}
	if n.Web != nil {
		n.mount()
	}
	n.serve(ctx)
	node.Ready()
	return node.Wait(ctx)
}

// wanted returns the services that the configuration asks for, storage first and
// then the grid client, which every node has.
func (s Services) wanted(config *nodeconf.Config) ([]Start, error) {
	starts := []Start{startGrid}
	for _, service := range []struct {
		enabled       bool
		start         Start
		section, what string
	}{
		{config.Storage.Enabled, s.Storage, "storage", "store shares"},
		{config.Helper.Enabled, s.Helper, "helper", "be a helper"},
		{config.SFTP.Enabled, s.SFTP, "sftpd", "serve SFTP"},
	} {
		switch {
		case !service.enabled:
		case service.start == nil:
			return nil, fmt.Errorf("[%s] enabled = true: this program cannot %s; set it to false in tahoe.cfg", service.section, service.what)
		case service.section == "storage": // the grid client wants to know of it
			starts = append([]Start{service.start}, starts...)
		default:
			starts = append(starts, service.start)
		}
	}
	return starts, nil
}

// open makes what every client node has.
func open(ctx context.Context, node *daemon.Node, tubOptions nodetub.Options) (*Node, error) {
	n := &Node{Node: node}
	if err := n.readFiles(); err != nil {
		return nil, err
	}
	var err error
	if n.Tub, err = nodetub.Open(node, tubOptions); err != nil {
		return nil, err
	}
	if n.Introducers, err = n.openIntroducers(); err != nil {
		return nil, err
	}
	n.Web, err = webapi.Open(ctx, node, "node", webapi.Link{Path: "/", Text: "Node"},
		webapi.Link{Path: "/storage", Text: "Storage"}, webapi.Link{Path: "/statistics", Text: "Statistics"})
	return n, err
}

// readFiles reads the node's key and makes the token of this run.
func (n *Node) readFiles() (err error) {
	if n.Key, err = n.Dir.NodeKey(); err != nil {
		return err
	}
	if n.PreviousToken, _, err = n.Dir.APIToken(); err != nil {
		return err
	}
	n.Token, err = n.Dir.NewAPIToken()
	return err
}

func (n *Node) openIntroducers() (*introclient.Client, error) {
	config := introclient.Config{
		Tub: n.Tub.Tub, Nickname: n.Config.Node.Nickname,
		MyVersion: version.Application(), OldestSupported: oldestSupported,
		Key: n.Key, NextSeqnum: n.Dir.NextSeqnum, Cache: n.Dir, Logger: n.Log,
	}
	introducers, err := n.Dir.Introducers(n.Config)
	if err != nil {
		return nil, err
	}
	for _, in := range introducers {
		address, err := furl.Parse(string(in.FURL.Reveal()))
		if err != nil {
			return nil, fmt.Errorf("introducer %s: the FURL %w; copy it again from private/introducer.furl of the introducer", in.Petname, err)
		}
		config.Introducers = append(config.Introducers, introclient.Introducer{Petname: in.Petname, FURL: address})
	}
	static, err := n.Dir.StaticServers()
	if err != nil {
		return nil, err
	}
	for _, s := range static {
		config.StaticServers = append(config.StaticServers, introclient.StaticServer(s))
	}
	for _, manager := range n.Config.GridManagers {
		config.GridManagers = append(config.GridManagers, manager.Key)
	}
	return introclient.New(config)
}

func (n *Node) serve(ctx context.Context) {
	n.Go(ctx, "tub", n.Tub.Serve)
	n.Go(ctx, "introducer client", n.Introducers.Run)
	n.Go(ctx, "storage servers", n.Grid.Run)
	if n.Web != nil {
		n.Go(ctx, "web server", func(context.Context) error { return n.Web.Serve() })
	}
}
