package foolscap

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/stretchr/testify/require"
)

// testObject has methods for all that tests do.
type testObject struct {
	iface   string
	calls   atomic.Int64
	dropped atomic.Int64
	hold    chan struct{} // wait waits for it
	kept    atomic.Pointer[Reference]
	lost    chan struct{} // receives when the peer of watch is lost
	order   []int64       // of note; used by one connection
}

func newObject() *testObject {
	return &testObject{iface: "RITest.example.org", hold: make(chan struct{}), lost: make(chan struct{}, 10)}
}

func (o *testObject) RemoteInterface() string { return o.iface }
func (o *testObject) Unreferenced()           { o.dropped.Add(1) }

func (o *testObject) MethodLimits(method string, limits *banana.Limits) error {
	if method == "small" {
		limits.String = 16
	}
	return nil
}

func (o *testObject) RemoteCall(ctx context.Context, r *Request) (banana.Value, error) {
	o.calls.Add(1)
	switch r.Method {
	case "echo", "small":
		return r.Positional[0], nil
	case "none":
		return nil, nil
	case "note":
		o.order = append(o.order, r.Args("n").Int(0, 0, 1<<40))
		return nil, nil
	case "fail":
		return nil, &RemoteError{Type: "builtins.KeyError", Value: "'x'"}
	case "oops":
		return nil, errors.New("a plain error")
	case "panic":
		panic("secret")
	case "wait":
		r.Unblock()
		select {
		case <-o.hold:
			return banana.Text("held"), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case "block":
		<-o.hold
		return nil, nil
	case "new":
		return Object{newObject()}, nil
	case "self":
		return Object{o}, nil
	case "keep":
		o.kept.Store(r.Args("ref").Reference(0, "").Retain())
		return nil, nil
	case "callback": // calls ref.echo(value)
		a := r.Args("ref", "value")
		ref := a.Reference(0, "")
		if a.Err() != nil {
			return nil, a.Err()
		}
		r.Unblock()
		return ref.Call(ctx, "echo", a.Value(1))
	case "watch":
		r.OnDisconnect(func() { o.lost <- struct{}{} })
		return nil, nil
	case "schema":
		a := r.Args("si", "n", "flag?")
		a.Bytes(0, 16, 16)
		a.Int(1, 0, 9)
		a.Bool(2)
		return banana.None{}, a.Err()
	case "is_mine":
		obj, ok := r.Positional[0].(Object)
		return banana.Bool(ok && obj.Referenceable == o), nil
	}
	return nil, UnknownMethod(r, o.iface)
}

var certificates struct {
	sync.Mutex
	low, high *Certificate
}

// twoCertificates returns certificates of a lower and a higher TubID.
func twoCertificates(t testing.TB) (low, high *Certificate) {
	certificates.Lock()
	defer certificates.Unlock()
	if certificates.low == nil {
		a, err := NewEphemeralCertificate()
		require.NoError(t, err)
		b, err := NewEphemeralCertificate()
		require.NoError(t, err)
		if a.TubID().String() > b.TubID().String() {
			a, b = b, a
		}
		certificates.low, certificates.high = a, b
	}
	return certificates.low, certificates.high
}

func newTub(t testing.TB, options Options) *Tub {
	tub, err := New(options)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = tub.Close(ctx)
	})
	return tub
}

// serve makes the tub listen on the loopback address.
func serve(t testing.TB, tub *Tub) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	hint := "tcp:" + l.Addr().String()
	tub.SetLocation([]string{hint})
	tub.goroutine(func() {
		if err := tub.Serve(context.Background(), l); err != nil {
			t.Error(err)
		}
	})
	return hint
}

type pair struct {
	client, server *Tub
	object         *testObject
	furl           furl.FURL
	ref            *Reference
}

// connected returns two tubs, connected.
func connected(t testing.TB, clientIsMaster bool, client, server Options) *pair {
	low, high := twoCertificates(t)
	client.Certificate, server.Certificate = low, high
	if clientIsMaster {
		client.Certificate, server.Certificate = high, low
	}
	p := &pair{client: newTub(t, client), server: newTub(t, server), object: newObject()}
	serve(t, p.server)
	var err error
	p.furl, err = p.server.Register(p.object, secret.Swissnum{})
	require.NoError(t, err)
	p.ref, err = p.client.GetReference(t.Context(), p.furl)
	require.NoError(t, err)
	return p
}

// noLeaks fails if goroutines of this package survive the test. It must be called
// first.
func noLeaks(t testing.TB) {
	t.Cleanup(func() {
		var stacks string
		for range 100 {
			buf := make([]byte, 1<<20)
			stacks = string(buf[:runtime.Stack(buf, true)])
			if strings.Count(stacks, "foolscap.(*") == 0 {
				return
			}
			runtime.Gosched()
			time.Sleep(5 * time.Millisecond) // goroutines that have done their work need a moment to be gone
		}
		t.Error("goroutines left:\n" + stacks)
	})
}

func TestBothMasters(t *testing.T) {
	for name, clientIsMaster := range map[string]bool{"client is master": true, "server is master": false} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			p := connected(t, clientIsMaster, Options{}, Options{})
			require.Equal(t, "RITest.example.org", p.ref.RemoteInterface())
			require.True(t, p.furl.Equal(p.ref.FURL()))
			v, err := p.ref.Call(t.Context(), "echo", banana.Bytes("hello"))
			require.NoError(t, err)
			require.Equal(t, banana.Bytes("hello"), v)

			again, err := p.client.GetReference(t.Context(), p.furl)
			require.NoError(t, err)
			require.True(t, again.SameObject(p.ref), "one connection")
			require.Equal(t, 1, p.client.NumConnections())
		})
	}
}

func TestEcho(t *testing.T) {
	noLeaks(t)
	p := connected(t, true, Options{}, Options{})
	long := make(banana.Bytes, 10<<20)
	for i := range long {
		long[i] = byte(i * 7)
	}
	for name, v := range map[string]banana.Value{
		"bytes": banana.Bytes("x"), "text": banana.Text("é"), "int": banana.Int(-1 << 40), "none": banana.None{},
		"float": banana.Float(2.5), "long": long, "bool": banana.Bool(true), "uint": banana.Uint(1<<64 - 1),
		"list":  banana.NewList(banana.NewTuple(banana.Int(1)), banana.NewSet(banana.Int(2))),
		"dict":  banana.NewDict(banana.Pair{Key: banana.Bytes("k"), Value: banana.NewList(banana.None{})}),
		"fault": &RemoteError{Type: "builtins.ValueError", Value: "x", Parents: []string{"p"}, Traceback: noTraceback},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := p.ref.Call(t.Context(), "echo", v)
			require.NoError(t, err)
			if name == "long" {
				require.True(t, string(long) == string(got.(banana.Bytes)))
				return
			}
			require.Equal(t, v, got)
		})
	}
}

func TestFailures(t *testing.T) {
	noLeaks(t)
	p := connected(t, false, Options{}, Options{})
	for _, c := range []struct {
		name, method string
		args         []banana.Value
		kind, text   string
	}{
		{"declared", "fail", nil, "builtins.KeyError", "'x'"},
		{"plain", "oops", nil, TypeException, "a plain error"},
		{"panic", "panic", nil, TypeException, "internal server error, see logs"},
		{"unknown method", "foo", nil, TypeViolation, "method 'foo' not defined in RITest.example.org"},
		{"long string", "small", []banana.Value{banana.Bytes(strings.Repeat("x", 17))}, TypeViolation, "STRING token too large: 17>16"},
		{"missing argument", "schema", nil, TypeViolation, "missing required argument 'si'"},
		{"many arguments", "schema", []banana.Value{banana.Int(1), banana.Int(1), banana.Int(1), banana.Int(1)}, TypeViolation, "too many positional arguments: 3 >= 3"},
		{"unknown argument", "schema", []banana.Value{Named{"bogus", banana.Int(1)}}, TypeViolation, "unknown argument 'bogus'"},
		{"twice", "schema", []banana.Value{banana.Int(1), Named{"si", banana.Int(1)}}, TypeViolation, "got multiple values for keyword argument 'si'"},
		{"wrong type", "schema", []banana.Value{banana.Int(1), banana.Int(1)}, TypeViolation, "INT token rejected by ByteStringConstraint"},
		{"short", "schema", []banana.Value{banana.Bytes("x"), banana.Int(1)}, TypeViolation, "string too short (1 < 16)"},
		{"text for bytes", "schema", []banana.Value{banana.Text("x"), banana.Int(1)}, TypeViolation, "OPEN token rejected by ByteStringConstraint"},
		{"big number", "schema", []banana.Value{make(banana.Bytes, 16), banana.Int(10)}, TypeViolation, "number too large"},
		{"int for bool", "schema", []banana.Value{make(banana.Bytes, 16), banana.Int(1), banana.Int(1)}, TypeViolation, "INT token rejected by BooleanConstraint"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := p.ref.Call(t.Context(), c.method, c.args...)
			var remote *RemoteError
			require.ErrorAs(t, err, &remote)
			require.Equal(t, c.kind, remote.Type)
			require.Equal(t, c.text, remote.Value)
			require.Equal(t, c.kind, remote.Parents[0])
			require.Equal(t, c.kind == TypeViolation, IsRemoteViolation(err))
		})
	}
	_, err := p.ref.Call(t.Context(), "schema", Named{"n", banana.Int(1)}, Named{"si", make(banana.Bytes, 16)})
	require.NoError(t, err, "the connection is still good")
	_, err = p.ref.Call(t.Context(), "echo", p.ref)
	require.NoError(t, err)
	_, err = p.ref.conn.call(t.Context(), 77, "x", nil)
	require.ErrorContains(t, err, "unknown CLID 77")
	_, err = p.ref.Call(t.Context(), "echo", nil)
	require.ErrorContains(t, err, "no value")
}

func TestUnknownName(t *testing.T) {
	noLeaks(t)
	p := connected(t, true, Options{}, Options{})
	f, err := furl.New(p.server.TubID(), p.furl.Hints(), secret.NewSwissnum([]byte("nosuchobject")))
	require.NoError(t, err)
	_, err = p.client.GetReference(t.Context(), f)
	require.ErrorIs(t, err, &RemoteError{Type: "builtins.KeyError"})
	require.ErrorContains(t, err, `"unable to find reference for name starting with 'no'"`)
	require.NotContains(t, err.Error(), "nosuch")

	p.server.Unregister(p.object)
	_, err = p.client.GetReference(t.Context(), p.furl)
	require.ErrorIs(t, err, &RemoteError{Type: "builtins.KeyError"})
	_, err = p.ref.Call(t.Context(), "none")
	require.NoError(t, err, "who holds it keeps it")
}

func TestReferences(t *testing.T) {
	noLeaks(t)
	p := connected(t, true, Options{}, Options{})
	mine := newObject()
	v, err := p.ref.Call(t.Context(), "callback", Object{mine}, banana.Int(5))
	require.NoError(t, err)
	require.Equal(t, banana.Int(5), v)
	require.Eventually(t, func() bool { return mine.dropped.Load() == 1 }, time.Minute, time.Millisecond,
		"the argument is released when the handler returns")

	v, err = p.ref.Call(t.Context(), "is_mine", p.ref)
	require.NoError(t, err)
	require.Equal(t, banana.Bool(true), v, "sent home")

	_, err = p.ref.Call(t.Context(), "keep", Object{mine})
	require.NoError(t, err)
	kept := p.object.kept.Load()
	require.Equal(t, "RITest.example.org", kept.RemoteInterface())
	_, err = kept.Call(t.Context(), "none")
	require.NoError(t, err)
	kept.Release()
	kept.Release()
	require.Eventually(t, func() bool { return mine.dropped.Load() == 2 }, time.Minute, time.Millisecond)

	v, err = p.ref.Call(t.Context(), "new")
	require.NoError(t, err)
	fresh := v.(*Reference)
	require.True(t, fresh.FURL().IsZero())
	fresh.Release()
	require.Eventually(t, func() bool {
		_, err := fresh.conn.call(t.Context(), fresh.clid, "none", nil)
		return err != nil && strings.Contains(err.Error(), "unknown CLID")
	}, time.Minute, time.Millisecond, "freed")

	v, err = p.ref.Call(t.Context(), "self")
	require.NoError(t, err)
	self := v.(*Reference)
	require.True(t, self.SameObject(p.ref))
	self.Release()
	_, err = p.ref.Call(t.Context(), "none")
	require.NoError(t, err, "another handle")

	_, err = p.ref.conn.call(t.Context(), 0, "decref", []banana.Value{Named{"clid", banana.Int(1)}, Named{"count", banana.Int(50)}})
	require.ErrorContains(t, err, "decref(50) but refcount was")
	_, err = p.ref.conn.call(t.Context(), 0, "decref", []banana.Value{Named{"clid", banana.Int(999)}, Named{"count", banana.Int(1)}})
	require.NoError(t, err)
}

func TestOrderAndConcurrency(t *testing.T) {
	noLeaks(t)
	p := connected(t, true, Options{}, Options{})
	waiting := make(chan error, 1)
	go func() {
		_, err := p.ref.Call(t.Context(), "wait")
		waiting <- err
	}()
	var want []int64
	for i := range int64(500) {
		require.NoError(t, p.ref.Send(t.Context(), "note", banana.Int(i)))
		want = append(want, i)
	}
	_, err := p.ref.Call(t.Context(), "none")
	require.NoError(t, err)
	require.Equal(t, want, p.object.order)
	close(p.object.hold)
	require.NoError(t, <-waiting, "answers come in any order")

	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for i := range int64(50) {
				v, err := p.ref.Call(context.Background(), "echo", banana.Int(i))
				if err != nil || v != banana.Int(i) {
					t.Error(v, err)
				}
			}
		})
	}
	group.Wait()
}

func TestDisconnect(t *testing.T) {
	noLeaks(t)
	p := connected(t, true, Options{}, Options{})
	_, err := p.ref.Call(t.Context(), "watch")
	require.NoError(t, err)
	failed := make(chan error, 1)
	go func() {
		_, err := p.ref.Call(context.Background(), "wait")
		failed <- err
	}()
	require.Eventually(t, func() bool { return p.object.calls.Load() == 2 }, time.Minute, time.Millisecond)
	lost := make(chan struct{})
	p.ref.OnDisconnect(func() { close(lost) })
	stop := p.ref.OnDisconnect(func() { t.Error("was stopped") })
	stop()
	p.ref.Drop()
	require.ErrorIs(t, <-failed, ErrDisconnected)
	<-p.object.lost
	<-lost
	<-p.ref.Done()
	_, err = p.ref.Call(t.Context(), "none")
	require.ErrorIs(t, err, ErrDisconnected)
	late := make(chan struct{})
	p.ref.OnDisconnect(func() { close(late) })
	<-late

	again, err := p.client.GetReference(t.Context(), p.furl)
	require.NoError(t, err)
	_, err = again.Call(t.Context(), "none")
	require.NoError(t, err)
}

func TestCallContext(t *testing.T) {
	noLeaks(t)
	p := connected(t, true, Options{}, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := p.ref.Call(ctx, "wait")
		failed <- err
	}()
	require.Eventually(t, func() bool { return p.object.calls.Load() == 1 }, time.Minute, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	close(p.object.hold)
	_, err := p.ref.Call(t.Context(), "none")
	require.NoError(t, err)
}

func TestLoopback(t *testing.T) {
	noLeaks(t)
	low, _ := twoCertificates(t)
	tub := newTub(t, Options{Certificate: low})
	object := newObject()
	f, err := tub.Register(object, secret.NewSwissnum([]byte("myself")))
	require.NoError(t, err)
	ref, err := tub.GetReference(t.Context(), f)
	require.NoError(t, err)
	v, err := ref.Call(t.Context(), "echo", banana.Text("me"))
	require.NoError(t, err)
	require.Equal(t, banana.Text("me"), v)
}

func TestClose(t *testing.T) {
	noLeaks(t)
	p := connected(t, true, Options{}, Options{})
	answered := make(chan error, 1)
	go func() {
		_, err := p.ref.Call(context.Background(), "block")
		answered <- err
	}()
	require.Eventually(t, func() bool { return p.object.calls.Load() == 1 }, time.Minute, time.Millisecond)
	closed := make(chan error, 1)
	go func() { closed <- p.server.Close(context.Background()) }()
	<-p.server.ctx.Done()
	close(p.object.hold)
	require.NoError(t, <-answered, "what runs may end")
	require.NoError(t, <-closed)
	<-p.ref.Done()
	_, err := p.client.GetReference(t.Context(), p.furl)
	require.Error(t, err)
	_, err = p.server.GetReference(t.Context(), p.furl)
	require.ErrorIs(t, err, ErrClosed)
}

func TestOtherProtocol(t *testing.T) {
	noLeaks(t)
	got := make(chan string, 1)
	low, _ := twoCertificates(t)
	tub := newTub(t, Options{Certificate: low, OtherProtocol: func(conn net.Conn) {
		buf := make([]byte, 14)
		n := 0
		for n < len(buf) {
			m, err := conn.Read(buf[n:])
			if err != nil {
				break
			}
			n += m
		}
		got <- string(buf[:n])
		_ = conn.Close()
	}})
	hint := serve(t, tub)
	conn, err := net.Dial("tcp", strings.TrimPrefix(hint, "tcp:"))
	require.NoError(t, err)
	_, err = conn.Write([]byte("\x16\x03\x01 some TLS ."))
	require.NoError(t, err)
	require.Equal(t, "\x16\x03\x01 some TLS .", <-got)
	_ = conn.Close()
}

func BenchmarkSmallCalls(b *testing.B) {
	p := connected(b, true, Options{}, Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.ref.Call(context.Background(), "none"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmallCallsParallel(b *testing.B) {
	p := connected(b, true, Options{}, Options{})
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := p.ref.Call(context.Background(), "none"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEcho1MiB(b *testing.B) {
	p := connected(b, true, Options{}, Options{})
	data := make(banana.Bytes, 1<<20)
	b.SetBytes(2 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.ref.Call(context.Background(), "echo", data); err != nil {
			b.Fatal(err)
		}
	}
}

// TestReferenceStatus: what status pages show of a connection.
func TestReferenceStatus(t *testing.T) {
	p := connected(t, true, Options{}, Options{})
	_, err := p.ref.Call(t.Context(), "keep", Object{newObject()})
	require.NoError(t, err)
	hint := p.furl.Hints()[0]
	require.Equal(t, hint, "tcp:"+p.ref.RemoteAddr().String())
	require.Eventually(t, func() bool { return p.ref.Hint() == hint }, time.Minute, time.Millisecond)
	require.WithinDuration(t, time.Now(), p.ref.LastReceived(), time.Minute)
	require.Empty(t, p.object.kept.Load().Hint(), "the peer dialled")
}
