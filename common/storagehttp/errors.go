package storagehttp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// ErrWrongSwissnum says that the server does not know the swissnum of the NURL.
var ErrWrongSwissnum = errors.New("the server does not accept the swissnum of its NURL")

// StatusError says that a server refused a request for a reason that HTTP does
// not tell, or that this client did not expect.
type StatusError struct {
	Request string // method and path
	Status  int
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: the server answered %d %s", e.Request, e.Status, http.StatusText(e.Status))
}

// AnswerError says that an answer does not follow the protocol.
type AnswerError struct {
	Request string // method and path
	Reason  string
}

// Error implements error.
func (e *AnswerError) Error() string { return e.Request + ": " + e.Reason }

func (q *request) broken(reason string) error {
	return &AnswerError{Request: q.String(), Reason: reason}
}

// refused returns the error for an answer that is not 2xx: ErrWrongSwissnum
// wrapped, or a *StatusError.
func (q *request) refused(answer *http.Response) error {
	if answer.StatusCode == http.StatusUnauthorized {
		text, err := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
		if err == nil && string(text) == textWrongAuthorization {
			return fmt.Errorf("%s: %w", q, ErrWrongSwissnum)
		}
	}
	return &StatusError{Request: q.String(), Status: answer.StatusCode}
}

// hasStatus says whether the server refused with the status, but not for the
// swissnum.
func hasStatus(err error, status int) bool {
	var e *StatusError
	return errors.As(err, &e) && e.Status == status
}
