package chkencode

import "context"

// Sink takes one share as it is made, for instance to send it to a server. The
// encoder calls it from one goroutine at a time: Write for consecutive pieces
// from offset 0 on without gaps, then Close; or, at any time instead, Abort.
// After an error from Write or Close only Abort is called.
//
// All methods may block and must return soon after ctx is done.
type Sink interface {
	// Write stores data at offset. It must not keep or change data.
	Write(ctx context.Context, offset int64, data []byte) error
	// Close says that the share is complete.
	Close(ctx context.Context) error
	// Abort says that the share will not be completed and can be forgotten.
	// Its error is of no consequence and only the sink can report it.
	Abort(ctx context.Context)
}
