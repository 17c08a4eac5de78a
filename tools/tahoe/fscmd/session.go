package fscmd

import (
	"io"

	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
	"github.com/besn0847/arm-tahoe/tools/tahoe/progress"
)

// DefaultAlias is where paths without an alias begin (scripts/common.py).
const DefaultAlias = "tahoe"

// Session is one command: where it speaks to, what it knows, where it writes.
type Session struct {
	Gateway        *gateway.Client
	Aliases        *Aliases
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Quiet          bool // do not tell what is waited for
	// Terminal says that standard output is one.
	Terminal bool
	Meter    *progress.Meter // nil: no progress is shown
}
