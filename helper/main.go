// Command helper is the upload proxy of a grid.
package main

import (
	"context"
	"os"

	"github.com/besn0847/arm-tahoe/common/clientnode"
	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/helper/helpernode"
)

func main() {
	os.Exit(daemon.Main(context.Background(), daemon.Program{
		Name:    "helper",
		Summary: "the upload proxy of a Tahoe-LAFS grid, with a gateway.",
		Role:    daemon.Helper,
		Run:     run,
	}, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, node *daemon.Node) error {
	return clientnode.Run(ctx, node, clientnode.Services{Helper: helpernode.Start})
}
