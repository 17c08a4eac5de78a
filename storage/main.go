// Command storage is a storage node with its gateways.
package main

import (
	"context"
	"os"

	"github.com/besn0847/arm-tahoe/common/clientnode"
	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpnode"
	"github.com/besn0847/arm-tahoe/storage/storagenode"
)

func main() {
	os.Exit(daemon.Main(context.Background(), daemon.Program{
		Name:    "storage",
		Summary: "a storage node of a Tahoe-LAFS grid, with a web and an SFTP gateway.",
		Role:    daemon.Storage,
		Run:     run,
	}, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, node *daemon.Node) error {
	return clientnode.Run(ctx, node, clientnode.Services{
		Storage: storagenode.Start, SFTP: sftpnode.Start, TubOptions: storagenode.TubOptions(),
	})
}
