// Command storage is a storage node with its gateways.
package main

import (
	"context"
	"os"

	"github.com/besn0847/arm-tahoe/common/daemon"
)

func main() {
	os.Exit(daemon.Main(context.Background(), daemon.Program{
		Name:    "storage",
		Summary: "a storage node of a Tahoe-LAFS grid, with a web and an SFTP gateway.",
		Role:    daemon.Storage,
		Missing: "store shares",
	}, os.Args[1:], os.Stdout, os.Stderr))
}
