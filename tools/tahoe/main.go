// Command tahoe is the command line of a grid, with the options, output and exit
// codes of Tahoe-LAFS 1.20. Called by the name grid-manager it is that program.
package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/besn0847/arm-tahoe/tools/tahoe/cli"
)

func main() {
	c := cli.Command{Name: os.Args[0], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	run := c.Tahoe
	if filepath.Base(c.Name) == "grid-manager" {
		run = c.GridManager
	}
	os.Exit(run(context.Background(), os.Args[1:]))
}
