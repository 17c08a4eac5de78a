package sftpserver_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/sftpgw/memtree"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfs"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpserver"
)

// patience is how long tests wait for what must happen.
const patience = 2 * time.Minute

// accounts has every user log in with the password and the cap of the name.
type accounts struct{ key ssh.PublicKey }

func (accounts) Password(_ context.Context, name, given string) (secret.CapText, error) {
	if given != "passw0rd" {
		return secret.CapText{}, errors.New("denied")
	}
	return secret.NewCapText([]byte(name)), nil
}

func (a accounts) Key(name string, key ssh.PublicKey) (secret.CapText, error) {
	if a.key == nil || !bytes.Equal(a.key.Marshal(), key.Marshal()) {
		return secret.CapText{}, errors.New("denied")
	}
	return secret.NewCapText([]byte(name)), nil
}

// gateway is a server with a grid in memory.
type gateway struct {
	*sftpserver.Server
	grid    *memtree.Grid
	files   *sftpfs.Gateway
	address string
	hostKey ssh.Signer
}

func newSigner(t testing.TB) ssh.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	return signer
}

// start serves users tahoe and ro-tahoe.
func start(t testing.TB, configure ...func(*sftpserver.Config)) *gateway {
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	g := &gateway{grid: memtree.New("tahoe"), hostKey: newSigner(t)}
	g.files = sftpfs.New(sftpfs.Config{Roots: g.grid, SpoolDir: t.TempDir(), Location: time.UTC, Log: log})
	config := sftpserver.Config{HostKeys: []ssh.Signer{g.hostKey}, Accounts: accounts{}, Files: g.files, Log: log}
	for _, c := range configure {
		c(&config)
	}
	g.Server = sftpserver.New(config)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	g.address = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, g.Close(ctx))
		require.NoError(t, <-served)
		g.files.Close()
	})
	return g
}

func (g *gateway) dial(t testing.TB, user string, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	if auth == nil {
		auth = []ssh.AuthMethod{ssh.Password("passw0rd")}
	}
	return ssh.Dial("tcp", g.address, &ssh.ClientConfig{
		User: user, Auth: auth, HostKeyCallback: ssh.FixedHostKey(g.hostKey.PublicKey()),
	})
}

func (g *gateway) client(t testing.TB, user string) *sftp.Client {
	conn, err := g.dial(t, user)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	client, err := sftp.NewClient(conn, sftp.UseConcurrentWrites(true))
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

func put(t testing.TB, c *sftp.Client, path string, content []byte) {
	f, err := c.Create(path)
	require.NoError(t, err)
	_, err = f.ReadFrom(bytes.NewReader(content))
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func get(t testing.TB, c *sftp.Client, path string) []byte {
	f, err := c.Open(path)
	require.NoError(t, err)
	defer f.Close()
	content, err := io.ReadAll(f)
	require.NoError(t, err)
	return content
}

func TestASession(t *testing.T) {
	g := start(t)
	c := g.client(t, "tahoe")
	large := make([]byte, 3<<20+17)
	rand.Read(large)
	require.NoError(t, c.Mkdir("test"))
	put(t, c, "test/large", large)
	put(t, c, "test/empty", nil)
	require.True(t, bytes.Equal(large, get(t, c, "/test/large")))
	require.Empty(t, get(t, c, "test/empty"))

	entries, err := c.ReadDir("test")
	require.NoError(t, err)
	require.Len(t, entries, 2)
	info, err := c.Stat("test/large")
	require.NoError(t, err)
	require.EqualValues(t, len(large), info.Size())
	require.Equal(t, os.FileMode(0o644), info.Mode())

	require.NoError(t, c.Rename("test/large", "test/other"))
	require.Error(t, c.Rename("test/other", "test/empty"))
	require.NoError(t, c.PosixRename("test/other", "test/empty"))
	require.Error(t, c.RemoveDirectory("test"))
	require.NoError(t, c.Remove("test/empty"))
	require.NoError(t, c.RemoveDirectory("test"))
	_, err = c.Stat("test")
	require.ErrorIs(t, err, os.ErrNotExist)

	space, err := c.StatVFS("/")
	require.NoError(t, err)
	require.EqualValues(t, 32<<20, space.FreeSpace())
}

func TestPublicKeys(t *testing.T) {
	signer := newSigner(t)
	g := start(t, func(c *sftpserver.Config) { c.Accounts = accounts{signer.PublicKey()} })
	var keys []ssh.Signer
	for range 10 { // as an agent with many keys
		keys = append(keys, newSigner(t))
	}
	conn, err := g.dial(t, "tahoe", ssh.PublicKeys(append(keys, signer)...))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	_, err = g.dial(t, "tahoe", ssh.PublicKeys(keys...))
	require.ErrorContains(t, err, "unable to authenticate")
}

func TestAReadOnlyLogin(t *testing.T) {
	g := start(t)
	put(t, g.client(t, "tahoe"), "file", []byte("content"))
	c := g.client(t, "ro-tahoe")
	require.Equal(t, "content", string(get(t, c, "file")))
	_, err := c.Create("other")
	require.ErrorIs(t, err, os.ErrPermission)
	_, err = c.OpenFile("file", os.O_WRONLY)
	require.ErrorIs(t, err, os.ErrPermission)
	require.ErrorIs(t, c.Remove("file"), os.ErrPermission)
	require.ErrorIs(t, c.Mkdir("dir"), os.ErrPermission)
	info, err := c.Stat("file")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o444), info.Mode())
}

func TestShellAndProgramsGetASentence(t *testing.T) {
	g := start(t)
	for _, program := range []string{"", "scp -t /"} {
		conn, err := g.dial(t, "tahoe")
		require.NoError(t, err)
		defer conn.Close()
		session, err := conn.NewSession()
		require.NoError(t, err)
		var said bytes.Buffer
		session.Stderr = &said
		if program == "" {
			require.NoError(t, session.RequestPty("vt100", 80, 24, nil))
			require.NoError(t, session.Shell())
			err = session.Wait()
		} else {
			err = session.Run(program)
		}
		var exit *ssh.ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, 1, exit.ExitStatus())
		require.Contains(t, said.String(), "speaks only SFTP")
	}
}

func TestNothingButSessions(t *testing.T) {
	g := start(t)
	conn, err := g.dial(t, "tahoe")
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Dial("tcp", "127.0.0.1:22")
	require.ErrorContains(t, err, "no forwarding")
	session, err := conn.NewSession()
	require.NoError(t, err)
	require.Error(t, session.RequestSubsystem("netconf"))
}

func TestCiphers(t *testing.T) {
	g := start(t)
	for _, cipher := range []string{ssh.CipherChaCha20Poly1305, ssh.CipherAES128GCM, ssh.CipherAES256CTR} {
		conn, err := ssh.Dial("tcp", g.address, &ssh.ClientConfig{
			Config: ssh.Config{Ciphers: []string{cipher}}, User: "tahoe",
			Auth: []ssh.AuthMethod{ssh.Password("passw0rd")}, HostKeyCallback: ssh.FixedHostKey(g.hostKey.PublicKey()),
		})
		require.NoError(t, err, cipher)
		require.NoError(t, conn.Close())
	}
}

// TestTheChannelClosesAtEndOfFile is what keeps OpenSSH's sftp waiting with 1.20.
func TestTheChannelClosesAtEndOfFile(t *testing.T) {
	g := start(t)
	conn, err := g.dial(t, "tahoe")
	require.NoError(t, err)
	defer conn.Close()
	channel, requests, err := conn.OpenChannel("session", nil)
	require.NoError(t, err)
	ok, err := channel.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"}))
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, channel.CloseWrite())
	rest, err := io.ReadAll(channel)
	require.NoError(t, err)
	require.Empty(t, rest)
	exit := <-requests
	require.Equal(t, "exit-status", exit.Type)
	require.Equal(t, []byte{0, 0, 0, 0}, exit.Payload)
	_, open := <-requests
	require.False(t, open, "the server has closed the channel")
}

func TestLimits(t *testing.T) {
	g := start(t, func(c *sftpserver.Config) {
		c.Limits = sftpserver.Limits{PerUser: 2, Sessions: 2, StrangersPerAddress: 3}
	})
	t.Run("connections of a user", func(t *testing.T) {
		ended := make(chan error, 3)
		for range 3 { // clients may think that they are in before the server counts them
			conn, err := g.dial(t, "tahoe")
			if err != nil {
				ended <- err
				continue
			}
			defer conn.Close()
			go func() { ended <- conn.Wait() }()
		}
		require.Error(t, <-ended)
		require.Empty(t, ended)
		other, err := g.dial(t, "ro-tahoe")
		require.NoError(t, err)
		defer other.Close()
		for i := range 3 {
			_, err := other.NewSession()
			require.Equal(t, i == 2, err != nil, "session %d", i)
		}
	})
	t.Run("strangers", func(t *testing.T) {
		var last net.Conn
		for range 4 {
			conn, err := net.Dial("tcp", g.address)
			require.NoError(t, err)
			defer conn.Close()
			last = conn
		}
		last.SetReadDeadline(time.Now().Add(patience))
		_, err := last.Read(make([]byte, 1))
		require.Error(t, err, "closed before the server has said anything")
	})
}

func TestAClientThatDoesNotLogInIsSentAway(t *testing.T) {
	g := start(t, func(c *sftpserver.Config) { c.Limits.Login = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", g.address)
	require.NoError(t, err)
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(patience))
	_, err = io.ReadAll(conn)
	require.False(t, errors.Is(err, os.ErrDeadlineExceeded))
}

func TestDrainStoresWhatWasClosed(t *testing.T) {
	g := start(t)
	c := g.client(t, "tahoe")
	f, err := c.Create("file")
	require.NoError(t, err)
	_, err = f.Write([]byte("content"))
	require.NoError(t, err)
	abandoned, err := c.Create("abandoned")
	require.NoError(t, err)
	_, err = abandoned.Write([]byte("half of someth"))
	require.NoError(t, err)

	release := g.grid.Hold()
	closed := make(chan error, 1)
	go func() { closed <- f.Close() }()
	require.Eventually(t, func() bool {
		return g.grid.Held() == 1
	}, patience, time.Millisecond)
	_, err = c.Stat("file") // served while the file is stored
	require.NoError(t, err)
	require.NoError(t, g.StopAccepting(t.Context()))
	drained := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { drained <- g.Drain(ctx) }()
	release()
	require.NoError(t, <-drained)
	require.NoError(t, <-closed, "the answer came before the end")

	tree, err := g.grid.Root(t.Context(), secret.NewCapText([]byte("tahoe")))
	require.NoError(t, err)
	_, err = tree.Stat(t.Context(), []string{"abandoned"})
	require.Error(t, err)
}

func TestManyClients(t *testing.T) {
	g := start(t)
	const clients, files = 5, 40
	done := make(chan error, clients)
	for i := range clients {
		c := g.client(t, "tahoe")
		go func() {
			done <- func() error {
				for j := range files {
					name := fmt.Sprintf("file-%d-%d", i, j)
					f, err := c.Create(name)
					if err != nil {
						return err
					}
					if _, err := io.WriteString(f, strings.Repeat(name, 1000)); err != nil {
						return err
					}
					if err := f.Close(); err != nil {
						return err
					}
					if err := c.Rename(name, name+".done"); err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range clients {
		require.NoError(t, <-done)
	}
	entries, err := g.client(t, "tahoe").ReadDir("/")
	require.NoError(t, err)
	require.Len(t, entries, clients*files)
	for _, e := range entries {
		require.EqualValues(t, 1000*len(strings.TrimSuffix(e.Name(), ".done")), e.Size())
	}
}
