package interop

import (
	"context"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// OurCommand returns a command that runs our program tahoe, built from this
// checkout, on the machine itself: it sees the same files, ports and processes
// as the programs in the root, and has their environment. When ctx ends, it and
// what it started are killed.
func (r *Root) OurCommand(t testing.TB, ctx context.Context, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, r.ourProgram(t, "tahoe", "../tahoe"), args...)
	cmd.Dir = r.Dir
	cmd.Env = r.environment()
	cmd.WaitDelay = killDelay
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// ourProgram builds a program once for the time of the test.
func (r *Root) ourProgram(t testing.TB, name, dir string) string {
	t.Helper()
	r.buildMu.Lock()
	defer r.buildMu.Unlock()
	if path, built := r.built[name]; built {
		return path
	}
	path := filepath.Join(r.Dir, "bin", name)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, dir)
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("interop: build our %s: %v\n%s", name, err, output)
	}
	if r.built == nil {
		r.built = map[string]string{}
	}
	r.built[name] = path
	return path
}

// OurTahoe runs our command line `tahoe -d BASEDIR args` with stdin as its input.
func (n *Node) OurTahoe(t testing.TB, stdin []byte, args ...string) Result {
	t.Helper()
	return n.root.runOurs(t, stdin, append([]string{"-d", n.BaseDir}, args...)...)
}
