// Command introducer is the rendez-vous of a grid.
package main

import (
	"context"
	"os"

	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/introducer/intronode"
)

func main() {
	os.Exit(daemon.Main(context.Background(), daemon.Program{
		Name:    "introducer",
		Summary: "the rendez-vous of a Tahoe-LAFS grid: relays announcements of storage nodes to clients.",
		Role:    daemon.Introducer,
		Run:     intronode.Run,
	}, os.Args[1:], os.Stdout, os.Stderr))
}
