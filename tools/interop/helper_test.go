package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/helperclient"
	"github.com/besn0847/arm-tahoe/common/helperrpc"
	"github.com/besn0847/arm-tahoe/common/immutable"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/helper/helperserver"
	"github.com/besn0847/arm-tahoe/tools/interop"
)

// pythonServers are storage nodes of 1.20 over HTTPS as a client knows them.
type pythonServers []*broker.Server

func (p pythonServers) Permuted(grid.StorageIndex) []*broker.Server   { return p }
func (p pythonServers) Uploadable(grid.StorageIndex) []*broker.Server { return p }

func serversOf(t *testing.T, nodes []*interop.Node) (servers pythonServers) {
	for _, n := range nodes {
		id, err := os.ReadFile(filepath.Join(n.BaseDir, "node.pubkey"))
		require.NoError(t, err)
		f, err := furl.Parse(n.FURL(t, "storage.furl"))
		require.NoError(t, err)
		client := httpClient(t, nurlOfNode(t, n))
		version, err := client.Version(t.Context())
		require.NoError(t, err)
		servers = append(servers, &broker.Server{
			ID: grid.ServerID(strings.TrimPrefix(strings.TrimSpace(string(id)), "pub-")), Nickname: n.Name,
			TubID: f.TubID(), Storage: client, Version: version,
		})
	}
	return servers
}

// ourHelper is our helper service with its Tub; it can end and begin again.
type ourHelper struct {
	*helperserver.Helper
	address furl.FURL

	dir         string
	servers     broker.Servers
	certificate *foolscap.Certificate
	swissnum    secret.Swissnum
	listen      string
	stop        func()
}

func startHelper(t *testing.T, servers broker.Servers) *ourHelper {
	certificate, err := foolscap.NewCertificate()
	require.NoError(t, err)
	swissnum, err := furl.NewSwissnum(nil)
	require.NoError(t, err)
	h := &ourHelper{dir: filepath.Join(t.TempDir(), "helper"), servers: servers, certificate: certificate, swissnum: swissnum, listen: "127.0.0.1:0"}
	h.start(t)
	t.Cleanup(func() { h.stop() })
	return h
}

func (h *ourHelper) start(t *testing.T) {
	uploader := upload.New(h.servers, secret.NewLeaseSecret([32]byte{1}), nil)
	var err error
	h.Helper, err = helperserver.New(helperserver.Config{Dir: h.dir, Servers: h.servers, Uploader: uploader})
	require.NoError(t, err)
	tub, err := foolscap.New(foolscap.Options{Certificate: h.certificate})
	require.NoError(t, err)
	listener, err := net.Listen("tcp4", h.listen)
	require.NoError(t, err)
	h.listen = listener.Addr().String()
	tub.SetLocation([]string{"tcp:" + h.listen})
	h.address, err = tub.Register(helperrpc.NewService(h.Helper, "arm-tahoe/test"), h.swissnum)
	require.NoError(t, err)
	go func() { _ = tub.Serve(context.Background(), listener) }()
	var once sync.Once
	h.stop = func() {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			if err := tub.Close(ctx); err != nil {
				t.Error(err)
			}
			uploader.Close()
		})
	}
}

func (h *ourHelper) stats(t *testing.T) helperserver.Stats {
	s, err := h.Stats()
	require.NoError(t, err)
	return s
}

// waitUsed returns when the Python node uploads by way of the helper; without a
// connection it stores files itself, so it must be connected to servers.
func (h *ourHelper) waitUsed(t *testing.T, node *interop.Node) {
	before := h.stats(t).UploadRequests
	size := 1000
	require.Eventually(t, func() bool {
		size++
		webPut(t, node, testData(size))
		return h.stats(t).UploadRequests > before
	}, 2*time.Minute, 500*time.Millisecond)
}

// convergenceOf reads the convergence secret of a node.
func convergenceOf(t *testing.T, n *interop.Node) secret.ConvergenceSecret {
	text, err := os.ReadFile(filepath.Join(n.BaseDir, "private/convergence"))
	require.NoError(t, err)
	b, err := base32.Decode(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return secret.NewConvergenceSecret(b)
}

// gatewayOf returns an uploader of ours that makes the same caps as the node.
func gatewayOf(t *testing.T, n *interop.Node, pusher immutable.Pusher, params grid.Params) *immutable.Uploader {
	u, err := immutable.NewUploader(immutable.UploaderConfig{
		Pusher: pusher, Params: params, Convergence: convergenceOf(t, n), TempDir: t.TempDir(),
	})
	require.NoError(t, err)
	return u
}

// clientOf returns a client of a helper that is connected.
func clientOf(t *testing.T, address furl.FURL) *helperclient.Client {
	certificate, err := foolscap.NewCertificate()
	require.NoError(t, err)
	tub, err := foolscap.New(foolscap.Options{Certificate: certificate})
	require.NoError(t, err)
	c := helperclient.New(helperclient.Config{Tub: tub, FURL: address})
	t.Cleanup(func() {
		c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, tub.Close(ctx))
	})
	require.Eventually(t, c.Connected, time.Minute, 10*time.Millisecond)
	return c
}

// put uploads and returns the text of the cap.
func put(t *testing.T, u *immutable.Uploader, data []byte) (string, *upload.Result) {
	c, result, err := u.Upload(t.Context(), immutable.Upload{Plaintext: bytes.NewReader(data), Size: int64(len(data))})
	require.NoError(t, err)
	return c.Text(), result
}

// TestOurHelper: clients of 1.20 and our own upload through our helper, which
// stores on servers of 1.20.
func TestOurHelper(t *testing.T) {
	root := interop.Require(t)
	in := root.StartIntroducer(t, interop.IntroducerOptions{})
	storage := interop.NodeOptions{Introducers: []string{in.FURL()}, Storage: true, Shares: "2/2/3"}
	nodes := root.StartNodes(t, storage, storage)
	helper := startHelper(t, serversOf(t, nodes))
	client := interop.NodeOptions{Introducers: []string{in.FURL()}, Shares: "2/2/3", HelperFURL: helper.address.Text()}
	clients := root.StartNodes(t, client, client)
	for _, c := range clients {
		c.WaitConnected(t, len(nodes))
		helper.waitUsed(t, c)
	}
	params := grid.Params{K: 2, Happy: 2, N: 3}
	for _, size := range []int{56, 57, 100_000, 128 << 10, 3 << 20, 7_000_001} {
		data := testData(size)
		before := helper.stats(t)
		fileCap := webPut(t, clients[0], data)
		after := helper.stats(t)
		require.Equal(t, before.NeedUpload+1, after.NeedUpload, "it went through the helper")
		require.EqualValues(t, size, after.FetchedBytes-before.FetchedBytes)
		require.True(t, bytes.Equal(data, webGet(t, nodes[1], fileCap)), "%d bytes", size)

		require.Equal(t, fileCap, webPut(t, clients[0], data))
		require.Equal(t, after.AlreadyPresent+1, helper.stats(t).AlreadyPresent, "all is there")

		ours, result := put(t, gatewayOf(t, clients[0], clientOf(t, helper.address), params), data)
		require.Equal(t, fileCap, ours)
		require.Equal(t, 3, result.Preexisting)
	}
	t.Run("ours", func(t *testing.T) {
		data := testData(2_000_000)
		fileCap, result := put(t, gatewayOf(t, clients[1], clientOf(t, helper.address), params), data)
		require.Equal(t, 3, result.Pushed)
		require.Len(t, result.Servers, 2)
		require.True(t, bytes.Equal(data, webGet(t, nodes[0], fileCap)))
		require.Equal(t, fileCap, webPut(t, clients[1], data))
	})
	t.Run("several", func(t *testing.T) { several(t, helper, clients, nodes[0]) })
	t.Run("resume", func(t *testing.T) { resumes(t, helper, clients[0], nodes[1]) })
}

// several lets two clients of 1.20 upload the same file at the same time.
func several(t *testing.T, helper *ourHelper, clients []*interop.Node, reader *interop.Node) {
	shared, err := os.ReadFile(filepath.Join(clients[0].BaseDir, "private/convergence"))
	require.NoError(t, err)
	clients[1].Stop(t)
	require.NoError(t, os.WriteFile(filepath.Join(clients[1].BaseDir, "private/convergence"), shared, 0o600))
	clients[1].Restart(t)
	clients[1].WaitConnected(t, 2)
	helper.waitUsed(t, clients[1])
	data := testData(40_000_000)
	before := helper.stats(t)
	caps := make([]string, len(clients))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			result := c.Tahoe(t, data, "put", "-")
			if result.ExitCode != 0 {
				t.Errorf("%s", result.Stderr)
			}
			caps[i] = strings.TrimSpace(string(result.Stdout))
		})
	}
	wg.Wait()
	require.Equal(t, caps[0], caps[1])
	require.True(t, bytes.Equal(data, webGet(t, reader, caps[0])))
	after := helper.stats(t)
	require.Equal(t, before.UploadRequests+2, after.UploadRequests)
	require.EqualValues(t, len(data), after.FetchedBytes-before.FetchedBytes, "each byte once")
	t.Logf("needed upload: %d, were present: %d", after.NeedUpload-before.NeedUpload, after.AlreadyPresent-before.AlreadyPresent)
}

// resumes stops the helper half-way through a file of a client of 1.20, which
// comes back with it.
func resumes(t *testing.T, helper *ourHelper, client, reader *interop.Node) {
	const size = 20 << 20
	data := testData(size)
	code := make(chan int, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, client.WebURL()+"/uri", bytes.NewReader(data))
		if err != nil {
			code <- -1
			return
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			code <- -1
			return
		}
		_ = answer.Body.Close()
		code <- answer.StatusCode
	}()
	require.Eventually(t, func() bool {
		list := helper.Uploads()
		return len(list) == 1 && list[0].Size == size && list[0].Fetched > size/4
	}, 2*time.Minute, time.Millisecond)
	helper.stop()
	require.Equal(t, http.StatusInternalServerError, <-code)
	helper.start(t)
	helper.waitUsed(t, client)
	stats := helper.stats(t)
	require.EqualValues(t, 1, stats.IncomingCount)
	there := stats.IncomingSize
	require.Greater(t, there, int64(size/4))
	fileCap := webPut(t, client, data)
	after := helper.stats(t)
	require.EqualValues(t, 1, after.Resumes)
	require.Equal(t, size-there, after.FetchedBytes-stats.FetchedBytes)
	require.True(t, bytes.Equal(data, webGet(t, reader, fileCap)))
	t.Logf("%d of %d bytes were there, %d were fetched", there, size, after.FetchedBytes-stats.FetchedBytes)
}

// TestPythonHelper: our client uploads through a helper of 1.20.
func TestPythonHelper(t *testing.T) {
	root := interop.Require(t)
	in := root.StartIntroducer(t, interop.IntroducerOptions{})
	storage := interop.NodeOptions{Introducers: []string{in.FURL()}, Storage: true, Shares: "2/2/3"}
	both := storage
	both.RunHelper = true
	nodes := root.StartNodes(t, both, storage)
	for _, n := range nodes {
		n.WaitConnected(t, len(nodes))
	}
	address, err := furl.Parse(nodes[0].FURL(t, "helper.furl"))
	require.NoError(t, err)
	client := clientOf(t, address)
	require.Equal(t, "tahoe-lafs/1.20.0", client.Info().Version)
	u := gatewayOf(t, nodes[1], client, grid.Params{K: 2, Happy: 2, N: 3})
	for _, size := range []int{56, 51200, 100_000, 5_000_001} {
		data := testData(size)
		fileCap, result := put(t, u, data)
		require.Equal(t, 3, result.Pushed)
		require.Equal(t, 2, result.Happiness)
		require.True(t, bytes.Equal(data, webGet(t, nodes[1], fileCap)), "%d bytes", size)
		require.Equal(t, fileCap, webPut(t, nodes[1], data), "what the node makes by itself")

		again, result := put(t, u, data)
		require.Equal(t, fileCap, again)
		require.Equal(t, 3, result.Preexisting)
		require.Zero(t, result.Pushed)
	}
	t.Run("resume", func(t *testing.T) { resumesAtPython(t, nodes[0], nodes[1], u) })
}

// resumesAtPython kills the helper of 1.20 half-way through a file of ours, whose
// upload goes on by itself when the helper is back.
func resumesAtPython(t *testing.T, helper, reader *interop.Node, u *immutable.Uploader) {
	const size = 20 << 20
	data := testData(size)
	half, dead := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var highest int64 // of the first connection
	up := immutable.Upload{Plaintext: bytes.NewReader(data), Size: size, Progress: func(n int64) {
		if n >= size/2 {
			once.Do(func() {
				highest = n
				close(half)
				<-dead
			})
		}
	}}
	type outcome struct {
		text   string
		result *upload.Result
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		c, result, err := u.Upload(t.Context(), up)
		if err != nil {
			done <- outcome{err: err}
			return
		}
		done <- outcome{c.Text(), result, nil}
	}()
	<-half
	helper.Kill()
	close(dead)
	helper.Restart(t)
	out := <-done
	if out.err != nil { // the helper had no servers yet when it had the file
		t.Log("after the restart: ", out.err)
		require.ErrorContains(t, out.err, "the helper says")
		helper.WaitConnected(t, 2)
		out.text, out.result = put(t, u, data)
	}
	require.True(t, bytes.Equal(data, webGet(t, reader, out.text)))
	var stats map[string]int64
	getJSON(t, helper.WebURL()+"/helper_status?t=json", &stats)
	require.EqualValues(t, 1, stats["chk_upload_helper.resumes"])
	fetched := stats["chk_upload_helper.fetched_bytes"]
	require.Less(t, fetched, int64(size*6/10))
	t.Logf("%d of %d bytes had been read before, %d were afterwards", highest, size, fetched)
}

func getJSON(t *testing.T, url string, v any) {
	require.NoError(t, json.Unmarshal(request(t, http.MethodGet, url, nil), v))
}
