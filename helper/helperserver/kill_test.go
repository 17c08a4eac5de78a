package helperserver

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/gridtest"
)

const dirVariable = "ARM_TAHOE_TEST_HELPER_DIR"

// TestHelperProcess is no test: it is the helper that TestKill kills.
func TestHelperProcess(t *testing.T) {
	dir := os.Getenv(dirVariable)
	if dir == "" {
		t.Skip("only as the process that TestKill starts")
	}
	f := &fixture{grid: gridtest.New(t, 4), dir: dir}
	f.start(t, nil)
	fmt.Printf("\nFURL %s\n", f.address.Text())
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // until the parent is gone
}

// startProcess starts a helper on the directory in a process of its own.
func startProcess(t *testing.T, dir string) (furl.FURL, *exec.Cmd) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperProcess$", "-test.count=1")
	cmd.Env = append(os.Environ(), dirVariable+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var text string
		if _, err := fmt.Sscanf(lines.Text(), "FURL %s", &text); err == nil {
			address, err := furl.Parse(text)
			require.NoError(t, err)
			return address, cmd
		}
	}
	t.Fatal("the helper's process said nothing")
	return furl.FURL{}, nil
}

// TestKill: a helper that is killed half-way through 20 MiB goes on where it was.
func TestKill(t *testing.T) {
	const size = 20 << 20
	dir := filepath.Join(t.TempDir(), "helper")
	address, cmd := startProcess(t, dir)
	file := newFile(t, size, someParams, 1<<20, 6)
	half, dead := make(chan struct{}), make(chan struct{})
	var once sync.Once
	file.before = func(offset int64) error {
		if offset >= size/2 {
			once.Do(func() { close(half) })
			<-dead
		}
		return nil
	}
	client := dial(t, address)
	failed := make(chan error, 1)
	go func() {
		_, err := file.upload(t.Context(), client)
		failed <- err
	}()
	<-half
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, <-failed)
	close(dead)

	info, err := os.Stat(filepath.Join(dir, incomingDir, file.si.String()))
	require.NoError(t, err)
	require.InDelta(t, size/2, info.Size(), (DefaultWindow+1)*DefaultChunkSize)
	f := &fixture{grid: gridtest.New(t, 4), dir: dir}
	f.start(t, nil)
	again := file.again()
	r, err := again.upload(t.Context(), dial(t, f.address))
	require.NoError(t, err)
	require.Equal(t, file.result(t).UEBHash, r.UEBHash)
	require.Equal(t, info.Size(), again.first)
	require.Equal(t, size-info.Size(), r.CiphertextFetched)
	require.Equal(t, r.CiphertextFetched, again.bytesSent())
	t.Logf("%d bytes were there, %d were fetched again or anew", info.Size(), r.CiphertextFetched)
}
