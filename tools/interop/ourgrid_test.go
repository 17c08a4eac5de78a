package interop_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/tools/interop"
)

// storageOnly is a storage server without a gateway's settings.
func storageOnly(introducers []string, ours, foolscap bool) interop.NodeOptions {
	return interop.NodeOptions{Introducers: introducers, Storage: true, Ours: ours, ForceFoolscap: foolscap}
}

// TestPythonClientOnOurServers: Python's client with our introducer and our
// storage nodes, by both protocols.
func TestPythonClientOnOurServers(t *testing.T) {
	tests := []struct {
		name       string
		numServers int
		shares     string
		foolscap   bool
	}{
		{"3 servers over HTTPS", 3, "1/2/3", false},
		{"3 servers over Foolscap", 3, "2/3/3", true},
		{"10 servers over HTTPS", 10, "3/7/10", false},
		{"10 servers over Foolscap", 10, "3/7/10", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := interop.Require(t)
			in := root.StartIntroducer(t, interop.IntroducerOptions{Ours: true})
			furls := []string{in.FURL()}
			client := root.StartNode(t, interop.NodeOptions{
				Name: "client", Introducers: furls, Shares: tt.shares, ForceFoolscap: tt.foolscap,
			})
			servers := make([]interop.NodeOptions, tt.numServers)
			for i := range servers {
				servers[i] = storageOnly(furls, true, false)
			}
			root.StartNodes(t, servers...)
			client.WaitConnected(t, tt.numServers)
			usesProtocol(t, client, tt.foolscap)
			usesGrid(t, root, client)
		})
	}
}

// usesProtocol checks how the node is connected to all its servers.
func usesProtocol(t *testing.T, n *interop.Node, foolscap bool) {
	t.Helper()
	welcome, err := n.Welcome()
	require.NoError(t, err)
	for _, s := range welcome.Servers {
		require.Equal(t, !foolscap, s.OverHTTP(), "%s: %s", s.Nickname, s.ConnectionStatus)
	}
}

// usesGrid does what a person does with the command line of Python, and reads
// back everything it wrote.
func usesGrid(t *testing.T, root *interop.Root, n *interop.Node) {
	n.Tahoe(t, nil, "create-alias", "home").OK(t)
	small, large := testData(10_000), testData(3*segmentSize+5)
	immutable := strings.TrimSpace(string(n.Tahoe(t, large, "put", "-").OK(t)))
	require.True(t, bytes.Equal(large, n.Tahoe(t, nil, "get", immutable).OK(t)), "immutable")

	sdmf := strings.TrimSpace(string(n.Tahoe(t, small, "put", "--format=SDMF", "-").OK(t)))
	require.True(t, bytes.Equal(small, n.Tahoe(t, nil, "get", sdmf).OK(t)), "SDMF")
	n.Tahoe(t, large[:5000], "put", "-", sdmf).OK(t)
	require.True(t, bytes.Equal(large[:5000], n.Tahoe(t, nil, "get", sdmf).OK(t)), "SDMF overwritten")
	changesMDMFInPlace(t, n, large)

	n.Tahoe(t, nil, "mkdir", "home:docs").OK(t)
	n.Tahoe(t, small, "put", "-", "home:docs/small file").OK(t)
	copiesTree(t, root, n)
	listed := string(n.Tahoe(t, nil, "ls", "home:docs").OK(t))
	require.Contains(t, listed, "small file")
	for _, cap := range []string{immutable, sdmf, "home:docs/small file"} {
		checked := string(n.Tahoe(t, nil, "check", "--verify", cap).OK(t))
		require.Contains(t, strings.ToLower(checked), "healthy", "%s", checked)
		require.NotContains(t, strings.ToLower(checked), "not healthy", "%s", checked)
	}
	deep := string(n.Tahoe(t, nil, "deep-check", "--verify", "--add-lease", "home:").OK(t))
	require.Contains(t, deep, "0 unhealthy", "%s", deep)
}

// changesMDMFInPlace overwrites a range in the middle of a large mutable file.
func changesMDMFInPlace(t *testing.T, n *interop.Node, data []byte) {
	t.Helper()
	mdmf := strings.TrimSpace(string(n.Tahoe(t, data, "put", "--format=MDMF", "-").OK(t)))
	change := []byte("changed in place")
	offset := len(data) / 2
	target := fmt.Sprintf("%s/uri/%s?offset=%d", n.WebURL(), mdmf, offset)
	request(t, http.MethodPut, target, bytes.NewReader(change))
	want := bytes.Clone(data)
	copy(want[offset:], change)
	require.True(t, bytes.Equal(want, n.Tahoe(t, nil, "get", mdmf).OK(t)), "MDMF after a change in place")
}

// copiesTree copies a directory tree into the grid and back.
func copiesTree(t *testing.T, root *interop.Root, n *interop.Node) {
	t.Helper()
	there, back := filepath.Join(root.Dir, "tree"), filepath.Join(root.Dir, "back")
	for i := range 12 {
		path := filepath.Join(there, fmt.Sprintf("d%d", i%3), fmt.Sprintf("naïve %d.txt", i))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, testData(100*i*i), 0o644))
	}
	require.NoError(t, os.Mkdir(back, 0o755))
	n.Tahoe(t, nil, "cp", "-r", there, "home:").OK(t)
	n.Tahoe(t, nil, "cp", "-r", "home:tree", back).OK(t)
	require.Equal(t, readTree(t, there), readTree(t, filepath.Join(back, "tree")))
}

// readTree returns the contents of all files by their paths.
func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(content)
		return err
	}))
	require.NotEmpty(t, files)
	return files
}

// TestMixedIntroducers: our servers by Python's introducer, Python's by ours, a
// client that knows both, and one that starts while both are away.
func TestMixedIntroducers(t *testing.T) {
	root := interop.Require(t)
	python := root.StartIntroducer(t, interop.IntroducerOptions{Name: "python"})
	ours := root.StartIntroducer(t, interop.IntroducerOptions{Name: "ours", Ours: true})
	both := []string{python.FURL(), ours.FURL()}
	nodes := root.StartNodes(t,
		interop.NodeOptions{Name: "client", Introducers: both, Shares: "2/3/3"},
		interop.NodeOptions{Name: "ours by python", Introducers: both[:1], Storage: true, Ours: true},
		interop.NodeOptions{Name: "python by ours", Introducers: both[1:], Storage: true},
		interop.NodeOptions{Name: "ours by both", Introducers: both, Storage: true, Ours: true},
	)
	client := nodes[0]
	client.WaitConnected(t, 3)
	data := testData(200_000)
	fileCap := webPut(t, client, data)

	// Everything restarts but the introducers: announcements come from caches.
	python.Stop(t)
	ours.Stop(t)
	for _, n := range nodes {
		n.Restart(t)
	}
	client.WaitConnected(t, 3)
	getBoth(t, client, fileCap, data)
}

// TestStorageDirectoryIsAdoptedAndReturned: our node takes the base directory of
// a Python storage node, with a setting of our own, and gives it back.
func TestStorageDirectoryIsAdoptedAndReturned(t *testing.T) {
	root := interop.Require(t)
	in := root.StartIntroducer(t, interop.IntroducerOptions{Ours: true})
	nodes := root.StartNodes(t,
		interop.NodeOptions{Name: "client", Introducers: []string{in.FURL()}, Shares: "1/1/1"},
		storageOnly([]string{in.FURL()}, false, false))
	client, server := nodes[0], nodes[1]
	client.WaitConnected(t, 1)
	immutable, mutable := testData(300_000), testData(5_000)
	immutableCap := webPut(t, client, immutable)
	mutableCap := strings.TrimSpace(string(client.Tahoe(t, mutable, "put", "--mutable", "-").OK(t)))

	server.Stop(t)
	before := readTree(t, filepath.Join(server.BaseDir, "storage", "shares"))
	furl := server.FURL(t, "storage.furl")
	require.NoError(t, os.WriteFile(filepath.Join(server.BaseDir, "arm-tahoe.cfg"), []byte("[storage]\nsize_limit = 1G\n"), 0o644))
	server.Use(true)
	server.Restart(t)
	client.WaitConnected(t, 1)
	getBoth(t, client, immutableCap, immutable)
	getBoth(t, client, mutableCap, mutable)
	require.Equal(t, furl, server.FURL(t, "storage.furl"))
	require.Equal(t, before, readTree(t, filepath.Join(server.BaseDir, "storage", "shares")), "nothing was written")
	added := testData(70_000)
	addedCap := webPut(t, client, added)
	mutable = testData(9_000)
	client.Tahoe(t, mutable, "put", "-", mutableCap).OK(t)
	client.Tahoe(t, nil, "check", "--add-lease", immutableCap).OK(t)

	server.Stop(t)
	between := readTree(t, filepath.Join(server.BaseDir, "storage", "shares"))
	server.Use(false)
	server.Restart(t)
	client.WaitConnected(t, 1)
	getBoth(t, client, immutableCap, immutable)
	getBoth(t, client, addedCap, added)
	getBoth(t, client, mutableCap, mutable)
	for _, cap := range []string{immutableCap, addedCap, mutableCap} {
		require.Contains(t, string(client.Tahoe(t, nil, "check", "--verify", cap).OK(t)), "ealthy")
	}
	require.Equal(t, between, readTree(t, filepath.Join(server.BaseDir, "storage", "shares")), "nothing was written")
}

// TestGridManager: Python's client gives shares only to that of our servers for
// which the grid manager vouches.
func TestGridManager(t *testing.T) {
	root := interop.Require(t)
	manager := filepath.Join(root.Dir, "manager")
	gridManager := func(args ...string) string {
		return strings.TrimSpace(string(root.Run(t, nil, "grid-manager", append([]string{"--config", manager}, args...)...).OK(t)))
	}
	gridManager("create")
	in := root.StartIntroducer(t, interop.IntroducerOptions{Ours: true})
	furls := []string{in.FURL()}
	trusting := interop.NodeOptions{
		Name: "client", Introducers: furls, Shares: "1/1/1",
		ExtraConfig: "[grid_managers]\nboss = " + gridManager("public-identity") + "\n",
	}
	nodes := root.StartNodes(t, trusting, storageOnly(furls, true, false), storageOnly(furls, true, false))
	client, certified := nodes[0], nodes[1]
	client.WaitConnected(t, 2)

	gridManager("add", "one", readFile(t, certified, "node.pubkey")[:len("pub-v0-")+52])
	certificate := gridManager("sign", "one", "10")
	certified.Stop(t)
	added := root.Run(t, []byte(certificate), "tahoe", "-d", certified.BaseDir, "admin", "add-grid-manager-cert", "--name", "boss", "--filename", "-")
	added.OK(t)
	certified.Restart(t)
	client.WaitConnected(t, 2)
	// The client may hear of the certificate a moment later than it connects.
	require.Eventually(t, func() bool {
		put, err := http.NewRequest(http.MethodPut, client.WebURL()+"/uri", bytes.NewReader(testData(999)))
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(put)
		require.NoError(t, err)
		return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	}, time.Minute, 100*time.Millisecond)
	for i := range 7 {
		webPut(t, client, testData(1000+i))
	}
	require.Len(t, readTree(t, filepath.Join(certified.BaseDir, "storage", "shares")), 8)
}
