package introserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
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

// serving returns the FURL of an introducer on the loopback address.
func serving(t testing.TB, s *Service) furl.FURL {
	tub := newTub(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tub.SetLocation([]string{"tcp:" + listener.Addr().String()})
	address, err := tub.Register(s.Object(), secret.Swissnum{})
	require.NoError(t, err)
	go func() { _ = tub.Serve(context.Background(), listener) }()
	t.Cleanup(s.Close)
	return address
}

// peer is a node of a test.
type peer struct {
	introrpc.Introducer
	tub    *foolscap.Tub
	object foolscap.Referenceable
	hold   chan struct{} // if not nil, announcements wait for it

	mu    sync.Mutex
	calls int
	heard []string // messages
}

func newPeer(t testing.TB, address furl.FURL) *peer {
	p := &peer{tub: newTub(t)}
	p.object = introrpc.NewSubscriber(p.announced)
	ref, err := p.tub.GetReference(t.Context(), address)
	require.NoError(t, err)
	p.Introducer = introrpc.Introducer{Reference: ref}
	return p
}

func (p *peer) announced(ctx context.Context, list []announce.Signed, _ int) {
	if p.hold != nil {
		select {
		case <-p.hold:
		case <-ctx.Done():
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	for _, a := range list {
		p.heard = append(p.heard, string(a.Message))
	}
}

func (p *peer) messages() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.heard...)
}

func (p *peer) subscribe(t testing.TB, service string) {
	require.NoError(t, p.Subscribe(t.Context(), p.object, service, introrpc.SubscriberInfo{Nickname: "<b>&", MyVersion: "v"}))
}

func (p *peer) publish(t testing.TB, a announce.Signed) {
	require.NoError(t, p.Publish(t.Context(), a, new(introrpc.Canary)))
}

func newKey(n byte) announce.SigningKey {
	return announce.SigningKey{Seed: secret.NewSigningSeed([32]byte{n, n >> 4, 1})}
}

// sign signs a message of any kind.
func sign(key announce.SigningKey, format string, args ...any) announce.Signed {
	message := []byte(fmt.Sprintf(format, args...))
	fields, err := announce.Sign(key, &announce.Fields{ServiceName: "x"})
	if err != nil {
		panic(err)
	}
	signature := key.Sign(message)
	return announce.Signed{Message: message, Signature: base32.AppendEncode([]byte("v0-"), signature[:]), Key: fields.Key}
}

func eventually(t testing.TB, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, time.Millisecond)
}

// TestReplacementRule is the table of introducer.json, seen by a subscriber.
func TestReplacementRule(t *testing.T) {
	s := New(Config{})
	address := serving(t, s)
	publisher, subscriber := newPeer(t, address), newPeer(t, address)
	subscriber.subscribe(t, "storage")
	first, second := newKey(1), newKey(2)
	want := []string{}
	for _, c := range []struct {
		name      string
		key       announce.SigningKey
		message   string
		forwarded bool
	}{
		{"seqnum 5", first, `{"service-name": "storage", "seqnum": 5}`, true},
		{"identical again", first, `{"service-name": "storage", "seqnum": 5}`, false},
		{"same content in another order", first, `{"seqnum": 5, "service-name": "storage"}`, false},
		{"seqnum 5, other content", first, `{"service-name": "storage", "seqnum": 5, "a": 1}`, false},
		{"seqnum 4", first, `{"service-name": "storage", "seqnum": 4}`, false},
		{"no seqnum", first, `{"service-name": "storage"}`, false},
		{"seqnum is a string", first, `{"service-name": "storage", "seqnum": "9"}`, false},
		{"seqnum is a float", first, `{"service-name": "storage", "seqnum": 6.5}`, false},
		{"seqnum 6", first, `{"service-name": "storage", "seqnum": 6}`, true},
		{"another service", first, `{"service-name": "other", "seqnum": 1}`, false},
		{"second key, no seqnum", second, `{"service-name": "storage"}`, true},
		{"second key, no seqnum, other content", second, `{"service-name": "storage", "a": 1}`, true},
		{"second key, seqnum 1", second, `{"service-name": "storage", "seqnum": 1}`, true},
		{"second key, no seqnum after seqnum", second, `{"service-name": "storage"}`, false},
	} {
		publisher.publish(t, sign(c.key, "%s", c.message)) // answers None in every case
		if c.forwarded {
			want = append(want, c.message)
		}
		eventually(t, func() bool { return len(subscriber.messages()) >= len(want) })
		require.Equal(t, want, subscriber.messages(), c.name)
	}
	late := newPeer(t, address)
	late.subscribe(t, "storage")
	require.ElementsMatch(t, []string{`{"service-name": "storage", "seqnum": 6}`, `{"service-name": "storage", "seqnum": 1}`},
		late.messages(), "the subscription is answered after what was known")
	late.subscribe(t, "storage")
	require.Len(t, late.messages(), 2, "a second subscription is ignored")
	c := s.Counters()
	require.EqualValues(t, 14, c.InboundMessages)
	require.EqualValues(t, 2, c.InboundDuplicates)
	require.EqualValues(t, 4, c.InboundNoSeqnum)
	require.EqualValues(t, 2, c.InboundOldReplays)
	require.EqualValues(t, 3, c.InboundUpdates)
	require.EqualValues(t, 3, c.Announcements)
	require.EqualValues(t, 2, c.Subscriptions)
}

func TestRefused(t *testing.T) {
	s := New(Config{})
	p := newPeer(t, serving(t, s))
	good := sign(newKey(1), `{"service-name": "storage"}`)
	for name, c := range map[string]struct {
		signed announce.Signed
		class  string
	}{
		"changed":          {announce.Signed{Message: []byte(`{}`), Signature: good.Signature, Key: good.Key}, "allmydata.crypto.error.BadSignature"},
		"not signed":       {announce.Signed{Message: good.Message}, "allmydata.introducer.common.UnknownKeyError"},
		"no JSON":          {sign(newKey(1), `[1]`), "builtins.ValueError"},
		"no service":       {sign(newKey(1), `{}`), "builtins.ValueError"},
		"service too long": {sign(newKey(1), `{"service-name": "%s"}`, strings.Repeat("x", introrpc.MaxServiceName+1)), "builtins.Exception"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, p.Publish(t.Context(), c.signed, new(introrpc.Canary)), &foolscap.RemoteError{Type: c.class})
		})
	}
	require.Empty(t, s.Status().Announcements)
	require.EqualValues(t, 5, s.Counters().InboundRefused)
}

// TestStuckSubscriber: one that never answers delays nobody, costs no queue, and
// is told only what is still true.
func TestStuckSubscriber(t *testing.T) {
	s := New(Config{})
	address := serving(t, s)
	publisher, stuck, other := newPeer(t, address), newPeer(t, address), newPeer(t, address)
	stuck.hold = make(chan struct{})
	stuck.subscribe(t, "storage")
	other.subscribe(t, "storage")
	key := newKey(1)
	message := func(n int) string { return fmt.Sprintf(`{"service-name": "storage", "seqnum": %d}`, n) }
	const last = 50
	for n := 1; n <= last; n++ {
		publisher.publish(t, sign(key, "%s", message(n)))
		eventually(t, func() bool { m := other.messages(); return len(m) > 0 && m[len(m)-1] == message(n) })
	}
	close(stuck.hold)
	eventually(t, func() bool { m := stuck.messages(); return len(m) > 0 && m[len(m)-1] == message(last) })
	require.Equal(t, []string{message(1), message(last)}, stuck.messages())
	s.mu.Lock()
	defer s.mu.Unlock()
	require.LessOrEqual(t, len(s.feeds["storage"].journal), 20, "what was replaced is forgotten")
}

func TestDisconnect(t *testing.T) {
	s := New(Config{})
	address := serving(t, s)
	p := newPeer(t, address)
	p.publish(t, sign(newKey(1), `{"service-name": "storage"}`))
	p.subscribe(t, "storage")
	p.subscribe(t, "other")
	require.True(t, s.Status().Announcements[0].Connected)
	require.Len(t, s.Status().Subscribers, 2)
	p.Reference.Drop()
	eventually(t, func() bool { return len(s.Status().Subscribers) == 0 && !s.Status().Announcements[0].Connected })
	s.mu.Lock()
	require.Empty(t, s.perSubscriber)
	require.Len(t, s.feeds, 1)
	s.mu.Unlock()

	again := newPeer(t, address) // publishes the same bytes
	again.publish(t, sign(newKey(1), `{"service-name": "storage"}`))
	require.True(t, s.Status().Announcements[0].Connected)
}

func TestLimits(t *testing.T) {
	s := New(Config{Limits: Limits{Announcements: 3, AnnouncementBytes: 1000, PerPublisher: 2, Subscriptions: 3, PerSubscriber: 2}})
	address := serving(t, s)
	canary := new(introrpc.Canary)
	publish := func(p *peer, n byte, seqnum int, padding int) error {
		return p.Publish(t.Context(), sign(newKey(n), `{"service-name": "storage", "seqnum": %d, "x": "%s"}`, seqnum, strings.Repeat("x", padding)), canary)
	}
	a, b := newPeer(t, address), newPeer(t, address)
	require.NoError(t, publish(a, 1, 1, 0))
	require.NoError(t, publish(a, 2, 1, 0))
	require.ErrorContains(t, publish(a, 3, 1, 0), errTooMany.Error())
	require.NoError(t, publish(a, 1, 2, 0), "an update takes no room")
	require.NoError(t, publish(b, 3, 1, 0))
	require.ErrorContains(t, publish(b, 4, 1, 0), errFull.Error())
	require.ErrorContains(t, publish(b, 3, 2, 900), errFull.Error(), "bytes count too")

	a.Reference.Drop()
	eventually(t, func() bool {
		status := s.Status()
		gone := 0
		for _, an := range status.Announcements {
			if !an.Connected {
				gone++
			}
		}
		return gone == 2
	})
	require.NoError(t, publish(b, 4, 1, 0), "the oldest of a publisher that is gone makes room")
	require.EqualValues(t, 1, s.Counters().Evicted)
	ids := map[grid.ServerID]bool{}
	for _, an := range s.Status().Announcements {
		ids[an.ServerID] = true
	}
	require.False(t, ids[newKey(2).VerifyingKey().ServerID()], "key 1 was updated later")
	require.True(t, ids[newKey(4).VerifyingKey().ServerID()])

	subscribe := func(p *peer, service string) error {
		return p.Subscribe(t.Context(), p.object, service, introrpc.SubscriberInfo{})
	}
	require.NoError(t, subscribe(b, "x"))
	require.NoError(t, subscribe(b, "y"))
	require.ErrorContains(t, subscribe(b, "z"), errSubscriptions.Error())
	require.NoError(t, subscribe(newPeer(t, address), "x"))
	require.ErrorContains(t, subscribe(newPeer(t, address), "x"), errSubscribers.Error())
}

// TestBatches: a lot of announcements comes in several calls, all of it.
func TestBatches(t *testing.T) {
	s := New(Config{})
	address := serving(t, s)
	publisher, p := newPeer(t, address), newPeer(t, address)
	const count, size = 20, 10 << 10
	for n := range count {
		publisher.publish(t, sign(newKey(byte(n)), `{"service-name": "storage", "n": %d, "x": "%s"}`, n, strings.Repeat("x", size)))
	}
	p.subscribe(t, "storage")
	require.Len(t, p.messages(), count)
	require.GreaterOrEqual(t, p.calls, count*size/maxBatch)
	require.Less(t, p.calls, count)
}

// TestManySubscribers: everybody is told of every server, whoever comes and goes
// meanwhile.
func TestManySubscribers(t *testing.T) {
	s := New(Config{})
	address := serving(t, s)
	const subscribers, servers = 60, 20
	publisher := newPeer(t, address)
	peers := make([]*peer, subscribers)
	var group sync.WaitGroup
	for i := range peers {
		peers[i] = newPeer(t, address)
		group.Go(func() {
			_ = peers[i].Subscribe(t.Context(), peers[i].object, "storage", introrpc.SubscriberInfo{Nickname: "n"})
			if i%5 == 0 {
				peers[i].Reference.Drop()
			}
		})
	}
	for n := range servers {
		publisher.publish(t, sign(newKey(byte(n)), `{"service-name": "storage", "n": %d}`, n))
	}
	group.Wait()
	for i, p := range peers {
		if i%5 != 0 {
			eventually(t, func() bool { return len(p.messages()) == servers })
		}
	}
	eventually(t, func() bool { return s.Counters().Subscriptions == subscribers-subscribers/5 })
	eventually(t, func() bool { // nobody is kept busy by it
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.sending == 0
	})
}

func TestPage(t *testing.T) {
	s := New(Config{Now: func() time.Time { return time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC) }})
	address := serving(t, s)
	page := s.Page(grid.TubID{1}, "tahoe-lafs/1.20.0")
	get := func(method, target string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest(method, target, nil))
		return w
	}
	require.Equal(t, "{\n \"subscription_summary\": {},\n \"announcement_summary\": {}\n}\n", get("GET", "/?t=json").Body.String())
	require.Contains(t, get("GET", "/").Body.String(), "no peers!")

	p := newPeer(t, address)
	const swissnum = "uj35qfd6iqlafkkepndh35f7utkv532j"
	p.publish(t, sign(newKey(1), `{"service-name": "storage", "nickname": "<script>", "my-version": "v1", "anonymous-storage-FURL": "pb://zspqmt2zt75k377je4nh7usbvvkiwi2v@tcp:127.0.0.1:20021/%s"}`, swissnum))
	p.publish(t, sign(newKey(2), `{"service-name": "odd", "nickname": 7}`))
	p.subscribe(t, "storage")
	w := get("GET", "/?t=json")
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "{\n \"subscription_summary\": {\n  \"storage\": 1\n },\n \"announcement_summary\": {\n  \"odd\": 1,\n  \"storage\": 1\n }\n}\n", w.Body.String())
	require.True(t, json.Valid(w.Body.Bytes()))

	html := get("GET", "/?t=HTML").Body.String()
	for _, want := range []string{"&lt;script&gt;", "&lt;b&gt;&amp;", "tcp:127.0.0.1:20021", "2026-11-22 19:00:00", "odd: 1, storage: 1",
		string(newKey(1).VerifyingKey().ServerID()), p.tub.TubID().String(), "127.0.0.1:", "v1", grid.TubID{1}.String(), "tahoe-lafs/1.20.0"} {
		require.Contains(t, html, want)
	}
	require.NotContains(t, html, swissnum)
	require.NotContains(t, html, string(address.Swissnum().Reveal()))
	require.NotContains(t, html, "pb://")

	require.Equal(t, http.StatusBadRequest, get("GET", "/?t=xml").Code)
	require.Equal(t, http.StatusNotFound, get("GET", "/private").Code)
	require.Equal(t, http.StatusMethodNotAllowed, get("POST", "/").Code)
}

// TestPageIsBounded: however much there is, the page stays of a size that a Pi can
// make.
func TestPageIsBounded(t *testing.T) {
	list := make([]int, maxRows+5)
	require.Equal(t, 5, shorten(&list))
	require.Len(t, list, maxRows)
	require.Zero(t, shorten(&list))
}

func TestClosed(t *testing.T) {
	s := New(Config{})
	p := newPeer(t, serving(t, s))
	p.subscribe(t, "storage")
	s.Close()
	require.ErrorContains(t, p.Publish(t.Context(), sign(newKey(1), `{"service-name": "storage"}`), new(introrpc.Canary)), errShutdown.Error())
}
