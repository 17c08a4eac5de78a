package sftpfs

import (
	"encoding/binary"
	"io"
	"syscall"
	"time"

	"github.com/pkg/sftp"
)

// handlers are a session as package sftp calls it.
type handlers struct{ session *Session }

func flagsOf(r *sftp.Request) openFlags {
	f := r.Pflags()
	flags := openFlags{read: f.Read, write: f.Write, appending: f.Append, create: f.Creat, truncate: f.Trunc, exclusive: f.Excl}
	// Package sftp keeps the attributes of open without the flags that say which
	// they are; the packet filter leaves nothing but the permissions.
	if len(r.Attrs) == 4 {
		mode := binary.BigEndian.Uint32(r.Attrs) & modeBits
		flags.mode = &mode
	}
	return flags
}

// open opens a file and has the request server ask for the handle from now on.
func (h handlers) open(r *sftp.Request) (*FileHandle, error) {
	file, err := h.session.openFile(r.Filepath, flagsOf(r))
	if err != nil {
		return nil, Status(err)
	}
	r.Filepath = file.path
	return file, nil
}

// Fileread opens a file to read.
func (h handlers) Fileread(r *sftp.Request) (io.ReaderAt, error) { return h.open(r) }

// Filewrite opens a file to write.
func (h handlers) Filewrite(r *sftp.Request) (io.WriterAt, error) { return h.open(r) }

// OpenFile opens a file to read and write.
func (h handlers) OpenFile(r *sftp.Request) (sftp.WriterAtReaderAt, error) { return h.open(r) }

// Filelist answers opendir, stat and readlink.
func (h handlers) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	switch r.Method {
	case "List":
		dir, err := h.session.openDir(r.Filepath)
		if err != nil {
			return nil, Status(err)
		}
		r.Filepath = dir.path
		return dir, nil
	case "Stat":
		entry, err := h.stat(r.Filepath)
		if err != nil {
			return nil, Status(err)
		}
		return one{h.session.info(entry)}, nil
	}
	return nil, Status(syscall.EOPNOTSUPP)
}

// Readlink is refused: there are no symbolic links. OpenSSH's server says so of a
// file that is none.
func (h handlers) Readlink(path string) (string, error) {
	if _, err := h.stat(path); err != nil {
		return "", Status(err)
	}
	return "", Status(syscall.EOPNOTSUPP)
}

// stat returns the entry at a path or of a handle.
func (h handlers) stat(path string) (Entry, error) {
	if file, ok := h.session.file(path); ok {
		return file.stat()
	}
	p, err := h.session.resolve(path)
	if err != nil {
		return Entry{}, err
	}
	return h.session.stat(p)
}

// LookupUserName and LookupGroupName give the account's name for listings.
func (h handlers) LookupUserName(string) string  { return h.session.user }
func (h handlers) LookupGroupName(string) string { return h.session.user }

// Filecmd carries out what opens nothing.
func (h handlers) Filecmd(r *sftp.Request) error {
	s := h.session
	switch r.Method {
	case "Setstat":
		return Status(h.setstat(r))
	case "Rename":
		return Status(s.rename(r.Filepath, r.Target, false))
	case "Remove":
		return Status(s.remove(r.Filepath))
	case "Rmdir":
		return Status(s.rmdir(r.Filepath))
	case "Mkdir":
		return Status(s.mkdir(r.Filepath))
	case "Link":
		return Status(s.link(r.Filepath, r.Target))
	}
	return Status(syscall.EOPNOTSUPP)
}

// PosixRename is rename(2).
func (h handlers) PosixRename(r *sftp.Request) error {
	return Status(h.session.rename(r.Filepath, r.Target, true))
}

// setstat changes attributes of a path or handle. Owner and group are accepted
// and ignored.
func (h handlers) setstat(r *sftp.Request) error {
	flags, attributes := r.AttrFlags(), r.Attributes()
	var size *int64
	var a Attributes
	if attributes == nil {
		return syscall.EINVAL
	}
	if flags.Size {
		value := int64(attributes.Size) // beyond 2^63 it is negative, and refused as such
		size = &value
	}
	if flags.Permissions {
		mode := attributes.Mode & modeBits
		a.Mode = &mode
	}
	if flags.Acmodtime {
		modified := time.Unix(int64(attributes.Mtime), 0)
		a.Modified = &modified
	}
	if file, ok := h.session.file(r.Filepath); ok {
		return file.setAttributes(size, a)
	}
	return h.session.setAttributes(r.Filepath, size, a)
}

// setAttributes changes attributes of the open file. Its size changes only if it
// was opened to write, as with ftruncate(2).
func (h *FileHandle) setAttributes(size *int64, a Attributes) error {
	if size != nil {
		if !h.flags.write {
			return syscall.EINVAL
		}
		if err := h.node.truncate(*size); err != nil {
			return err
		}
	}
	if a.empty() {
		return nil
	}
	ctx, cancel := h.session.operation()
	defer cancel()
	if h.node == nil {
		return h.place.tree.SetAttributes(ctx, h.place.path, a)
	}
	return h.node.setAttributes(ctx, a)
}

// blockSize is the unit of StatVFS in bytes.
const blockSize = 4096

// StatVFS returns the room of the grid. Files are not counted; there are always
// more to be had.
func (h handlers) StatVFS(r *sftp.Request) (*sftp.StatVFS, error) {
	p, err := h.session.resolve(r.Filepath)
	if err != nil {
		return nil, Status(err)
	}
	ctx, cancel := h.session.operation()
	defer cancel()
	space, err := p.tree.Space(ctx)
	if err != nil {
		return nil, Status(err)
	}
	const files = 1 << 30
	return &sftp.StatVFS{
		Bsize: blockSize, Frsize: blockSize,
		Blocks: uint64(max(0, space.Total)) / blockSize,
		Bfree:  uint64(max(0, space.Free)) / blockSize,
		Bavail: uint64(max(0, space.Free)) / blockSize,
		Files:  files, Ffree: files, Favail: files,
		Flag:    2, // ST_NOSUID
		Namemax: MaxName,
	}, nil
}
