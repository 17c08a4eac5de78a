// Package sftptree makes the directories and files of a grid the trees that
// package sftpfs gives to SFTP clients.
//
// It belongs to the role sftpgw and stands between sftpfs and gridclient. What is
// permitted follows Tahoe-LAFS 1.20.0, frontends/sftpd.py (_no_write,
// _populate_attrs, _attrs_to_metadata).
//
// # Attributes
//
// They are in the metadata of the entry that leads to a file or directory:
//
//	"mtime"        time of modification that a client set, whole seconds
//	"permissions"  permission bits that a client set, a number; ours
//	"no-write"     true if they let nobody write; as 1.20, but only for immutable
//	               files: Tahoe then keeps no write cap in the entry, so that
//	               making a directory read-only and writable again would lose it
//
// Without "mtime" the time is when the entry was set last. 1.20 shows that in any
// case. Storing a file removes "mtime"; a gateway of 1.20, or the web, does not.
//
// # Files
//
// New files are immutable. A mutable file stays what it is: with MDMF a change of
// a few parts rewrites their segments only, else it is replaced as a whole.
package sftptree
