package upload

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/placement"
)

// ErrNoServers says that no server that may be given shares is connected
// (1.20.0: upload.py NoServersError, which is an UploadUnhappinessError).
var ErrNoServers = errors.New("client gave us zero servers")

// errTooSlow is the reason where a server did not answer in time.
var errTooSlow = errors.New("no answer in time")

// cause returns errTooSlow instead of what it led to.
func cause(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errTooSlow) {
		return errTooSlow
	}
	return err
}

// Failure is what went wrong with one server.
type Failure struct {
	// ID and Nickname name the server.
	ID       grid.ServerID
	Nickname string
	// Op is what was asked of it: "get_buckets", "allocate_buckets", "write",
	// "close".
	Op string
	// Err is its answer.
	Err error
}

// String is one line.
func (f Failure) String() string {
	name := f.ID.Name()
	if f.Nickname != "" {
		name += fmt.Sprintf(" (%s)", f.Nickname)
	}
	return fmt.Sprintf("%s: %s: %v", name, f.Op, f.Err)
}

// maxShown is how many failures an error text names.
const maxShown = 10

// UnhappinessError says that the shares of a file could not be spread over
// enough servers, or not stay there (1.20.0: interfaces.py
// UploadUnhappinessError).
type UnhappinessError struct {
	// Selection has the numbers and 1.20's words, if servers could not be found
	// for the shares. It is nil if servers failed afterwards, and could not be
	// replaced.
	Selection *placement.UnhappinessError
	// Reason is 1.20's sentence.
	Reason string
	// Failures are what went wrong with which server, in all attempts, in the
	// order in which it was noticed.
	Failures []Failure
}

// Error is one line: 1.20's words, then servers and reasons.
func (e *UnhappinessError) Error() string {
	var b strings.Builder
	if e.Selection != nil {
		fmt.Fprintf(&b, "server selection failed: %s (%s)", e.Reason, e.Selection.Progress())
	} else {
		b.WriteString(e.Reason)
	}
	if len(e.Failures) == 0 {
		return b.String()
	}
	b.WriteString(" (failures: ")
	for i, f := range e.Failures[:min(maxShown, len(e.Failures))] {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.String())
	}
	if more := len(e.Failures) - maxShown; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	b.WriteString(")")
	return b.String()
}

// Unwrap returns what the servers answered.
func (e *UnhappinessError) Unwrap() []error {
	var errs []error
	for _, f := range e.Failures {
		errs = append(errs, f.Err)
	}
	return errs
}
