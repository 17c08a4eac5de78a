package interop

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// makeRoot prepares a run of make-root with the given cache and mirror.
func makeRoot(t *testing.T, cache, mirror string, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	stderr = new(bytes.Buffer)
	cmd = exec.Command("./make-root", args...)
	cmd.Env = append(os.Environ(), envCache+"="+cache, "DEBIAN_MIRROR="+mirror)
	cmd.Stderr = stderr
	return cmd, stderr
}

func requireEntries(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.ElementsMatch(t, want, names)
}

// TestMakeRootAnswers: what needs neither root rights nor a mirror.
func TestMakeRootAnswers(t *testing.T) {
	cache := t.TempDir()
	whole := filepath.Join(cache, "whole")
	require.NoError(t, os.Mkdir(whole, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(whole, markerName), []byte(markerText), 0o600))
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string // the beginnings
	}{
		{"help", []string{"--help"}, 0, "usage: make-root [DIR]\n", ""},
		{"unknown option", []string{"--force"}, 2, "", "make-root: unknown option --force\nusage: "},
		{"two directories", []string{"a", "b"}, 2, "", "make-root: too many arguments\nusage: "},
		{"white space", []string{"a b"}, 1, "", "make-root: the path '"},
		{"the machine's root", []string{"--remove", "/"}, 1, "", "make-root: the path '/' will not do"},
		{"nothing to remove", []string{"--remove"}, 0, cache + "/tahoe-root is not there\n", ""},
		{"whole one", []string{whole}, 0, whole + " is complete (Tahoe-LAFS 1.20.0)\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd, stderr := makeRoot(t, cache, "", tt.args...)
			stdout, err := cmd.Output()
			if !errors.As(err, new(*exec.ExitError)) {
				require.NoError(t, err)
			}
			require.Equal(t, tt.code, cmd.ProcessState.ExitCode(), "%s", stderr)
			requireBeginning(t, tt.stdout, string(stdout))
			requireBeginning(t, tt.stderr, stderr.String())
			requireEntries(t, cache, "whole")
		})
	}
}

func requireBeginning(t *testing.T, want, got string) {
	t.Helper()
	if want == "" {
		require.Empty(t, got)
	}
	require.True(t, strings.HasPrefix(got, want), "%q does not begin with %q", got, want)
}

// needMakeRoot skips or fails t where make-root could not begin its work.
func needMakeRoot(t *testing.T, cache string) {
	t.Helper()
	if os.Getenv(envMode) == "off" {
		t.Skip("interop: " + envMode + "=off")
	}
	if os.Geteuid() != 0 {
		refuse(t, errors.New("make-root needs root rights: run go test as root"))
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		refuse(t, errors.New("make-root needs debootstrap: install Debian's package of that name"))
	}
	if err := exec.Command("unshare", "--mount", "true").Run(); err != nil {
		refuse(t, errors.New("no right to mount: run go test on the machine itself or in a privileged container"))
	}
	var fs syscall.Statfs_t
	require.NoError(t, syscall.Statfs(cache, &fs))
	if free := fs.Bavail * uint64(fs.Bsize) >> 20; free < 1100 {
		refuse(t, errors.New("make-root wants 1000 MiB: free some or set TMPDIR to another place"))
	}
}

// TestMakeRootKeepsOthersFiles: a directory that make-root did not make stays.
func TestMakeRootKeepsOthersFiles(t *testing.T) {
	cache := t.TempDir()
	needMakeRoot(t, cache)
	file := filepath.Join(cache, rootDirName, "file")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, args := range [][]string{nil, {"--remove"}} {
		cmd, stderr := makeRoot(t, cache, "", args...)
		require.Error(t, cmd.Run())
		require.Contains(t, stderr.String(), "tahoe-root is there but was not made by this script")
		require.FileExists(t, file)
	}
}

// TestMakeRootWithoutMirror: one sentence and the log stay of a failure.
func TestMakeRootWithoutMirror(t *testing.T) {
	cache := t.TempDir()
	needMakeRoot(t, cache)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	cmd, stderr := makeRoot(t, cache, "http://"+listener.Addr().String()+"/debian")
	require.Error(t, cmd.Run())
	require.Equal(t, 1, cmd.ProcessState.ExitCode())
	require.Contains(t, stderr.String(), "\nmake-root: cannot install Debian trixie into "+cache+
		"/tahoe-root.partial: the Debian mirror cannot be reached (details in "+cache+"/tahoe-root.log).\n")
	requireEntries(t, cache, "tahoe-root.log")
}

// startMakeRoot starts make-root with a mirror that never answers and returns
// when debootstrap has asked it for something.
func startMakeRoot(t *testing.T, cache string) (cmd *exec.Cmd, stderr *bytes.Buffer, mirror string) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	mirror = "http://" + listener.Addr().String() + "/debian"
	// Where this test runs in the background, it ignores signals that make-root
	// is to act on, and children inherit that; what is caught they do not.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(caught)
	cmd, stderr = makeRoot(t, cache, mirror)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	conn, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	requireEntries(t, cache, "tahoe-root.log", "tahoe-root.partial")
	return cmd, stderr, mirror
}

// TestMakeRootInterrupted: nothing stays of an interrupted run.
func TestMakeRootInterrupted(t *testing.T) {
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		t.Run(sig.String(), func(t *testing.T) {
			cache := t.TempDir()
			needMakeRoot(t, cache)
			cmd, stderr, _ := startMakeRoot(t, cache)
			require.NoError(t, cmd.Process.Signal(sig))
			require.Error(t, cmd.Wait())
			require.Equal(t, code, cmd.ProcessState.ExitCode())
			require.Contains(t, stderr.String(), "\nmake-root: interrupted, nothing is left behind.\n")
			requireEntries(t, cache)
		})
	}
}

// TestMakeRootKilled: what a killed run left is gone after the next one, which
// waits for the last process of it.
func TestMakeRootKilled(t *testing.T) {
	cache := t.TempDir()
	needMakeRoot(t, cache)
	cmd, _, _ := startMakeRoot(t, cache)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	requireEntries(t, cache, "tahoe-root.log", "tahoe-root.partial")
	cmd, stderr := makeRoot(t, cache, "", "--remove")
	require.NoError(t, cmd.Run(), "%s", stderr)
	requireEntries(t, cache)
}

// TestMakeRootTwice: the second run waits, and goes on when the first has ended.
func TestMakeRootTwice(t *testing.T) {
	cache := t.TempDir()
	needMakeRoot(t, cache)
	first, _, mirror := startMakeRoot(t, cache)
	second, _ := makeRoot(t, cache, mirror, "--remove")
	second.Stderr = nil
	stderr, err := second.StderrPipe()
	require.NoError(t, err)
	stdout := new(bytes.Buffer)
	second.Stdout = stdout
	require.NoError(t, second.Start())
	line, err := bufio.NewReader(stderr).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "make-root: waiting for another run that works in "+cache+"\n", line)
	require.NoError(t, first.Process.Signal(syscall.SIGTERM))
	require.Error(t, first.Wait())
	_, err = io.Copy(io.Discard, stderr)
	require.NoError(t, err)
	require.NoError(t, second.Wait())
	require.Equal(t, cache+"/tahoe-root is removed\n", stdout.String())
	requireEntries(t, cache)
}
