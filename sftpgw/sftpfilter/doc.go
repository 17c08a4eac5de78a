// Package sftpfilter stands between an SSH channel and the request server of
// github.com/pkg/sftp (1.13.12) and does what that server does not.
//
// It belongs to the role sftpgw. It sees all packets, knows which of the handles
// that the server gave out are which files, and
//
//   - answers fsync@openssh.com (store the file now), limits@openssh.com and
//     copy-data, and turns fstatvfs@openssh.com into statvfs@openssh.com of the
//     root, which is the same grid; the version packet names them all;
//   - has a file stored, when the client closes it, while the server goes on with
//     other requests, and passes the close on afterwards: the server carries out
//     one request after the other, but for reads and writes, and a large file
//     takes its time;
//   - refuses reads and writes with handles that are not for them (the server
//     writes zeros where a client reads from a handle opened to write), handles
//     that nobody gave out, and packets of unknown types (the server ends the
//     session);
//   - leaves of the attributes of open no more than the permissions, as the server
//     forgets which attributes they are.
//
// Packets are read and passed on one at a time, so a session holds one packet
// here in each direction, plus one goroutine for each file that is being stored,
// copied or synced, of which there are at most MaxTasks; the next one waits, and
// with it the client.
//
// Formats: draft-ietf-secsh-filexfer-02; the file PROTOCOL of OpenSSH 9.x, section
// 4; draft-ietf-secsh-filexfer-extensions-00 section 7 (copy-data).
//
//	uint32 length of what follows
//	byte   type
//	uint32 id                      (not in version packets)
//	...    strings have a uint32 length in front
package sftpfilter
