package sftpfilter

import (
	"errors"
	"io"
	"math"

	"github.com/pkg/sftp"

	"github.com/besn0847/arm-tahoe/sftpgw/sftpfs"
)

// copyChunk is how much copy-data has in memory, in bytes.
const copyChunk = 128 << 10

// extended deals with an extended request. done is false if it is for the server.
func (f *Filter) extended(id uint32, in *fields) (done bool) {
	switch in.text(maxHandle) {
	case "fsync@openssh.com":
		f.sync(id, in)
	case "limits@openssh.com":
		f.reply(limitsPacket(id, sftpfs.HandlesPerSession))
	case "copy-data":
		f.copy(id, in)
	case "fstatvfs@openssh.com":
		return f.statvfs(id, in)
	default:
		return false
	}
	return true
}

// sync stores a file now.
func (f *Filter) sync(id uint32, in *fields) {
	file, ok := f.lookup(in.text(maxHandle)).(*sftpfs.FileHandle)
	if !ok {
		f.reply(statusPacket(id, statusFailure, "invalid handle"))
		return
	}
	f.task(func() { f.reply(resultPacket(id, file.Sync())) })
}

// statvfs asks the server for the root, if the handle is known.
func (f *Filter) statvfs(id uint32, in *fields) (done bool) {
	if f.lookup(in.text(maxHandle)) == nil {
		f.reply(statusPacket(id, statusFailure, "invalid handle"))
		return true
	}
	p := appendString(newPacket(typeExtended, id), "statvfs@openssh.com")
	f.toServer(finish(appendString(p, "/"))) // an error means that the session has ended
	return true
}

// copyRequest is a copy-data request.
type copyRequest struct {
	from, to         *sftpfs.FileHandle
	offset, toOffset int64
	length           int64 // MaxInt64: to the end of the file
}

// copy copies from one open file to another one.
func (f *Filter) copy(id uint32, in *fields) {
	request, ok := f.parseCopy(in)
	if !ok {
		f.reply(statusPacket(id, statusFailure, "copy-data goes from a file that is open to read to another one that is open to write"))
		return
	}
	request.to.Expect()
	f.task(func() {
		defer request.to.Made()
		f.reply(resultPacket(id, request.run()))
	})
}

// parseCopy reads a request. OpenSSH's server refuses to copy inside of one file,
// and so does this.
func (f *Filter) parseCopy(in *fields) (r copyRequest, ok bool) {
	from := in.text(maxHandle)
	offset, length := in.uint64(), in.uint64()
	to := in.text(maxHandle)
	toOffset := in.uint64()
	if in.broken || offset > math.MaxInt64 || length > math.MaxInt64 || toOffset > math.MaxInt64 {
		return r, false
	}
	if length == 0 {
		length = math.MaxInt64
	}
	source, isSource := f.lookup(from).(*sftpfs.FileHandle)
	target, isTarget := f.lookup(to).(*sftpfs.FileHandle)
	if !isSource || !isTarget || !source.Readable() || !target.Writable() || from == to || source.Same(target) {
		return r, false
	}
	return copyRequest{source, target, int64(offset), int64(toOffset), int64(length)}, true
}

// run copies until the length is reached, or the file ends.
func (r copyRequest) run() error {
	buffer := make([]byte, min(r.length, copyChunk))
	for r.length > 0 {
		n, err := r.from.ReadAt(buffer[:min(r.length, int64(len(buffer)))], r.offset)
		if n > 0 {
			r.to.Expect()
			if _, err := r.to.WriteAt(buffer[:n], r.toOffset); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		r.offset += int64(n)
		r.toOffset += int64(n)
		r.length -= int64(n)
	}
	return nil
}

// codes are those of package sftp, whose type has no name outside.
var codes = []struct {
	err  error
	code uint32
}{
	{sftp.ErrSSHFxNoSuchFile, statusNoSuchFile},
	{sftp.ErrSSHFxPermissionDenied, 3},
	{sftp.ErrSSHFxBadMessage, statusBadMessage},
	{sftp.ErrSSHFxOpUnsupported, statusUnsupported},
}

// resultPacket is the status of an error that sftpfs.Status made, or of nil.
func resultPacket(id uint32, err error) []byte {
	if err == nil {
		return statusPacket(id, statusOK, "")
	}
	code := uint32(statusFailure)
	for _, c := range codes {
		if errors.Is(err, c.err) {
			code = c.code
		}
	}
	return statusPacket(id, code, err.Error())
}
