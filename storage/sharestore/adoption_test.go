package sharestore_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/common/storagetest"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

// pythonShare is a share file that a server of 1.20 kept; see testdata/README.md.
type pythonShare struct {
	File         string `json:"file"`
	Mutable      bool   `json:"mutable"`
	StorageIndex string `json:"storage_index"`
	ShareNum     int    `json:"shnum"`
	DataBytes    int64  `json:"data_bytes"`
	DataSHA256   string `json:"data_sha256"`
	LeaseSecret  string `json:"lease_secret"`
	TubID        string `json:"tub_id"`
}

func (p pythonShare) id(t testing.TB) shareID {
	si, err := grid.ParseStorageIndex(p.StorageIndex)
	require.NoError(t, err)
	return shareID{si, grid.ShareNum(p.ShareNum)}
}

func (p pythonShare) kind() grid.ShareKind {
	if p.Mutable {
		return grid.Mutable
	}
	return grid.Immutable
}

// lease derives the secrets that the client gave to the server.
func (p pythonShare) lease(t testing.TB) grid.LeaseSecrets {
	raw, err := base32.Decode(p.LeaseSecret)
	require.NoError(t, err)
	client := secret.NewLeaseSecret([32]byte(raw))
	tub, err := grid.ParseTubID(p.TubID)
	require.NoError(t, err)
	si := p.id(t).si
	return grid.LeaseSecrets{
		Renewal: taggedhash.RenewalSecret(taggedhash.FileRenewalSecret(taggedhash.ClientRenewalSecret(client), si), tub),
		Cancel:  taggedhash.CancelSecret(taggedhash.FileCancelSecret(taggedhash.ClientCancelSecret(client), si), tub),
	}
}

// pythonDirectory makes a storage directory as a server of 1.20 leaves it, with
// what may lie about in one.
func pythonDirectory(t testing.TB) (dir string, shares []pythonShare) {
	raw, err := os.ReadFile("testdata/shares.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &shares))
	// Shares with one storage index come from different servers, and so have
	// different lease secrets: the first of them is taken.
	seen := map[string]bool{}
	shares = slices.DeleteFunc(shares, func(p pythonShare) bool {
		defer func() { seen[p.StorageIndex] = true }()
		return seen[p.StorageIndex]
	})
	require.Greater(t, len(shares), 10)
	dir = filepath.Join(t.TempDir(), "storage")
	write := func(name string, content []byte) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, content, 0o644))
	}
	for _, p := range shares {
		id := p.id(t)
		content, err := os.ReadFile(filepath.Join("testdata", "shares", p.File))
		require.NoError(t, err)
		write(sharecontainer.SharesDir+"/"+sharecontainer.SharePath(id.si, id.n), content)
	}
	write("lease_checker.state.json", []byte(`{"version": 1}`))
	write("bucket_counter.state.json", []byte(`{"version": 1}`))
	write("shares/incoming/aa/aaaaaaaaaaaaaaaaaaaaaaaaaa/3", []byte("half a share"))
	write("shares/README", []byte("somebody's note"))
	write("shares/"+sharecontainer.BucketPath(shares[0].id(t).si)+"/notes.txt", []byte("not a share"))
	return dir, shares
}

// whenComplete waits for the index, which is made in the background.
func whenComplete(t testing.TB, s *sharestore.Store) sharestore.Totals {
	require.Eventually(t, func() bool { return s.Totals().Complete }, 30*time.Second, time.Millisecond)
	return s.Totals()
}

func TestAdoptsADirectoryOfPython(t *testing.T) {
	dir, shares := pythonDirectory(t)
	before := files(t, dir)
	delete(before, "shares/incoming/aa/aaaaaaaaaaaaaaaaaaaaaaaaaa/3")
	s, err := sharestore.Open(config(disk(t, dir)))
	require.NoError(t, err)
	totals := whenComplete(t, s)
	require.EqualValues(t, len(shares), totals.ImmutableShares+totals.MutableShares)
	var size int64
	for _, p := range shares {
		id := p.id(t)
		size += int64(len(before["shares/"+sharecontainer.SharePath(id.si, id.n)]))
		requireData(t, s, p)
		numbers, err := s.ListShares(t.Context(), p.kind(), id.si)
		require.NoError(t, err)
		require.Contains(t, numbers, id.n)
	}
	require.Equal(t, size, totals.Bytes())
	require.NoError(t, s.Close())
	require.Equal(t, before, files(t, dir), "nothing was written, so nothing has changed")
}

func requireData(t *testing.T, s *sharestore.Store, p pythonShare) {
	t.Helper()
	r, err := s.OpenShare(t.Context(), p.kind(), p.id(t).si, p.id(t).n)
	require.NoError(t, err)
	require.Equal(t, p.DataBytes, r.Size())
	b := make([]byte, r.Size())
	n, err := r.Read(t.Context(), b, 0)
	require.NoError(t, err)
	hash := sha256.Sum256(b[:n])
	require.Equal(t, p.DataSHA256, hex.EncodeToString(hash[:]))
}

func TestRenewsLeasesOfPython(t *testing.T) {
	dir, shares := pythonDirectory(t)
	before := files(t, dir)
	cfg := config(disk(t, dir))
	cfg.Now = func() time.Time { return time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC) }
	s := open(t, cfg)
	leases := whenComplete(t, s).Leases
	require.NoError(t, s.AddLease(t.Context(), shares[0].id(t).si, storagetest.Lease('n')))
	for _, p := range shares {
		n, err := s.LeaseShares(t.Context(), p.id(t).si, p.lease(t))
		require.NoError(t, err)
		require.Positive(t, n)
		requireData(t, s, p)
	}
	require.Equal(t, leases+1, s.Totals().Leases, "all others were renewed")
	for name, content := range files(t, dir) {
		if !strings.Contains(name, "/"+shares[0].StorageIndex+"/") && strings.HasPrefix(name, "shares/") {
			changed := 0
			require.Len(t, content, len(before[name]), name)
			for i := range content {
				if content[i] != before[name][i] {
					changed++
				}
			}
			require.LessOrEqual(t, changed, 4, "only the expiry: "+name)
		}
	}
}
