package localgrid

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// basePort finds a place for the ports of a grid of three nodes.
func basePort(t *testing.T) int {
	t.Helper()
	for base := 21000; base < 60000; base += 17 {
		if free(base) {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func free(base int) bool {
	for i := range 5 {
		for _, port := range []int{base + i, base + tubOffset + i, base + sftpOffset + i} {
			listener, err := net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(port))
			if err != nil {
				return false
			}
			_ = listener.Close()
		}
	}
	return true
}

// start runs a grid until stop is called, and returns what its ready file says.
func start(t *testing.T, o Options) (r ready, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	var out bytes.Buffer
	go func() { ended <- run(ctx, o, slog.New(slog.DiscardHandler), &out) }()
	require.Eventually(t, func() bool {
		select {
		case err := <-ended:
			t.Errorf("the grid ended: %v\n%s", err, out.String())
			return true
		default:
		}
		text, err := os.ReadFile(o.ReadyFile)
		return err == nil && json.Unmarshal(text, &r) == nil
	}, 2*time.Minute, 20*time.Millisecond)
	return r, func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, os.Remove(o.ReadyFile))
	}
}

func call(t *testing.T, method, target string, body []byte) string {
	t.Helper()
	r, err := http.NewRequest(method, target, bytes.NewReader(body))
	require.NoError(t, err)
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Less(t, answer.StatusCode, 300, "%s", text)
	return string(text)
}

func TestGridGoesOnWhereItStopped(t *testing.T) {
	dir := t.TempDir()
	o := Options{
		Dir: filepath.Join(dir, "grid"), ReadyFile: filepath.Join(dir, "ready"),
		Nodes: 3, Shares: "1/2/3", BasePort: basePort(t), Listen: "127.0.0.1", User: "tahoe",
	}
	r, stop := start(t, o)
	require.Len(t, r.Nodes, 3)
	content := bytes.Repeat([]byte("what is put on one node\n"), 100_000)
	path := "uri/" + url.PathEscape(r.RootCap) + "/a%20name"
	call(t, http.MethodPut, r.Nodes[0].URL+path, content)
	require.Equal(t, string(content), call(t, http.MethodGet, r.Nodes[2].URL+path, nil))
	stop()

	again, stop := start(t, o)
	require.Equal(t, r, again)
	require.Equal(t, string(content), call(t, http.MethodGet, r.Nodes[1].URL+path, nil))
	stop()
}

func TestFlagsOfAnotherGridAreRefused(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Nodes: 4, Shares: "2/3/4", BasePort: 5000, Listen: "127.0.0.1"}
	require.NoError(t, o.record())
	remembered, err := parse([]string{"--dir", dir}, io.Discard)
	require.NoError(t, err)
	o.User = "tahoe" // is not remembered
	require.Equal(t, o, remembered)
	_, err = parse([]string{"--dir", dir, "--nodes", "3"}, io.Discard)
	require.ErrorContains(t, err, "was made with --nodes 4")
	_, err = parse([]string{"--dir", dir, "--nodes", "4"}, io.Discard)
	require.NoError(t, err)
}

func TestBadFlags(t *testing.T) {
	for line, says := range map[string]string{
		"--nodes 0":             "1 to 50",
		"--shares 1/2":          "k/happy/N",
		"--shares 3/7/10":       "asks for 7 servers, and there are 3 nodes",
		"--shares 5/2/3":        "shares",
		"--base-port 65000":     "--base-port",
		"--user a#b":            "--user",
		"--listen localhost":    "IPv4",
		"here":                  "begin with --",
		"--base-port=3456 more": "begin with --",
	} {
		_, err := parse(append([]string{"--dir", t.TempDir()}, strings.Fields(line)...), io.Discard)
		require.ErrorContains(t, err, says, line)
	}
}
