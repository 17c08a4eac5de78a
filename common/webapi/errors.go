package webapi

import (
	"errors"
	"net/http"
)

// Error is an answer other than success. Text is for the person who asked: it
// says what to do and holds no secret.
type Error struct {
	Status int
	Text   string
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// statusOf returns what to answer for an error: that of the *Error in it, or 500
// and nothing about it, since it may say more than everybody should read.
func statusOf(err error) (int, string) {
	if answer, ok := errors.AsType[*Error](err); ok {
		return answer.Status, answer.Text
	}
	return http.StatusInternalServerError, "The node could not answer this; its log says why."
}
