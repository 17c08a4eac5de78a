package fscmd

import "github.com/besn0847/arm-tahoe/tools/tahoe/gateway"

// Failure ends a command with a text for standard error, as it is, and an exit
// code.
type Failure struct {
	Text string // without the line end; nothing is written if it is empty
	Code int
}

// Error returns the text.
func (f *Failure) Error() string { return f.Text }

func failed(text string) error { return &Failure{Text: text, Code: 1} }

// refused is the failure of a request; it reads the answer.
func refused(doing string, answer *gateway.Answer) error { return failed(answer.Complaint(doing)) }
