package interop_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/tools/interop"
)

// TestSFTP: OpenSSH's sftp with a password on our gateway, and Python's on the
// other side of the grid.
func TestSFTP(t *testing.T) {
	root := interop.Require(t)
	in := root.StartIntroducer(t, interop.IntroducerOptions{Ours: true})
	furls, port := []string{in.FURL()}, freePort(t)
	nodes := root.StartNodes(t,
		interop.NodeOptions{Name: "gateway", Introducers: furls, Shares: "1/2/3", Ours: true,
			ExtraConfig: fmt.Sprintf("[sftpd]\nenabled = true\nport = tcp:%d:interface=127.0.0.1\n", port)},
		interop.NodeOptions{Name: "python", Introducers: furls, Shares: "1/2/3"},
		storageOnly(furls, true, false), storageOnly(furls, true, false), storageOnly(furls, false, false))
	gateway, python := nodes[0], nodes[1]
	for _, n := range nodes[:2] {
		n.WaitConnected(t, 3)
	}
	dir := strings.TrimSpace(string(python.Tahoe(t, nil, "mkdir").OK(t)))
	accounts := "tahoe passw0rd " + dir + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(gateway.BaseDir, "private", "ftp.accounts"), []byte(accounts), 0o600))

	data := testData(3*segmentSize + 5)
	up, down := filepath.Join(root.Dir, "up"), filepath.Join(root.Dir, "down")
	require.NoError(t, os.WriteFile(up, data, 0o600))
	said := sftpWithPassword(t, root, port, "ls", "mkdir test", "ls -ltr", "put "+up+" test/file", "get test/file "+down, "df")
	require.Regexp(t, `drwxr-xr-x +1 tahoe +tahoe +0 .* test`, said)
	got, err := os.ReadFile(down)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
	require.True(t, bytes.Equal(data, python.Tahoe(t, nil, "get", dir+"/test/file").OK(t)))

	python.Tahoe(t, data[:1000], "put", "-", dir+"/test/theirs").OK(t)
	said = sftpWithPassword(t, root, port, "get test/theirs "+down, "rename test/theirs theirs", "ls -l")
	require.Regexp(t, `1000 .* theirs`, said)
	got, err = os.ReadFile(down)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data[:1000], got))
	require.Equal(t, "test\ntheirs\n", string(python.Tahoe(t, nil, "ls", dir).OK(t)))
	gateway.Stop(t)
}

// freePort returns a port that nobody listens on now.
func freePort(t *testing.T) int {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// sftpWithPassword types commands, and returns what sftp says before it exits.
func sftpWithPassword(t *testing.T, root *interop.Root, port int, commands ...string) string {
	ask := filepath.Join(root.Dir, "ask")
	require.NoError(t, os.WriteFile(ask, []byte("#!/bin/sh\necho passw0rd\n"), 0o700))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	command := root.Command(ctx, "sftp", "-P", fmt.Sprint(port), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "tahoe@127.0.0.1")
	command.Env = append(command.Environ(), "SSH_ASKPASS="+ask, "SSH_ASKPASS_REQUIRE=force")
	command.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	said, err := command.CombinedOutput()
	t.Logf("%s", said)
	require.NoError(t, err, "it exits by itself, with 0")
	return string(said)
}
