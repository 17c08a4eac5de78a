package foolscap

import (
	"errors"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/banana"
)

// Types of failures that have a meaning here.
const (
	// TypeViolation is how a Violation shows at the caller.
	TypeViolation = "foolscap.tokens.Violation"
	// TypeException is what an error of ours becomes that names no other type.
	TypeException = "builtins.Exception"

	failureClass = "twisted.python.failure.Failure"
	noTraceback  = "Traceback unavailable\n"
)

// Sizes of the parts of a failure in bytes (call.py FailureConstraint,
// FailureSlicer).
const (
	maxFailureValue     = 1000
	maxFailureType      = 200
	maxFailureTraceback = 2000
	maxFailureParents   = 50
)

// ErrDisconnected is wrapped by the errors of calls whose connection is gone,
// Foolscap's DeadReferenceError.
var ErrDisconnected = errors.New("connection lost")

// RemoteError is a failure of a call at the other side. A handler that returns
// one decides what its caller sees. The texts of a peer's failures are the
// peer's: they may hold anything.
type RemoteError struct {
	// Type is the Python class of the exception, as in "builtins.KeyError".
	Type string
	// Value is the exception as a string.
	Value string
	// Parents are the classes it inherits from, itself first; made of Type if nil.
	Parents []string
	// Traceback is the peer's, for people only. It is not sent.
	Traceback string
}

// Error returns type and value.
func (e *RemoteError) Error() string { return fmt.Sprintf("remote %s: %s", e.Type, e.Value) }

// Kind returns "copyable": failures may stand where values do.
func (e *RemoteError) Kind() string { return "copyable" }

// Is says that two failures are alike if their types are, so that errors.Is
// works with a RemoteError that has a Type only.
func (e *RemoteError) Is(target error) bool {
	other, ok := target.(*RemoteError)
	return ok && other.Type == e.Type
}

// IsRemoteViolation says whether the peer found a call to violate its schema.
func IsRemoteViolation(err error) bool { return errors.Is(err, &RemoteError{Type: TypeViolation}) }

// failureOf translates what a handler returned.
func failureOf(err error) *RemoteError {
	var remote *RemoteError
	var violation *banana.Violation
	switch {
	case errors.As(err, &violation):
		return &RemoteError{Type: TypeViolation, Value: violation.Text}
	case errors.As(err, &remote):
		return remote
	}
	return &RemoteError{Type: TypeException, Value: err.Error()}
}

// truncate shortens as call.py does.
func truncate(s string, limit int) []byte {
	if len(s) > limit {
		s = s[:limit-3] + ".."
	}
	return []byte(s)
}

// writeFailure writes a failure (call.py FailureSlicer).
func writeFailure(w *banana.Writer, e *RemoteError) {
	n := w.Open("copyable")
	w.Bytes([]byte(failureClass))
	w.Bytes([]byte("value"))
	w.Bytes(truncate(e.Value, maxFailureValue))
	w.Bytes([]byte("type"))
	w.Bytes(truncate(e.Type, maxFailureType))
	w.Bytes([]byte("traceback"))
	w.Bytes([]byte(noTraceback))
	w.Bytes([]byte("parents"))
	list := w.Open("list")
	for _, parent := range e.parents() {
		w.Bytes(truncate(parent, maxFailureType))
	}
	w.Close(list)
	w.Close(n)
}

func (e *RemoteError) parents() []string {
	if e.Parents != nil {
		return e.Parents
	}
	parents := []string{e.Type}
	if e.Type != TypeException {
		parents = append(parents, TypeException)
	}
	return append(parents, "builtins.BaseException", "builtins.object")
}

// readFailure makes a failure of the items of a (copyable ..), whose number is
// odd.
func readFailure(items []banana.Value) (banana.Value, error) {
	e := &RemoteError{}
	for i := 1; i < len(items); i += 2 {
		if err := e.set(items[i], items[i+1]); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *RemoteError) set(name, value banana.Value) error {
	key, ok := name.(banana.Bytes)
	if !ok {
		return banana.Violationf("attribute name of a failure is no STRING")
	}
	var err error
	switch string(key) {
	case "value":
		e.Value, err = failureText(value, maxFailureValue)
	case "type":
		e.Type, err = failureText(value, maxFailureType)
	case "traceback":
		e.Traceback, err = failureText(value, maxFailureTraceback)
	case "parents":
		e.Parents, err = failureParents(value)
	default:
		err = banana.Violationf("unknown attribute of a failure")
	}
	return err
}

func failureText(v banana.Value, limit int) (string, error) {
	b, err := AsBytes(v, 0, limit)
	return string(b), err
}

func failureParents(v banana.Value) ([]string, error) {
	list, err := AsList(v, maxFailureParents)
	if err != nil {
		return nil, err
	}
	parents := make([]string, 0, len(list))
	for _, item := range list {
		text, err := failureText(item, maxFailureType)
		if err != nil {
			return nil, err
		}
		parents = append(parents, text)
	}
	return parents, nil
}
