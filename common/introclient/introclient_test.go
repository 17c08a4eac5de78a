package introclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/introrpc"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// patience is how long a test waits for what must happen, on a loaded machine.
const patience = 2 * time.Minute

func newTub(t testing.TB) *foolscap.Tub {
	certificate, err := foolscap.NewEphemeralCertificate()
	require.NoError(t, err)
	tub, err := foolscap.New(foolscap.Options{Certificate: certificate})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, tub.Close(ctx))
	})
	return tub
}

// fakeIntroducer takes what it is given and tells subscribers what the test says.
type fakeIntroducer struct {
	tub     *foolscap.Tub
	address furl.FURL

	mu          sync.Mutex
	published   []announce.Signed // all that ever came
	subscribers []*foolscap.Reference
	services    []string
	infos       []introrpc.SubscriberInfo
	greeting    []announce.Signed
	refuse      error
}

func newFakeIntroducer(t testing.TB, greeting ...announce.Signed) *fakeIntroducer {
	f := &fakeIntroducer{tub: newTub(t), greeting: greeting}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f.tub.SetLocation([]string{"tcp:" + listener.Addr().String()})
	f.address, err = f.tub.Register(introrpc.NewService(f, "tahoe-lafs/1.20.0"), secret.Swissnum{})
	require.NoError(t, err)
	go func() { _ = f.tub.Serve(context.Background(), listener) }()
	return f
}

func (f *fakeIntroducer) Publish(_ context.Context, a announce.Signed, _ *foolscap.Reference) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.published = append(f.published, a)
	return f.refuse
}

func (f *fakeIntroducer) Subscribe(ctx context.Context, s introrpc.Subscriber, service string, info introrpc.SubscriberInfo) error {
	f.mu.Lock()
	f.subscribers = append(f.subscribers, s.Reference.Retain())
	f.services, f.infos = append(f.services, service), append(f.infos, info)
	greeting := f.greeting
	f.mu.Unlock()
	if len(greeting) == 0 {
		return nil
	}
	return s.Announce(ctx, greeting)
}

func (f *fakeIntroducer) announcements() []announce.Signed {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.published)
}

// tell announces to the latest subscriber and waits until it has taken notice.
func (f *fakeIntroducer) tell(t testing.TB, list ...announce.Signed) {
	f.mu.Lock()
	ref := f.subscribers[len(f.subscribers)-1]
	f.mu.Unlock()
	require.NoError(t, introrpc.Subscriber{Reference: ref}.Announce(t.Context(), list))
}

// drop ends the latest subscriber's connection.
func (f *fakeIntroducer) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subscribers[len(f.subscribers)-1].Drop()
}

func (f *fakeIntroducer) numSubscribers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subscribers)
}

// memoryCache is a Cache.
type memoryCache struct {
	mu     sync.Mutex
	files  map[string][]announce.Cached
	writes int
	err    error
}

func (c *memoryCache) CachedAnnouncements(petname string) ([]announce.Cached, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.files[petname], c.err
}

func (c *memoryCache) WriteCachedAnnouncements(petname string, list []announce.Cached) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = map[string][]announce.Cached{}
	}
	c.files[petname] = list
	c.writes++
	return nil
}

func newKey(n byte) announce.SigningKey {
	return announce.SigningKey{Seed: secret.NewSigningSeed([32]byte{n, 1})}
}

func id(n byte) grid.ServerID { return newKey(n).VerifyingKey().ServerID() }

// sign signs a message of any kind with key n.
func sign(n byte, format string, args ...any) announce.Signed {
	message := []byte(fmt.Sprintf(format, args...))
	signature := newKey(n).Sign(message)
	return announce.Signed{Message: message, Signature: base32.AppendEncode([]byte("v0-"), signature[:]), Key: []byte(id(n))}
}

func storage(n byte, seqnum int) announce.Signed {
	return sign(n, `{"service-name": "storage", "nickname": "s%d", "seqnum": %d}`, n, seqnum)
}

func cached(n byte, seqnum int) announce.Cached {
	return announce.Cached{Announcement: storage(n, seqnum).Message, Key: string(id(n))}
}

// start runs a client until the test, or the function, ends it.
func start(t testing.TB, config Config) (c *Client, stop func()) {
	if config.Tub == nil {
		config.Tub = newTub(t)
	}
	c, err := New(config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return c, stop
}

// awaitServers waits, without polling, until the client knows servers as in
// "s1 introducer 5": nickname, origin, sequence number.
func awaitServers(t testing.TB, c *Client, want ...string) []*Announced {
	t.Helper()
	deadline := time.After(patience)
	for {
		changed := c.Changes()
		list := c.Servers()
		got := []string{}
		for _, a := range list {
			got = append(got, fmt.Sprintf("%s %s %d", a.Fields.Nickname, a.Origin, a.Fields.Seqnum))
		}
		slices.Sort(got)
		if slices.Equal(got, want) {
			return list
		}
		select {
		case <-changed:
		case <-deadline:
			require.Equal(t, want, got)
		}
	}
}

func eventually(t testing.TB, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, time.Millisecond)
}

func TestPublishAndReconnect(t *testing.T) {
	first, second := newFakeIntroducer(t), newFakeIntroducer(t)
	var logged bytes.Buffer
	seqnum := int64(6)
	c, stop := start(t, Config{
		Introducers: []Introducer{{"one", first.address}, {"two", second.address}},
		Nickname:    "näme", MyVersion: "tahoe-lafs/1.20.0", OldestSupported: "1.0.0",
		Key: newKey(1), NextSeqnum: func() (int64, error) { seqnum++; return seqnum, nil },
		Logger: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, c.Publish("storage", announce.Fields{
		FURL: "pb://zspqmt2zt75k377je4nh7usbvvkiwi2v@tcp:127.0.0.1:20021/topsecret", PermutationSeed: "seed", NURLs: []string{"pb://n"},
	}))
	eventually(t, func() bool { return len(first.announcements()) == 1 && len(second.announcements()) == 1 })
	got := first.announcements()[0]
	require.Equal(t, got, second.announcements()[0], "the same bytes everywhere")
	a, err := got.Verify()
	require.NoError(t, err)
	require.Equal(t, id(1), a.ServerID())
	var fields map[string]any
	require.NoError(t, json.Unmarshal(got.Message, &fields))
	nonce, _ := fields["nonce"].(string)
	require.Len(t, nonce, 52)
	delete(fields, "nonce")
	require.Equal(t, map[string]any{
		"version": 0., "nickname": "näme", "app-versions": []any{}, "my-version": "tahoe-lafs/1.20.0", "oldest-supported": "1.0.0",
		"service-name": "storage", "seqnum": 7., "permutation-seed-base32": "seed", "anonymous-storage-NURLs": []any{"pb://n"},
		"anonymous-storage-FURL": "pb://zspqmt2zt75k377je4nh7usbvvkiwi2v@tcp:127.0.0.1:20021/topsecret",
	}, fields)

	eventually(t, func() bool { return first.numSubscribers() == 1 })
	require.Equal(t, []string{"storage"}, first.services)
	require.Equal(t, introrpc.SubscriberInfo{Nickname: "näme", MyVersion: "tahoe-lafs/1.20.0", OldestSupported: "1.0.0"}, first.infos[0])
	first.drop()
	eventually(t, func() bool { return len(first.announcements()) == 2 && first.numSubscribers() == 2 })
	require.Equal(t, got, first.announcements()[1], "again, byte for byte")

	require.NoError(t, c.Publish("storage", announce.Fields{PermutationSeed: "other"}))
	eventually(t, func() bool { return len(first.announcements()) == 3 && len(second.announcements()) == 2 })
	a, err = second.announcements()[1].Verify()
	require.NoError(t, err)
	f, err := a.Fields()
	require.NoError(t, err)
	require.EqualValues(t, 8, f.Seqnum)
	stop()
	require.NotContains(t, logged.String(), "topsecret")
	require.NotContains(t, logged.String(), string(first.address.Swissnum().Reveal()))
}

func TestPublishNeedsKey(t *testing.T) {
	c, err := New(Config{})
	require.NoError(t, err)
	require.Error(t, c.Publish("storage", announce.Fields{}))
	broken := errors.New("disk full")
	c, err = New(Config{Key: newKey(1), NextSeqnum: func() (int64, error) { return 0, broken }})
	require.NoError(t, err)
	require.ErrorIs(t, c.Publish("storage", announce.Fields{}), broken)
}

// TestReplacement: what an introducer says, checked and merged.
func TestReplacement(t *testing.T) {
	first, second := newFakeIntroducer(t, storage(1, 5)), newFakeIntroducer(t)
	c, _ := start(t, Config{Introducers: []Introducer{{"one", first.address}, {"two", second.address}}})
	list := awaitServers(t, c, "s1 introducer 5")
	require.Equal(t, "one", list[0].Introducer)
	require.Equal(t, id(1), list[0].ServerID())
	require.True(t, list[0].UploadPermitted(time.Now()))
	eventually(t, func() bool { return second.numSubscribers() == 1 })

	changed := c.Changes()
	bad := storage(2, 1)
	bad.Message = storage(3, 1).Message
	for _, ignored := range []announce.Signed{
		storage(1, 5), storage(1, 4), sign(1, `{"service-name": "storage"}`), sign(1, `{"service-name": "other", "seqnum": 9}`),
		sign(1, `{"service-name": "storage", "seqnum": 9, "nickname": 7}`), bad, {Message: bad.Message},
	} {
		first.tell(t, ignored)
		second.tell(t, storage(1, 5), storage(1, 4))
	}
	select {
	case <-changed:
		t.Fatal("nothing has changed")
	default:
	}
	require.Same(t, list[0], c.Servers()[0])

	second.tell(t, storage(1, 6), bad, storage(2, 1))
	list = awaitServers(t, c, "s1 introducer 6", "s2 introducer 1")
	for _, a := range list {
		require.Equal(t, "two", a.Introducer)
	}
	first.tell(t, storage(1, 7))
	awaitServers(t, c, "s1 introducer 7", "s2 introducer 1")
	status := c.Status()
	require.Equal(t, 1, status[0].Announcements)
	require.Equal(t, 2, status[1].Announcements)
}

// TestChoose is the table of what wins.
func TestChoose(t *testing.T) {
	c, err := New(Config{})
	require.NoError(t, err)
	make := func(origin Origin, seqnum int) *Announced {
		a, err := storage(1, seqnum).Verify()
		require.NoError(t, err)
		known, err := c.newAnnounced(a, origin, "")
		require.NoError(t, err)
		return known
	}
	for _, row := range []struct {
		known    Origin
		seqnum   int
		offered  Origin
		seqnum2  int
		accepted bool
	}{
		{Live, 1, Live, 1, false}, {Live, 1, Live, 2, true}, {Live, 2, Live, 1, false},
		{Cached, 1, Cached, 1, false}, {Cached, 1, Cached, 2, true}, {Cached, 2, Cached, 1, false},
		{Cached, 1, Live, 1, true}, {Cached, 1, Live, 2, true}, {Cached, 2, Live, 1, true},
		{Live, 1, Cached, 2, false}, {Static, 1, Live, 2, false}, {Static, 1, Cached, 2, false}, {Live, 2, Static, 1, true},
	} {
		known, offered := make(row.known, row.seqnum), make(row.offered, row.seqnum2)
		got := choose(known, offered)
		require.Equal(t, row.accepted, got != nil, "%+v", row)
		if row.known == Cached && row.offered == Live && row.seqnum == row.seqnum2 {
			require.Same(t, known.Announcement, got.Announcement, "nothing to connect to anew")
			require.Equal(t, Live, got.Origin)
		}
	}
}

// away is a FURL of a Tub that nobody listens for.
func away(t testing.TB) furl.FURL {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	hint := "tcp:" + listener.Addr().String()
	require.NoError(t, listener.Close())
	f, err := furl.New(grid.TubID{7}, []string{hint}, secret.NewSwissnum([]byte("name")))
	require.NoError(t, err)
	return f
}

func TestCacheWhenAway(t *testing.T) {
	cache := &memoryCache{files: map[string][]announce.Cached{
		"one": {cached(1, 3), {Announcement: []byte(`[]`), Key: string(id(2))}, {Announcement: []byte(`{"service-name": "storage"}`), Key: "no key"},
			{Announcement: []byte(`{"service-name": "other"}`), Key: string(id(3))}},
		"two": {cached(1, 2), cached(2, 1)},
	}}
	c, stop := start(t, Config{Cache: cache, Introducers: []Introducer{{"one", away(t)}, {"two", away(t)}}})
	list := awaitServers(t, c, "s1 cache 3", "s2 cache 1")
	require.Equal(t, Cached, list[0].Origin)
	status := c.Status()[0]
	require.True(t, status.FromCache)
	require.False(t, status.Connected)
	eventually(t, func() bool { return c.Status()[0].Attempts.State == foolscap.Waiting })
	require.Regexp(t, `^Reconnecting in -?\d+ seconds \(last attempt -?\d+s ago\)$`, c.Status()[0].Summary(time.Now()))
	stop()
	require.Zero(t, cache.writes, "nothing was heard")
	require.Len(t, cache.files["one"], 4)
}

func TestCacheIsNotNeeded(t *testing.T) {
	f := newFakeIntroducer(t, storage(2, 1))
	cache := &memoryCache{files: map[string][]announce.Cached{"one": {cached(1, 3)}}}
	c, stop := start(t, Config{Cache: cache, Introducers: []Introducer{{"one", f.address}}})
	awaitServers(t, c, "s2 introducer 1")
	stop()
	require.Equal(t, 1, cache.writes)
	require.Equal(t, []announce.Cached{cached(2, 1)}, cache.files["one"])

	// The next run hears the same and leaves the file alone.
	f2 := newFakeIntroducer(t, sign(2, `{"nickname": "s2", "seqnum": 1, "service-name": "storage"}`))
	c, stop = start(t, Config{Cache: cache, Introducers: []Introducer{{"one", f2.address}}})
	awaitServers(t, c, "s2 introducer 1")
	stop()
	require.Equal(t, 1, cache.writes)
}

// TestRefusedIsSeen: an introducer that refuses us is seen, and the cache used.
func TestRefusedIsSeen(t *testing.T) {
	f := newFakeIntroducer(t)
	f.refuse = errors.New("full")
	cache := &memoryCache{files: map[string][]announce.Cached{"one": {cached(1, 3)}}}
	c, _ := start(t, Config{
		Cache: cache, Introducers: []Introducer{{"one", f.address}},
		Key: newKey(9), NextSeqnum: func() (int64, error) { return 1, nil },
	})
	require.NoError(t, c.Publish("storage", announce.Fields{}))
	awaitServers(t, c, "s1 cache 3")
	status := c.Status()[0]
	require.True(t, status.Connected)
	require.ErrorContains(t, status.Problem, "publish")
	eventually(t, func() bool { return c.Status()[0].Hint == f.address.Hints()[0] })
	require.Equal(t, "Connected to "+f.address.Hints()[0]+" via tcp", c.Status()[0].Summary(time.Now()))
	require.Equal(t, "tahoe-lafs/1.20.0", status.Version)
	require.False(t, status.Since.IsZero())
	f.drop()
	eventually(t, func() bool { return f.numSubscribers() == 2 && c.Status()[0].Connected })
}

func TestStaticServers(t *testing.T) {
	f := newFakeIntroducer(t, storage(1, 5), storage(2, 1))
	c, _ := start(t, Config{
		Introducers: []Introducer{{"one", f.address}},
		StaticServers: []StaticServer{
			{ID: string(id(1)), Announcement: []byte(`{"nickname": "fixed"}`), Connections: map[string]string{"tcp": "tor"}},
			{ID: "any text", Announcement: []byte(`{"nickname": "text"}`)},
			{ID: "broken", Announcement: []byte(`{"nickname": 7}`)},
		},
	})
	list := awaitServers(t, c, "fixed servers.yaml 0", "s2 introducer 1", "text servers.yaml 0")
	i := slices.IndexFunc(list, func(a *Announced) bool { return a.ServerID() == id(1) })
	require.Equal(t, map[string]string{"tcp": "tor"}, list[i].Connections)
	require.Equal(t, "storage", list[i].Service)
}

func TestStaticServersAlone(t *testing.T) {
	c, err := New(Config{StaticServers: []StaticServer{{ID: "a", Announcement: []byte(`{"nickname": "n"}`)}}})
	require.NoError(t, err)
	require.Len(t, c.Servers(), 1, "without Run and without a Tub")
}

func TestGridManagers(t *testing.T) {
	manager, now := newKey(50), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	certificate := func(n byte, m announce.SigningKey) announce.Certificate {
		return announce.SignCertificate(m, announce.Statement{Expires: now.Add(time.Hour), ServerKey: newKey(n).VerifyingKey()})
	}
	announcement := func(n byte, certificates ...announce.Certificate) announce.Signed {
		signed, err := announce.Sign(newKey(n), &announce.Fields{
			ServiceName: "storage", Nickname: fmt.Sprintf("s%d", n), Certificates: certificates, Seqnum: 1, HasSeqnum: true})
		require.NoError(t, err)
		return signed
	}
	f := newFakeIntroducer(t,
		announcement(1, certificate(1, newKey(51)), certificate(1, manager)), announcement(2),
		announcement(3, certificate(1, manager)), announcement(4, certificate(4, newKey(51))))
	c, _ := start(t, Config{Introducers: []Introducer{{"one", f.address}}, GridManagers: []announce.VerifyingKey{manager.VerifyingKey()}})
	for _, a := range awaitServers(t, c, "s1 introducer 1", "s2 introducer 1", "s3 introducer 1", "s4 introducer 1") {
		require.Equal(t, a.Fields.Nickname == "s1", a.UploadPermitted(now), a.Fields.Nickname)
		require.False(t, a.UploadPermitted(now.Add(time.Hour)), "expired")
	}
}

func TestInboundLimits(t *testing.T) {
	var in inbound
	verified := func(s announce.Signed) *announce.Announcement {
		a, err := announce.Unsigned(grid.ServerID(s.Key), s.Message)
		require.NoError(t, err)
		return a
	}
	big := func(n int) *announce.Announcement {
		s := announce.Signed{Key: fmt.Appendf(nil, "v0-%d", n)}
		s.Message = fmt.Appendf(nil, `{"service-name": "storage", "x": "%s"}`, bytes.Repeat([]byte("x"), 60<<10))
		return verified(s)
	}
	n := 0
	for ; ; n++ {
		if _, full := in.accept(big(n)); full {
			break
		}
	}
	require.LessOrEqual(t, in.size, int64(MaxAnnouncementSize))
	require.Greater(t, n, 150)
	require.Equal(t, n, in.count())
	_, full := in.accept(verified(storage(1, 1)))
	require.False(t, full, "a small one still fits")

	many := inbound{}
	for n := range MaxAnnouncements {
		_, full := many.accept(verified(announce.Signed{Key: fmt.Appendf(nil, "v0-%d", n), Message: []byte(`{"service-name": "s", "seqnum": 1}`)}))
		require.False(t, full)
	}
	_, full = many.accept(verified(storage(1, 1)))
	require.True(t, full)
	_, full = many.accept(verified(announce.Signed{Key: []byte("v0-7"), Message: []byte(`{"service-name": "s", "seqnum": 2}`)}))
	require.False(t, full, "an update takes no room")
}

func TestValidate(t *testing.T) {
	tub, address := newTub(t), away(t)
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"no Tub":     {Config{Introducers: []Introducer{{"a", address}}}, "no Tub"},
		"no petname": {Config{Tub: tub, Introducers: []Introducer{{"", address}}}, "petname"},
		"twice":      {Config{Tub: tub, Introducers: []Introducer{{"a", address}, {"a", address}}}, `two introducers have the petname "a"`},
		"no FURL":    {Config{Tub: tub, Introducers: []Introducer{{"a", furl.FURL{}}}}, "no FURL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.config)
			require.ErrorContains(t, err, c.want)
		})
	}
}
