package interop

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// enterFailed is the exit code of enterScript where it could not become the
// program; chroot and env use 125 to 127 for the same.
const enterFailed = 125

// enterScript runs in a mount namespace of its own and becomes the program.
// Arguments: the root, then pairs (cover DIR: an empty directory in memory over
// DIR; show DIR: DIR of this machine at the same path), then --, then the
// program. Directories that are missing in the root are made in what covers it,
// so the root stays as it is.
const enterScript = `
root=$1 && shift
fail() { echo "interop: cannot enter $root: $1" >&2; exit 125; }
for name in dev proc sys; do
	mount --rbind "/$name" "$root/$name" || fail "mount /$name"
done
while [ "$1" != -- ]; do
	mkdir -p "$root$2" || fail "make $2"
	case $1 in
	cover) mount -t tmpfs -o mode=1777 tmpfs "$root$2" ;;
	show) mount --bind "$2" "$root$2" ;;
	esac || fail "mount $2"
	shift 2
done
shift
exec chroot "$root" env -C "$(pwd -P)" -- "$@"
`

// killDelay is how long a killed command may keep its output open.
const killDelay = 5 * time.Second

// Command returns a command that runs the named program in the root: name is
// looked up in the root's own PATH. It starts in Root.Dir with a small fixed
// environment; the caller may change Env, Stdin, Stdout, Stderr, and Dir to
// another directory that the root shows. When ctx ends, the program and what it
// started are killed. /tmp in the root is empty and private to the command.
func (r *Root) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	script := append([]string{"-c", enterScript, "enter", r.Path}, r.mounts()...)
	script = append(script, "--", name)
	cmd := exec.CommandContext(ctx, "/bin/sh", append(script, args...)...)
	cmd.Dir = r.Dir
	cmd.Env = r.environment()
	cmd.WaitDelay = killDelay
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// os/exec also makes the mounts of the new namespace private.
		Unshareflags: syscall.CLONE_NEWNS,
		Setpgid:      true,
		// The signal comes when the thread ends that started the program. Go's
		// threads last, but for those of goroutines that end while they hold
		// runtime.LockOSThread: start nothing from one.
		Pdeathsig: syscall.SIGKILL,
	}
	return cmd
}

// environment is clean, because a proxy or a PYTHON variable of the caller must
// not reach the nodes. The last entry lets a process be traced to its test.
func (r *Root) environment() []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + r.Dir,
		"LC_ALL=C.UTF-8",
		"PYTHONUNBUFFERED=1",
		"ARM_TAHOE_INTEROP_DIR=" + r.Dir,
	}
}

// mounts returns the pairs of enterScript: every top directory is covered once,
// before the directories below it are shown.
func (r *Root) mounts() []string {
	pairs := []string{"cover", "/tmp"}
	covered := map[string]bool{"/tmp": true}
	for _, dir := range r.shared {
		if top := topOf(dir); !covered[top] {
			covered[top] = true
			pairs = append(pairs, "cover", top)
		}
	}
	for _, dir := range r.shared {
		pairs = append(pairs, "show", dir)
	}
	return pairs
}

// topOf returns the first component of an absolute path: /a for /a/b/c.
func topOf(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(filepath.Clean(path), "/"), "/")
	return "/" + first
}
