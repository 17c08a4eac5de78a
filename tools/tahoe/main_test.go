package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/introducer/intronode"
)

// running is a node that serves in this process.
type running struct {
	base string
	stop context.CancelFunc
	done chan error
}

// startNode runs the node of a base directory and returns when it is ready.
func startNode(t *testing.T, base string, run func(context.Context, *daemon.Node) error) *running {
	t.Helper()
	node, err := daemon.Open(base, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ready := make(chan struct{})
	node.OnReady = func() { close(ready) }
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{base: base, stop: cancel, done: make(chan error, 1)}
	go func() { r.done <- node.Serve(ctx, "test", run) }()
	t.Cleanup(cancel)
	select {
	case <-ready:
	case err := <-r.done:
		t.Fatalf("%s ended: %v", base, err)
	}
	return r
}

// end stops the node, which must end without an error.
func (r *running) end(t *testing.T) {
	t.Helper()
	r.stop()
	require.NoError(t, <-r.done)
}

func (r *running) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.base, name))
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

// get returns the body of an answer of the node's web server.
func (r *running) get(t *testing.T, path string) string {
	t.Helper()
	answer, err := http.Get(strings.TrimSuffix(r.read(t, "node.url"), "/") + path)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", body)
	return string(body)
}

func newBase(t *testing.T, kind, rest string) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	base := t.TempDir()
	config := fmt.Sprintf("[node]\nnickname = %s\nweb.port = tcp:0:interface=127.0.0.1\n"+
		"tub.port = tcp:%d:interface=127.0.0.1\ntub.location = tcp:127.0.0.1:%d\n%s", filepath.Base(base), port, port, rest)
	require.NoError(t, os.WriteFile(filepath.Join(base, "tahoe.cfg"), []byte(config), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(base, "tahoe-"+kind+".tac"), nil, 0o600))
	return base
}

func storageBase(t *testing.T, introducerFURL string) string {
	t.Helper()
	return newBase(t, "client", "[client]\nintroducer.furl = "+introducerFURL+"\n[storage]\nenabled = true\n")
}

// waitServers returns when the node knows so many storage servers.
func (r *running) waitServers(t *testing.T, number int) {
	t.Helper()
	require.Eventually(t, func() bool {
		var welcome struct {
			Servers []struct {
				NodeID string `json:"nodeid"`
			} `json:"servers"`
		}
		require.NoError(t, json.Unmarshal([]byte(r.get(t, "/?t=json")), &welcome))
		return len(welcome.Servers) == number
	}, time.Minute, 10*time.Millisecond)
}

func TestGridInOneProcess(t *testing.T) {
	in := startNode(t, newBase(t, "introducer", ""), intronode.Run)
	introducerFURL := in.read(t, "private/introducer.furl")
	first := startNode(t, storageBase(t, introducerFURL), runClient)
	second := startNode(t, storageBase(t, introducerFURL), runClient)
	first.waitServers(t, 2)
	second.waitServers(t, 2)

	require.JSONEq(t, `{"subscription_summary": {"storage": 2}, "announcement_summary": {"storage": 2}}`, in.get(t, "/?t=json"))
	for _, page := range []string{in.get(t, "/"), first.get(t, "/")} {
		require.NotContains(t, page, introducerFURL[strings.LastIndex(introducerFURL, "/")+1:])
	}
	require.Contains(t, first.get(t, "/storage?t=json"), "storage_server.disk_total")
	require.Contains(t, first.get(t, "/healthz"), `"storage": "ok"`)
	require.Contains(t, first.get(t, "/statistics?t=openmetrics"), "storage_server_disk_total")
	require.Contains(t, in.get(t, "/statistics?t=json"), "introducer.announcements")

	storageFURL := first.read(t, "private/storage.furl")
	in.end(t)
	first.end(t)
	second.end(t)

	// The second knows the first from its cache, with the introducer away; the
	// first is who it was.
	first = startNode(t, first.base, runClient)
	second = startNode(t, second.base, runClient)
	second.waitServers(t, 2)
	require.Equal(t, storageFURL, first.read(t, "private/storage.furl"))
	first.end(t)
	second.end(t)
}

func TestWhatCannotBeServedIsRefused(t *testing.T) {
	tests := []struct{ name, kind, config, own, says string }{
		{"write-back", "client", "[storage]\nenabled = false\n[sftpd]\nenabled = true\naccounts.file = private/accounts\n",
			"[sftpd]\nwrite_back = true\n", "write_back"},
		{"storage without a Tub", "client", "tub.port = disabled\ntub.location = disabled\n[storage]\nenabled = true\n", "", "does not listen"},
		{"introducer without a Tub", "introducer", "tub.port = disabled\ntub.location = disabled\n", "", "does not listen"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := newBase(t, tt.kind, tt.config)
			require.NoError(t, os.WriteFile(filepath.Join(base, "arm-tahoe.cfg"), []byte(tt.own), 0o600))
			node, err := daemon.Open(base, slog.New(slog.DiscardHandler))
			if err == nil {
				run := runClient
				if tt.kind == "introducer" {
					run = intronode.Run
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // for one that is not refused
				defer cancel()
				err = node.Serve(ctx, "test", run)
			}
			require.ErrorContains(t, err, tt.says)
		})
	}
}
