// Command ocitool does for the stand-ins in tools/offline/modules what crane,
// regctl, jq and bsdtar do for rules_oci and tar.bzl: it writes layers, images
// and indexes as files, loads them into a container engine and pushes them to
// a registry. People do not call it; Bazel rules do.
//
// Everything it writes depends on its inputs alone: no clock, no host name, no
// order of a file system.
package main

import (
	"fmt"
	"os"
)

const usage = "usage: ocitool layer|image|index|load|push [flags]; called by the rules in tools/offline/modules"

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	commands := map[string]func(args []string) error{
		"layer": layerCommand,
		"image": imageCommand,
		"index": indexCommand,
		"load":  loadCommand,
		"push":  pushCommand,
	}
	command, ok := commands[os.Args[1]]
	if !ok {
		fmt.Fprintf(os.Stderr, "ocitool: no command %q\n%s\n", os.Args[1], usage)
		os.Exit(2)
	}
	if err := command(os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "ocitool %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
