// Command tahoe is the command line of a grid, with the options, output and exit
// codes of Tahoe-LAFS 1.20. Called by the name grid-manager it is that program.
package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/besn0847/arm-tahoe/common/clientnode"
	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/helper/helpernode"
	"github.com/besn0847/arm-tahoe/introducer/intronode"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpnode"
	"github.com/besn0847/arm-tahoe/storage/storagenode"
	"github.com/besn0847/arm-tahoe/tools/tahoe/cli"
)

func main() {
	c := cli.Command{
		Name: os.Args[0], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Run: map[nodeconf.Kind]func(context.Context, *daemon.Node) error{
			nodeconf.KindIntroducer: intronode.Run,
			nodeconf.KindClient:     runClient,
		},
	}
	run := c.Tahoe
	if filepath.Base(c.Name) == "grid-manager" {
		run = c.GridManager
	}
	os.Exit(run(context.Background(), os.Args[1:]))
}

// runClient serves everything that a client node can be.
func runClient(ctx context.Context, node *daemon.Node) error {
	return clientnode.Run(ctx, node, clientnode.Services{
		Storage: storagenode.Start, Helper: helpernode.Start, SFTP: sftpnode.Start, TubOptions: storagenode.TubOptions(),
	})
}
