package sftptree

import (
	"errors"
	"syscall"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/gridclient"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// treeError is an error of the grid with the number that sftpfs looks for.
type treeError struct {
	err   error
	errno syscall.Errno
}

func (e *treeError) Error() string   { return e.err.Error() }
func (e *treeError) Unwrap() []error { return []error{e.err, e.errno} }

// translate gives errors of the grid their number, if there is one.
func translate(err error) error {
	if err == nil {
		return nil
	}
	if errno := errnoOf(err); errno != 0 {
		return &treeError{err, errno}
	}
	return err
}

func errnoOf(err error) syscall.Errno {
	switch {
	case is[*dirformat.NotFoundError](err):
		return syscall.ENOENT
	case is[*dirnode.NotDirectoryError](err):
		return syscall.ENOTDIR
	case is[*dirformat.ExistsError](err):
		return syscall.EEXIST
	case is[*dirnode.WrongTypeError](err):
		return syscall.EISDIR
	case is[*dirformat.NameError](err):
		return syscall.EINVAL
	case is[*gridclient.ProhibitedError](err), is[*uri.ConstraintError](err),
		errors.Is(err, dirnode.ErrNotWritable), errors.Is(err, mutable.ErrNotWritable):
		return syscall.EACCES
	}
	return 0
}

func is[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}
