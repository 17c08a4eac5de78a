package daemon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

const someFURL = "pb://4vvrocf4clbseg7vgcydwhljwvrtuwxv@tcp:127.0.0.1:29999/swissnumswissnum"

// storage is a role that does nothing until it is told to stop.
func storage(run func(context.Context, *Node) error) Program {
	return Program{Name: "storage", Summary: "keeps shares.", Role: Storage, Run: run}
}

func untilEnd(ctx context.Context, node *Node) error {
	node.Ready()
	return nil
}

// clean removes variables of the machine that the tests run on.
func clean(t *testing.T) {
	t.Helper()
	for _, s := range settings {
		t.Setenv(s.env, "")
	}
}

func run(t *testing.T, p Program, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Main(t.Context(), p, args, &out, &err)
	return code, out.String(), err.String()
}

func TestMain_exitCodesAndOutput(t *testing.T) {
	clean(t)
	missing := storage(nil)
	missing.Missing = "store shares"
	for _, c := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"refuses", nil, ExitFailure, "", "storage: this version cannot store shares yet; it answers --version, --help and healthcheck only\n"},
		{"version", []string{"--version"}, ExitOK, runtime.Version(), ""},
		{"help", []string{"--help"}, ExitOK, "usage: storage", ""},
		{"help names settings", []string{"-h"}, ExitOK, "TAHOE_SIZE_LIMIT", ""},
		{"unknown flag", []string{"--frobnicate"}, ExitUsage, "", "usage: storage [healthcheck]"},
		{"argument", []string{"now"}, ExitUsage, "", `unexpected argument "now"`},
		{"healthcheck without node", []string{"healthcheck", "--basedir=" + t.TempDir()}, ExitFailure, "", "not a node directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := run(t, missing, c.args...)
			require.Equal(t, c.code, code)
			requireText(t, c.stdout, stdout)
			requireText(t, c.stderr, stderr)
		})
	}
}

// requireText: got contains want, and is empty where want is.
func requireText(t *testing.T, want, got string) {
	t.Helper()
	if want == "" {
		require.Empty(t, got)
		return
	}
	require.Contains(t, got, want)
}

func TestMain_createsNode(t *testing.T) {
	clean(t)
	base := filepath.Join(t.TempDir(), "deep", "node")
	t.Setenv("TAHOE_NICKNAME", "from variable")
	t.Setenv("TAHOE_SHARES", "1/1/1")
	var seen *nodeconf.Config
	p := storage(func(ctx context.Context, n *Node) error { seen = n.Config; return nil })
	args := []string{"--basedir", base, "--introducer", someFURL, "--location=pi.local", "--shares", "2/3/4", "--size-limit=5G", "--reserved-space=2GiB", "--storage-dir=/mnt/disk"}
	code, _, stderr := run(t, p, args...)
	require.Equal(t, ExitOK, code, stderr)
	require.NotContains(t, stderr, "swissnum")
	require.Equal(t, "from variable", seen.Node.Nickname)
	require.Equal(t, 2, seen.Client.Shares.K, "a flag comes before a variable")
	require.Equal(t, []string{"tcp:pi.local:8098"}, seen.Node.TubLocation)
	require.Equal(t, "tcp:8098", seen.Node.TubPort[0].String())
	require.Equal(t, "tcp:3458", seen.Node.WebPort.String())
	require.Equal(t, "tcp:8022", seen.SFTP.Port.String())
	require.True(t, seen.SFTP.Enabled)
	require.True(t, seen.Storage.Enabled)
	require.Equal(t, "/mnt/disk", seen.Storage.Dir)
	require.Equal(t, int64(5_000_000_000), seen.Storage.SizeLimit)
	require.Equal(t, int64(2<<30), seen.Storage.ReservedSpace)
	require.NoFileExists(t, filepath.Join(base, "running.process"), "given back at the end")

	t.Setenv("TAHOE_SHARES", "2/3/4")
	code, _, stderr = run(t, p, append(args, "--nickname=from variable", "--tub-port=tcp:8098", "--web-port=3458")...)
	require.Equal(t, ExitOK, code, "the same settings again: %s", stderr)
	for _, c := range []struct{ flag, want string }{
		{"--nickname=other", "--nickname differs from [node] nickname of this node, whose files win"},
		{"--introducer=pb://other", "--introducer differs from private/introducers.yaml"},
		{"--helper=pb://other", "[client] helper.furl"},
		{"--location=other", "[node] tub.location"},
		{"--tub-port=1", "[node] tub.port"},
		{"--web-port=none", "[node] web.port"},
		{"--sftp-port=tcp:22", "[sftpd] port"},
		{"--shares=1/1/1", "[client] shares"},
		{"--storage-dir=storage", "[storage] storage_dir"},
		{"--reserved-space=3G", "[storage] reserved_space"},
		{"--size-limit=6G", "size_limit in arm-tahoe.cfg"},
	} {
		code, _, stderr := run(t, p, "--basedir", base, c.flag)
		require.Equal(t, ExitFailure, code, c.flag)
		require.Contains(t, stderr, c.want)
	}
	t.Setenv("TAHOE_NICKNAME", "changed")
	_, _, stderr = run(t, p, "--basedir", base)
	require.Contains(t, stderr, "TAHOE_NICKNAME differs from [node] nickname")
}

func TestMain_refusesBadSettings(t *testing.T) {
	clean(t)
	for _, c := range []struct{ flag, want string }{
		{"--shares=3", `--shares: "3" is not k/happy/N: use three numbers, as in 1/2/3`},
		{"--shares=3/2/1", "--shares: shares.needed is 3, must be from 1 to 1"},
		{"--introducer=http://secretsecret", "--introducer: is not a FURL"},
		{"--tub-port=http", "--tub-port: "},
		{"--tub-port=0", "cannot be 0: you must choose"},
		{"--web-port=70000", "has no port from 0 to 65535"},
		{"--size-limit=lots", `--size-limit: "lots" is not a size`},
		{"--log-format=xml", `--log-format: "xml" is no format: use text or json`},
	} {
		base := filepath.Join(t.TempDir(), "node")
		code, _, stderr := run(t, storage(untilEnd), "--basedir", base, c.flag)
		require.Equal(t, ExitFailure, code, c.flag)
		require.Contains(t, stderr, c.want)
		require.NotContains(t, stderr, "secretsecret")
		require.NoDirExists(t, base, "nothing is made")
	}
}

func TestMain_otherKind(t *testing.T) {
	clean(t)
	base := filepath.Join(t.TempDir(), "node")
	p := Program{Name: "introducer", Role: Introducer, Run: untilEnd}
	code, _, stderr := run(t, p, "--basedir", base)
	require.Equal(t, ExitOK, code, stderr)
	code, _, stderr = run(t, storage(untilEnd), "--basedir", base)
	require.Equal(t, ExitFailure, code)
	require.Contains(t, stderr, "holds a node of the kind introducer")
	require.NoFileExists(t, filepath.Join(base, "running.process"))
}

func TestRoles_canBeMade(t *testing.T) {
	clean(t)
	for _, r := range roles {
		base := filepath.Join(t.TempDir(), r.Name)
		code, _, stderr := run(t, Program{Name: r.Name, Role: r, Run: untilEnd}, "--basedir", base)
		require.Equal(t, ExitOK, code, stderr)
	}
}

func TestMain_secondProcessAndSignal(t *testing.T) {
	clean(t)
	base := filepath.Join(t.TempDir(), "node")
	var steps []string
	code, _, stderr := run(t, storage(func(ctx context.Context, n *Node) error {
		add := func(stage Stage, name string) {
			n.Shutdown.Add(stage, name, func(context.Context) error { steps = append(steps, name); return nil })
		}
		add(Close, "close")
		add(Sync, "sync")
		add(StopAccepting, "stop first")
		add(StopAccepting, "stop second")
		n.Ready()
		code, _, stderr := run(t, storage(untilEnd), "--basedir", base)
		require.Equal(t, ExitFailure, code)
		require.Contains(t, stderr, "a process is already running as PID")
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
		<-ctx.Done()
		return ctx.Err()
	}), "--basedir", base, "--log-format=json")
	require.Equal(t, ExitOK, code, stderr)
	require.Equal(t, []string{"stop second", "stop first", "sync", "close"}, steps)
	for _, want := range []string{`"msg":"client running"`, `"msg":"stopping"`, `"msg":"stopped"`} {
		require.Contains(t, stderr, want)
	}
}

func TestServe_givesUpOnTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	require.NoError(t, nodeconf.Create(dir, nodeconf.NewNode{Kind: nodeconf.KindIntroducer, TubPorts: []string{"tcp:1"}, TubLocations: []string{"tcp:h:1"}}))
	synctest.Test(t, func(t *testing.T) {
		node, err := Open(dir, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		var drained, synced error
		node.Shutdown.Add(Drain, "drain", func(ctx context.Context) error { drained = ctx.Err(); return errors.New("no time") })
		node.Shutdown.Add(Sync, "sync", func(ctx context.Context) error { synced = ctx.Err(); return nil })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start, release := time.Now(), make(chan struct{})
		err = node.Serve(ctx, "test", func(context.Context, *Node) error { <-release; return nil })
		require.ErrorContains(t, err, "did not stop within 5s")
		require.ErrorContains(t, err, "drain: no time")
		require.Equal(t, ShutdownTimeout, time.Since(start))
		require.Error(t, drained)
		require.Error(t, synced)
		close(release)
	})
}

func TestShutdown_syncHasTimeAfterDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Shutdown
		s.Add(Drain, "drain", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		var left time.Duration
		s.Add(Sync, "sync", func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			return ctx.Err()
		})
		require.ErrorIs(t, s.Run(context.Background()), context.DeadlineExceeded)
		require.Equal(t, ShutdownTimeout-drainTimeout, left)
	})
}

func TestHealthcheck(t *testing.T) {
	clean(t)
	base := filepath.Join(t.TempDir(), "node")
	p := storage(untilEnd)
	code, _, _ := run(t, p, "--basedir", base)
	require.Equal(t, ExitOK, code)
	code, _, stderr := run(t, p, "healthcheck", "--basedir", base)
	require.Equal(t, ExitFailure, code)
	require.Contains(t, stderr, "has no node.url")

	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/healthz", r.URL.Path)
		w.WriteHeader(status)
		io.WriteString(w, "{\n \"disk\": \"full\"\n}\n")
	}))
	defer server.Close()
	dir, err := nodeconf.OpenDir(base)
	require.NoError(t, err)
	port := server.Listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, dir.WriteNodeURL(nodeconf.Endpoint{Kind: nodeconf.EndpointTCP, Interface: "127.0.0.1"}, uint16(port)))
	code, stdout, stderr := run(t, p, "healthcheck", "--basedir", base)
	require.Equal(t, ExitOK, code, stderr)
	require.Equal(t, "healthy\n", stdout)
	status = http.StatusServiceUnavailable
	code, _, stderr = run(t, p, "healthcheck", "--basedir", base)
	require.Equal(t, ExitFailure, code)
	require.Contains(t, stderr, `the node answers 503 Service Unavailable: { "disk": "full" }`)
}

func TestLocationHints(t *testing.T) {
	ports := []string{"listen:tor", "tcp:8098"}
	for value, want := range map[string]string{
		"pi.local":            "tcp:pi.local:8098",
		"192.0.2.1":           "tcp:192.0.2.1:8098",
		"2001:db8::1":         "tcp:[2001:db8::1]:8098",
		"[2001:db8::1]":       "tcp:[2001:db8::1]:8098",
		"AUTO":                "AUTO",
		"tcp:h:1":             "tcp:h:1",
		"h:1":                 "h:1",
		"tcp:[2001:db8::1]:5": "tcp:[2001:db8::1]:5",
		"tcp:h:1,tor:x:2":     "tcp:h:1 tor:x:2",
	} {
		hints, err := locationHints(value, ports)
		require.NoError(t, err)
		require.Equal(t, want, strings.Join(hints, " "), value)
	}
	_, err := locationHints("h", []string{"listen:tor"})
	require.Error(t, err)
}
