package storagerpc

import (
	"bytes"
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/storagetest"
)

// puppet is a server that says whatever a test wants.
type puppet struct {
	name string
	say  func(r *foolscap.Request) (banana.Value, error)
	live *atomic.Int64 // objects that the client holds
}

func newPuppet(say func(r *foolscap.Request) (banana.Value, error)) *puppet {
	return &puppet{Interface, say, &atomic.Int64{}}
}

func (p *puppet) RemoteInterface() string { return p.name }
func (p *puppet) Unreferenced()           { p.live.Add(-1) }

func (p *puppet) RemoteCall(_ context.Context, r *foolscap.Request) (banana.Value, error) {
	return p.say(r)
}

// child returns a new object, which is counted.
func (p *puppet) child(name string) banana.Value {
	p.live.Add(1)
	return foolscap.Object{Referenceable: &puppet{name, p.say, p.live}}
}

// requireReleased waits until the client holds no children.
func (p *puppet) requireReleased(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		runtime.GC()
		return p.live.Load() == 0
	}, waitLimit, time.Millisecond)
}

func TestNotAStorageServer(t *testing.T) {
	other := newPuppet(nil)
	other.name = "RIOther"
	_, err := NewClient(dial(t, publish(t, other)))
	require.ErrorContains(t, err, "RIOther")
}

// TestHostileAnswers: each is an error, and none leaves anything behind.
func TestHostileAnswers(t *testing.T) {
	list, dict, tuple := banana.NewList, banana.NewDict, banana.NewTuple
	none := banana.None{}
	var answer banana.Value
	p := newPuppet(func(*foolscap.Request) (banana.Value, error) { return answer, nil })
	client := newClient(t, p)
	item := func(n, v banana.Value) banana.Value { return dict(banana.Pair{Key: n, Value: v}) }
	version := func(v banana.Value) banana.Value {
		return dict(pair(keyApplication, banana.Bytes("x")), pair(keyProtocol, v))
	}
	many := dict()
	for i := range 257 {
		many.Pairs = append(many.Pairs, banana.Pair{Key: banana.Int(i), Value: list()})
	}
	rows := map[string]map[string]banana.Value{
		"get_version": {
			"none": none, "without protocol": dict(), "protocol of text": version(banana.Text("x")),
			"application of text": dict(pair(keyApplication, banana.Text("x"))),
			"size of bytes":       version(dict(pair(keyAvailable, banana.Bytes("1")))),
			"boolean of int":      version(dict(pair(keyOverrun, banana.Int(1)))),
		},
		"allocate": {
			"none": none, "one": tuple(banana.NewSet()), "list of held": tuple(list(), dict()),
			"share 256 held":     tuple(banana.NewSet(banana.Int(256)), dict()),
			"share -1 held":      tuple(banana.NewSet(banana.Int(-1)), dict()),
			"no writer":          tuple(banana.NewSet(), item(banana.Int(0), none)),
			"a reader":           tuple(banana.NewSet(), item(banana.Int(0), p.child(interfaceReader))),
			"not asked for":      tuple(banana.NewSet(), item(banana.Int(5), p.child(interfaceWriter))),
			"share 300":          tuple(banana.NewSet(), item(banana.Int(300), p.child(interfaceWriter))),
			"share b'0'":         tuple(banana.NewSet(), item(banana.Bytes("0"), p.child(interfaceWriter))),
			"one good, one not":  tuple(banana.NewSet(), dict(banana.Pair{Key: banana.Int(0), Value: p.child(interfaceWriter)}, banana.Pair{Key: banana.Int(1), Value: none})),
			"more than 256 held": tuple(banana.NewSet(), many),
		},
		"buckets": {
			"none": none, "a writer": item(banana.Int(0), p.child(interfaceWriter)), "deep": list(list(p.child(interfaceReader))),
			"share 256": item(banana.Int(256), p.child(interfaceReader)),
		},
		"readv": {
			"none": none, "bytes": item(banana.Int(0), banana.Bytes("x")), "too few": item(banana.Int(0), list()),
			"too many": item(banana.Int(0), list(banana.Bytes(""), banana.Bytes(""))), "too long": item(banana.Int(0), list(make(banana.Bytes, 11))),
			"text": item(banana.Int(0), list(banana.Text(""))), "share 256": item(banana.Int(256), list(banana.Bytes(""))), "many": many,
		},
		"writev": {
			"none": none, "one": tuple(banana.Bool(true)), "int": tuple(banana.Int(1), dict()), "list": tuple(banana.Bool(true), list()),
			"reference": tuple(p.child(""), dict()),
		},
	}
	ctx := t.Context()
	reads := []grid.ReadVector{{Length: 10}}
	calls := map[string]func() error{
		"get_version": func() error { _, err := client.Version(ctx); return err },
		"allocate": func() error {
			a, err := client.AllocateBuckets(ctx, storagetest.SI, storagetest.Lease('a'), []grid.ShareNum{0, 1}, 10)
			require.Nil(t, a.Writers)
			return err
		},
		"buckets": func() error { _, err := client.GetBuckets(ctx, storagetest.SI); return err },
		"readv":   func() error { _, err := client.SlotReadv(ctx, storagetest.SI, nil, reads); return err },
		"writev": func() error {
			_, err := client.SlotTestvAndReadvAndWritev(ctx, storagetest.SI, storagetest.Secrets('a'), nil, reads)
			return err
		},
	}
	for method, answers := range rows {
		for name, bad := range answers {
			answer = bad
			err := calls[method]()
			var violation *banana.Violation
			require.ErrorAs(t, err, &violation, "%s: %s", method, name)
			require.ErrorContains(t, err, "answer of ", "%s: %s", method, name)
		}
	}
	answer = list(p.child("anything")) // where nothing is expected
	require.NoError(t, client.AddLease(ctx, storagetest.SI, storagetest.Lease('a')))
	p.requireReleased(t)
}

// TestOldVersions: sizes beyond 63 bits, keys that are missing, and a server
// that cannot tell.
func TestOldVersions(t *testing.T) {
	var answer banana.Value
	var fail error
	client := newClient(t, newPuppet(func(*foolscap.Request) (banana.Value, error) { return answer, fail }))
	answer = banana.NewDict(
		banana.Pair{Key: banana.Text("unknown"), Value: banana.None{}},
		pair(keyProtocol, banana.NewDict(pair(keyMaxImmutable, banana.Uint(1<<63)), pair(keyMaxMutable, banana.Int(-1)))))
	v, err := client.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, grid.ServerVersion{MaximumImmutableShareSize: 1<<63 - 1, AvailableSpace: 1<<63 - 1}, v)
	fail = &foolscap.RemoteError{Type: "builtins.AttributeError"}
	v, err = client.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, unknownVersion, v)
	client.ref.Drop()
	_, err = client.Version(t.Context())
	require.ErrorIs(t, err, foolscap.ErrDisconnected)
}

// TestReferencesAreReleased: readers when they are garbage, writers when they
// have ended.
func TestReferencesAreReleased(t *testing.T) {
	var p *puppet
	p = newPuppet(func(r *foolscap.Request) (banana.Value, error) {
		switch r.Method {
		case "get_buckets":
			return banana.NewDict(banana.Pair{Key: banana.Int(0), Value: p.child(interfaceReader)}), nil
		case "allocate_buckets":
			return banana.NewTuple(banana.NewSet(), banana.NewDict(
				banana.Pair{Key: banana.Int(0), Value: p.child(interfaceWriter)}, banana.Pair{Key: banana.Int(1), Value: p.child(interfaceWriter)})), nil
		case "read":
			return banana.Bytes("data"), nil
		}
		return nil, nil
	})
	client := newClient(t, p)
	for range 10 {
		buckets, err := client.GetBuckets(t.Context(), storagetest.SI)
		require.NoError(t, err)
		runtime.GC()
		b := make([]byte, 4)
		n, err := buckets[0].Read(t.Context(), b, 0)
		require.NoError(t, err)
		require.Equal(t, 4, n)
		a, err := client.AllocateBuckets(t.Context(), storagetest.SI, storagetest.Lease('a'), []grid.ShareNum{0, 1}, 1)
		require.NoError(t, err)
		require.NoError(t, a.Writers[0].Close(t.Context()))
		require.NoError(t, a.Writers[1].Abort(t.Context()))
	}
	p.requireReleased(t)
}

// TestLargeTransfers go in pieces.
func TestLargeTransfers(t *testing.T) {
	client := newClient(t, NewServer(storagetest.NewMemory(storagetest.Setup{}), ServerOptions{}))
	ctx := t.Context()
	data := bytes.Repeat([]byte("0123456789abcdef"), (2*maxPiece+48)/16)
	size := int64(len(data))
	a, err := client.AllocateBuckets(ctx, storagetest.SI, storagetest.Lease('a'), []grid.ShareNum{0}, size)
	require.NoError(t, err)
	require.NoError(t, a.Writers[0].Write(ctx, 0, data))
	err = a.Writers[0].Write(ctx, 16, data)
	var tooLarge *grid.DataTooLargeError
	require.ErrorAs(t, err, &tooLarge)
	require.Equal(t, grid.DataTooLargeError{MaxSize: size, Offset: 16, Length: size}, *tooLarge)
	require.NoError(t, a.Writers[0].Close(ctx))
	buckets, err := client.GetBuckets(ctx, storagetest.SI)
	require.NoError(t, err)
	got := make([]byte, size+100)
	n, err := buckets[0].Read(ctx, got, 0)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got[:n]))
	n, err = buckets[0].Read(ctx, got, 1<<63-1)
	require.NoError(t, err)
	require.Zero(t, n)
}

// TestArgumentsOfTheClient are checked where a server might believe them.
func TestArgumentsOfTheClient(t *testing.T) {
	client := newClient(t, newPuppet(func(r *foolscap.Request) (banana.Value, error) {
		t.Errorf("%s was called", r.Method)
		return nil, nil
	}))
	ctx, si, lease := t.Context(), storagetest.SI, storagetest.Lease('a')
	slot := func(s grid.SlotSecrets, n grid.ShareNum, w grid.SlotWrite) error {
		_, err := client.SlotTestvAndReadvAndWritev(ctx, si, s, map[grid.ShareNum]grid.SlotWrite{n: w}, nil)
		return err
	}
	_, none := client.AllocateBuckets(ctx, si, grid.LeaseSecrets{}, nil, 1)
	_, negative := client.AllocateBuckets(ctx, si, lease, nil, -1)
	_, share := client.AllocateBuckets(ctx, si, lease, []grid.ShareNum{256}, 1)
	_, read := client.SlotReadv(ctx, si, nil, []grid.ReadVector{{Offset: -1}})
	for name, err := range map[string]error{
		"no secrets": none, "negative": negative, "share": share, "read": read,
		"no lease secrets":  client.AddLease(ctx, si, grid.LeaseSecrets{}),
		"no write enabler":  slot(grid.SlotSecrets{Lease: lease}, 0, grid.SlotWrite{}),
		"slot share":        slot(storagetest.Secrets('a'), -1, grid.SlotWrite{}),
		"test":              slot(storagetest.Secrets('a'), 0, grid.SlotWrite{Tests: []grid.TestVector{{Length: -1}}}),
		"write":             slot(storagetest.Secrets('a'), 0, put(-1, "x")),
		"length":            slot(storagetest.Secrets('a'), 0, grid.SlotWrite{NewLength: storagetest.Length(-1)}),
		"secrets of a kind": client.AddLease(ctx, si, grid.LeaseSecrets{Cancel: secret.NewCancelSecret(secretBytes(nil))}),
	} {
		var argument *grid.ArgumentError
		require.ErrorAs(t, err, &argument, name)
	}
}

// TestWritesAreBorrowed: when a call returns, for whatever reason, its data is
// the caller's again. The race detector watches.
func TestWritesAreBorrowed(t *testing.T) {
	core := newBlockingCore()
	client := newClient(t, NewServer(core, ServerOptions{}))
	ctx := t.Context()
	a, err := client.AllocateBuckets(ctx, storagetest.SI, storagetest.Lease('a'), []grid.ShareNum{0, 1}, 4<<20)
	require.NoError(t, err)
	data := make([]byte, 4<<20)
	for i := range 5 {
		short, cancel := context.WithTimeout(ctx, time.Duration(i)*time.Millisecond)
		_ = a.Writers[0].Write(short, 0, data)
		_, _ = client.SlotTestvAndReadvAndWritev(short, grid.StorageIndex{1}, storagetest.Secrets('a'),
			map[grid.ShareNum]grid.SlotWrite{0: {Writes: []grid.WriteVector{{Data: data}}}}, nil)
		cancel()
		clear(data)
	}
	client.ref.Drop()
	require.ErrorIs(t, a.Writers[0].Write(ctx, 0, data), foolscap.ErrDisconnected)
	clear(data)
	close(core.goOn)
}
