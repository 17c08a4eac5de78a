package foolscap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/stretchr/testify/require"
)

// attach makes a connection of the tub over a pipe, negotiated as it were.
func attach(t testing.TB, tub *Tub, peer grid.TubID) (*connection, net.Conn) {
	here, there := net.Pipe()
	noted := &activity{in: here}
	c := newConnection(tub, peer, here, bufio.NewReaderSize(noted, banana.ReadBufferSize), banana.VocabTable(1))
	noted.conn = c
	tub.mu.Lock()
	require.NoError(t, tub.install(c, nil))
	tub.mu.Unlock()
	c.start(nil)
	t.Cleanup(func() { _ = there.Close() })
	return c, there
}

// bubble runs a test with a clock of its own. The tub is closed at its end.
func bubble(t *testing.T, options Options, test func(t *testing.T, tub *Tub)) {
	low, _ := twoCertificates(t)
	options.Certificate = low
	synctest.Test(t, func(t *testing.T) {
		tub, err := New(options)
		require.NoError(t, err)
		test(t, tub)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = tub.Close(ctx)
	})
}

var somePeer = grid.TubID{1}

func TestKeepalive(t *testing.T) {
	bubble(t, Options{Disconnect: 600 * time.Second}, func(t *testing.T, tub *Tub) {
		c, there := attach(t, tub, somePeer)
		start := time.Now()
		got := make([]byte, 1)
		_, err := io.ReadFull(there, got)
		require.NoError(t, err)
		require.Equal(t, "\x8e", string(got))
		require.InDelta(t, 240, time.Since(start).Seconds(), 60, "after four minutes of silence, give or take a tick")
		go func() { _, _ = io.Copy(io.Discard, there) }()
		<-c.done
		require.InDelta(t, 600, time.Since(start).Seconds(), 60)
		require.ErrorContains(t, c.err, "no data for")
	})
}

func TestMessageStall(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, tub *Tub) {
		c, there := attach(t, tub, somePeer)
		_, err := there.Write([]byte("\x00\x88\x0b\x87\x01\x81")) // half a call
		require.NoError(t, err)
		start := time.Now()
		<-c.done
		require.LessOrEqual(t, time.Since(start), 2*MessageStall)
		require.ErrorContains(t, c.err, "stalled")
	})
}

func TestWriteStall(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, tub *Tub) {
		c, there := attach(t, tub, somePeer)
		start := time.Now()
		_, err := c.call(context.Background(), 1, "x", []banana.Value{make(banana.Bytes, 1<<20)})
		require.ErrorIs(t, err, ErrDisconnected)
		require.Equal(t, WriteStall, time.Since(start))
		require.Zero(t, tub.outgoing.used)
		_ = there.Close()
	})
}

func TestSlowPeerHoldsUpNobody(t *testing.T) {
	bubble(t, Options{Limits: Limits{Outgoing: 10_000}}, func(t *testing.T, tub *Tub) {
		c, _ := attach(t, tub, somePeer) // never reads
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.NoError(t, c.send(ctx, 1, "x", []banana.Value{make(banana.Bytes, 20_000)}))
		require.ErrorIs(t, c.send(ctx, 1, "x", nil), context.DeadlineExceeded)

		other, there := attach(t, tub, grid.TubID{2})
		go func() { _, _ = io.Copy(io.Discard, there) }()
		require.NoError(t, other.send(context.Background(), 1, "x", nil))
	})
}

// callTo writes (call number clid method (arguments 1 value)).
func callTo(w *banana.Writer, number, clid int64, method string, value banana.Value) {
	n := w.Open("call")
	w.Int(number)
	w.Int(clid)
	w.Bytes([]byte(method))
	_ = writeArguments(w, []banana.Value{value})
	w.Close(n)
}

func bytesOf(w *banana.Writer) []byte {
	var out bytes.Buffer
	b := w.Take()
	_, _ = b.WriteTo(&out)
	b.Release()
	return out.Bytes()
}

// export gives the object number 1 on a connection.
func exportTo(c *connection, object Referenceable) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exports[1] = &export{clid: 1, object: object, count: 1}
	c.byObject[object] = c.exports[1]
	c.lastCLID = 1
}

func nextAnswer(t *testing.T, r *banana.Reader) []banana.Value {
	m, err := r.Next()
	require.NoError(t, err)
	require.NoError(t, m.Violation)
	return append([]banana.Value{banana.Bytes(m.Type)}, m.Items...)
}

// answers reads what a connection sends.
func answers(conn net.Conn) *banana.Reader {
	r := banana.NewReader(conn, banana.VocabTable(1))
	r.Extensions = map[string]banana.Extension{"copyable": readCopyable}
	return r
}

func TestMemoryOfAll(t *testing.T) {
	bubble(t, Options{Limits: Limits{Memory: 1 << 20}}, func(t *testing.T, tub *Tub) {
		object := newObject()
		first, there1 := attach(t, tub, somePeer)
		exportTo(first, object)
		second, there2 := attach(t, tub, grid.TubID{2})
		exportTo(second, object)

		w := banana.NewWriter(banana.VocabTable(1))
		callTo(w, 1, 1, "block", make(banana.Bytes, 700_000))
		big := bytesOf(w)
		_, err := there1.Write(big)
		require.NoError(t, err)
		synctest.Wait()
		require.Positive(t, tub.memory.used)

		start := time.Now()
		_, err = there2.Write(big)
		require.NoError(t, err)
		got := nextAnswer(t, answers(there2))
		require.Equal(t, memoryWait, time.Since(start))
		require.Equal(t, TypeViolation, got[2].(*RemoteError).Type)
		require.Contains(t, got[2].(*RemoteError).Value, "no memory for this message now")

		close(object.hold)
		require.Equal(t, []banana.Value{banana.Bytes("answer"), banana.Int(1), banana.None{}}, nextAnswer(t, answers(there1)))
		synctest.Wait()
		require.Zero(t, tub.memory.used)
	})
}

func TestManyCallsWait(t *testing.T) {
	bubble(t, Options{Limits: Limits{QueuedCalls: 4}}, func(t *testing.T, tub *Tub) {
		object := newObject()
		c, there := attach(t, tub, somePeer)
		exportTo(c, object)
		w := banana.NewWriter(banana.VocabTable(1))
		callTo(w, 1, 1, "block", banana.None{})
		for i := range int64(1000) {
			callTo(w, i+2, 1, "note", banana.Int(i))
		}
		all := bytesOf(w)
		go func() { _, _ = there.Write(all) }()
		synctest.Wait()
		require.LessOrEqual(t, len(c.calls), 4, "the rest waits in the wire")
		close(object.hold)
		r := answers(there)
		for i := range int64(1001) {
			require.Equal(t, banana.Int(i+1), nextAnswer(t, r)[1])
		}
		require.Len(t, object.order, 1000)
		require.IsIncreasing(t, object.order)
	})
}

func TestRawStreams(t *testing.T) {
	for _, c := range []struct {
		name  string
		write func(w *banana.Writer)
		want  string // text of the failure of call 1, "" for no answer
	}{
		{"unknown object", func(w *banana.Writer) { callTo(w, 1, 77, "x", banana.None{}) }, "unknown CLID 77"},
		{"bound method", func(w *banana.Writer) { callTo(w, 1, -4, "", banana.None{}) }, "unknown CLID -4"},
		{"unknown top-level type", func(w *banana.Writer) { w.Close(w.Open("set-vocab")) }, ""},
		{"answer to nothing", func(w *banana.Writer) { n := w.Open("answer"); w.Int(5); w.Close(n) }, ""},
		{"abort", func(w *banana.Writer) {
			n := w.Open("call")
			w.Int(1)
			w.Abort(n)
			w.Close(n)
		}, ""},
		{"gift", func(w *banana.Writer) {
			n := w.Open("call")
			w.Int(1)
			w.Int(1)
			w.Bytes([]byte("echo"))
			a := w.Open("arguments")
			w.Int(1)
			g := w.Open("their-reference")
			w.Int(1)
			w.Bytes([]byte("pb://x"))
			w.Close(g)
			w.Close(a)
			w.Close(n)
		}, "gifts are prohibited in this Tub"},
		{"your-reference of nothing", func(w *banana.Writer) {
			n := w.Open("call")
			w.Int(1)
			w.Int(1)
			w.Bytes([]byte("echo"))
			a := w.Open("arguments")
			w.Int(1)
			g := w.Open("your-reference")
			w.Int(9)
			w.Close(g)
			w.Close(a)
			w.Close(n)
		}, "unknown clid '9'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, tub *Tub) {
				conn, there := attach(t, tub, somePeer)
				exportTo(conn, newObject())
				w := banana.NewWriter(banana.VocabTable(1))
				c.write(w)
				callTo(w, 2, 1, "echo", banana.Int(42))
				all := bytesOf(w)
				go func() { _, _ = there.Write(all) }()
				r := answers(there)
				if c.want != "" {
					got := nextAnswer(t, r)
					require.Equal(t, banana.Int(1), got[1])
					require.Equal(t, c.want, got[2].(*RemoteError).Value)
				}
				require.Equal(t, []banana.Value{banana.Bytes("answer"), banana.Int(2), banana.Int(42)}, nextAnswer(t, r))
			})
		})
	}
}

func TestManyObjects(t *testing.T) {
	noLeaks(t)
	few := Options{Limits: Limits{References: 10}}
	p := connected(t, true, Options{}, few)
	var err error
	for range 20 {
		if _, err = p.ref.Call(t.Context(), "new"); err != nil {
			break
		}
	}
	require.True(t, IsRemoteViolation(err))
	require.ErrorContains(t, err, "more than 10 objects on this connection")
	for range 20 {
		if _, err = p.ref.Call(t.Context(), "keep", Object{newObject()}); err != nil {
			break
		}
	}
	require.ErrorContains(t, err, "more than 10 references on this connection")
	_, err = p.ref.Call(t.Context(), "none")
	require.NoError(t, err)
}

func TestSlowStart(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       time.Duration
	}{
		{"nothing", "", FirstBytesTimeout},
		{"a few bytes", "GET ", FirstBytesTimeout},
		{"half a request", "GET /id/x", NegotiationTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, tub *Tub) {
				here, there := net.Pipe()
				start := time.Now()
				tub.accept(here)
				_, err := there.Write([]byte(c.text))
				require.NoError(t, err)
				_, err = there.Read(make([]byte, 1))
				require.Equal(t, io.EOF, err)
				require.Equal(t, c.want, time.Since(start))
			})
		})
	}
}

func TestHalfOpenAndConnectionLimits(t *testing.T) {
	bubble(t, Options{Limits: Limits{HalfOpen: 2, Connections: 1}}, func(t *testing.T, tub *Tub) {
		var ends []net.Conn
		for range 3 {
			here, there := net.Pipe()
			tub.accept(here)
			ends = append(ends, there)
		}
		start := time.Now()
		_, err := ends[0].Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		require.Zero(t, time.Since(start), "the oldest gives way at once")

		attach(t, tub, somePeer)
		tub.mu.Lock()
		err = tub.install(newConnection(tub, grid.TubID{2}, nil, bufio.NewReader(nil), banana.VocabTable(1)), nil)
		tub.mu.Unlock()
		require.ErrorContains(t, err, "more than 1 connections")
	})
}

func TestReconnectorBacksOff(t *testing.T) {
	var dials []time.Time
	refuse := func(context.Context, furl.Hint) (net.Conn, error) {
		dials = append(dials, time.Now())
		return nil, errors.New("refused")
	}
	bubble(t, Options{Dialers: map[string]Dialer{"tcp": refuse}}, func(t *testing.T, tub *Tub) {
		f, err := furl.New(somePeer, []string{"tcp:x:1"}, secret.NewSwissnum([]byte("x")))
		require.NoError(t, err)
		r := tub.connectWith(context.Background(), f, nil, func() float64 { return 0 })
		time.Sleep(4 * time.Hour)
		synctest.Wait()
		want := 1.0
		for i := 1; i < len(dials); i++ {
			want = min(want*math.E, 3600)
			require.InDelta(t, want, dials[i].Sub(dials[i-1]).Seconds(), 0.01)
		}
		require.Greater(t, len(dials), 9)
		info := r.Info()
		require.Equal(t, Waiting, info.State)
		require.ErrorContains(t, info.LastError, "refused")
		require.True(t, info.NextAttempt.After(time.Now()))

		before := len(dials)
		r.Reset()
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		require.Len(t, dials, before+1)
		r.Stop()
		time.Sleep(2 * time.Hour)
		require.Len(t, dials, before+1)
	})
}

func TestReconnects(t *testing.T) {
	noLeaks(t)
	p := connected(t, true, Options{}, Options{})
	p.ref.Drop()
	refs := make(chan *Reference)
	ended := make(chan error, 10)
	r := p.client.Connect(t.Context(), p.furl, func(ctx context.Context, ref *Reference) {
		refs <- ref.Retain()
		<-ctx.Done()
		ended <- ctx.Err()
	})
	first := <-refs
	require.Equal(t, Connected, r.Info().State)
	first.Drop()
	require.Error(t, <-ended)
	second := <-refs
	require.False(t, second.SameObject(first))
	r.Stop()
	require.Error(t, <-ended)
	_, err := second.Call(t.Context(), "none")
	require.NoError(t, err, "Stop leaves the connection")
}

func TestTorDialer(t *testing.T) {
	noLeaks(t)
	low, high := twoCertificates(t)
	server := newTub(t, Options{Certificate: low})
	hint := serve(t, server)
	object := newObject()
	f, err := server.Register(object, secret.Swissnum{})
	require.NoError(t, err)

	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = proxy.Close() }()
	asked := make(chan string, 10)
	go fakeSOCKS(proxy, strings.TrimPrefix(hint, "tcp:"), asked)

	dial := TorDialer(proxy.Addr().String())
	client := newTub(t, Options{Certificate: high, Dialers: map[string]Dialer{"tor": dial}})
	f, err = f.WithHints([]string{"tor:abcdefgh.onion:1234"})
	require.NoError(t, err)
	ref, err := client.GetReference(t.Context(), f)
	require.NoError(t, err)
	require.Equal(t, "\x05\x01\x00\x03\x0eabcdefgh.onion\x04\xd2", <-asked)
	_, err = ref.Call(t.Context(), "none")
	require.NoError(t, err)

	_, err = dial(t.Context(), furl.Hint{Type: "tcp", Rest: "192.168.1.1:80"})
	require.ErrorIs(t, err, furl.ErrNotPublic)
	_, err = dial(t.Context(), furl.Hint{Type: "tor", Rest: "refused.onion:80"})
	require.ErrorContains(t, err, "proxy of Tor: connection refused")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = dial(ctx, furl.Hint{Type: "tor", Rest: "a.onion:80"})
	require.ErrorIs(t, err, context.Canceled)
}

// fakeSOCKS is a proxy that connects to target whatever it is asked.
func fakeSOCKS(l net.Listener, target string, asked chan<- string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			buf := make([]byte, 300)
			if _, err := io.ReadFull(conn, buf[:3]); err != nil {
				return
			}
			_, _ = conn.Write([]byte{5, 0})
			_, _ = io.ReadFull(conn, buf[:5])
			n := 5 + int(buf[4]) + 2
			_, _ = io.ReadFull(conn, buf[5:n])
			asked <- string(buf[:n])
			if bytes.Contains(buf[:n], []byte("refused")) {
				_, _ = conn.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
				return
			}
			_, _ = conn.Write([]byte{5, 0, 0, 3, 1, 'x', 0, 0})
			out, err := net.Dial("tcp", target)
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(out, conn); _ = out.Close() }()
			_, _ = io.Copy(conn, out)
		}()
	}
}

// FuzzConnection: whatever a peer sends, the connection survives or ends, and
// nothing is left.
func FuzzConnection(f *testing.F) {
	w := banana.NewWriter(banana.VocabTable(1))
	for _, method := range []string{"echo", "self", "new", "fail", "is_mine", "keep", "schema"} {
		callTo(w, 1, 1, method, banana.NewList(banana.Int(1)))
		f.Add(bytesOf(w))
	}
	callTo(w, 1, 0, "getReferenceByName", banana.Bytes("x"))
	callTo(w, 2, 0, "decref", Named{"clid", banana.Int(1)})
	f.Add(bytesOf(w))
	f.Add([]byte("\x00\x88\x0e\x87\x01\x81\x01\x88\x12\x87\x01\x89\x00\x89"))
	low, _ := twoCertificates(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		tub, err := New(Options{Certificate: low, Limits: Limits{Message: banana.Limits{Message: 1 << 16, String: 1 << 16, Depth: 8}}})
		require.NoError(t, err)
		here, there := net.Pipe()
		noted := &activity{in: here}
		c := newConnection(tub, somePeer, here, bufio.NewReaderSize(noted, banana.ReadBufferSize), banana.VocabTable(1))
		noted.conn = c
		tub.mu.Lock()
		require.NoError(t, tub.install(c, nil))
		tub.mu.Unlock()
		object := newObject()
		close(object.hold)
		exportTo(c, object)
		c.start(nil)
		go func() {
			_, _ = there.Write(b)
			_ = there.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
			_, _ = io.Copy(io.Discard, there)
			_ = there.Close()
		}()
		<-c.done
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, tub.Close(ctx))
		require.Zero(t, tub.memory.used)
		require.Zero(t, tub.outgoing.used)
	})
}
