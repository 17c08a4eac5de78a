package interop_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/storagehttp"
	"github.com/besn0847/arm-tahoe/common/storagetest"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
	"github.com/besn0847/arm-tahoe/tools/interop"
)

// pythonStorage starts a storage node of 1.20 without an introducer and returns
// the NURL that it announces, put together from its files.
func pythonStorage(t *testing.T, root *interop.Root) storagehttp.NURL {
	t.Helper()
	return nurlOfNode(t, root.StartNode(t, interop.NodeOptions{Storage: true}))
}

// nurlOfNode returns the NURL that a storage node of 1.20 announces.
func nurlOfNode(t *testing.T, node *interop.Node) storagehttp.NURL {
	t.Helper()
	f, err := furl.Parse(node.FURL(t, "storage.furl"))
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(filepath.Join(node.BaseDir, "private/node.pem"), filepath.Join(node.BaseDir, "private/node.pem"))
	require.NoError(t, err)
	for _, text := range f.Hints() {
		hint, err := furl.ParseHint(text)
		require.NoError(t, err)
		host, port, err := hint.HostPort()
		require.NoError(t, err)
		return nurlOf(t, pair, host, port, f.Swissnum())
	}
	t.Fatal("the storage FURL has no hint")
	return storagehttp.NURL{}
}

func nurlOf(t *testing.T, pair tls.Certificate, host string, port uint16, swissnum secret.Swissnum) storagehttp.NURL {
	t.Helper()
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(t, err)
	return storagehttp.NURL{Hash: storagehttp.HashCertificate(cert), Host: host, Port: port, Swissnum: swissnum}
}

// ourStorage serves a store, in a new directory unless cfg has one, and returns
// the NURL.
func ourStorage(t *testing.T, cfg sharestore.Config) (storagehttp.NURL, *sharestore.Store) {
	t.Helper()
	if cfg.FS == nil {
		disk, err := sharefs.NewOS(filepath.Join(t.TempDir(), "storage"))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, disk.Close()) })
		cfg.FS = disk
	}
	cfg.ApplicationVersion = "arm-tahoe/test"
	cfg.BuildDate = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	store, err := sharestore.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	swissnum, err := furl.NewSwissnum(nil)
	require.NoError(t, err)
	handler := storagehttp.NewHandler(store, swissnum, storagehttp.HandlerOptions{})
	pair, port := serveTLS(t, handler)
	return nurlOf(t, pair, "127.0.0.1", port, swissnum), store
}

// serveTLS serves until the test ends.
func serveTLS(t *testing.T, handler http.Handler) (tls.Certificate, uint16) {
	t.Helper()
	pair, err := certificate()
	require.NoError(t, err)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	server := storagehttp.NewServer(handler, storagehttp.ServerOptions{})
	done := make(chan error, 1)
	go func() { done <- server.Serve(tls.NewListener(listener, storagehttp.ServerTLS(pair))) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	})
	return pair, uint16(listener.Addr().(*net.TCPAddr).Port)
}

// certificate is like that of a node of 1.20 (Foolscap's), and has expired, which
// is no reason for clients to refuse it. Keys are slow to find: one is enough.
var certificate = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "newpb_thingy"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

func httpClient(t *testing.T, nurl storagehttp.NURL) *storagehttp.Client {
	t.Helper()
	c, err := storagehttp.NewClient(nurl, storagehttp.ClientOptions{})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// TestStorageHTTPSuite: the suite for storage servers, our client in front of
// our server with a store on disk.
func TestStorageHTTPSuite(t *testing.T) {
	storagetest.Run(t, storagetest.Suite{PlainErrors: true, New: func(t *testing.T, s storagetest.Setup) grid.StorageServer {
		space := s.Space
		if space == 0 {
			space = 1 << 40
		}
		nurl, _ := ourStorage(t, sharestore.Config{FS: sharefs.NewMem(space), ReadOnly: s.ReadOnly, NodeID: s.NodeID})
		return httpClient(t, nurl)
	}})
}

// TestStorageHTTPClientOfPython: the same suite with our client in front of a
// storage node of 1.20. One node serves all tests: each has storage indexes of
// its own.
func TestStorageHTTPClientOfPython(t *testing.T) {
	root := interop.Require(t)
	client := httpClient(t, pythonStorage(t, root))
	v, err := client.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, "tahoe-lafs/1.20.0", v.ApplicationVersion)
	require.Equal(t, int64(69105000000000000), v.MaximumMutableShareSize)
	require.Positive(t, v.AvailableSpace)
	var salt atomic.Int32
	t.Run("suite", func(t *testing.T) {
		storagetest.Run(t, storagetest.Suite{PlainErrors: true, New: func(t *testing.T, s storagetest.Setup) grid.StorageServer {
			if s.Space != 0 || s.ReadOnly {
				t.Skip("the Python node has the disk's space and is not read-only")
			}
			return &salted{client, byte(salt.Add(1))}
		}})
	})
}

// salted is a server with other storage indexes.
type salted struct {
	grid.StorageServer
	salt byte
}

func (s *salted) si(si grid.StorageIndex) grid.StorageIndex {
	si[15] ^= s.salt
	si[14] ^= 0xff
	return si
}

func (s *salted) AllocateBuckets(ctx context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets, shares []grid.ShareNum, size int64) (grid.Allocation, error) {
	return s.StorageServer.AllocateBuckets(ctx, s.si(si), secrets, shares, size)
}

func (s *salted) GetBuckets(ctx context.Context, si grid.StorageIndex) (map[grid.ShareNum]grid.BucketReader, error) {
	return s.StorageServer.GetBuckets(ctx, s.si(si))
}

func (s *salted) AddLease(ctx context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets) error {
	return s.StorageServer.AddLease(ctx, s.si(si), secrets)
}

func (s *salted) SlotReadv(ctx context.Context, si grid.StorageIndex, shares []grid.ShareNum, vectors []grid.ReadVector) (grid.ReadvData, error) {
	return s.StorageServer.SlotReadv(ctx, s.si(si), shares, vectors)
}

func (s *salted) SlotTestvAndReadvAndWritev(ctx context.Context, si grid.StorageIndex, secrets grid.SlotSecrets, writes map[grid.ShareNum]grid.SlotWrite, reads []grid.ReadVector) (grid.TestvResult, error) {
	return s.StorageServer.SlotTestvAndReadvAndWritev(ctx, s.si(si), secrets, writes, reads)
}

func (s *salted) AdviseCorruptShare(ctx context.Context, kind grid.ShareKind, si grid.StorageIndex, n grid.ShareNum, reason string) error {
	return s.StorageServer.AdviseCorruptShare(ctx, kind, s.si(si), n, reason)
}

// storageHTTPCalls makes calls with the client of 1.20 and prints the results.
//
//go:embed testdata/storage_http_calls.py
var storageHTTPCalls []byte

// TestStorageHTTPServerOfPython: the client of 1.20 gets the same results from
// our server as from a node of 1.20.
func TestStorageHTTPServerOfPython(t *testing.T) {
	root := interop.Require(t)
	ours, _ := ourStorage(t, sharestore.Config{})
	want := callStorage(t, root, pythonStorage(t, root))
	got := callStorage(t, root, ours)
	require.Greater(t, len(want), 40)
	require.Len(t, got, len(want))
	for i := range want {
		require.JSONEq(t, want[i], got[i], "line %d", i)
	}
}

// callStorage returns the lines that the script prints.
func callStorage(t *testing.T, root *interop.Root, nurl storagehttp.NURL) []string {
	t.Helper()
	out := root.Run(t, storageHTTPCalls, "python3", "-", nurl.Text()).OK(t)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines {
		require.True(t, json.Valid([]byte(line)), line)
	}
	return lines
}

// TestStorageHTTPWithPythonGateway: a client node of 1.20 stores immutable and
// mutable files on two of our servers, checks and reads them.
func TestStorageHTTPWithPythonGateway(t *testing.T) {
	root := interop.Require(t)
	first, _ := ourStorage(t, sharestore.Config{NodeID: grid.TubID{1}})
	second, _ := ourStorage(t, sharestore.Config{NodeID: grid.TubID{2}})
	private := filepath.Join(root.Dir, "gateway", "private")
	require.NoError(t, os.MkdirAll(private, 0o700))
	servers := "storage:\n" + staticServer("one", 1, first) + staticServer("two", 2, second)
	require.NoError(t, os.WriteFile(filepath.Join(private, "servers.yaml"), []byte(servers), 0o600))
	gateway := root.StartNode(t, interop.NodeOptions{Name: "gateway", Shares: "1/2/3"})
	gateway.WaitConnected(t, 2)

	data := testData(2*segmentSize + 7)
	fileCap := putBoth(t, gateway, data)
	getBoth(t, gateway, fileCap, data)
	verified := string(gateway.Tahoe(t, nil, "check", "--verify", "--add-lease", fileCap).OK(t))
	require.Contains(t, verified, "Healthy")

	for _, format := range []string{"sdmf", "mdmf"} {
		mutable := strings.TrimSpace(string(gateway.Tahoe(t, data[:300_000], "put", "--mutable", "--format="+format, "-").OK(t)))
		getBoth(t, gateway, mutable, data[:300_000])
		gateway.Tahoe(t, data[1000:200_000], "put", "-", mutable).OK(t)
		getBoth(t, gateway, mutable, data[1000:200_000])
		verified := string(gateway.Tahoe(t, nil, "check", "--verify", mutable).OK(t))
		require.Contains(t, verified, "Healthy", format)
	}
}

// staticServer is an entry of servers.yaml. The FURL only gives the TubID, from
// which a client makes its secrets for the server.
func staticServer(name string, tub byte, nurl storagehttp.NURL) string {
	f := "pb://" + grid.TubID{tub}.String() + "@tcp:127.0.0.1:1/" + strings.Repeat("a", 32)
	return fmt.Sprintf("  v0-%s:\n    ann:\n      nickname: %s\n      anonymous-storage-FURL: %q\n      anonymous-storage-NURLs: [%q]\n      permutation-seed-base32: %q\n",
		name, name, f, nurl.Text(), grid.TubID{tub}.String())
}

// TestStorageHTTPBothWays: what our client stores on a Python node, that node's
// own client class reads, and the other way round.
func TestStorageHTTPBothWays(t *testing.T) {
	root := interop.Require(t)
	nurl := pythonStorage(t, root)
	lines := callStorage(t, root, nurl)
	require.NotEmpty(t, lines)
	c := httpClient(t, nurl)
	// The script has left these.
	shares, err := c.GetBuckets(t.Context(), grid.StorageIndex(bytes.Repeat([]byte{'i'}, 16)))
	require.NoError(t, err)
	require.Contains(t, shares, grid.ShareNum(0))
	p := make([]byte, 3_000_000)
	n, err := shares[0].Read(t.Context(), p, 0)
	require.NoError(t, err)
	require.Equal(t, 2_500_000, n)
	require.Equal(t, bytes.Repeat([]byte("0123456789"), 250_000), p[:n])
}
