package sftpfs

import (
	"io"
	"os"
	"time"
)

// Permissions where none were set, as OpenSSH's server makes files with the usual
// umask. 1.20 says 666 and 777.
const (
	fileMode = 0o644
	dirMode  = 0o755
	modeBits = 0o777
)

// owner is the number of user and group of all files. Clients that go by numbers
// (sshfs without idmap=user) see those of the first user of a machine.
const owner = 1000

// info is an entry as the request server wants it.
type info struct {
	entry    Entry
	location *time.Location
}

func (s *Session) info(e Entry) os.FileInfo { return info{e, s.gateway.config.Location} }

func (i info) Name() string { return i.entry.Name }
func (i info) Size() int64  { return i.entry.Size }
func (i info) IsDir() bool  { return i.entry.Kind == Dir }
func (i info) Sys() any     { return nil }
func (i info) Uid() uint32  { return owner }
func (i info) Gid() uint32  { return owner }

func (i info) ModTime() time.Time {
	if i.entry.Modified.IsZero() {
		return time.Unix(0, 0).In(i.location)
	}
	return i.entry.Modified.In(i.location)
}

// Mode never has the bits that run something as somebody else. What must not be
// written has no w, as in 1.20 (sftpd.py _populate_attrs); an entry that this
// program does not understand permits nothing.
func (i info) Mode() os.FileMode {
	mode := os.FileMode(fileMode)
	switch {
	case i.entry.Kind == Unknown:
		return 0
	case i.entry.HasMode:
		mode = os.FileMode(i.entry.Mode & modeBits)
	case i.entry.Kind == Dir:
		mode = dirMode
	}
	if i.entry.ReadOnly {
		mode &^= 0o222
	}
	if i.entry.Kind == Dir {
		mode |= os.ModeDir
	}
	return mode
}

// one is a list of one entry.
type one struct{ os.FileInfo }

func (o one) ListAt(list []os.FileInfo, offset int64) (int, error) {
	if offset > 0 || len(list) == 0 {
		return 0, io.EOF
	}
	list[0] = o.FileInfo
	return 1, io.EOF
}
