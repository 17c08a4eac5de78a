// Command sftpgw is a gateway without storage.
package main

import (
	"context"
	"os"

	"github.com/besn0847/arm-tahoe/common/daemon"
)

func main() {
	os.Exit(daemon.Main(context.Background(), daemon.Program{
		Name:    "sftpgw",
		Summary: "a gateway to a Tahoe-LAFS grid over SFTP and the web, without storage.",
		Role:    daemon.SFTPGW,
		Missing: "serve files",
	}, os.Args[1:], os.Stdout, os.Stderr))
}
