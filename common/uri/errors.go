package uri

import (
	"fmt"
)

// Field names a part of a cap.
type Field string

// The parts of caps.
const (
	FieldText         Field = "text" // the whole
	FieldKey          Field = "key"
	FieldStorageIndex Field = "storage index"
	FieldUEBHash      Field = "UEB hash"
	FieldFingerprint  Field = "fingerprint"
	FieldNeeded       Field = "needed shares"
	FieldTotal        Field = "total shares"
	FieldSize         Field = "size"
	FieldData         Field = "data"
	FieldEnd          Field = "end"
)

// Reason says why a text is no cap.
type Reason uint8

// The reasons.
const (
	UnknownKind Reason = iota + 1 // begins in a way that no known cap does
	TooLong                       // has more than MaxTextSize bytes
	Missing                       // ends before the field
	BadBase32                     // is not in base 32 of the right length; the inner error says more
	BadNumber                     // is not a decimal number
	OutOfRange                    // is a number that no file has
	Trailing                      // is followed by something
)

// String names the reason in a few words.
func (r Reason) String() string {
	switch r {
	case UnknownKind:
		return "is of no known kind"
	case TooLong:
		return "is too long"
	case Missing:
		return "is missing"
	case BadBase32:
		return "is not valid base 32"
	case BadNumber:
		return "is not a decimal number"
	case OutOfRange:
		return "is out of range"
	case Trailing:
		return "is followed by more"
	}
	return fmt.Sprintf("uri.Reason(%d)", uint8(r))
}

// ParseError says what is wrong with a text that should be a cap (uri.py
// BadURIError). It carries nothing of the text but the kind.
type ParseError struct {
	Kind   Kind // as far as it could be seen
	Field  Field
	Reason Reason
	Err    error // more detail, or nil; a *base32.DecodeError
}

// Error gives kind, field and reason.
func (e *ParseError) Error() string {
	s := fmt.Sprintf("%s %v", e.Field, e.Reason)
	if e.Kind.IsKnown() {
		s = fmt.Sprintf("%v: %s", e.Kind, s)
	} else {
		s = "cap: " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the detail.
func (e *ParseError) Unwrap() error { return e.Err }

// Constraint is a rule about what caps are allowed in a place.
type Constraint uint8

// The rules, by the names of the exceptions in interfaces.py.
const (
	MustBeDeepImmutable Constraint = iota + 1 // for children of immutable directories, and after "imm."
	MustBeReadOnly                            // after "ro."
	MustNotBeUnknownRW                        // a cap that may permit writing, in an unknown way
)

// String gives the rule as a sentence.
func (c Constraint) String() string {
	switch c {
	case MustBeDeepImmutable:
		return "must be immutable here, with all that it contains"
	case MustBeReadOnly:
		return "must be read-only here"
	case MustNotBeUnknownRW:
		return "may be a write cap of an unknown kind, which cannot be attached to a directory without its read-only cap"
	}
	return fmt.Sprintf("uri.Constraint(%d)", uint8(c))
}

// ConstraintError says that a cap is not allowed where it was found
// (interfaces.py CapConstraintError).
type ConstraintError struct {
	Kind       Kind // KindUnknown if not known
	Constraint Constraint
}

// Error gives the kind and the rule.
func (e *ConstraintError) Error() string {
	return fmt.Sprintf("%v: %v", e.Kind, e.Constraint)
}

// Is makes errors.Is with a *ConstraintError without Kind find any of the same
// Constraint.
func (e *ConstraintError) Is(target error) bool {
	other, ok := target.(*ConstraintError)
	return ok && other.Constraint == e.Constraint && (other.Kind == KindUnknown || other.Kind == e.Kind)
}
