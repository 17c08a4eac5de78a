package sftptree

import (
	"strconv"
	"time"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfs"
)

// Keys of metadata.
const (
	mtimeKey   = "mtime"
	modeKey    = "permissions"
	noWriteKey = "no-write"
)

// ownerWrite is the permission without which nobody is taken to write.
const ownerWrite = 0o200

// withAttributes returns metadata with attributes set. noWrite says that no-write
// is to follow the permissions.
func withAttributes(m dirformat.Metadata, a sftpfs.Attributes, noWrite bool) dirformat.Metadata {
	if a.Modified != nil {
		m = m.With(mtimeKey, strconv.AppendInt(nil, a.Modified.Unix(), 10))
	}
	if a.Mode == nil {
		return m
	}
	m = m.With(modeKey, strconv.AppendUint(nil, uint64(*a.Mode), 10))
	if noWrite && *a.Mode&ownerWrite == 0 {
		return m.With(noWriteKey, []byte("true"))
	}
	return m.Without(noWriteKey)
}

// readAttributes fills an entry with what its metadata say.
func readAttributes(e *sftpfs.Entry, m dirformat.Metadata) {
	if _, linked := m.LinkTimes(); linked.OK {
		e.Modified = linked.Time()
	}
	if value, ok := m.Get(mtimeKey); ok {
		if seconds, err := strconv.ParseFloat(string(value), 64); err == nil && seconds > -1<<40 && seconds < 1<<40 {
			e.Modified = time.Unix(int64(seconds), 0)
		}
	}
	if value, ok := m.Get(modeKey); ok {
		if mode, err := strconv.ParseUint(string(value), 10, 32); err == nil {
			e.Mode, e.HasMode = uint32(mode), true
		}
	}
}
