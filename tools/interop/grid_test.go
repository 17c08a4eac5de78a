package interop_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/tools/interop"
)

// segmentSize is Tahoe's default largest segment (interfaces.py,
// DEFAULT_IMMUTABLE_MAX_SEGMENT_SIZE), in bytes.
const segmentSize = 1 << 20

// testData returns bytes that are the same in every run and compress badly.
func testData(size int) []byte {
	data := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), byte(size >> 16)})
	_, _ = source.Read(data) // never fails
	return data
}

// startGrid starts an introducer and three storage nodes that know each other.
// The first writes with 1/2/3, the second with 2/3/3.
func startGrid(t *testing.T, root *interop.Root) []*interop.Node {
	t.Helper()
	in := root.StartIntroducer(t, interop.IntroducerOptions{})
	storage := interop.NodeOptions{Introducers: []string{in.FURL()}, Storage: true}
	first, second, third := storage, storage, storage
	first.Shares, second.Shares, third.Shares = "1/2/3", "2/3/3", "1/1/3"
	nodes := root.StartNodes(t, first, second, third)
	for _, n := range nodes {
		n.WaitConnected(t, len(nodes))
	}
	return nodes
}

func TestPythonGrid(t *testing.T) {
	root := interop.Require(t)
	nodes := startGrid(t, root)
	t.Run("files", func(t *testing.T) { storesAndReturns(t, nodes) })
	t.Run("loss", func(t *testing.T) { survivesLoss(t, nodes) })
	t.Run("stop", func(t *testing.T) { stopsCleanly(t, nodes[0]) })
}

// storesAndReturns puts a file by one node and gets it by another, each by
// command line and by web API.
func storesAndReturns(t *testing.T, nodes []*interop.Node) {
	first, second, reader := nodes[0], nodes[1], nodes[2]
	tests := []struct {
		name           string
		writer         *interop.Node
		size           int
		prefix, suffix string // of the cap
	}{
		{"in the cap", first, 55, "URI:LIT:", ""},
		{"one segment", first, 1000, "URI:CHK:", ":1:3:1000"},
		{"two segments", first, 2 * segmentSize, "URI:CHK:", ":1:3:2097152"},
		{"three segments, two shares needed", second, 2*segmentSize + 1, "URI:CHK:", ":2:3:2097153"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := testData(tt.size)
			fileCap := putBoth(t, tt.writer, data)
			require.True(t, strings.HasPrefix(fileCap, tt.prefix), fileCap)
			require.True(t, strings.HasSuffix(fileCap, tt.suffix), fileCap)
			getBoth(t, reader, fileCap, data)
		})
	}
}

// putBoth stores data by command line and by web API, which must name it the
// same, since the node's convergence secret is the same.
func putBoth(t *testing.T, n *interop.Node, data []byte) string {
	t.Helper()
	fileCap := strings.TrimSpace(string(n.Tahoe(t, data, "put", "-").OK(t)))
	require.Equal(t, fileCap, webPut(t, n, data))
	return fileCap
}

func getBoth(t *testing.T, n *interop.Node, fileCap string, want []byte) {
	t.Helper()
	require.True(t, bytes.Equal(want, n.Tahoe(t, nil, "get", fileCap).OK(t)), "tahoe get")
	require.True(t, bytes.Equal(want, webGet(t, n, fileCap)), "web API")
}

func webPut(t *testing.T, n *interop.Node, data []byte) string {
	t.Helper()
	return string(request(t, http.MethodPut, n.WebURL()+"/uri", bytes.NewReader(data)))
}

func webGet(t *testing.T, n *interop.Node, fileCap string) []byte {
	t.Helper()
	return request(t, http.MethodGet, n.WebURL()+"/uri/"+url.PathEscape(fileCap), nil)
}

// request returns the body of the answer, which must be 200.
func request(t *testing.T, method, url string, body io.Reader) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	require.NoError(t, err)
	req.Close = true // the node is stopped and restarted: keep no connection
	answer, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", text)
	return text
}

// survivesLoss kills two servers of three: a file with needed 1 is still there,
// one with needed 2 is not. Restarted, they serve again.
func survivesLoss(t *testing.T, nodes []*interop.Node) {
	data := testData(100_000)
	one, two := webPut(t, nodes[0], data), webPut(t, nodes[1], data)
	nodes[1].Kill()
	nodes[2].Kill()
	require.FileExists(t, filepath.Join(nodes[1].BaseDir, "running.process"))
	require.True(t, bytes.Equal(data, webGet(t, nodes[0], one)))
	got := nodes[0].Tahoe(t, nil, "get", two)
	require.Equal(t, 1, got.ExitCode)
	require.Contains(t, string(got.Stderr), "NotEnoughSharesError")
	nodes[1].Restart(t)
	nodes[2].Restart(t)
	nodes[0].WaitConnected(t, len(nodes))
	nodes[1].WaitConnected(t, len(nodes))
	getBoth(t, nodes[1], two, data)
}

// stopsCleanly: a node that ends by itself removes running.process, a killed one
// does not (survivesLoss).
func stopsCleanly(t *testing.T, n *interop.Node) {
	require.FileExists(t, filepath.Join(n.BaseDir, "running.process"))
	require.Contains(t, readFile(t, n, "running.process"), fmt.Sprintf("%d ", n.PID()))
	n.Stop(t)
	require.NoFileExists(t, filepath.Join(n.BaseDir, "running.process"))
	require.Contains(t, n.Log(), "Received SIGTERM")
	n.Stop(t) // again: nothing to do
}

func readFile(t *testing.T, n *interop.Node, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(n.BaseDir, name))
	require.NoError(t, err)
	return string(text)
}

// TestHelperAndFoolscap: one node is server and helper and speaks Foolscap only,
// another one uploads through it.
func TestHelperAndFoolscap(t *testing.T) {
	root := interop.Require(t)
	in := root.StartIntroducer(t, interop.IntroducerOptions{Name: "meeting-point"})
	helper := root.StartNode(t, interop.NodeOptions{
		Name: "helper", Introducers: []string{in.FURL()}, Storage: true,
		Shares: "1/1/1", RunHelper: true, ForceFoolscap: true,
	})
	client := root.StartNode(t, interop.NodeOptions{
		Name: "client", Introducers: []string{in.FURL()},
		Shares: "1/1/1", HelperFURL: helper.FURL(t, "helper.furl"),
		ExtraConfig: "[node]\ntimeout.keepalive = 60\n",
	})
	helper.WaitConnected(t, 1)
	client.WaitConnected(t, 1)
	require.False(t, onlyServer(t, client).OverHTTP(), "the server has Foolscap only")

	data := testData(segmentSize + 3)
	fileCap := webPut(t, client, data)
	getBoth(t, client, fileCap, data)
	status := string(request(t, http.MethodGet, helper.WebURL()+"/helper_status?t=json", nil))
	require.Contains(t, status, `"chk_upload_helper.upload_requests": 1`)
	require.Contains(t, status, fmt.Sprintf(`"chk_upload_helper.encoded_bytes": %d`, len(data)))
}

func onlyServer(t *testing.T, n *interop.Node) interop.Server {
	t.Helper()
	welcome, err := n.Welcome()
	require.NoError(t, err)
	require.Len(t, welcome.Servers, 1)
	return welcome.Servers[0]
}

// TestForeignBaseDir runs a node from a base directory that another program, here
// tahoe create-node, made outside the test's own directory.
func TestForeignBaseDir(t *testing.T) {
	root := interop.Require(t)
	outside := root.Share(t, t.TempDir())
	in := root.StartIntroducer(t, interop.IntroducerOptions{})
	dir := filepath.Join(outside, "made by another")
	root.Run(t, nil, "tahoe", "create-node", "--hostname=127.0.0.1", "--webport=tcp:0:interface=127.0.0.1",
		"--introducer="+in.FURL(), "--shares-needed=1", "--shares-happy=1", "--shares-total=1", dir).OK(t)
	require.NoError(t, setReservedSpace(filepath.Join(dir, "tahoe.cfg"), "0"))
	n := root.StartNode(t, interop.NodeOptions{BaseDir: dir})
	n.WaitConnected(t, 1)
	require.True(t, onlyServer(t, n).OverHTTP(), "1.20 speaks HTTP with 1.20")
	data := testData(5000)
	getBoth(t, n, putBoth(t, n, data), data)
}

// setReservedSpace keeps create-node's 1 GB from deciding whether a test passes.
func setReservedSpace(config, size string) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(text), "reserved_space = 1G", "reserved_space = "+size, 1)
	return os.WriteFile(config, []byte(changed), 0o600)
}
