// Package sftpnode adds the SFTP server to a client node. The mains of sftpgw,
// storage and tahoe use it.
//
// It belongs to the role sftpgw and stands between package sftpserver, which knows
// no configuration, and package clientnode. It does what client.py init_sftp_server
// of Tahoe-LAFS 1.20.0 does. Accounts are in private/ftp.accounts and in the file
// of accounts.file, or in private/accounts if that is not set.
package sftpnode

import (
	"context"
	"fmt"
	"net"

	"github.com/besn0847/arm-tahoe/common/clientnode"
	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/sftpgw/accounts"
	"github.com/besn0847/arm-tahoe/sftpgw/hostkey"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfs"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpserver"
	"github.com/besn0847/arm-tahoe/sftpgw/sftptree"
)

// Start is a clientnode.Start.
func Start(ctx context.Context, n *clientnode.Node) error {
	config := n.Config.SFTP
	if config.WriteBack {
		return fmt.Errorf("[sftpd] write_back = true: this version cannot do that yet; set it to false in arm-tahoe.cfg")
	}
	if config.Port.Kind != nodeconf.EndpointTCP {
		return fmt.Errorf("[sftpd] port = %s: SFTP is served on TCP ports only", config.Port)
	}
	keys, err := hostkey.Open(hostkey.Config{
		PrivateFile: config.HostPrivateKeyFile, PublicFile: config.HostPublicKeyFile, Private: n.Dir.Private,
	})
	if err != nil {
		return err
	}
	files := sftpfs.New(sftpfs.Config{
		Roots: sftptree.New(n.Grid, n.Config.Client.Shares), SpoolDir: n.Config.Node.TempDir, Log: n.Log,
	})
	server := sftpserver.New(sftpserver.Config{
		HostKeys: keys, Accounts: accounts.Open(n.Log, accountFiles(n)...), Files: files, Log: n.Log,
	})
	listener, err := net.Listen(config.Port.Network(), config.Port.Address())
	if err != nil {
		return fmt.Errorf("[sftpd] port: %w", err)
	}
	addSteps(n.Shutdown, server, files)
	n.Log.Info("SFTP server", "address", listener.Addr().String())
	n.Go(ctx, "SFTP server", func(context.Context) error { return server.Serve(listener) })
	return nil
}

// addSteps has sessions end before the grid client does, which was opened before.
func addSteps(shutdown *daemon.Shutdown, server *sftpserver.Server, files *sftpfs.Gateway) {
	shutdown.Add(daemon.StopAccepting, "SFTP server", server.StopAccepting)
	shutdown.Add(daemon.Drain, "SFTP server", server.Drain)
	shutdown.Add(daemon.Close, "SFTP server", func(ctx context.Context) error {
		files.Close()
		return server.Close(ctx)
	})
}

// accountFiles returns where accounts may be.
func accountFiles(n *clientnode.Node) []string {
	own := n.Config.SFTP.AccountsFile
	if own == "" {
		own = n.Dir.Private("accounts")
	}
	files := []string{n.Dir.Private("ftp.accounts")}
	if own != files[0] {
		files = append(files, own)
	}
	return files
}
