package interop_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/tools/interop"
)

// TestNothingStays looks for processes, mounts and files after a test that left
// nodes running and a command line unfinished.
func TestNothingStays(t *testing.T) {
	root := interop.Require(t)
	before := listing(t, root.Path)
	var dir string
	t.Run("grid", func(t *testing.T) {
		root := interop.Require(t)
		dir = root.Dir
		startGrid(t, root)
		cmd := root.Command(t.Context(), "sh", "-c", "sleep 1000 & sleep 1000")
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { require.Error(t, cmd.Wait(), "the end of the test's context kills it") })
		require.GreaterOrEqual(t, len(processesOf(t, dir)), 5, "the search finds them while they run")
	})
	requireGone(t, root.Path, dir)
	require.NoDirExists(t, dir)
	require.Equal(t, before, listing(t, root.Path), "the root is as it was")
}

// envVictim has this test binary die in the middle of a test.
const envVictim = "ARM_TAHOE_INTEROP_VICTIM"

// TestCrashLeavesNothing kills a test binary, a second run of this one, while a
// node runs: nothing in it can clean up then.
func TestCrashLeavesNothing(t *testing.T) {
	if os.Getenv(envVictim) != "" {
		dieWithNode(t)
	}
	root := interop.Require(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashLeavesNothing$")
	cmd.Env = append(os.Environ(), envVictim+"=1", "TMPDIR="+root.Dir)
	out, err := cmd.Output()
	require.EqualError(t, err, "signal: killed", "%s", out)
	dir, pid, found := strings.Cut(lastLine(out), "\t")
	require.True(t, found, "%s", out)
	number, err := strconv.Atoi(pid)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return syscall.Kill(number, 0) == syscall.ESRCH },
		time.Minute, 10*time.Millisecond, "the node outlived its test")
	requireGone(t, root.Path, dir)
}

// dieWithNode tells its directory and the node's process on the last line.
func dieWithNode(t *testing.T) {
	root := interop.Require(t)
	in := root.StartIntroducer(t, interop.IntroducerOptions{})
	fmt.Printf("\n%s\t%d\n", root.Dir, in.PID())
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGKILL))
	select {}
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// requireGone looks for mounts and processes that belong to a test's directory.
func requireGone(t *testing.T, root, dir string) {
	t.Helper()
	require.Empty(t, mountsBelow(t, root), "mounts")
	require.Empty(t, mountsBelow(t, dir), "mounts")
	// A killed process is still listed until its parent has waited for it.
	require.Eventually(t, func() bool { return len(processesOf(t, dir)) == 0 },
		time.Minute, 10*time.Millisecond, "processes")
}

// mountsBelow returns the lines of this process's mount table that name dir or
// something below it.
func mountsBelow(t *testing.T, dir string) []string {
	t.Helper()
	table, err := os.Open("/proc/self/mountinfo")
	require.NoError(t, err)
	defer table.Close()
	var found []string
	for lines := bufio.NewScanner(table); lines.Scan(); {
		point := strings.Fields(lines.Text())[4]
		if point == dir || strings.HasPrefix(point, dir+"/") {
			found = append(found, lines.Text())
		}
	}
	return found
}

// processesOf returns the command lines of all processes whose environment says
// that they were started for the test with this directory.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var found []string
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err == nil && bytes.Contains(environ, []byte("ARM_TAHOE_INTEROP_DIR="+dir+"\x00")) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// listing returns the names in the root and in its directories that tests show
// something in.
func listing(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	for _, dir := range []string{".", "dev", "proc", "sys", "tmp", "root", "home", "var/tmp"} {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		require.NoError(t, err)
		for _, e := range entries {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names
}
