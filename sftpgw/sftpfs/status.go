package sftpfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/pkg/sftp"
)

// Error says that there is no such file.
func (*MissingError) Error() string { return "no such file or directory" }

// Unwrap returns ENOENT.
func (*MissingError) Unwrap() error { return syscall.ENOENT }

// maxMessage bounds the text of a status in bytes.
const maxMessage = 256

// statusError is an error as a client gets it: package sftp finds the code by
// errors.As.
type statusError struct {
	code    error // one of sftp.ErrSSHFx...
	message string
}

func (e *statusError) Error() string { return e.message }
func (e *statusError) Unwrap() error { return e.code }

// statuses are the codes of errors, those of errno_to_portable of OpenSSH's
// sftp-server.c. Whatever is not here is a failure.
var statuses = []struct {
	errno syscall.Errno
	code  error
}{
	{syscall.ENOENT, sftp.ErrSSHFxNoSuchFile},
	{syscall.ENOTDIR, sftp.ErrSSHFxNoSuchFile},
	{syscall.EBADF, sftp.ErrSSHFxNoSuchFile},
	{syscall.EPERM, sftp.ErrSSHFxPermissionDenied},
	{syscall.EACCES, sftp.ErrSSHFxPermissionDenied},
	{syscall.ENAMETOOLONG, sftp.ErrSSHFxBadMessage},
	{syscall.EINVAL, sftp.ErrSSHFxBadMessage},
	{syscall.EOPNOTSUPP, sftp.ErrSSHFxOpUnsupported},
	{syscall.ENOSYS, sftp.ErrSSHFxOpUnsupported},
}

// Status returns an error as a client gets it, nil for nil. io.EOF stays io.EOF.
func Status(err error) error {
	var already *statusError
	if err == nil || err == io.EOF || errors.As(err, &already) {
		return err
	}
	return &statusError{code(err), message(err)}
}

func code(err error) error {
	for _, s := range statuses {
		if errors.Is(err, s.errno) {
			return s.code
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return sftp.ErrSSHFxNoSuchFile
	case errors.Is(err, fs.ErrPermission):
		return sftp.ErrSSHFxPermissionDenied
	}
	return sftp.ErrSSHFxFailure
}

func message(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "the gateway is shutting down"
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	}
	text := err.Error()
	return strings.ToValidUTF8(text[:min(len(text), maxMessage)], "?")
}
