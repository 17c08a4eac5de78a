package rsakey

import "errors"

// ErrSignature says that a signature does not belong to the message and the
// public key. Which of the three is wrong cannot be told.
var ErrSignature = errors.New("rsakey: signature does not match message and public key")

// A ParseError says why a serialised key was refused. It never contains any
// part of the key.
type ParseError struct {
	// Key is "private key" or "public key".
	Key string
	// Reason says what is wrong with it.
	Reason string
}

// Error returns the refusal in one line.
func (e *ParseError) Error() string {
	return "rsakey: " + e.Key + ": " + e.Reason
}

func badPrivate(reason string) error { return &ParseError{Key: "private key", Reason: reason} }

func badPublic(reason string) error { return &ParseError{Key: "public key", Reason: reason} }
