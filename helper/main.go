// Command helper is the upload proxy of a grid.
package main

import (
	"context"
	"os"

	"github.com/besn0847/arm-tahoe/common/daemon"
)

func main() {
	os.Exit(daemon.Main(context.Background(), daemon.Program{
		Name:    "helper",
		Summary: "the upload proxy of a Tahoe-LAFS grid, with a gateway.",
		Role:    daemon.Helper,
		Missing: "help with uploads",
	}, os.Args[1:], os.Stdout, os.Stderr))
}
