package chkencode

import (
	"errors"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// SinkError is the error of the sink for one share.
type SinkError struct {
	// ShareNum is the share.
	ShareNum grid.ShareNum
	// Op is what was tried: "write" or "close".
	Op string
	// Err is the sink's error.
	Err error
}

// Error gives the share and the sink's error.
func (e *SinkError) Error() string {
	return fmt.Sprintf("%s share %d: %v", e.Op, e.ShareNum, e.Err)
}

// Unwrap returns the sink's error.
func (e *SinkError) Unwrap() error { return e.Err }

// ConfigError says which part of a [Config], or of the sinks, is unusable.
type ConfigError struct {
	// Field is "segments", "n", "segment size", "number of segments" or "sinks".
	Field string
	// Reason says what is wrong and, where possible, what to do.
	Reason string
}

// Error gives the field and the reason.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("encode shares: %s: %s", e.Field, e.Reason)
}

// ShortError says that the ciphertext ended before the announced size.
type ShortError struct {
	// Size is how many bytes were announced, Got how many there were.
	Size, Got int64
}

// Error gives both sizes.
func (e *ShortError) Error() string {
	return fmt.Sprintf("encode shares: ciphertext ends after %d bytes of %d", e.Got, e.Size)
}

// ErrNoSinks is the error when every sink was lost: nothing is left to encode
// for. (Starting without any sink is no error.)
var ErrNoSinks = errors.New("encode shares: no share is left to write")
