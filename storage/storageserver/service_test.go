package storageserver_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/storagetest"
	"github.com/besn0847/arm-tahoe/storage/storageserver"
)

func TestBothProtocolsOnOnePort(t *testing.T) {
	n := run(t, newConfig(t, t.TempDir(), "", ""))
	rpc, https := foolscapClient(t, n.fields.FURL), n.client(t)
	one, err := rpc.Version(t.Context())
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(one.ApplicationVersion, "arm-tahoe/"))
	other, err := https.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, one.ApplicationVersion, other.ApplicationVersion)

	si, data := freshSI(), []byte("one core under both, and for this process")
	require.NoError(t, store(t.Context(), https, si, storagetest.Lease('a'), data))
	for _, server := range []grid.StorageServer{rpc, https, n.service.Core()} {
		got, err := read(t.Context(), server, si, len(data))
		require.NoError(t, err)
		require.Equal(t, data, got)
	}
}

// TestSuite holds the whole service, reached over either protocol, to the rules
// for storage servers.
func TestSuite(t *testing.T) {
	suite := func(client func(*testing.T, *node) grid.StorageServer) func(*testing.T, storagetest.Setup) grid.StorageServer {
		return func(t *testing.T, s storagetest.Setup) grid.StorageServer {
			if s.Space > 0 || s.NodeID != storagetest.NodeID {
				t.Skip("the disk is a real one, whose space nobody sets, and the node id is that of the certificate; package sharestore tests both")
			}
			tahoe := ""
			if s.ReadOnly {
				tahoe = "[storage]\nreadonly = true\n"
			}
			cfg := newConfig(t, t.TempDir(), tahoe, "")
			cfg.Log = nil // the errors are wanted
			return client(t, run(t, cfg))
		}
	}
	t.Run("https", func(t *testing.T) {
		storagetest.Run(t, storagetest.Suite{PlainErrors: true, New: suite(func(t *testing.T, n *node) grid.StorageServer {
			return n.client(t)
		})})
	})
	t.Run("foolscap", func(t *testing.T) {
		storagetest.Run(t, storagetest.Suite{New: suite(func(t *testing.T, n *node) grid.StorageServer {
			return foolscapClient(t, n.fields.FURL)
		})})
	})
}

func TestRestartKeepsNamesAndShares(t *testing.T) {
	dir := t.TempDir()
	first := run(t, newConfig(t, dir, "", ""))
	si := freshSI()
	require.NoError(t, store(t.Context(), first.client(t), si, storagetest.Lease('a'), []byte("kept")))
	first.halt(t)
	require.FileExists(t, filepath.Join(dir, storageserver.IndexName+".clean"))

	second := run(t, newConfig(t, dir, "", ""))
	require.Equal(t, swissnum(t, first.fields.FURL), swissnum(t, second.fields.FURL))
	require.Equal(t, before(first.fields.NURLs[0], "@"), before(second.fields.NURLs[0], "@"), "the key")
	require.Equal(t, after(first.fields.NURLs[0], "/"), after(second.fields.NURLs[0], "/"), "the swissnum")
	require.Equal(t, first.fields.PermutationSeed, second.fields.PermutationSeed)
	got, err := read(t.Context(), second.client(t), si, 4)
	require.NoError(t, err)
	require.Equal(t, "kept", string(got))
	require.EqualValues(t, 1, second.service.Stats()["storage_server.total_bucket_count"], "the index was believed at once")
}

func swissnum(t testing.TB, text string) string {
	f, err := furl.Parse(text)
	require.NoError(t, err)
	return string(f.Swissnum().Reveal())
}

func before(text, mark string) string { return text[:strings.LastIndex(text, mark)] }
func after(text, mark string) string  { return text[strings.LastIndex(text, mark):] }

func TestAnnouncement(t *testing.T) {
	dir := t.TempDir()
	cfg := newConfig(t, dir, "", "")
	n := run(t, cfg)
	file, err := os.ReadFile(cfg.Dir.Private("storage.furl"))
	require.NoError(t, err)
	require.Equal(t, n.fields.FURL+"\n", string(file))
	require.Equal(t, "pb://"+cfg.Certificate.TubID().String()+"@tcp:"+n.listener.Addr().String(), before(n.fields.FURL, "/"))
	require.Equal(t, swissnum(t, n.fields.FURL)+"#v=1", after(n.fields.NURLs[0], "/")[1:])
	want := announce.NewSeed(cfg.NodeKey)
	require.Equal(t, want.String(), n.fields.PermutationSeed)
	require.Nil(t, n.fields.Certificates)

	signed, err := n.fields.Marshal()
	require.NoError(t, err)
	require.Contains(t, string(signed), `"anonymous-storage-NURLs": ["pb://`)
}

// Each kind of location and what becomes of it.
func TestLocations(t *testing.T) {
	rows := []struct {
		name  string
		hints []string
		hosts []string
	}{
		{"name and address", []string{"tcp:example.org:8098", "tcp:192.0.2.1:1"}, []string{"pb example.org:8098", "pb 192.0.2.1:1"}},
		{"IPv6", []string{"tcp:[2001:db8::1]:8098"}, []string{"pb [2001:db8::1]:8098"}},
		{"onion", []string{"tor:abcdefghijklmnop.onion:80"}, []string{"pb+tor abcdefghijklmnop.onion:80"}},
		{"tor, but no onion", []string{"tor:example.org:80"}, []string{}},
		{"I2P", []string{"i2p:abc.b32.i2p"}, []string{}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			cfg := newConfig(t, t.TempDir(), "", "")
			s, err := storageserver.Open(cfg)
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close(context.Background())) }()
			tub, err := foolscap.New(foolscap.Options{Certificate: cfg.Certificate})
			require.NoError(t, err)
			tub.SetLocation(row.hints)
			fields, err := s.Attach(tub)
			require.NoError(t, err)
			hosts := []string{}
			for _, nurl := range fields.NURLs {
				scheme, rest, _ := strings.Cut(nurl, "://")
				_, rest, _ = strings.Cut(rest, "@")
				hosts = append(hosts, scheme+" "+before(rest, "/"))
			}
			require.Equal(t, row.hosts, hosts)
			require.NotNil(t, fields.NURLs, "announced as an empty list, as 1.20 does")
			require.NoError(t, tub.Close(context.Background()))
		})
	}
}

func TestWithoutHTTPS(t *testing.T) {
	for _, row := range []struct {
		name, tahoe string
		furl        bool
	}{
		{"force_foolscap", "[storage]\nforce_foolscap = true\n", true},
		{"not anonymous", "[storage]\nanonymous = false\n", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := newConfig(t, t.TempDir(), row.tahoe, "")
			n := run(t, cfg)
			require.Nil(t, n.fields.NURLs)
			require.Nil(t, n.service.OtherProtocol())
			require.NotEmpty(t, n.fields.PermutationSeed)
			if !row.furl {
				require.Empty(t, n.fields.FURL)
				require.NoFileExists(t, cfg.Dir.Private("storage.furl"))
				return
			}
			_, err := foolscapClient(t, n.fields.FURL).Version(t.Context())
			require.NoError(t, err)
		})
	}
}

func TestGridManagerCertificates(t *testing.T) {
	dir := t.TempDir()
	const text = "[storage]\ngrid_management = true\n[grid_manager_certificates]\ndefault = gm.cert\n"
	cfg := newConfig(t, dir, text, "")
	s, err := storageserver.Open(cfg)
	require.NoError(t, err)
	tub, err := foolscap.New(foolscap.Options{Certificate: cfg.Certificate})
	require.NoError(t, err)
	tub.SetLocation([]string{"tcp:192.0.2.1:1"})

	_, err = s.Attach(tub)
	require.ErrorContains(t, err, "[grid_manager_certificates] default")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gm.cert"), []byte(`{"x": 1}`), 0o600))
	_, err = s.Attach(tub)
	require.ErrorContains(t, err, "grid-manager sign")

	manager, err := cfg.Dir.NodeKey()
	require.NoError(t, err)
	good := announce.SignCertificate(manager, announce.Statement{ServerKey: cfg.NodeKey})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gm.cert"), good.AppendFile(nil), 0o600))
	fields, err := s.Attach(tub)
	require.NoError(t, err)
	require.Equal(t, []announce.Certificate{good}, fields.Certificates)
	require.NoError(t, tub.Close(context.Background()))
	require.NoError(t, s.Close(context.Background()))
}

// A directory that has shares but no permutation-seed was found by its tub id.
func TestOldDirectoryKeepsItsPlace(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "storage", "shares", "aa", "aaaaaaaaaaaaaaaaaaaaaaaaaa"), 0o700))
	cfg := newConfig(t, dir, "", "")
	n := run(t, cfg)
	require.Equal(t, announce.OldSeed(cfg.Certificate.TubID()).String(), n.fields.PermutationSeed)
}

func TestSettingsReachTheStore(t *testing.T) {
	for _, row := range []struct {
		name, tahoe, own string
		available        func(t *testing.T, space int64)
	}{
		{"readonly", "[storage]\nreadonly = true\n", "", func(t *testing.T, space int64) { require.Zero(t, space) }},
		{"reserved_space", "[storage]\nreserved_space = 8E\n", "", func(t *testing.T, space int64) { require.Zero(t, space) }},
		{"size_limit", "", "[storage]\nsize_limit = 1M\n", func(t *testing.T, space int64) { require.EqualValues(t, 1000000, space) }},
		{"size_limit 0", "", "[storage]\nsize_limit = 0\n", func(t *testing.T, space int64) { require.LessOrEqual(t, space, int64(1)) }},
		{"none", "", "", func(t *testing.T, space int64) { require.Greater(t, space, int64(1000000)) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := run(t, newConfig(t, t.TempDir(), row.tahoe, row.own))
			require.Eventually(t, func() bool { return indexComplete(t, n.service) }, patience, tick)
			v, err := n.client(t).Version(t.Context())
			require.NoError(t, err)
			row.available(t, v.AvailableSpace)
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, row := range []struct {
		name, want string
		spoil      func(t *testing.T, cfg *storageserver.Config)
	}{
		{"no certificate", "no certificate", func(_ *testing.T, cfg *storageserver.Config) { cfg.Certificate = nil }},
		{"no base directory", "no base directory", func(_ *testing.T, cfg *storageserver.Config) { cfg.Dir = nil }},
		{"switched off", "enabled is false", func(_ *testing.T, cfg *storageserver.Config) { cfg.Node.Storage.Enabled = false }},
		{"FURL of another tub", "is a FURL of the Tub", func(t *testing.T, cfg *storageserver.Config) {
			other := "pb://" + strings.Repeat("a", 32) + "@tcp:192.0.2.1:1/swissnum"
			require.NoError(t, cfg.Dir.WriteFURL("storage.furl", secret.NewCapText([]byte(other))))
		}},
		{"a file is in the way", "storage", func(t *testing.T, cfg *storageserver.Config) {
			require.NoError(t, os.WriteFile(cfg.Node.Storage.Dir, nil, 0o600))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := newConfig(t, t.TempDir(), "", "")
			row.spoil(t, &cfg)
			s, err := storageserver.Open(cfg)
			require.ErrorContains(t, err, row.want)
			require.Nil(t, s)
		})
	}
}

// Whatever is going on, the service ends, and says what it cut.
func TestCloseCutsWhatDoesNotEnd(t *testing.T) {
	n := run(t, newConfig(t, t.TempDir(), "", ""))
	a, err := n.client(t).AllocateBuckets(t.Context(), freshSI(), storagetest.Lease('a'), []grid.ShareNum{0}, 1000)
	require.NoError(t, err)
	require.NoError(t, a.Writers[0].Write(t.Context(), 0, []byte("begun")))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, n.service.StopAccepting(ctx))
	_ = n.service.Drain(ctx) // it may be idle or not
	require.NoError(t, n.tub.Close(context.Background()))
	require.NoError(t, n.service.Close(context.Background()))
	require.NoError(t, n.service.Close(context.Background()), "twice")
	require.NoError(t, <-n.served)
	n.served = nil
	names, err := os.ReadDir(filepath.Join(n.cfg.Node.Storage.Dir, "shares", "incoming"))
	require.NoError(t, err)
	require.Empty(t, names)
	_, err = n.client(t).Version(t.Context())
	require.Error(t, err, "nobody is there")
}

// An idle service takes little of a small board.
func TestIdleHeap(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	cfg := newConfig(t, t.TempDir(), "", "")
	before := heap()
	n := run(t, cfg)
	_, err := n.client(t).Version(t.Context())
	require.NoError(t, err)
	const budget = 4 << 20
	after := heap()
	t.Logf("idle heap: %d KiB", (int64(after)-int64(before))>>10)
	require.Less(t, int64(after)-int64(before), int64(budget))
}
