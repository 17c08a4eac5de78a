package interop_test

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/storagerpc"
	"github.com/besn0847/arm-tahoe/common/storagetest"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
	"github.com/besn0847/arm-tahoe/tools/interop"
)

// ourFoolscapStorage serves a store over Foolscap, in a new directory unless cfg
// has one, and returns the FURL.
func ourFoolscapStorage(t *testing.T, cfg sharestore.Config) furl.FURL {
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
	certificate, err := foolscap.NewEphemeralCertificate()
	require.NoError(t, err)
	address, err := newPeerTub(t, certificate).Register(storagerpc.NewServer(store, storagerpc.ServerOptions{}), secret.Swissnum{})
	require.NoError(t, err)
	return address
}

// foolscapClient connects from a Tub of its own.
func foolscapClient(t *testing.T, address furl.FURL) *storagerpc.Client {
	t.Helper()
	certificate, err := foolscap.NewEphemeralCertificate()
	require.NoError(t, err)
	ref, err := newPeerTub(t, certificate).GetReference(t.Context(), address)
	require.NoError(t, err)
	client, err := storagerpc.NewClient(ref)
	require.NoError(t, err)
	return client
}

// pythonFoolscapStorage starts a storage node of 1.20 without an introducer.
func pythonFoolscapStorage(t *testing.T, root *interop.Root) furl.FURL {
	t.Helper()
	address, err := furl.Parse(root.StartNode(t, interop.NodeOptions{Storage: true}).FURL(t, "storage.furl"))
	require.NoError(t, err)
	return address
}

// TestStorageFoolscapSuite: the suite for storage servers, our client in front
// of our server with a store.
func TestStorageFoolscapSuite(t *testing.T) {
	storagetest.Run(t, storagetest.Suite{New: func(t *testing.T, s storagetest.Setup) grid.StorageServer {
		space := s.Space
		if space == 0 {
			space = 1 << 40
		}
		cfg := sharestore.Config{FS: sharefs.NewMem(space), ReadOnly: s.ReadOnly, NodeID: s.NodeID}
		return foolscapClient(t, ourFoolscapStorage(t, cfg))
	}})
}

// TestStorageFoolscapClientOfPython: the same suite with our client in front of
// a storage node of 1.20. One node serves all tests: each has storage indexes of
// its own.
func TestStorageFoolscapClientOfPython(t *testing.T) {
	root := interop.Require(t)
	address := pythonFoolscapStorage(t, root)
	client := foolscapClient(t, address)
	v, err := client.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, "tahoe-lafs/1.20.0", v.ApplicationVersion)
	require.Equal(t, int64(69105000000000000), v.MaximumMutableShareSize)
	require.Positive(t, v.AvailableSpace)
	require.True(t, v.ToleratesImmutableReadOverrun && v.FillsHolesWithZeroBytes)
	var salt atomic.Int32
	t.Run("suite", func(t *testing.T) {
		storagetest.Run(t, storagetest.Suite{New: func(t *testing.T, s storagetest.Setup) grid.StorageServer {
			if s.Space != 0 || s.ReadOnly {
				t.Skip("the Python node has the disk's space and is not read-only")
			}
			if s.NodeID != storagetest.NodeID {
				t.Skip("the Python node has a node id of its own; TestStorageFoolscapServerOfPython compares")
			}
			return &salted{client, byte(salt.Add(1))}
		}})
	})
	t.Run("bad write enabler", func(t *testing.T) {
		server := &salted{client, 0xfe}
		writes := map[grid.ShareNum]grid.SlotWrite{0: {Writes: []grid.WriteVector{{Data: []byte("x")}}}}
		_, err := server.SlotTestvAndReadvAndWritev(t.Context(), storagetest.SI, storagetest.Secrets('a'), writes, nil)
		require.NoError(t, err)
		_, err = server.SlotTestvAndReadvAndWritev(t.Context(), storagetest.SI, storagetest.Secrets('b'), writes, nil)
		var bad *grid.BadWriteEnablerError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, address.TubID(), bad.NodeID)
	})
}

// storageFoolscapCalls makes calls with the client of 1.20 and prints the
// results.
//
//go:embed testdata/storage_foolscap_calls.py
var storageFoolscapCalls []byte

// callFoolscapStorage returns the lines that the script prints.
func callFoolscapStorage(t *testing.T, root *interop.Root, address furl.FURL) []string {
	t.Helper()
	out := root.Run(t, storageFoolscapCalls, "python3", "-", address.Text()).OK(t)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines {
		require.True(t, json.Valid([]byte(line)), line)
	}
	return lines
}

// TestStorageFoolscapServerOfPython: the client of 1.20 gets the same results
// from our server as from a node of 1.20, and what it left there our client
// reads.
func TestStorageFoolscapServerOfPython(t *testing.T) {
	root := interop.Require(t)
	python, ours := pythonFoolscapStorage(t, root), ourFoolscapStorage(t, sharestore.Config{})
	want := callFoolscapStorage(t, root, python)
	got := callFoolscapStorage(t, root, ours)
	require.Greater(t, len(want), 70)
	require.Len(t, got, len(want))
	for i := range want {
		require.JSONEq(t, want[i], got[i], "line %d", i)
	}
	for _, address := range []furl.FURL{python, ours} {
		shares, err := foolscapClient(t, address).GetBuckets(t.Context(), grid.StorageIndex(bytes.Repeat([]byte{'i'}, 16)))
		require.NoError(t, err)
		require.Contains(t, shares, grid.ShareNum(0))
		p := make([]byte, 3_000_000)
		n, err := shares[0].Read(t.Context(), p, 0)
		require.NoError(t, err)
		require.Equal(t, 2_500_000, n)
		require.Equal(t, bytes.Repeat([]byte("0123456789"), 250_000), p[:n])
	}
}

// TestStorageFoolscapWithPythonGateway: a client node of 1.20 stores immutable
// and mutable files on two of our servers, checks and reads them.
func TestStorageFoolscapWithPythonGateway(t *testing.T) {
	root := interop.Require(t)
	private := filepath.Join(root.Dir, "foolscap-gateway", "private")
	require.NoError(t, os.MkdirAll(private, 0o700))
	servers := "storage:\n"
	for i, name := range []string{"one", "two"} {
		address := ourFoolscapStorage(t, sharestore.Config{NodeID: grid.TubID{byte(i)}})
		servers += fmt.Sprintf("  v0-%s:\n    ann:\n      nickname: %s\n      anonymous-storage-FURL: %q\n      permutation-seed-base32: %q\n",
			name, name, address.Text(), grid.TubID{byte(i)}.String())
	}
	require.NoError(t, os.WriteFile(filepath.Join(private, "servers.yaml"), []byte(servers), 0o600))
	gateway := root.StartNode(t, interop.NodeOptions{Name: "foolscap-gateway", Shares: "1/2/3"})
	gateway.WaitConnected(t, 2)

	data := testData(2*segmentSize + 7)
	fileCap := putBoth(t, gateway, data)
	getBoth(t, gateway, fileCap, data)
	require.Contains(t, string(gateway.Tahoe(t, nil, "check", "--verify", "--add-lease", fileCap).OK(t)), "Healthy")
	for _, format := range []string{"sdmf", "mdmf"} {
		mutable := strings.TrimSpace(string(gateway.Tahoe(t, data[:300_000], "put", "--mutable", "--format="+format, "-").OK(t)))
		getBoth(t, gateway, mutable, data[:300_000])
		gateway.Tahoe(t, data[1000:200_000], "put", "-", mutable).OK(t)
		getBoth(t, gateway, mutable, data[1000:200_000])
		require.Contains(t, string(gateway.Tahoe(t, nil, "check", "--verify", mutable).OK(t)), "Healthy", format)
	}
}
