package mutable

import (
	"errors"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// ErrNotWritable says that the cap of a file does not permit writing
// (NotWriteableError).
var ErrNotWritable = errors.New("mutable file is read-only with this cap")

// An UnrecoverableError says that no version of a file can be read: too few
// servers that are connected hold valid shares of it (UnrecoverableFileError).
type UnrecoverableError struct {
	// Found counts the different shares of the version that has most of them,
	// Needed how many it takes; 0 if there is no valid share at all.
	Found, Needed int
	// Asked and Failed count servers: those that were asked, and those of them
	// that did not answer.
	Asked, Failed int
	// Corrupt counts the shares that failed a check.
	Corrupt int
}

// Error counts shares and servers.
func (e *UnrecoverableError) Error() string {
	if e.Found == 0 {
		return fmt.Sprintf("no recoverable version of the mutable file: no valid share on %d servers (%d of them did not answer, %d corrupt shares)",
			e.Asked, e.Failed, e.Corrupt)
	}
	return fmt.Sprintf("no recoverable version of the mutable file: %d of the %d shares it takes are on %d servers (%d of them did not answer, %d corrupt shares)",
		e.Found, e.Needed, e.Asked, e.Failed, e.Corrupt)
}

// An UncoordinatedWriteError says that others kept writing the file at the same
// time, and none of several attempts got through (UncoordinatedWriteError). What
// was to be written may be part of a version or not; read again.
type UncoordinatedWriteError struct {
	// Attempts counts them.
	Attempts int
}

// Error counts the attempts.
func (e *UncoordinatedWriteError) Error() string {
	return fmt.Sprintf("the mutable file was changed by others each time in %d attempts to write it; try again", e.Attempts)
}

// A NoMajorityError says that too few of the servers that hold the file can be
// reached to publish anything. 1.20 has no such condition.
type NoMajorityError struct {
	// Servers of AllServers that hold shares, or may hold some, can be reached.
	Servers, AllServers int
	// Shares counts the different shares on those servers. NeededShares of
	// them are needed, on more than half of the servers.
	Shares, NeededShares int
	// Unknown says that the connection was lost in the middle of a publish: the
	// change may be seen later, or not.
	Unknown bool
}

// Error counts the servers.
func (e *NoMajorityError) Error() string {
	text := fmt.Sprintf("no majority of the file's servers: reached %d of %d, with %d shares of the %d it takes",
		e.Servers, e.AllServers, e.Shares, e.NeededShares)
	if e.Unknown {
		text += "; the connection was lost during the write, so it may have happened"
	}
	return text
}

// A NotEnoughServersError says that a new file could not be stored
// (NotEnoughServersError).
type NotEnoughServersError struct {
	// Stored counts the servers that took shares, Needed how many it takes,
	// Shares the different shares they took.
	Stored, Needed, Shares int
	// First is the first error of a server, if there was any.
	First error
}

// Error counts the servers.
func (e *NotEnoughServersError) Error() string {
	text := fmt.Sprintf("mutable file not stored: %d of %d servers took shares", e.Stored, e.Needed)
	if e.First != nil {
		text += fmt.Sprintf(" (first error: %v)", e.First)
	}
	return text
}

// Unwrap returns First.
func (e *NotEnoughServersError) Unwrap() error { return e.First }

// A TooLargeError says that something does not fit the memory that is set aside
// for it.
type TooLargeError struct {
	// Size is what it would take, Limit what there is, in bytes.
	Size, Limit int64
}

// Error gives both sizes.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the mutable file takes %d bytes of memory at once, the limit is %d: write MDMF files in pieces", e.Size, e.Limit)
}

// A RangeError says that a range does not fit the file.
type RangeError struct {
	Offset, Size int64 // of the range
	FileSize     int64
}

// Error gives the range and the size.
func (e *RangeError) Error() string {
	return fmt.Sprintf("%d bytes at offset %d of a mutable file of %d bytes", e.Size, e.Offset, e.FileSize)
}

// shareError is what went wrong with one share.
type shareError struct {
	server grid.ServerID
	shnum  int
	err    error
}

func (e *shareError) Error() string {
	return fmt.Sprintf("share %d on server %s: %v", e.shnum, e.server.Name(), e.err)
}

func (e *shareError) Unwrap() error { return e.err }
