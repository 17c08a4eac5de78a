package banana

import "fmt"

// Violation says that a peer's value is not acceptable where it stands. The
// connection goes on; a caller gets the text as foolscap.tokens.Violation.
type Violation struct {
	Text string // as the original words it, where it has such a case
}

// Error returns the text.
func (v *Violation) Error() string { return v.Text }

// Violationf returns a violation with a formatted text.
func Violationf(format string, args ...any) *Violation {
	return &Violation{fmt.Sprintf(format, args...)}
}

// ProtocolError says that the stream makes no sense any more. Its text is what
// goes into an ERROR token, before the connection is closed.
type ProtocolError struct {
	Where string // the sequences that were open, as in "<RootUnslicer>.<call>"
	Text  string
}

// Error returns the error as the original words it (tokens.py BananaError).
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("BananaError(in %s): ('%s',)", e.Where, e.Text)
}

func protocolErrorf(format string, args ...any) *ProtocolError {
	return &ProtocolError{Where: "<RootUnslicer>", Text: fmt.Sprintf(format, args...)}
}

// RemoteError is an ERROR token from the peer, which then closes the connection.
type RemoteError struct {
	Text string // up to MaxErrorSize bytes, whatever the peer put there
}

// Error quotes the peer's text.
func (e *RemoteError) Error() string { return fmt.Sprintf("the peer gave up: %q", e.Text) }
