// Package sftpserver is the SSH server of the gateway: it lets users in and gives
// them SFTP, and nothing else.
//
// It belongs to the role sftpgw. golang.org/x/crypto/ssh speaks SSH, package
// accounts knows users, package sftpfs is what they see, and github.com/pkg/sftp
// with package sftpfilter in front of it speaks SFTP. Of SSH's other services a
// request for a shell or a program gets a sentence and exit status 1; forwarding
// is refused.
//
// Tahoe-LAFS 1.20.0 (frontends/sftpd.py) leaves the channel open when the client
// has sent its end of file, so that OpenSSH's sftp never exits. Here the channel
// is closed then.
//
// # What a connection may take
//
// x/crypto/ssh holds up to 2 MiB of a channel that was received and not yet read,
// 64 packets of 32 KiB. The request server holds about 30 packets, each as large
// as the client makes them, up to 256 KiB: it is slow clients with large requests
// that are expensive. A client that stops reading stops its own requests, and
// holds what has been received by then. Limits bounds sessions and connections.
package sftpserver
