// Command grid runs a whole grid on this machine: introducer, helper and storage
// nodes in one process.
package main

import (
	"context"
	"os"

	"github.com/besn0847/arm-tahoe/tools/grid/localgrid"
)

func main() {
	os.Exit(localgrid.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
