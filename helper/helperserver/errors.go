package helperserver

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/upload"
)

// Types of failures that clients see, as 1.20 names them.
const (
	typeUnhappiness = "allmydata.interfaces.UploadUnhappinessError"
	typeNoServers   = "allmydata.interfaces.NoServersError"
	typeNoReaders   = "allmydata.immutable.offloaded.NotEnoughWritersError"
	typeTooFull     = "allmydata.immutable.upload.TooFullError"
)

// ErrClosed says that the helper ends.
var ErrClosed = errors.New("the helper is being stopped; try again later")

// refusal is why a client is not served, in words for it.
type refusal struct {
	class string
	text  string
}

func (r *refusal) Error() string { return r.text }

func refuse(class, format string, args ...any) error {
	return &refusal{class, fmt.Sprintf(format, args...)}
}

// diskError is an error of this machine, which is not for clients to see.
type diskError struct{ err error }

func (e *diskError) Error() string { return e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

func diskFailed(op string, err error) error {
	if err == nil {
		return nil
	}
	return &diskError{fmt.Errorf("%s: %w", op, err)}
}

// failure is what a client is told of an error.
func failure(err error) error {
	var refused *refusal
	var disk *diskError
	var unhappy *upload.UnhappinessError
	switch {
	case errors.As(err, &refused):
		return &foolscap.RemoteError{Type: refused.class, Value: refused.text}
	case errors.Is(err, upload.ErrNoServers):
		return &foolscap.RemoteError{Type: typeNoServers, Value: err.Error()}
	case errors.As(err, &unhappy):
		return &foolscap.RemoteError{Type: typeUnhappiness, Value: err.Error()}
	case errors.Is(err, ErrClosed), errors.Is(err, context.Canceled):
		return &foolscap.RemoteError{Type: foolscap.TypeException, Value: ErrClosed.Error()}
	case errors.As(err, &disk) && errors.Is(err, syscall.ENOSPC):
		return &foolscap.RemoteError{Type: typeTooFull, Value: "the helper's disk is full; try again later, or upload without it"}
	case errors.As(err, &disk):
		return &foolscap.RemoteError{Type: foolscap.TypeException, Value: "the helper's disk failed; its log says how"}
	}
	return &foolscap.RemoteError{Type: foolscap.TypeException, Value: err.Error()}
}
