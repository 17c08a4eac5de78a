package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/introclient"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/introducer/introserver"
	"github.com/besn0847/arm-tahoe/tools/interop"
)

// introducerPatience is how long a test waits for what must happen.
const introducerPatience = 90 * time.Second

const tahoeVersion = "tahoe-lafs/1.20.0"

// startOurIntroducer runs our introducer in this process.
func startOurIntroducer(t *testing.T) (*introserver.Service, furl.FURL) {
	service := introserver.New(introserver.Config{Version: tahoeVersion, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	t.Cleanup(service.Close)
	certificate, err := foolscap.NewCertificate()
	require.NoError(t, err)
	address, err := newPeerTub(t, certificate).Register(service.Object(), secret.Swissnum{})
	require.NoError(t, err)
	return service, address
}

// ourClient is our side of a node: base directory, Tub, introducer client.
type ourClient struct {
	*introclient.Client
	dir  *nodeconf.Dir
	key  announce.SigningKey
	tub  *foolscap.Tub
	stop func()
	logs *bytes.Buffer
}

// startOurClient runs a client in a base directory until the test ends.
func startOurClient(t *testing.T, baseDir string, introducers ...introclient.Introducer) *ourClient {
	dir, err := nodeconf.OpenDir(baseDir)
	require.NoError(t, err)
	key, err := dir.NodeKey()
	require.NoError(t, err)
	certificate, err := foolscap.NewEphemeralCertificate()
	require.NoError(t, err)
	c := &ourClient{dir: dir, key: key, tub: newPeerTub(t, certificate), logs: new(bytes.Buffer)}
	c.Client, err = introclient.New(introclient.Config{
		Tub: c.tub, Introducers: introducers, Nickname: "ours", MyVersion: tahoeVersion, OldestSupported: "1.0.0",
		Key: key, NextSeqnum: dir.NextSeqnum, Cache: dir,
		Logger: slog.New(slog.NewTextHandler(c.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	c.stop = func() {
		cancel()
		if err, ok := <-ended; ok {
			require.NoError(t, err)
			close(ended)
		}
	}
	t.Cleanup(c.stop)
	return c
}

// emptyStorage is a storage server that has a version and takes nothing: that it
// is announced is what counts here.
type emptyStorage struct{ _ byte }

func (*emptyStorage) RemoteInterface() string { return "RIStorageServer.tahoe.allmydata.com" }

func (s *emptyStorage) RemoteCall(_ context.Context, r *foolscap.Request) (banana.Value, error) {
	if r.Method != "get_version" {
		return nil, foolscap.UnknownMethod(r, s.RemoteInterface())
	}
	pair := func(key string, v banana.Value) banana.Pair { return banana.Pair{Key: banana.Bytes(key), Value: v} }
	return banana.NewDict(
		pair("application-version", banana.Bytes(tahoeVersion)),
		pair("http://allmydata.org/tahoe/protocols/storage/v1", banana.NewDict(pair("available-space", banana.Int(0)))),
	), nil
}

// publishStorage announces a storage server at our Tub.
func (c *ourClient) publishStorage(t *testing.T) {
	address, err := c.tub.Register(new(emptyStorage), secret.Swissnum{})
	require.NoError(t, err)
	seed, err := c.dir.PermutationSeed(func() (bool, error) { return false, nil }, c.tub.TubID(), c.key.VerifyingKey())
	require.NoError(t, err)
	require.NoError(t, c.Publish(announce.StorageService, announce.Fields{FURL: address.Text(), PermutationSeed: seed}))
}

// awaitServers waits until the client knows servers of these nicknames.
func (c *ourClient) awaitServers(t *testing.T, want ...string) []*introclient.Announced {
	t.Helper()
	deadline := time.After(introducerPatience)
	for {
		changed := c.Changes()
		var got []string
		for _, a := range c.Servers() {
			got = append(got, a.Fields.Nickname)
		}
		slices.Sort(got)
		if slices.Equal(got, want) {
			return c.Servers()
		}
		select {
		case <-changed:
		case <-deadline:
			require.Equal(t, want, got, "%s", c.logs)
		}
	}
}

func parseFURL(t *testing.T, text string) furl.FURL {
	f, err := furl.Parse(text)
	require.NoError(t, err)
	return f
}

// nicknames of the servers that a Python node knows; nil if it does not say.
func nicknames(n *interop.Node) []string {
	welcome, err := n.Welcome()
	if err != nil {
		return nil
	}
	var names []string
	for _, s := range welcome.Servers {
		names = append(names, s.Nickname)
	}
	slices.Sort(names)
	return names
}

func awaitNicknames(t *testing.T, n *interop.Node, want ...string) {
	t.Helper()
	require.Eventually(t, func() bool { return slices.Equal(want, nicknames(n)) }, introducerPatience, 200*time.Millisecond,
		"%s should know %v", n.Name, want)
}

// introducedAt is what our introducer knows of a server.
func introducedAt(service *introserver.Service, nickname string) (a introserver.Announcement) {
	for _, a := range service.Status().Announcements {
		if a.Nickname == nickname {
			return a
		}
	}
	return a
}

// TestOurIntroducer: Python nodes meet at our introducer.
func TestOurIntroducer(t *testing.T) {
	root := interop.Require(t)
	service, address := startOurIntroducer(t)
	furls := []string{address.Text()}
	nodes := root.StartNodes(t,
		interop.NodeOptions{Name: "alice", Introducers: furls, Storage: true, Shares: "1/1/2"},
		interop.NodeOptions{Name: "bob", Introducers: furls, Storage: true, Shares: "1/1/2", ForceFoolscap: true},
		interop.NodeOptions{Name: "carol", Introducers: furls, Shares: "1/1/2"})
	for _, n := range nodes {
		n.WaitConnected(t, 2)
	}
	data := testData(100_000)
	fileCap := nodes[2].Tahoe(t, data, "put", "-").OK(t)
	require.Equal(t, data, nodes[0].Tahoe(t, nil, "get", strings.TrimSpace(string(fileCap)), "-").OK(t))

	status := service.Status()
	require.Len(t, status.Announcements, 2)
	require.Len(t, status.Subscribers, 3)
	for i, name := range []string{"alice", "bob", "carol"} {
		s := status.Subscribers[i]
		require.Equal(t, name, s.Nickname)
		require.Equal(t, tahoeVersion, s.Version)
		require.Equal(t, "storage", s.Service)
		require.Contains(t, s.RemoteAddress, "127.0.0.1:")
	}
	for i, name := range []string{"alice", "bob"} {
		a := status.Announcements[i]
		require.Equal(t, name, a.Nickname)
		require.Equal(t, tahoeVersion, a.Version)
		require.True(t, a.Connected)
		require.Len(t, a.ConnectionHints, 1)
		require.Equal(t, strings.TrimSpace(readFile(t, nodes[i], "node.pubkey")), "pub-"+string(a.ServerID))
	}
	welcome, err := nodes[2].Welcome()
	require.NoError(t, err)
	require.Equal(t, []string{"Connected to " + address.Hints()[0] + " via tcp"}, welcome.Introducers.Statuses)

	// A restart announces again, with a greater sequence number.
	before := introducedAt(service, "bob").Since
	updates := service.Counters().InboundUpdates
	nodes[1].Restart(t)
	nodes[2].WaitConnected(t, 2)
	require.Equal(t, updates+1, service.Counters().InboundUpdates)
	require.True(t, introducedAt(service, "bob").Since.After(before))
	nodes[0].Stop(t)
	require.Eventually(t, func() bool {
		return !introducedAt(service, "alice").Connected && len(service.Status().Subscribers) == 2
	},
		introducerPatience, 100*time.Millisecond)
	require.Zero(t, service.Counters().InboundRefused)
	require.Zero(t, service.Counters().OutboundErrors)
}

// introducerPage gets a page of a Python introducer.
func introducerPage(t *testing.T, in *interop.Introducer) []byte {
	answer, err := http.Get(in.WebURL() + "/?t=json")
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return body
}

// TestOurIntroducerClient: our client at a Python introducer, beside Python nodes;
// then the introducer goes away, and each side starts from the other's cache.
func TestOurIntroducerClient(t *testing.T) {
	root := interop.Require(t)
	in := root.StartIntroducer(t, interop.IntroducerOptions{})
	node := root.StartNode(t, interop.NodeOptions{Name: "alice", Introducers: []string{in.FURL()}, Storage: true, Shares: "1/1/1"})
	node.WaitConnected(t, 1)
	baseDir := t.TempDir()
	introducer := introclient.Introducer{Petname: "introducer1", FURL: parseFURL(t, in.FURL())}
	ours := startOurClient(t, baseDir, introducer)
	alice := ours.awaitServers(t, "alice")[0]
	require.Equal(t, tahoeVersion, alice.Fields.MyVersion)
	require.Equal(t, node.FURL(t, "storage.furl"), alice.Fields.FURL)
	require.NotEmpty(t, alice.Fields.NURLs)
	ours.publishStorage(t)
	ours.awaitServers(t, "alice", "ours")
	awaitNicknames(t, node, "alice", "ours")
	welcome, err := node.Welcome()
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(welcome.Servers, func(s interop.Server) bool {
		return s.NodeID == string(ours.key.VerifyingKey().ServerID())
	}))
	require.Equal(t, tahoeVersion, ours.Status()[0].Version)
	require.Equal(t, "Connected to "+introducer.FURL.Hints()[0]+" via tcp", ours.Status()[0].Summary(time.Now()))

	t.Run("page", func(t *testing.T) { samePages(t, introducerPage(t, in)) })

	ours.stop()
	require.NotContains(t, ours.logs.String(), string(introducer.FURL.Swissnum().Reveal()))
	require.NotContains(t, ours.logs.String(), alice.Fields.FURL)
	in.Stop(t)
	t.Run("our cache", func(t *testing.T) {
		again := startOurClient(t, baseDir, introducer)
		for _, a := range again.awaitServers(t, "alice", "ours") {
			require.Equal(t, introclient.Cached, a.Origin)
		}
	})
	t.Run("Python's cache", func(t *testing.T) {
		theirs, err := nodeconf.OpenDir(node.BaseDir)
		require.NoError(t, err)
		list, err := theirs.CachedAnnouncements("introducer1")
		require.NoError(t, err)
		baseDir := t.TempDir()
		dir, err := nodeconf.OpenDir(baseDir)
		require.NoError(t, err)
		require.NoError(t, dir.WriteCachedAnnouncements("introducer1", list))
		startOurClient(t, baseDir, introducer).awaitServers(t, "alice", "ours")
	})
	t.Run("our cache at Python's", func(t *testing.T) {
		node.Stop(t)
		theirs, err := nodeconf.OpenDir(node.BaseDir)
		require.NoError(t, err)
		list, err := ours.dir.CachedAnnouncements("introducer1")
		require.NoError(t, err)
		require.NoError(t, theirs.RemoveCachedAnnouncements("introducer1"))
		require.NoError(t, theirs.WriteCachedAnnouncements("introducer1", list))
		node.Restart(t)
		awaitNicknames(t, node, "alice", "ours")
		require.Eventually(t, func() bool {
			welcome, err := node.Welcome()
			return err == nil && slices.ContainsFunc(welcome.Servers, func(s interop.Server) bool { return s.Nickname == "alice" && s.Connected() })
		}, introducerPatience, 200*time.Millisecond)
	})
}

// samePages compares a page of Python's introducer with ours, who know as many.
func samePages(t *testing.T, python []byte) {
	require.True(t, json.Valid(python))
	service, address := startOurIntroducer(t)
	for range 2 {
		c := startOurClient(t, t.TempDir(), introclient.Introducer{Petname: "a", FURL: address})
		c.publishStorage(t)
	}
	page := service.Page(grid.TubID{}, tahoeVersion)
	require.Eventually(t, func() bool {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?t=json", nil))
		return w.Body.String() == string(python)
	}, introducerPatience, 10*time.Millisecond, "%s", python)
}

// TestTwoIntroducers: one of Python's, one of ours, and servers that know one or
// both.
func TestTwoIntroducers(t *testing.T) {
	root := interop.Require(t)
	theirs := root.StartIntroducer(t, interop.IntroducerOptions{})
	service, address := startOurIntroducer(t)
	both := []string{theirs.FURL(), address.Text()}
	nodes := root.StartNodes(t,
		interop.NodeOptions{Name: "alice", Introducers: both[:1], Storage: true, Shares: "1/1/1"},
		interop.NodeOptions{Name: "bob", Introducers: both[1:], Storage: true, Shares: "1/1/1"},
		interop.NodeOptions{Name: "carol", Introducers: both, Storage: true, Shares: "1/1/1"})
	nodes[0].WaitConnected(t, 2)
	nodes[1].WaitConnected(t, 2)
	nodes[2].WaitConnected(t, 3)
	ours := startOurClient(t, t.TempDir(),
		introclient.Introducer{Petname: "theirs", FURL: parseFURL(t, theirs.FURL())}, introclient.Introducer{Petname: "ours", FURL: address})
	ours.awaitServers(t, "alice", "bob", "carol")
	ours.publishStorage(t)
	awaitNicknames(t, nodes[0], "alice", "carol", "ours")
	awaitNicknames(t, nodes[1], "bob", "carol", "ours")
	awaitNicknames(t, nodes[2], "alice", "bob", "carol", "ours")
	require.Len(t, service.Status().Announcements, 3)
	var summary struct {
		Announcements map[string]int `json:"announcement_summary"`
		Subscriptions map[string]int `json:"subscription_summary"`
	}
	require.NoError(t, json.Unmarshal(introducerPage(t, theirs), &summary))
	require.Equal(t, map[string]int{"storage": 3}, summary.Announcements)
	require.Equal(t, map[string]int{"storage": 3}, summary.Subscriptions)
}
