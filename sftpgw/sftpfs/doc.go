// Package sftpfs gives SFTP's operations their meaning on directories of a grid:
// open files that are written piece by piece, renames and removals while they are
// open, attributes, listings.
//
// It belongs to the role sftpgw and stands between the request server of
// github.com/pkg/sftp, whose handlers it implements ([Session.Handlers]), and a
// [Tree], which it is given. It knows neither SSH nor the grid. Sources:
// Tahoe-LAFS 1.20.0 frontends/sftpd.py (SFTPUserHandler), for paths below /uri
// and for what a cap permits; OpenSSH's sftp-server.c for the status of errors
// and where 1.20 differs from what clients expect (1.20 removes directories that
// are not empty, cannot truncate, and makes up the figures of statvfs).
//
// # Open files
//
// What is written goes to a spool (package spool) that lies over the file as it
// is stored; parts that were not written are read from the grid only if they are
// asked for or stored again. Handles that write to one path share one open file,
// also over sessions, and whoever opens it to read sees what is written so far,
// as do stat and listings. Handles that were opened to read before anybody wrote
// keep what they opened.
//
// A file is stored when a handle that may have changed it is closed, or at
// fsync; close answers afterwards, with the error if there is one. While it is
// being stored it can be read but not written. If the session ends without
// closing a handle, what was not stored is dropped. Two paths to one directory,
// by two caps or links, are two files here until they are stored.
//
// # Names
//
// Names are normalized (NFC), so a decomposed name finds its entry. A path that
// begins with /uri/CAP leads to another root. "." and ".." are resolved by the
// text of the path; there are no symbolic links.
//
// # Times
//
// Listings show the time in the zone of Config.Location. Zone data are part of
// the program (time/tzdata, 384 KiB), since images have none.
package sftpfs
