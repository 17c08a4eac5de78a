package grid

import (
	"errors"
	"fmt"
)

// Errors without details.
var (
	// ErrNoSpace says that there is no space for a lease or for a mutable
	// share. 1.20.0: interfaces.py NoSpace.
	ErrNoSpace = errors.New("no space left on this server")

	// ErrNoShare says that the server does not hold the share. Over HTTPS:
	// 404.
	ErrNoShare = errors.New("no such share")

	// ErrNoUpload says that the share is not being uploaded. Over HTTPS: 404.
	ErrNoUpload = errors.New("no such upload in progress")

	// ErrBadUploadSecret says that somebody else is uploading the share. Over
	// HTTPS: 401.
	ErrBadUploadSecret = errors.New("wrong upload secret")

	// ErrWriterClosed says that a BucketWriter was closed, aborted or timed
	// out before. 1.20.0: twisted.internet.error.AlreadyCancelled on write, an
	// AssertionError ("precondition") on close.
	ErrWriterClosed = errors.New("share was closed or aborted before")
)

// DataTooLargeError says that data would end beyond the size allocated for an
// immutable share, or beyond the largest mutable one. 1.20.0: interfaces.py
// DataTooLargeError, whose value is the tuple of these fields.
type DataTooLargeError struct {
	MaxSize, Offset, Length int64
}

func (e *DataTooLargeError) Error() string {
	return fmt.Sprintf("%d bytes at offset %d end beyond the largest size of %d", e.Length, e.Offset, e.MaxSize)
}

// ConflictingWriteError says that a range was written before with other bytes.
// 1.20.0: interfaces.py ConflictingWriteError.
type ConflictingWriteError struct {
	Range Range
}

// Error is 1.20's text.
func (e *ConflictingWriteError) Error() string {
	return fmt.Sprintf("Chunk %d-%d doesn't match already written data.", e.Range.Begin, e.Range.End)
}

// BadWriteEnablerError says that the caller may not write a mutable share.
// 1.20.0: interfaces.py BadWriteEnablerError.
type BadWriteEnablerError struct {
	// NodeID is the server that recorded the write enabler: if the share has
	// moved from there, the client can tell which write enabler is right.
	NodeID TubID
}

// Error is 1.20's text, which clients may show.
func (e *BadWriteEnablerError) Error() string {
	return fmt.Sprintf("The write enabler was recorded by nodeid '%s'.", e.NodeID)
}

// UnknownContainerVersionError says that a share file is not a container of
// the kind asked for: of the other kind, mostly. 1.20.0: storage/common.py
// UnknownImmutableContainerVersionError and
// UnknownMutableContainerVersionError, both of which are an
// UnknownContainerVersionError. Over HTTPS: 500.
type UnknownContainerVersionError struct {
	Wanted       ShareKind
	StorageIndex StorageIndex
	ShareNum     ShareNum
	Version      string // what stands in its place in the file, printable
}

// Error is 1.20's text, with the path below the storage directory.
func (e *UnknownContainerVersionError) Error() string {
	return fmt.Sprintf("sharefile 'shares/%s/%s/%d' had unexpected version %s",
		e.StorageIndex.Prefix(), e.StorageIndex, e.ShareNum, e.Version)
}

// ReadTooLargeError says that a call asks for more bytes at once than the
// server holds in memory for one call.
type ReadTooLargeError struct {
	MaxSize int64
}

func (e *ReadTooLargeError) Error() string {
	return fmt.Sprintf("more than %d bytes to be read in one call; ask for less at a time", e.MaxSize)
}

// ArgumentError says that a request makes no sense, whatever the server holds.
// 1.20 answers such requests with a failed precondition or assertion.
type ArgumentError struct {
	Field  string
	Reason string
}

func (e *ArgumentError) Error() string { return e.Field + ": " + e.Reason }
