// Package helpernode adds the helper service to a client node, and makes the
// directory that the alias tahoe stands for. The mains of helper, grid and tahoe
// use it.
//
// It belongs to the role helper, and stands between package helperserver, which
// can import nothing that decrypts, and package clientnode.
package helpernode

import (
	"context"

	"github.com/besn0847/arm-tahoe/common/clientnode"
	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/helperrpc"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/version"
	"github.com/besn0847/arm-tahoe/common/webapi"
	"github.com/besn0847/arm-tahoe/helper/helperserver"
)

// dirName is the helper's directory in that of the node (client.py init_helper).
const dirName = "helper"

// Start is a clientnode.Start.
func Start(ctx context.Context, n *clientnode.Node) error {
	helper, err := helperserver.New(helperserver.Config{
		Dir: n.Dir.Path(dirName), Servers: n.Grid.Servers(), Uploader: n.Grid.Uploader(), Logger: n.Log,
	})
	if err != nil {
		return err
	}
	n.Shutdown.Add(daemon.Drain, "helper", func(context.Context) error { return helper.Close() })
	if _, err := n.Tub.RegisterFile(nodeconf.HelperFURLName, helperrpc.NewService(helper, version.Application())); err != nil {
		return err
	}
	n.HelperStatus = helperserver.StatusHandler(helper)
	if n.Web != nil {
		n.Web.Stats().Produce(func(values webapi.Values) {
			if stats, err := helper.Stats(); err == nil {
				stats.Add(values)
			}
		})
	}
	return ensureRoot(ctx, n)
}
