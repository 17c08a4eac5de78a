package sharelayout

import "fmt"

// VersionError is the error for a share whose version is neither 1 nor 2.
type VersionError struct {
	// Version is what the share says.
	Version uint32
}

// Error gives the version.
func (e *VersionError) Error() string {
	return fmt.Sprintf("share layout: unknown version %d, known are 1 and 2", e.Version)
}

// Error says which part of a share's frame makes no sense (Tahoe-LAFS calls
// these LayoutInvalid and RidiculouslyLargeURIExtensionBlock), or why a layout
// cannot be made.
type Error struct {
	// Field is the part: "header", "block hash tree", "share hash chain",
	// "UEB length", ...
	Field string
	// Reason says what is wrong with it.
	Reason string
}

// Error gives the field and the reason.
func (e *Error) Error() string {
	return fmt.Sprintf("share layout: %s: %s", e.Field, e.Reason)
}

func errorf(field, format string, args ...any) *Error {
	return &Error{Field: field, Reason: fmt.Sprintf(format, args...)}
}
