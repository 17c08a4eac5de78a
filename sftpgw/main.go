// Command sftpgw is a gateway without storage.
package main

import (
	"context"
	"os"

	"github.com/besn0847/arm-tahoe/common/clientnode"
	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpnode"
)

func main() {
	os.Exit(daemon.Main(context.Background(), daemon.Program{
		Name:    "sftpgw",
		Summary: "a gateway to a Tahoe-LAFS grid over SFTP and the web, without storage.",
		Role:    daemon.SFTPGW,
		Run:     run,
	}, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, node *daemon.Node) error {
	return clientnode.Run(ctx, node, clientnode.Services{SFTP: sftpnode.Start})
}
