package storagerpc

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// The exceptions of a storage server of 1.20 (interfaces.py, storage/common.py)
// and of Python, as they show at a caller.
const (
	typeDataTooLarge     = "allmydata.interfaces.DataTooLargeError"
	typeConflictingWrite = "allmydata.interfaces.ConflictingWriteError"
	typeBadWriteEnabler  = "allmydata.interfaces.BadWriteEnablerError"
	typeNoSpace          = "allmydata.interfaces.NoSpace"
	typeUnknownVersion   = "allmydata.storage.common.UnknownContainerVersionError"
	typeUnknownImmutable = "allmydata.storage.common.UnknownImmutableContainerVersionError"
	typeUnknownMutable   = "allmydata.storage.common.UnknownMutableContainerVersionError"
	// These two come from the timer of an upload that has ended.
	typeAlreadyCancelled = "twisted.internet.error.AlreadyCancelled"
	typeAlreadyCalled    = "twisted.internet.error.AlreadyCalled"
	typeAssertion        = "builtins.AssertionError"
	typeFileNotFound     = "builtins.FileNotFoundError"
	// typeMemory is what only servers of this package say.
	typeMemory = "builtins.MemoryError"
)

// remote makes an exception; between are the classes that it inherits from
// before builtins.Exception.
func remote(name, value string, between ...string) *foolscap.RemoteError {
	parents := append([]string{name}, between...)
	parents = append(parents, "builtins.Exception", "builtins.BaseException", "builtins.object")
	return &foolscap.RemoteError{Type: name, Value: value, Parents: parents}
}

// Exceptions without details.
var (
	remoteNoSpace   = remote(typeNoSpace, "")
	remoteNoShare   = remote(typeFileNotFound, "[Errno 2] No such file or directory", "builtins.OSError")
	remoteCancelled = remote(typeAlreadyCancelled, "Tried to cancel an already-cancelled event.", "builtins.ValueError")
	remoteClosed    = remote(typeAssertion, "precondition") // of close
	remoteOperator  = remote(typeAssertion, "")             // of a test vector
)

// exception translates what a core returned into what a client of 1.20 expects;
// nil if it is nothing that a client can cause.
func exception(err error) error {
	var (
		violation   *banana.Violation
		there       *foolscap.RemoteError
		dataTooBig  *grid.DataTooLargeError
		conflict    *grid.ConflictingWriteError
		badEnabler  *grid.BadWriteEnablerError
		unknown     *grid.UnknownContainerVersionError
		readTooBig  *grid.ReadTooLargeError
		badArgument *grid.ArgumentError
	)
	switch {
	case errors.As(err, &violation), errors.As(err, &there):
		return err
	case errors.As(err, &dataTooBig):
		return remote(typeDataTooLarge, fmt.Sprintf("(%d, %d, %d)", dataTooBig.MaxSize, dataTooBig.Offset, dataTooBig.Length))
	case errors.As(err, &conflict):
		return remote(typeConflictingWrite, conflict.Error())
	case errors.As(err, &badEnabler):
		return remote(typeBadWriteEnabler, badEnabler.Error())
	case errors.As(err, &unknown):
		return remoteUnknown(unknown)
	case errors.As(err, &readTooBig):
		return remote(typeMemory, readTooBig.Error())
	case errors.As(err, &badArgument):
		return remote(typeAssertion, badArgument.Error())
	case errors.Is(err, grid.ErrNoSpace):
		return remoteNoSpace
	case errors.Is(err, grid.ErrNoShare):
		return remoteNoShare
	case errors.Is(err, grid.ErrWriterClosed):
		return remoteCancelled
	}
	return nil
}

func remoteUnknown(e *grid.UnknownContainerVersionError) error {
	if e.Wanted == grid.Mutable {
		return remote(typeUnknownMutable, e.Error(), typeUnknownVersion)
	}
	return remote(typeUnknownImmutable, e.Error(), typeUnknownVersion)
}

// refusal is an exception of a server with what it means.
type refusal struct {
	meaning error // of package grid
	remote  error // wraps a *foolscap.RemoteError
}

// Error is that of the meaning: a server's own words may hold anything.
func (r *refusal) Error() string { return "the server refused: " + r.meaning.Error() }

// Unwrap returns both.
func (r *refusal) Unwrap() []error { return []error{r.meaning, r.remote} }

// recognise finds the error of package grid in that of a call.
func recognise(err error) error {
	var e *foolscap.RemoteError
	if !errors.As(err, &e) {
		return err
	}
	if meaning := meaningOf(e); meaning != nil {
		return &refusal{meaning, err}
	}
	return err
}

func meaningOf(e *foolscap.RemoteError) error {
	switch e.Type {
	case typeDataTooLarge:
		return parseDataTooLarge(e.Value)
	case typeConflictingWrite:
		return parseConflict(e.Value)
	case typeBadWriteEnabler:
		return parseBadWriteEnabler(e.Value)
	case typeNoSpace:
		return grid.ErrNoSpace
	case typeUnknownImmutable:
		return parseUnknown(grid.Immutable, e.Value)
	case typeUnknownMutable:
		return parseUnknown(grid.Mutable, e.Value)
	case typeAlreadyCancelled, typeAlreadyCalled:
		return grid.ErrWriterClosed
	case typeFileNotFound:
		return grid.ErrNoShare
	case typeMemory:
		return parseReadTooLarge(e.Value)
	case typeAssertion:
		return &grid.ArgumentError{Field: "call", Reason: "the server's assertion failed: " + strconv.QuoteToASCII(e.Value)}
	}
	return nil
}

// The values of exceptions that tell more. One that does not parse leaves the
// details zero: the type says enough.
var (
	valueTooLarge   = regexp.MustCompile(`^\((\d{1,19}), (\d{1,19}), (\d{1,19})\)$`)
	valueConflict   = regexp.MustCompile(`^Chunk (\d{1,19})-(\d{1,19}) doesn't match`)
	valueEnabler    = regexp.MustCompile(`recorded by nodeid '([a-z2-7]{32})'`)
	valueUnknown    = regexp.MustCompile(`([a-z2-7]{26})/(\d{1,3})' had unexpected version (\d{1,20}$)?`)
	valueReadTooBig = regexp.MustCompile(`^more than (\d{1,19}) bytes`)
)

func parseDataTooLarge(value string) error {
	n := numbers(valueTooLarge, value)
	return &grid.DataTooLargeError{MaxSize: n[0], Offset: n[1], Length: n[2]}
}

func parseConflict(value string) error {
	n := numbers(valueConflict, value)
	return &grid.ConflictingWriteError{Range: grid.Range{Begin: n[0], End: n[1]}}
}

func parseReadTooLarge(value string) error {
	return &grid.ReadTooLargeError{MaxSize: numbers(valueReadTooBig, value)[0]}
}

func parseBadWriteEnabler(value string) error {
	e := &grid.BadWriteEnablerError{}
	if m := valueEnabler.FindStringSubmatch(value); m != nil {
		e.NodeID, _ = grid.ParseTubID(m[1]) // or the zero value
	}
	return e
}

// parseUnknown takes the version only if it is a number. For an immutable share
// in place of a mutable one 1.20 tells the first 100 bytes instead, which may
// hold lease secrets.
func parseUnknown(wanted grid.ShareKind, value string) error {
	e := &grid.UnknownContainerVersionError{Wanted: wanted, Version: "unknown"}
	m := valueUnknown.FindStringSubmatch(value)
	if m == nil {
		return e
	}
	e.StorageIndex, _ = grid.ParseStorageIndex(m[1]) // or the zero value
	n, _ := strconv.Atoi(m[2])
	e.ShareNum = grid.ShareNum(n)
	if m[3] != "" {
		e.Version = m[3]
	}
	return e
}

// numbers returns what the groups of a pattern match, zeros if there is no
// match.
func numbers(pattern *regexp.Regexp, text string) []int64 {
	found := make([]int64, pattern.NumSubexp())
	for i, digits := range pattern.FindStringSubmatch(text) {
		if i > 0 {
			found[i-1], _ = strconv.ParseInt(digits, 10, 64) // cut to 63 bits
		}
	}
	return found
}
