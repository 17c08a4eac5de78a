package storageserver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/storage/storageserver"
)

// childVariable names the base directory of a storage node; with it this binary
// is that node, and no test.
const childVariable = "ARM_TAHOE_TEST_STORAGE_NODE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := serveChild(dir, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// address is what a child tells when it serves.
type address struct{ FURL, NURL string }

// serveChild is a storage node that ends with its standard input. To each line
// it answers how much memory it needs.
func serveChild(dir string, in io.Reader, out io.Writer) error {
	cfg, err := configIn(dir, "", "")
	if err != nil {
		return err
	}
	cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	n, err := start(cfg, storageserver.TubLimits())
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(address{n.fields.FURL, n.fields.NURLs[0]}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if _, err := fmt.Fprintln(out, memoryInUse()); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return n.stop(ctx)
}

// memoryInUse is what lives in heap and stacks, in bytes.
func memoryInUse() uint64 {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// child is a storage node in a process of its own.
type child struct {
	address
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Reader
	err   strings.Builder
}

func spawn(t testing.TB, dir string) *child {
	t.Helper()
	executable, err := os.Executable()
	require.NoError(t, err)
	c := &child{cmd: exec.Command(executable)}
	c.cmd.Env = append(os.Environ(), childVariable+"="+dir)
	c.cmd.Stderr = &c.err
	c.in, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	c.lines = bufio.NewReader(out)
	require.NoError(t, c.cmd.Start())
	return c
}

// ready waits until the child serves.
func (c *child) ready(t testing.TB) {
	t.Helper()
	line, err := c.lines.ReadBytes('\n')
	if err != nil {
		c.kill()
		require.NoError(t, err, "the storage node did not start: %s", c.err.String())
	}
	require.NoError(t, json.Unmarshal(line, &c.address))
}

// kill ends the child without warning.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait() // it says "signal: killed"
}

// end ends the child as a daemon ends.
func (c *child) end(t testing.TB) {
	t.Helper()
	require.NoError(t, c.in.Close())
	require.NoError(t, c.cmd.Wait(), "%s", c.err.String())
}

func (c *child) memory(t testing.TB) int64 {
	t.Helper()
	_, err := io.WriteString(c.in, "\n")
	require.NoError(t, err)
	line, err := c.lines.ReadString('\n')
	require.NoError(t, err)
	n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	require.NoError(t, err)
	return n
}
