package clientnode

import (
	"context"
	"fmt"
	"os"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/gridclient"
	"github.com/besn0847/arm-tahoe/common/helperclient"
	"github.com/besn0847/arm-tahoe/common/introclient"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/nodetub"
	"github.com/besn0847/arm-tahoe/common/storagehttp"
	"github.com/besn0847/arm-tahoe/common/storagerpc"
	"github.com/besn0847/arm-tahoe/common/webfiles"
)

// startGrid makes the grid client of the node, and its gateway if it has a web
// server (client.py init_client, init_web).
func startGrid(_ context.Context, n *Node) error {
	config, err := n.gridConfig()
	if err != nil {
		return err
	}
	if n.Grid, err = gridclient.New(config); err != nil {
		return err
	}
	n.Shutdown.Add(daemon.Close, "grid client", func(context.Context) error {
		n.Grid.Close()
		return nil
	})
	if n.Web != nil {
		webfiles.New(webfiles.Config{
			Files: n.Grid, Directories: n.Grid, MutableLayout: n.Grid.MutableLayout(),
			Layout: n.Web.Layout(), Log: n.Log,
		}).Mount(n.Web)
		n.Web.Stats().ProduceCounters(n.Grid.Counters)
	}
	return nil
}

// gridConfig is what the configuration and the private files say of the grid.
func (n *Node) gridConfig() (gridclient.Config, error) {
	client := n.Config.Client
	config := gridclient.Config{
		Params: client.Shares, SegmentSize: client.SegmentSize, MDMF: client.MDMF,
		TempDir: n.Config.Node.TempDir, Blacklist: n.Dir.Blacklist().Check,
		KeyPool: mutable.DefaultPoolSize, Log: n.Log,
	}
	if err := os.MkdirAll(config.TempDir, 0o700); err != nil {
		return config, err
	}
	var err error
	if config.Convergence, err = n.Dir.ConvergenceSecret(); err != nil {
		return config, err
	}
	if config.Lease, err = n.Dir.LeaseSecret(); err != nil {
		return config, err
	}
	if config.Broker, err = n.brokerConfig(); err != nil {
		return config, err
	}
	return config, n.connectHelper(&config)
}

// connectHelper has immutable files uploaded through the helper of tahoe.cfg.
func (n *Node) connectHelper(config *gridclient.Config) error {
	text := n.Config.Client.HelperFURL
	if text.IsZero() {
		return nil
	}
	address, err := furl.Parse(text.RevealString())
	if err != nil {
		return fmt.Errorf("[client]helper.furl: the FURL %w; copy it again from private/helper.furl of the helper", err)
	}
	n.Helper = helperclient.New(helperclient.Config{Tub: n.Tub.Tub, FURL: address, Logger: n.Log})
	config.Helper = n.Helper
	n.Shutdown.Add(daemon.Drain, "helper client", func(context.Context) error {
		n.Helper.Close()
		return nil
	})
	return nil
}

func (n *Node) brokerConfig() (broker.Config, error) {
	dialers, err := nodetub.Dialers(n.Config)
	if err != nil {
		return broker.Config{}, err
	}
	return broker.Config{
		Source: announced{n.Introducers}, Local: n.Local,
		HTTPS:    storagehttp.ClientOptions{Dial: nodetub.DialContext(dialers)},
		Foolscap: n.dialFoolscap, ForceFoolscap: n.Config.Client.ForceFoolscap,
		Preferred: n.Config.Client.PreferredPeers, Logger: n.Log,
	}, nil
}

// dialFoolscap connects to the storage server with a FURL.
func (n *Node) dialFoolscap(ctx context.Context, text string) (*broker.Connection, error) {
	address, err := furl.Parse(text)
	if err != nil {
		return nil, err
	}
	ref, err := n.Tub.GetReference(ctx, address)
	if err != nil {
		return nil, err
	}
	client, err := storagerpc.NewClient(ref)
	if err != nil {
		ref.Release()
		return nil, err
	}
	where := ref.Hint()
	if where == "" && ref.RemoteAddr() != nil {
		where = "tcp:" + ref.RemoteAddr().String()
	}
	return &broker.Connection{Storage: client, Lost: ref.Done(), Address: where, Close: ref.Release}, nil
}

// announced are the storage servers that introducers and servers.yaml know.
type announced struct{ *introclient.Client }

// Servers implements broker.Source. Of servers with the same id the first counts.
func (a announced) Servers() []broker.Announced {
	var servers []broker.Announced
	for _, one := range a.Client.Servers() {
		if one.Service != "storage" {
			continue
		}
		servers = append(servers, broker.Announced{
			Announcement: one.Announcement, Fields: one.Fields, UploadPermitted: one.UploadPermitted,
		})
	}
	return servers
}
