package gateway

import (
	"fmt"
	"io"

	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

const (
	// Unreachable is the status of a gateway that cannot be connected to
	// (scripts/common_http.py BadResponse).
	Unreachable = -1
	// Broken is the status where the connection failed later, or what came was
	// not HTTP. 1.20 ends with a traceback then.
	Broken = -2
	// maxComplaint bounds what is shown of an unwanted answer, in bytes. Those of
	// 1.20 are tracebacks at most.
	maxComplaint = 64 << 10
	// maxText bounds answers that are a cap, in bytes: it is the limit of uri.
	maxText = 1 << 20
)

// Answer is what the gateway answered.
type Answer struct {
	Status int    // of HTTP, or Unreachable or Broken
	Reason string // what the gateway calls the status
	Size   int64  // of the body in bytes, or UnknownSize
	Body   io.ReadCloser
	Err    error // why the gateway did not answer
}

// OK says whether the status is one of those that 1.20 takes for success.
func (a *Answer) OK() bool { return a.Status == 200 || a.Status == 201 }

// Close ends the use of the answer. What was not read of it is given up.
func (a *Answer) Close() { _ = a.Body.Close() }

// Success is what is shown of a good answer: 200 OK.
func (a *Answer) Success() string { return pyquote.Text(fmt.Sprintf("%d %s", a.Status, a.Reason)) }

// Complaint words an unwanted answer with the beginning of its body, after what
// was being done (scripts/common_http.py format_http_error). It reads the body.
func (a *Answer) Complaint(doing string) string {
	if a.Status == Broken {
		return doing + ": " + a.Reason
	}
	shown := "''"
	if a.Status != Unreachable {
		text, _ := io.ReadAll(io.LimitReader(a.Body, maxComplaint)) // as much as there is
		shown = pyquote.Repr(text)
	}
	return pyquote.Text(fmt.Sprintf("%s: %d %s\n%s", doing, a.Status, a.Reason, shown))
}

// Text reads an answer that is short, such as a cap.
func (a *Answer) Text() (string, error) {
	text, err := io.ReadAll(io.LimitReader(a.Body, maxText+1))
	if err != nil {
		return "", fmt.Errorf("the gateway's answer broke off: %w", err)
	}
	if len(text) > maxText {
		return "", fmt.Errorf("the gateway's answer is longer than %d bytes", maxText)
	}
	return string(text), nil
}
