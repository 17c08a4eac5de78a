package nodetub

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// echo answers every call with its method.
type echo struct{}

func (*echo) RemoteInterface() string { return "RIEcho.example.org" }

func (*echo) RemoteCall(_ context.Context, r *foolscap.Request) (banana.Value, error) {
	return banana.Text(r.Method), nil
}

// newNode makes a base directory with the lines in [node] and what follows.
func newNode(t *testing.T, lines string) *daemon.Node {
	base := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(base, "tahoe.cfg"), []byte("[node]\n"+lines), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(base, "tahoe-client.tac"), nil, 0o644))
	return open(t, base)
}

func open(t *testing.T, base string) *daemon.Node {
	node, err := daemon.Open(base, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return node
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestTubKeepsIdentityAndNames(t *testing.T) {
	port := freePort(t)
	node := newNode(t, fmt.Sprintf("tub.port = tcp:%d:interface=127.0.0.1\ntub.location = tcp:127.0.0.1:%d\n", port, port))
	tub, err := Open(node, Options{})
	require.NoError(t, err)
	require.Equal(t, []string{fmt.Sprintf("tcp:127.0.0.1:%d", port)}, tub.Hints)
	first, err := tub.RegisterFile("echo.furl", &echo{})
	require.NoError(t, err)

	served := make(chan error, 1)
	go func() { served <- tub.Serve(t.Context()) }()
	certificate, err := foolscap.NewEphemeralCertificate()
	require.NoError(t, err)
	client, err := foolscap.New(foolscap.Options{Certificate: certificate})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ref, err := client.GetReference(ctx, first)
	require.NoError(t, err)
	answer, err := ref.Call(ctx, "hello")
	require.NoError(t, err)
	require.Equal(t, banana.Text("hello"), answer)
	require.NoError(t, client.Close(ctx))

	require.NoError(t, node.Shutdown.Run(ctx))
	require.NoError(t, <-served)
	require.NoError(t, node.Close())

	node = open(t, node.Config.BaseDir)
	again, err := Open(node, Options{})
	require.NoError(t, err)
	second, err := again.RegisterFile("echo.furl", &echo{})
	require.NoError(t, err)
	require.Equal(t, first.Text(), second.Text())
	require.NoError(t, node.Shutdown.Run(ctx))
	require.NoError(t, node.Close())
}

func TestOtherProtocolGetsItsConnections(t *testing.T) {
	port := freePort(t)
	node := newNode(t, fmt.Sprintf("tub.port = tcp:%d:interface=127.0.0.1\ntub.location = tcp:127.0.0.1:%d\n", port, port))
	tub, err := Open(node, Options{})
	require.NoError(t, err)
	got := make(chan net.Conn, 1)
	tub.ServeOther(func(conn net.Conn) { got <- conn })
	go func() { _ = tub.Serve(t.Context()) }()
	conn, err := net.Dial("tcp", tub.Addresses()[0].String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("\x16\x03\x01\x00\x05hello")) // how TLS begins
	require.NoError(t, err)
	other := <-got
	b := make([]byte, 3)
	_, err = other.Read(b)
	require.NoError(t, err)
	require.Equal(t, "\x16\x03\x01", string(b))
	require.NoError(t, other.Close())
	require.NoError(t, node.Shutdown.Run(t.Context()))
	require.NoError(t, node.Close())
}

func TestSettingsThatCannotBeFollowed(t *testing.T) {
	for name, c := range map[string]struct{ lines, says string }{
		"onion":         {"[tor]\nonion = true\nonion.local_port = 1\nonion.external_port = 2\nonion.private_key_file = x\n", "onion service"},
		"tor launch":    {"[tor]\nlaunch = true\n", "starts no Tor"},
		"i2p launch":    {"[i2p]\nlaunch = true\n", "does not speak I2P"},
		"socks.port":    {"[tor]\nsocks.port = unix:/run/tor\n", "tcp:HOST:PORT"},
		"tor off":       {"[connections]\ntcp = tor\n[tor]\nenabled = false\n", "enabled = false"},
		"listen at tor": {"tub.port = listen:tor\ntub.location = tor:abc.onion:1\n", "hidden service"},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			config, err := nodeconf.Parse(base, nodeconf.KindClient, []byte("[node]\n"+c.lines), nil)
			if err == nil {
				_, err = Dialers(config)
			}
			if err == nil {
				var where nodeconf.Listen
				where, err = config.Listen(nodeconf.ThisHost())
				require.NoError(t, err)
				_, err = listenAt(where.Endpoints[0])
			}
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestTorProxy(t *testing.T) {
	for text, want := range map[string]string{
		"": "127.0.0.1:9050", "9051": "127.0.0.1:9051", "tcp:10.0.0.1:9050": "10.0.0.1:9050", "localhost:1": "localhost:1",
	} {
		got, err := torProxy(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
}
