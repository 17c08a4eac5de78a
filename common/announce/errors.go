package announce

import (
	"errors"
	"fmt"
)

// ErrBadSignature says that a signature does not fit the message and the key.
// 1.20.0: allmydata.crypto.error.BadSignature, whose text is empty. A client
// skips the announcement and goes on with the next.
var ErrBadSignature = errors.New("bad signature")

// UnknownKeyError says that an announcement is not signed in a way we know.
// 1.20.0: allmydata.introducer.common.UnknownKeyError, and its texts; an
// introducer answers publish_v2 with it, a client ends the whole message.
type UnknownKeyError struct {
	Text string
}

func (e *UnknownKeyError) Error() string { return e.Text }

// FormatError says which part of an announcement, key or certificate cannot
// be read, and why. It never carries the offending bytes, which may be a
// private key.
type FormatError struct {
	Field  string // e.g. "signature", "nickname", "public key"
	Reason string
	Err    error // the error of a lower layer, or nil
}

func (e *FormatError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Field, e.Reason, e.Err)
	}
	return e.Field + ": " + e.Reason
}

// Unwrap answers Err.
func (e *FormatError) Unwrap() error { return e.Err }

func formatError(field, reason string) error {
	return &FormatError{Field: field, Reason: reason}
}
