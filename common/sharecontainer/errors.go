package sharecontainer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// ErrNoSpace says that a lease would take more space than is available.
// 1.20.0: interfaces.py NoSpace.
var ErrNoSpace = errors.New("no space for another lease")

// ErrTooManyLeases says that a container has [MaxLeases] already.
var ErrTooManyLeases = fmt.Errorf("container has %d leases already", MaxLeases)

// ErrNotShare says that a file is neither an immutable nor a mutable
// container. 1.20 passes over such files.
var ErrNotShare = errors.New("not a share file")

// CorruptError says that a field of a container contradicts the file it is in.
type CorruptError struct {
	Kind   Kind
	Field  string
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("corrupt %s container: %s: %s", e.Kind, e.Field, e.Reason)
}

func corrupt(kind Kind, field, format string, args ...any) error {
	return &CorruptError{Kind: kind, Field: field, Reason: fmt.Sprintf(format, args...)}
}

// UnknownVersionError says that a container is of a version we do not know.
// 1.20.0: storage/common.py UnknownContainerVersionError.
type UnknownVersionError struct {
	Kind    Kind
	Version string // the version number, or the magic of a mutable container, quoted
}

func (e *UnknownVersionError) Error() string {
	return fmt.Sprintf("%s container has unexpected version %s", e.Kind, e.Version)
}

// ArgumentError says that a request makes no sense, whatever the container.
// 1.20 answers such requests with a failed precondition or assertion.
type ArgumentError struct {
	Field  string
	Reason string
}

func (e *ArgumentError) Error() string { return e.Field + ": " + e.Reason }

func argumentError(field, format string, args ...any) error {
	return &ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// DataTooLargeError says that share data would end beyond the largest allowed
// size. 1.20.0: interfaces.py DataTooLargeError.
type DataTooLargeError struct {
	MaxSize, Offset, Length int64
}

func (e *DataTooLargeError) Error() string {
	return fmt.Sprintf("%d bytes at offset %d end beyond the largest size of %d", e.Length, e.Offset, e.MaxSize)
}

// NoLeaseError says that no lease has the given secret. 1.20.0: IndexError.
type NoLeaseError struct {
	Kind   Kind
	Action string // "renew" or "cancel"
	// NodeIDs are the servers that accepted the leases of a mutable container,
	// each once, in the order of the leases: a client whose share has moved to
	// this server can find out which secrets to use.
	NodeIDs []grid.TubID
}

// Error is 1.20's text, which clients may show.
func (e *NoLeaseError) Error() string {
	if e.Kind == KindImmutable {
		if e.Action == "cancel" {
			return "unable to find matching lease to cancel"
		}
		return "unable to renew non-existent lease"
	}
	quoted := make([]string, len(e.NodeIDs))
	for i, id := range e.NodeIDs {
		quoted[i] = "'" + id.String() + "'"
	}
	return fmt.Sprintf("Unable to %s non-existent lease. I have leases accepted by nodeids: %s .",
		e.Action, strings.Join(quoted, ","))
}

// BadWriteEnablerError says that the caller may not write a mutable share.
// 1.20.0: interfaces.py BadWriteEnablerError.
type BadWriteEnablerError struct {
	NodeID grid.TubID // of the server that recorded the write enabler
}

// Error is 1.20's text, which clients may show.
func (e *BadWriteEnablerError) Error() string {
	return fmt.Sprintf("The write enabler was recorded by nodeid '%s'.", e.NodeID)
}
