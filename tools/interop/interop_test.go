package interop

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder stands in for a test to see how Require ends it.
type recorder struct {
	testing.TB
	skipped, failed string
}

type ended struct{}

func (r *recorder) Helper() {}

func (r *recorder) Skip(args ...any) { r.skipped = fmt.Sprint(args...); panic(ended{}) }

func (r *recorder) Skipf(format string, args ...any) { r.Skip(fmt.Sprintf(format, args...)) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	panic(ended{})
}

// during calls f, which may end the recorded test.
func (r *recorder) during(f func()) {
	defer func() {
		if reason := recover(); reason != nil && reason != (ended{}) {
			panic(reason)
		}
	}()
	f()
}

func TestRequireWithoutRoot(t *testing.T) {
	old := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(old, markerName), []byte("complete recipe 0\n"), 0o600))
	tests := []struct {
		name, root, mode string
		skipped, failed  string
	}{
		{"no root", "/nowhere", "",
			"interop: no Tahoe-LAFS in /nowhere: make the root with: sudo tools/interop/make-root", ""},
		{"no root, required", "/nowhere", "required",
			"", "interop: no Tahoe-LAFS in /nowhere: make the root with: sudo tools/interop/make-root (ARM_TAHOE_INTEROP=required)"},
		{"old root", old, "",
			"interop: the root " + old + " is of another recipe: make the root with: sudo tools/interop/make-root", ""},
		{"off", "/nowhere", "off", "interop: ARM_TAHOE_INTEROP=off", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(envRoot, tt.root)
			t.Setenv(envMode, tt.mode)
			r := &recorder{TB: t}
			r.during(func() { Require(r) })
			require.Equal(t, tt.skipped, r.skipped)
			require.Equal(t, tt.failed, r.failed)
		})
	}
}

// TestRecipe keeps the marker here and in make-root the same.
func TestRecipe(t *testing.T) {
	script, err := os.ReadFile("make-root")
	require.NoError(t, err)
	require.Contains(t, string(script), "\nreadonly marker="+markerName+"\n")
	number := strings.TrimSpace(strings.TrimPrefix(markerText, "complete recipe "))
	require.Contains(t, string(script), "\nreadonly recipe="+number+"\n")
}

func TestRootPath(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/home/me/.cache")
	tests := []struct{ name, root, cache, want string }{
		{"default", "", "", "/home/me/.cache/arm-tahoe/tahoe-root"},
		{"cache", "", "/var/cache/x", "/var/cache/x/tahoe-root"},
		{"root before cache", "/srv/root/", "/var/cache/x", "/srv/root"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(envRoot, tt.root)
			t.Setenv(envCache, tt.cache)
			got, err := rootPath()
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestMounts(t *testing.T) {
	tests := []struct {
		name   string
		shared []string
		want   string
	}{
		{"in tmp", []string{"/tmp/TestX/001"}, "cover /tmp show /tmp/TestX/001"},
		{"elsewhere", []string{"/srv/a/b"}, "cover /tmp cover /srv show /srv/a/b"},
		{"several", []string{"/tmp/a", "/srv/b", "/srv/c/d"},
			"cover /tmp cover /srv show /tmp/a show /srv/b show /srv/c/d"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := &Root{Path: "/root-of-tahoe", Dir: tt.shared[0], shared: tt.shared}
			require.Equal(t, tt.want, strings.Join(root.mounts(), " "))
		})
	}
}

func TestCheckShared(t *testing.T) {
	for _, dir := range []string{"/tmp/x", "/home/me/tmp", "/var/tmp/x", "/data"} {
		require.NoError(t, checkShared(dir), dir)
	}
	for _, dir := range []string{"/", "/usr/tmp", "/etc", "/proc/self", "/run/user/1000"} {
		require.ErrorContains(t, checkShared(dir), "set TMPDIR", dir)
	}
}

func TestShows(t *testing.T) {
	root := &Root{shared: []string{"/tmp/a", "/srv/b"}}
	for _, dir := range []string{"/tmp/a", "/tmp/a/node1", "/srv/b/c/d"} {
		require.True(t, root.shows(dir), dir)
	}
	for _, dir := range []string{"/tmp", "/tmp/ab", "/srv", "/srv/b/../c"} {
		require.False(t, root.shows(dir), dir)
	}
}

func TestFreePort(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		port, err := freePort()
		require.NoError(t, err)
		require.False(t, seen[port], "handed out twice")
		seen[port] = true
		listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		require.NoError(t, err)
		require.NoError(t, listener.Close())
	}
}

func TestClientConfig(t *testing.T) {
	config, err := clientConfig(NodeOptions{
		Introducers: []string{"pb://a"}, Storage: true, Shares: "3/7/10", ForceFoolscap: true,
		HelperFURL: "pb://h", RunHelper: true, ExtraConfig: "[node]\nreveal-IP-address = true\n",
	})
	require.NoError(t, err)
	require.Equal(t, `[client]
force_foolscap = true
helper.furl = pb://h
shares.needed = 3
shares.happy = 7
shares.total = 10
[storage]
enabled = true
reserved_space = 0
force_foolscap = true
[helper]
enabled = true
[node]
reveal-IP-address = true
`, config)
}

func TestSharesConfig(t *testing.T) {
	for _, bad := range []string{"3", "3/10", "3/7/10/1", "a/b/c", "-1/1/1", "1/1/256", "1/ 1/1"} {
		_, err := clientConfig(NodeOptions{Shares: bad})
		require.ErrorContains(t, err, fmt.Sprintf("%q", bad))
	}
	text, err := sharesConfig("")
	require.NoError(t, err)
	require.Empty(t, text)
}

func TestWriteBaseDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	for range 2 { // again over the first
		require.NoError(t, writeBaseDir(dir, clientKind, "[node]\n", []string{"pb://a", "pb://b"}))
	}
	files := map[string]string{
		"tahoe.cfg":                "[node]\n",
		"tahoe-client.tac":         "",
		"private/introducers.yaml": "introducers:\n  introducer1:\n    furl: \"pb://a\"\n  introducer2:\n    furl: \"pb://b\"\n",
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, want, string(got), name)
	}
	info, err := os.Stat(filepath.Join(dir, "private"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.Equal(t, "introducers: {}\n", introducersYAML(nil))
}

func TestWriteBaseDirOfIntroducer(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writeBaseDir(dir, introducerKind, nodeConfig("in", 4711), nil))
	require.FileExists(t, filepath.Join(dir, "tahoe-introducer.tac"))
	require.NoFileExists(t, filepath.Join(dir, "private/introducers.yaml"))
}

func TestConfigValue(t *testing.T) {
	config := nodeConfig("n", 4711) + "[storage]\nweb.port = 9\n[node]\nTub.Port = 4712\n# web.port = 8\n"
	require.Equal(t, "4712", configValue(config, "tub.port"), "the last one counts, in any case of letters")
	require.Equal(t, "tcp:0:interface=127.0.0.1", configValue(config, "web.port"))
	require.Empty(t, configValue(config, "log_gatherer.furl"))
}

func TestListeningPort(t *testing.T) {
	ports := map[string]int{
		"tcp:4711:interface=127.0.0.1": 4711, "tcp:4711": 4711, "4711": 4711,
		"disabled": 0, "": 0, "listen:tor": 0, "tcp:70000": 0,
	}
	for text, want := range ports {
		require.Equal(t, want, listeningPort(text), text)
	}
}

func TestConnected(t *testing.T) {
	tests := []struct {
		status              string
		connected, overHTTP bool
	}{
		{"connected", true, true},
		{"Connected to 127.0.0.1:4711 via tcp", true, false},
		{"Trying to connect", false, false},
		{"Reconnecting in 3 seconds (last attempt 1s ago)", false, false},
		{"unstarted", false, false},
		{"failure: connection refused", false, false},
	}
	for _, tt := range tests {
		s := Server{ConnectionStatus: tt.status}
		require.Equal(t, tt.connected, s.Connected(), tt.status)
		require.Equal(t, tt.overHTTP, s.OverHTTP(), tt.status)
	}
	require.Equal(t, 1, countConnected([]Server{{ConnectionStatus: "connected"}, {ConnectionStatus: "unstarted"}}))
}

func TestResultOK(t *testing.T) {
	require.Equal(t, []byte("out"), Result{Stdout: []byte("out")}.OK(t))
	r := &recorder{TB: t}
	r.during(func() { Result{Stdout: []byte("out"), Stderr: []byte("err"), ExitCode: 3}.OK(r) })
	require.Equal(t, "interop: exit code 3\nouterr", r.failed)
}

// TestProcess needs no root: any program will do.
func TestProcess(t *testing.T) {
	output := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(output, []byte("earlier\n"), 0o600))
	p := startShell(t, output, "echo started; exec sleep 1000")
	require.NoError(t, poll(startTimeout, func() (bool, error) { return p.text(100) == "started\n", nil }))
	require.Equal(t, "ted\n", p.text(4))
	require.False(t, p.hasEnded())
	require.NoError(t, p.stop())
	require.True(t, p.hasEnded())
	require.Equal(t, "signal: terminated", p.cmd.ProcessState.String())
	require.NoError(t, p.stop(), "again: nothing to do")
	p.kill()
}

func TestProcessGroup(t *testing.T) {
	output := filepath.Join(t.TempDir(), "log")
	p := startShell(t, output, "sleep 1000 & echo $!; wait")
	var child int
	require.NoError(t, poll(startTimeout, func() (bool, error) {
		_, err := fmt.Sscanf(p.text(100), "%d\n", &child)
		return err == nil, nil
	}))
	p.kill()
	require.NoError(t, poll(startTimeout, func() (bool, error) {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		return os.IsNotExist(err) || strings.Contains(string(state), ") Z "), nil
	}))
}

func startShell(t *testing.T, output, script string) *process {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = (&Root{}).Command(t.Context(), "x").SysProcAttr
	cmd.SysProcAttr.Unshareflags = 0 // needs root rights
	p, err := startProcess(cmd, output)
	require.NoError(t, err)
	t.Cleanup(p.kill)
	return p
}

// TestPortTaken has another program take the port that was meant for a node: the
// node gets another one.
func TestPortTaken(t *testing.T) {
	root := Require(t)
	n := root.newNode(t, introducerKind, "introducer", NodeOptions{})
	config, err := os.ReadFile(n.path("tahoe.cfg"))
	require.NoError(t, err)
	taken := listeningPort(configValue(string(config), "tub.port"))
	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", taken))
	require.NoError(t, err)
	defer listener.Close()
	n.launch(t)
	first := n.PID()
	n.await(t)
	require.NotEqual(t, first, n.PID(), "started again")
	furl := n.FURL(t, "introducer.furl")
	require.NotContains(t, furl, fmt.Sprintf(":%d/", taken))
	require.Contains(t, furl, "@tcp:127.0.0.1:")
}

// TestCommand looks at how a program runs in the root.
func TestCommand(t *testing.T) {
	root := Require(t)
	version := root.Run(t, nil, "tahoe", "--version").OK(t)
	require.Contains(t, string(version), "tahoe-lafs/1.20.0")
	require.Equal(t, root.Dir+"\n", string(root.Run(t, nil, "pwd").OK(t)))
	require.Equal(t, "a b\nc'", string(root.Run(t, []byte("a b\nc'"), "cat").OK(t)))
	require.Equal(t, "x y *\n", string(root.Run(t, nil, "echo", "x y", "*").OK(t)))
	require.Equal(t, 3, root.Run(t, nil, "sh", "-c", "exit 3").ExitCode)
	require.Equal(t, -1, root.Run(t, nil, "sh", "-c", "kill -9 $$").ExitCode)
	require.Equal(t, 127, root.Run(t, nil, "no-such-program").ExitCode)
	require.NotContains(t, string(root.Run(t, nil, "env").OK(t)), "GOROOT")
	for _, program := range []string{"grid-manager", "flogtool", "ssh", "sftp", "sshfs", "rclone"} {
		require.Zero(t, root.Run(t, nil, "sh", "-c", "command -v "+program).ExitCode, program)
	}

	r := &recorder{TB: t}
	nowhere := &Root{Path: "/nowhere", Dir: root.Dir}
	r.during(func() { nowhere.Run(r, nil, "true") })
	require.Contains(t, r.failed, "cannot enter /nowhere")
}

// TestCommandProcess: the process started is the program itself, not a shell in
// front of it, and sees the machine's process ids.
func TestCommandProcess(t *testing.T) {
	root := Require(t)
	cmd := root.Command(context.Background(), "sh", "-c", "echo $$")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%d\n", cmd.Process.Pid), string(out))
}
