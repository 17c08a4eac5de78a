package introrpc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// fakeService records what it is called with.
type fakeService struct {
	mu        sync.Mutex
	published []announce.Signed
	name      string
	info      SubscriberInfo
	err       error
	greeting  []announce.Signed // what a subscriber is told at once
}

func (f *fakeService) Publish(_ context.Context, a announce.Signed, _ *foolscap.Reference) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.published = append(f.published, a)
	return f.err
}

func (f *fakeService) Subscribe(ctx context.Context, s Subscriber, name string, info SubscriberInfo) error {
	f.mu.Lock()
	f.name, f.info = name, info
	f.mu.Unlock()
	return s.Announce(ctx, f.greeting)
}

func newTub(t testing.TB) *foolscap.Tub {
	certificate, err := foolscap.NewEphemeralCertificate()
	require.NoError(t, err)
	tub, err := foolscap.New(foolscap.Options{Certificate: certificate, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, tub.Close(ctx))
	})
	return tub
}

// connected returns a stub of an introducer behind a loopback connection.
func connected(t testing.TB, s Service) Introducer {
	return serving(t, NewService(s, "tahoe-lafs/1.20.0"))
}

func serving(t testing.TB, object foolscap.Referenceable) Introducer {
	server := newTub(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server.SetLocation([]string{"tcp:" + listener.Addr().String()})
	go func() { _ = server.Serve(context.Background(), listener) }()
	address, err := server.Register(object, secret.Swissnum{})
	require.NoError(t, err)
	ref, err := newTub(t).GetReference(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(ref.Release)
	return Introducer{ref}
}

func signed(n byte) announce.Signed {
	return announce.Signed{Message: []byte{'{', n, '}'}, Signature: []byte("v0-s"), Key: []byte("v0-k")}
}

func TestCalls(t *testing.T) {
	f := &fakeService{greeting: []announce.Signed{signed('1'), signed('2'), signed('1')}}
	in := connected(t, f)
	require.Equal(t, ServiceInterface, in.Reference.RemoteInterface())
	version, err := in.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, "tahoe-lafs/1.20.0", version)

	require.NoError(t, in.Publish(t.Context(), signed('3'), new(Canary)))
	require.Equal(t, []announce.Signed{signed('3')}, f.published)

	told := make(chan []announce.Signed, 1)
	object := NewSubscriber(func(_ context.Context, list []announce.Signed, malformed int) {
		require.Zero(t, malformed)
		told <- list
	})
	info := SubscriberInfo{Nickname: "näme", MyVersion: "tahoe-lafs/1.20.0", OldestSupported: "1.0.0"}
	require.NoError(t, in.Subscribe(t.Context(), object, "storage", info))
	require.Equal(t, []announce.Signed{signed('1'), signed('2')}, <-told, "a set has nothing twice")
	require.Equal(t, "storage", f.name)
	require.Equal(t, info, f.info)
}

// TestPublishFailures: the failures that 1.20 sends (introducer.md).
func TestPublishFailures(t *testing.T) {
	_, unknown := announce.Signed{}.Verify()
	for name, c := range map[string]struct {
		err         error
		class, text string
	}{
		"not signed":    {unknown, "allmydata.introducer.common.UnknownKeyError", "only signed announcements recognized"},
		"bad signature": {announce.ErrBadSignature, "allmydata.crypto.error.BadSignature", ""},
		"no JSON":       {&announce.FormatError{Field: "announcement", Reason: "no"}, "builtins.ValueError", "announcement: no"},
		"full":          {errors.New("no room"), "builtins.Exception", "no room"},
	} {
		t.Run(name, func(t *testing.T) {
			in := connected(t, &fakeService{err: c.err})
			var remote *foolscap.RemoteError
			require.ErrorAs(t, in.Publish(t.Context(), signed('1'), new(Canary)), &remote)
			require.Equal(t, c.class, remote.Type)
			require.Contains(t, remote.Value, c.text)
			_, err := in.Version(t.Context())
			require.NoError(t, err, "the connection goes on")
		})
	}
}

// TestBadCalls: what no introducer takes is a violation at the caller, and the
// connection goes on.
func TestBadCalls(t *testing.T) {
	f := new(fakeService)
	in := connected(t, f)
	canary := foolscap.Object{Referenceable: new(Canary)}
	subscriber := foolscap.Object{Referenceable: NewSubscriber(func(context.Context, []announce.Signed, int) {})}
	info := SubscriberInfo{}.encode()
	tuple := func(items ...banana.Value) banana.Value { return banana.NewTuple(items...) }
	long := banana.Bytes(strings.Repeat("x", announce.MaxMessageSize+1))
	for name, c := range map[string]struct {
		method string
		args   []banana.Value
	}{
		"unknown method":        {"publish", nil},
		"no arguments":          {"publish_v2", nil},
		"canary is none":        {"publish_v2", []banana.Value{encodeSigned(signed('1')), banana.None{}}},
		"tuple of two":          {"publish_v2", []banana.Value{tuple(banana.Bytes("a"), banana.Bytes("b")), canary}},
		"message is text":       {"publish_v2", []banana.Value{tuple(banana.Text("a"), banana.Bytes("b"), banana.Bytes("c")), canary}},
		"message too long":      {"publish_v2", []banana.Value{tuple(long, banana.Bytes("b"), banana.Bytes("c")), canary}},
		"signature too long":    {"publish_v2", []banana.Value{tuple(banana.Bytes("a"), long[:300], banana.Bytes("c")), canary}},
		"no interface":          {"subscribe_v2", []banana.Value{canary, banana.Bytes("storage"), info}},
		"service name is text":  {"subscribe_v2", []banana.Value{subscriber, banana.Text("storage"), info}},
		"service name too long": {"subscribe_v2", []banana.Value{subscriber, long[:MaxServiceName+1], info}},
		"info is a list":        {"subscribe_v2", []banana.Value{subscriber, banana.Bytes("storage"), banana.NewList()}},
		"info has text keys": {"subscribe_v2", []banana.Value{subscriber, banana.Bytes("storage"),
			banana.NewDict(banana.Pair{Key: banana.Text("nickname"), Value: banana.Text("x")})}},
		"info too large": {"subscribe_v2", []banana.Value{subscriber, banana.Bytes("storage"),
			banana.NewDict(banana.Pair{Key: banana.Bytes("nickname"), Value: banana.Text(long)})}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := in.Reference.Call(t.Context(), c.method, c.args...)
			require.True(t, foolscap.IsRemoteViolation(err), "%v", err)
			_, err = in.Version(t.Context())
			require.NoError(t, err, "the connection goes on")
		})
	}
	_, err := in.Reference.Call(t.Context(), "subscribe_v2", subscriber, banana.Bytes("storage"), banana.NewDict())
	require.ErrorIs(t, err, &foolscap.RemoteError{Type: "builtins.AssertionError"})
	require.Empty(t, f.published)
	require.Empty(t, f.name)
}

// TestUnsigned: None for signature and key arrives as an unsigned announcement, as
// old nodes sent them.
func TestUnsigned(t *testing.T) {
	f := new(fakeService)
	in := connected(t, f)
	_, err := in.Reference.Call(t.Context(), "publish_v2",
		banana.NewTuple(banana.Bytes("{}"), banana.None{}, banana.None{}), foolscap.Object{Referenceable: new(Canary)})
	require.NoError(t, err)
	require.Empty(t, f.published[0].Signature)
	require.Empty(t, f.published[0].Key)
}

// TestMalformedElements: others of the same message arrive.
func TestMalformedElements(t *testing.T) {
	got, malformed := decodeSet([]banana.Value{
		banana.Int(1), encodeSigned(signed('1')), banana.NewTuple(), banana.NewTuple(banana.Int(1), banana.Int(2), banana.Int(3)),
	})
	require.Equal(t, []announce.Signed{signed('1')}, got)
	require.Equal(t, 3, malformed)
}

func TestNoV2(t *testing.T) {
	dict := banana.NewDict(banana.Pair{Key: banana.Bytes("application-version"), Value: banana.Bytes("old")})
	_, err := serving(t, &constant{dict}).Version(t.Context())
	require.ErrorIs(t, err, ErrNoV2)
}

// constant answers everything with one value.
type constant struct{ value banana.Value }

func (*constant) RemoteInterface() string { return ServiceInterface }
func (c *constant) RemoteCall(context.Context, *foolscap.Request) (banana.Value, error) {
	return c.value, nil
}

func TestInfo(t *testing.T) {
	pair := func(key string, v banana.Value) banana.Pair { return banana.Pair{Key: banana.Bytes(key), Value: v} }
	for name, c := range map[string]struct {
		dict *banana.Dict
		want SubscriberInfo
	}{
		"nothing known": {banana.NewDict(pair("x", banana.Int(1))), SubscriberInfo{"?", "?", "?"}},
		"bytes":         {banana.NewDict(pair("nickname", banana.Bytes("n"))), SubscriberInfo{"n", "?", "?"}},
		"odd types":     {banana.NewDict(pair("nickname", banana.NewList()), pair("my-version", banana.Text("v"))), SubscriberInfo{"?", "v", "?"}},
		"not UTF-8":     {banana.NewDict(pair("nickname", banana.Bytes("a\xff"))), SubscriberInfo{"a\ufffd", "?", "?"}},
		"long": {banana.NewDict(pair("nickname", banana.Text(strings.Repeat("ä", MaxInfoText)))),
			SubscriberInfo{strings.Repeat("ä", MaxInfoText/2), "?", "?"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decodeInfo(c.dict)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// FuzzMessages: whatever a peer's message holds, taking it apart does not panic
// and keeps to the limits; and what is an announcement stays the same.
func FuzzMessages(f *testing.F) {
	for _, v := range []banana.Value{
		encodeSet([]announce.Signed{signed('1'), signed('2')}), encodeSigned(signed('1')), SubscriberInfo{"a", "b", "c"}.encode(),
	} {
		w := banana.NewWriter(banana.VocabTable(1))
		n := w.Open("list")
		if err := w.Value(v); err != nil {
			f.Fatal(err)
		}
		w.Close(n)
		var text strings.Builder
		batch := w.Take()
		_, _ = batch.WriteTo(&text)
		f.Add([]byte(text.String()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := banana.NewReader(strings.NewReader(string(data)), banana.VocabTable(1))
		serviceLimits(methodPublish, &r.Limits)
		m, err := r.Next()
		if err != nil || m.Violation != nil || m.Aborted {
			return
		}
		for _, v := range m.Items {
			if dict, err := foolscap.AsDict(v, MaxInfoKeys); err == nil {
				info, err := decodeInfo(dict)
				require.True(t, err != nil || len(info.Nickname) <= 3*MaxInfoText)
			}
			items, err := foolscap.AsSet(v, MaxAnnouncements)
			if err != nil {
				continue
			}
			list, malformed := decodeSet(items)
			require.Len(t, items, len(list)+malformed)
			for _, a := range list {
				again, err := decodeSigned(encodeSigned(a))
				require.NoError(t, err)
				require.Equal(t, string(a.Message), string(again.Message))
			}
		}
	})
}
