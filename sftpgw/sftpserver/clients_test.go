package sftpserver_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/besn0847/arm-tahoe/sftpgw/sftpserver"
	"github.com/besn0847/arm-tahoe/tools/interop"
)

// realClients is a gateway with the programs of Debian that use it.
type realClients struct {
	*gateway
	root    *interop.Root
	options []string // of ssh, each with its -o
	port    string
	key     string
}

func startReal(t *testing.T) *realClients {
	root := interop.Require(t)
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	g := start(t, func(c *sftpserver.Config) { c.Accounts = accounts{signer.PublicKey()} })
	_, port, err := net.SplitHostPort(g.address)
	require.NoError(t, err)
	write := func(name string, content []byte) string {
		path := filepath.Join(root.Dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	r := &realClients{gateway: g, root: root, port: port, key: write("key", pem.EncodeToMemory(block))}
	known := write("known_hosts", fmt.Appendf(nil, "[127.0.0.1]:%s %s", port, ssh.MarshalAuthorizedKey(g.hostKey.PublicKey())))
	for _, option := range []string{"IdentityFile=" + r.key, "UserKnownHostsFile=" + known, "BatchMode=yes", "StrictHostKeyChecking=yes"} {
		r.options = append(r.options, "-o", option)
	}
	return r
}

// run runs a program in the root, and returns what it says.
func (r *realClients) run(t *testing.T, input, name string, args ...string) (output string, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := r.root.Command(ctx, name, args...)
	command.Stdin = strings.NewReader(input)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	err = command.Run()
	t.Logf("%s: %v\n%s", name, err, said.String())
	require.NoError(t, ctx.Err(), "it did not exit")
	return said.String(), err
}

func (r *realClients) sftp(t *testing.T, batch string, args ...string) (string, error) {
	args = append(append([]string{"-P", r.port, "-b", "-"}, r.options...), args...)
	return r.run(t, batch, "sftp", append(args, "tahoe@127.0.0.1")...)
}

// file writes a file in the root's directory.
func (r *realClients) file(t *testing.T, name string, size int) (path string, content []byte) {
	path, content = filepath.Join(r.root.Dir, name), make([]byte, size)
	rand.Read(content)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, content, 0o640))
	return path, content
}

func TestOpenSSH(t *testing.T) {
	r := startReal(t)
	up, content := r.file(t, "up", 5<<20+1)
	down := filepath.Join(r.root.Dir, "down")

	t.Run("batch", func(t *testing.T) {
		said, err := r.sftp(t, strings.Join([]string{
			"ls", "mkdir test", "ls -ltr", "cd test", "pwd",
			"put -fp " + up + " big", "ls -l", "get -p big " + down,
			"rename big bigger", "ln bigger other", "cp bigger third", "chmod 600 third", "rm third", "-rmdir ../test",
			"-ln -s bigger soft", "df -h", "-get missing", "rm bigger", "rm other", "rmdir ../test", "bye",
		}, "\n"))
		require.NoError(t, err)
		require.Contains(t, said, "Remote working directory: /test")
		require.Regexp(t, `-rw-r----- +. tahoe +tahoe +5242881`, said)
		require.Contains(t, said, "64.0MB")
		require.Contains(t, said, `symlink file "bigger" to "/test/soft": Operation unsupported`)
		got, err := os.ReadFile(down)
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, got))
		info, err := os.Stat(down)
		require.NoError(t, err)
		before, err := os.Stat(up)
		require.NoError(t, err)
		require.Equal(t, before.ModTime().Unix(), info.ModTime().Unix())
	})
	t.Run("recursive, resumed", func(t *testing.T) {
		_, part := r.file(t, "tree/a/part", 300_000)
		r.file(t, "tree/b", 10)
		_, err := r.sftp(t, "put -r "+filepath.Join(r.root.Dir, "tree")+"\nget -r tree "+filepath.Join(r.root.Dir, "back"))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(r.root.Dir, "back/a/part"))
		require.NoError(t, err)
		require.True(t, bytes.Equal(part, got))
		path, longer := r.file(t, "longer", 400_000)
		c := r.client(t, "tahoe")
		put(t, c, "longer", longer[:123_456])
		_, err = r.sftp(t, "reput "+path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(longer, get(t, c, "longer")))
	})
	t.Run("scp", func(t *testing.T) {
		args := append([]string{"-p", "-P", r.port}, r.options...)
		_, err := r.run(t, "", "scp", append(args, up, "tahoe@127.0.0.1:scp")...)
		require.NoError(t, err)
		_, err = r.run(t, "", "scp", append(args, "tahoe@127.0.0.1:scp", down)...)
		require.NoError(t, err)
		got, err := os.ReadFile(down)
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, got))
		said, err := r.run(t, "", "scp", append(append([]string{"-O"}, args...), up, "tahoe@127.0.0.1:old")...)
		require.Error(t, err)
		require.Contains(t, said, "speaks only SFTP")
	})
	t.Run("shell", func(t *testing.T) {
		said, err := r.run(t, "", "ssh", append(append([]string{"-p", r.port}, r.options...), "tahoe@127.0.0.1")...)
		require.Error(t, err)
		require.Contains(t, said, "speaks only SFTP")
	})
}

func TestRclone(t *testing.T) {
	r := startReal(t)
	const files = 500
	for i := range files {
		r.file(t, fmt.Sprintf("source/%d/file-%d", i%7, i), i*37)
	}
	source := filepath.Join(r.root.Dir, "source")
	remote := fmt.Sprintf(":sftp,host=127.0.0.1,port=%s,user=tahoe,key_file=%s,shell_type=none,set_modtime=true:copy", r.port, r.key)
	_, err := r.run(t, "", "rclone", "sync", source, remote)
	require.NoError(t, err)
	said, err := r.run(t, "", "rclone", "check", "--download", source, remote)
	require.NoError(t, err)
	require.Contains(t, said, fmt.Sprintf("%d matching files", files))
	calls, _ := r.grid.Stores()
	said, err = r.run(t, "", "rclone", "sync", "-v", source, remote)
	require.NoError(t, err)
	require.Contains(t, said, "There was nothing to transfer")
	again, _ := r.grid.Stores()
	require.Equal(t, calls, again)
}

func TestSSHFS(t *testing.T) {
	r := startReal(t)
	if _, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skipf("no FUSE here: %v", err)
	}
	r.file(t, "source/deep/er/large", 3<<20)
	for i := range 30 {
		r.file(t, fmt.Sprintf("source/file-%d", i), i*100)
	}
	script := `set -eu
cd "$1"; mkdir -p mnt
sshfs -f ` + strings.Join(r.options, " ") + ` -o port=` + r.port + `,idmap=user,modules= tahoe@127.0.0.1:/ mnt & pid=$!
trap 'fusermount3 -u mnt || umount mnt; wait $pid' EXIT
n=0; until mountpoint -q mnt; do n=$((n+1)); test $n -lt 600; sleep 0.1; done
cp -r source mnt/
diff -r source mnt/source
df mnt
cp -p source/file-3 mnt/kept; test "$(stat -c %Y%a source/file-3)" = "$(stat -c %Y%a mnt/kept)"
echo one > mnt/doc; echo two > mnt/doc.tmp; mv mnt/doc.tmp mnt/doc; test "$(cat mnt/doc)" = two
printf xyz | dd of=mnt/source/deep/er/large bs=1 seek=1000000 conv=notrunc 2>/dev/null
printf xyz | dd of=source/deep/er/large bs=1 seek=1000000 conv=notrunc 2>/dev/null
cmp source/deep/er/large mnt/source/deep/er/large
echo more >> mnt/doc; test "$(wc -l < mnt/doc)" = 2
truncate -s 1 mnt/doc; test "$(cat mnt/doc)" = t
mkdir mnt/full; touch mnt/full/x; ! rmdir mnt/full; rm -r mnt/full mnt/source
test "$(ls mnt)" = "doc
kept"
echo done well
`
	said, err := r.run(t, "", "sh", "-c", script, "sh", r.root.Dir)
	require.NoError(t, err)
	require.Contains(t, said, "done well")
}
