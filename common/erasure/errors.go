package erasure

import "fmt"

// ParamsError says that a code or a way of cutting a file cannot exist with the
// numbers given.
type ParamsError struct {
	// Field is the parameter that is out of range: "k", "n", "size" or "segment size".
	Field string
	// Value is what was given.
	Value int64
	// Reason says which rule it breaks.
	Reason string
}

// Error describes the parameter and the broken rule.
func (e *ParamsError) Error() string {
	return fmt.Sprintf("erasure code: %s = %d: %s", e.Field, e.Value, e.Reason)
}

// SharesError says that the slices handed to [Code.Encode], [Code.Decoder] or
// [Decoder.Decode] do not fit the code.
type SharesError struct {
	// Field is what does not fit: "shares", "share numbers" or "blocks".
	Field string
	// Index is the position of the offending element, or -1 when it is the
	// number of elements that is wrong.
	Index int
	// Reason says what is wrong with it.
	Reason string
}

// Error describes the element and what is wrong with it.
func (e *SharesError) Error() string {
	if e.Index < 0 {
		return fmt.Sprintf("erasure code: %s: %s", e.Field, e.Reason)
	}
	return fmt.Sprintf("erasure code: %s: element %d: %s", e.Field, e.Index, e.Reason)
}
