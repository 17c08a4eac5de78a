package sftptree_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/gridclient"
	"github.com/besn0847/arm-tahoe/common/gridtest"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfilter"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfs"
	"github.com/besn0847/arm-tahoe/sftpgw/sftptree"
)

// world is a grid in this process, and what a gateway needs of it.
type world struct {
	*testing.T
	client  *gridclient.Client
	gateway *sftpfs.Gateway
	root    uri.Directory
}

func newWorld(t *testing.T) *world {
	w := newGateway(t, gridtest.New(t, 4))
	var err error
	w.root, err = w.client.CreateDirectory(t.Context(), uri.SDMF, rsakey.PrivateKey{}, nil)
	require.NoError(t, err)
	return w
}

// newGateway returns a gateway of its own to a grid.
func newGateway(t *testing.T, servers *gridtest.Grid) *world {
	params := grid.Params{K: 2, Happy: 3, N: 4}
	config := gridclient.Config{
		Servers: servers, Params: params, SegmentSize: 64 << 10,
		Convergence: secret.NewConvergenceSecret([]byte("convergence")), TempDir: t.TempDir(),
	}
	require.NoError(t, config.Lease.SetBytes(bytes.Repeat([]byte{7}, 32)))
	client, err := gridclient.New(config)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	w := &world{T: t, client: client}
	w.gateway = sftpfs.New(sftpfs.Config{Roots: sftptree.New(client, params), SpoolDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	t.Cleanup(w.gateway.Close)
	return w
}

// login returns an SFTP client of a cap, without SSH.
func (w *world) login(cap uri.Cap) *sftp.Client {
	session, err := w.gateway.Open(w.Context(), "tahoe", secret.NewCapText([]byte(cap.Text())))
	require.NoError(w, err)
	toServer, fromClient := io.Pipe()
	toClient, fromServer := io.Pipe()
	filter := sftpfilter.New(struct {
		io.Reader
		io.Writer
	}{toServer, fromServer}, session)
	done := make(chan struct{})
	go func() {
		defer close(done)
		filter.Serve()
	}()
	served := make(chan struct{})
	go func() {
		defer close(served)
		filter.NewServer().Serve()
		filter.Close()
		fromServer.Close()
	}()
	client, err := sftp.NewClientPipe(toClient, fromClient, sftp.UseConcurrentWrites(true))
	require.NoError(w, err)
	w.Cleanup(func() {
		client.Close()
		<-served
		<-done
	})
	return client
}

func put(t *testing.T, c *sftp.Client, path string, content []byte) {
	f, err := c.Create(path)
	require.NoError(t, err)
	_, err = f.ReadFrom(bytes.NewReader(content))
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func get(t *testing.T, c *sftp.Client, path string) []byte {
	f, err := c.Open(path)
	require.NoError(t, err)
	defer f.Close()
	content, err := io.ReadAll(f)
	require.NoError(t, err)
	return content
}

func randomData(size int) []byte {
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size)}).Read(data)
	return data
}

func TestFilesAndDirectories(t *testing.T) {
	w := newWorld(t)
	c := w.login(w.root)
	require.NoError(t, c.Mkdir("test"))
	require.Error(t, c.Mkdir("test"))
	require.ErrorIs(t, c.Mkdir("none/test"), os.ErrNotExist)
	for _, size := range []int{0, 10, 1000, 300_001} {
		put(t, c, "test/file", randomData(size))
		require.True(t, bytes.Equal(randomData(size), get(t, c, "test/file")))
		info, err := c.Stat("test/file")
		require.NoError(t, err)
		require.EqualValues(t, size, info.Size())
	}
	f, err := c.OpenFile("test/file", os.O_RDWR)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("changed"), 150_000)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	want := randomData(300_001)
	copy(want[150_000:], "changed")
	require.True(t, bytes.Equal(want, get(t, c, "test/file")))

	put(t, c, "other", []byte("other"))
	require.Error(t, c.Rename("other", "test/file"))
	require.NoError(t, c.Link("other", "linked"))
	require.NoError(t, c.PosixRename("other", "test/file"))
	require.Equal(t, "other", string(get(t, c, "test/file")))
	require.Error(t, c.PosixRename("linked", "test"))
	require.Error(t, c.RemoveDirectory("test"), "not empty")
	require.NoError(t, c.Rename("test", "moved"))
	require.NoError(t, c.Remove("moved/file"))
	require.NoError(t, c.RemoveDirectory("moved"))
	require.Error(t, c.RemoveDirectory("linked"))
	entries, err := c.ReadDir("/")
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "other", string(get(t, c, "/uri/"+w.root.ReadOnly().Text()+"/linked")))
}

func TestExclusive(t *testing.T) {
	w := newWorld(t)
	c := w.login(w.root)
	f, err := c.OpenFile("lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	require.NoError(t, err)
	listing, err := w.client.List(t.Context(), w.root)
	require.NoError(t, err)
	require.Equal(t, 1, listing.Len(), "it is on the grid already")
	_, err = c.OpenFile("lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	require.Error(t, err)
	require.NoError(t, f.Close())
}

func TestAttributesAreInTheMetadata(t *testing.T) {
	w := newWorld(t)
	c := w.login(w.root)
	put(t, c, "file", []byte("content"))
	require.NoError(t, c.Mkdir("dir"))
	modified := time.Unix(1_000_000_000, 0)
	require.NoError(t, c.Chtimes("file", modified, modified))
	require.NoError(t, c.Chmod("file", 0o444))
	require.NoError(t, c.Chmod("dir", 0o500))
	require.NoError(t, c.Chown("file", 1, 1))
	info, err := c.Stat("file")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o444), info.Mode())
	require.Equal(t, modified.Unix(), info.ModTime().Unix())
	entry, err := w.client.Child(t.Context(), w.root, "file")
	require.NoError(t, err)
	require.True(t, entry.Metadata().NoWrite())
	_, err = c.OpenFile("file", os.O_WRONLY)
	require.ErrorIs(t, err, os.ErrPermission)
	require.NoError(t, c.Chmod("file", 0o644))
	put(t, c, "file", []byte("more"))
	info, err = c.Stat("file")
	require.NoError(t, err)
	require.Less(t, time.Since(info.ModTime()), time.Hour)
	require.NoError(t, c.Chmod("dir", 0o755))
	put(t, c, "dir/file", []byte("the write cap is still there"))
}

func TestMutableFilesStayTheSame(t *testing.T) {
	for _, layout := range []uri.Layout{uri.SDMF, uri.MDMF} {
		w := newWorld(t)
		data := randomData(300_000)
		made, err := w.client.CreateMutable(t.Context(), layout, rsakey.PrivateKey{}, bytes.NewReader(data))
		require.NoError(t, err)
		dir, err := w.client.Directory(w.root)
		require.NoError(t, err)
		link := dirnode.Link{Name: "image", Child: uri.ChildOf(made)}
		_, err = dir.Do(t.Context(), link)
		require.NoError(t, err)

		c := w.login(w.root)
		f, err := c.OpenFile("image", os.O_RDWR)
		require.NoError(t, err)
		for i, offset := range []int{5, 200_000, 299_998} {
			text := strings.Repeat("changed", i+1)
			_, err = f.WriteAt([]byte(text), int64(offset))
			require.NoError(t, err)
			data = append(data[:min(len(data), offset)], append([]byte(text), data[min(len(data), offset+len(text)):]...)...)
			require.NoError(t, f.Sync())
		}
		got := make([]byte, len(data))
		_, err = f.ReadAt(got, 0)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got))
		require.NoError(t, f.Truncate(100))
		require.NoError(t, f.Close())
		require.True(t, bytes.Equal(data[:100], get(t, c, "image")))
		infos, err := c.ReadDir("/")
		require.NoError(t, err)
		require.EqualValues(t, 100, infos[0].Size())
		entry, err := w.client.Child(t.Context(), w.root, "image")
		require.NoError(t, err)
		known, _ := entry.Child().Known()
		require.True(t, uri.Equal(made, known))
	}
}

func TestReadOnlyCap(t *testing.T) {
	w := newWorld(t)
	put(t, w.login(w.root), "file", []byte("content"))
	c := w.login(w.root.ReadOnly())
	require.Equal(t, "content", string(get(t, c, "file")))
	for _, err := range []error{c.Mkdir("dir"), c.Remove("file"), c.Rename("file", "other"), c.Link("file", "other"), c.Chmod("file", 0o600)} {
		require.ErrorIs(t, err, os.ErrPermission)
	}
	_, err := c.Create("new")
	require.ErrorIs(t, err, os.ErrPermission)
}

// TestThreeGatewaysWriteOneDirectory: nothing is lost, whoever is faster.
func TestThreeGatewaysWriteOneDirectory(t *testing.T) {
	const gateways, files = 3, 40
	servers := gridtest.New(t, 4)
	var root uri.Directory
	done := make(chan error, gateways)
	for i := range gateways {
		w := newGateway(t, servers)
		if i == 0 {
			var err error
			root, err = w.client.CreateDirectory(t.Context(), uri.SDMF, rsakey.PrivateKey{}, nil)
			require.NoError(t, err)
		}
		c := w.login(root)
		go func() { done <- writeMany(c, i, files) }()
	}
	for range gateways {
		require.NoError(t, <-done)
	}
	infos, err := newGateway(t, servers).login(root).ReadDir("/")
	require.NoError(t, err)
	require.Len(t, infos, gateways*files)
}

func writeMany(c *sftp.Client, gateway, files int) error {
	for j := range files {
		name := fmt.Sprintf("file-%d-%d", gateway, j)
		f, err := c.Create(name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(f, name); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
