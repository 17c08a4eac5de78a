package interop

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"
)

// runTimeout bounds one command line; a loaded machine takes seconds for each.
const runTimeout = 3 * time.Minute

// Result is what a command left behind. The slices belong to the caller.
type Result struct {
	Stdout, Stderr []byte
	// ExitCode is the program's, or -1 if a signal ended it.
	ExitCode int
}

// Run runs a program in the root with stdin as its input and waits for it. Any
// exit code of the program is a result; the test ends if it cannot be run or
// takes more than three minutes.
func (r *Root) Run(t testing.TB, stdin []byte, name string, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	return run(t, ctx, r.Command(ctx, name, args...), stdin, name)
}

// runOurs is Run for our program tahoe, on the machine itself.
func (r *Root) runOurs(t testing.TB, stdin []byte, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	return run(t, ctx, r.OurCommand(t, ctx, args...), stdin, "our tahoe")
}

func run(t testing.TB, ctx context.Context, cmd *exec.Cmd, stdin []byte, name string) Result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	if !ranToItsEnd(ctx, err) {
		t.Fatalf("interop: run %s: %v\n%s", name, errors.Join(err, ctx.Err()), stderr.Bytes())
	}
	return Result{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), ExitCode: cmd.ProcessState.ExitCode()}
}

// ranToItsEnd tells a program's own exit code from everything else.
func ranToItsEnd(ctx context.Context, err error) bool {
	if err == nil {
		return true
	}
	var exit *exec.ExitError
	return ctx.Err() == nil && errors.As(err, &exit) && exit.ExitCode() != enterFailed
}

// OK ends the test unless the exit code is 0, and returns Stdout.
func (r Result) OK(t testing.TB) []byte {
	t.Helper()
	if r.ExitCode != 0 {
		t.Fatalf("interop: exit code %d\n%s%s", r.ExitCode, r.Stdout, r.Stderr)
	}
	return r.Stdout
}
