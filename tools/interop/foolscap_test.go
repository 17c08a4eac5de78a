package interop_test

import (
	"bufio"
	"context"
	_ "embed"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/tools/interop"
)

//go:embed testdata/foolscap_peer.py
var foolscapPeer []byte

// peerSteps are what the Python client reports, in this order.
var peerSteps = []string{
	"connected", "echo", "big", "pipelined", "references", "decref", "violations", "gift", "duplicate", "dropped", "reconnected",
}

// peerObject is what the Python peer calls.
type peerObject struct {
	iface string
	live  atomic.Int64  // fresh objects that the peer holds
	lost  chan struct{} // receives when a peer that watched is gone
}

// freshObject is made for the peer and counted.
type freshObject struct {
	*peerObject
	owner *peerObject
}

func (f *freshObject) Unreferenced() { f.owner.live.Add(-1) }

func (o *peerObject) RemoteInterface() string { return o.iface }

func (o *peerObject) MethodLimits(method string, limits *banana.Limits) error {
	if method == "small" {
		limits.String = 16
	}
	return nil
}

func (o *peerObject) RemoteCall(ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	switch r.Method {
	case "echo", "small":
		return r.Args("value").Value(0), nil
	case "none":
		return nil, nil
	case "live":
		return banana.Int(o.live.Load()), nil
	case "new":
		o.live.Add(1)
		return foolscap.Object{Referenceable: &freshObject{&peerObject{}, o}}, nil
	case "fail":
		return nil, &foolscap.RemoteError{Type: "builtins.KeyError", Value: "'x'"}
	case "callback":
		a := r.Args("target", "value")
		target := a.Reference(0, "")
		if a.Err() != nil {
			return nil, a.Err()
		}
		r.Unblock()
		return target.Call(ctx, "echo", a.Value(1))
	case "is_mine":
		mine, ok := r.Args("target").Value(0).(foolscap.Object)
		return banana.Bool(ok && mine.Referenceable == o), nil
	case "schema":
		a := r.Args("si", "n", "flag?")
		a.Bytes(0, 16, 16)
		a.Int(1, 0, 9)
		a.Bool(2)
		return nil, a.Err()
	case "watch":
		r.OnDisconnect(func() { o.lost <- struct{}{} })
		return nil, nil
	case "drop":
		if target := r.Args("target").Reference(0, ""); target != nil {
			target.Drop()
		}
		return nil, nil
	}
	return nil, foolscap.UnknownMethod(r, o.iface)
}

// newPeerTub returns a Tub of ours that listens.
func newPeerTub(t *testing.T, certificate *foolscap.Certificate) *foolscap.Tub {
	tub, err := foolscap.New(foolscap.Options{
		Certificate: certificate,
		Logger:      slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tub.SetLocation([]string{"tcp:" + listener.Addr().String()})
	served := make(chan error, 1)
	go func() { served <- tub.Serve(context.Background(), listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, tub.Close(ctx))
		require.NoError(t, <-served)
	})
	return tub
}

// installPeer puts the Python peer where the root sees it.
func installPeer(t *testing.T, root *interop.Root) string {
	path := filepath.Join(root.Dir, "foolscap_peer.py")
	require.NoError(t, os.WriteFile(path, foolscapPeer, 0o600))
	return path
}

// bothOrders runs a test with Python as master and as slave.
func bothOrders(t *testing.T, test func(t *testing.T, order string)) {
	for _, order := range []string{"higher", "lower"} {
		t.Run("python is "+order, func(t *testing.T) { test(t, order) })
	}
}

// TestFoolscapServer: Python calls objects of our Tub.
func TestFoolscapServer(t *testing.T) {
	root := interop.Require(t)
	script := installPeer(t, root)
	certificate, err := foolscap.NewCertificate()
	require.NoError(t, err)
	bothOrders(t, func(t *testing.T, order string) {
		tub := newPeerTub(t, certificate)
		object := &peerObject{iface: "RITest.example.org", lost: make(chan struct{}, 1)}
		address, err := tub.Register(object, secret.Swissnum{})
		require.NoError(t, err)
		result := root.Run(t, nil, "python3", script, "client", address.Text(), order)
		require.Zero(t, result.ExitCode, "%s%s", result.Stdout, result.Stderr)
		var want strings.Builder
		for _, step := range peerSteps {
			want.WriteString("ok " + step + "\n")
		}
		require.Equal(t, want.String(), string(result.Stdout))
		select {
		case <-object.lost:
		case <-time.After(time.Minute):
			t.Error("the disconnection of the peer was not noticed")
		}
	})
}

// TestFoolscapClient: our Tub calls objects of a Python Tub.
func TestFoolscapClient(t *testing.T) {
	root := interop.Require(t)
	script := installPeer(t, root)
	certificate, err := foolscap.NewEphemeralCertificate()
	require.NoError(t, err)
	bothOrders(t, func(t *testing.T, order string) {
		address, stop := startPeer(t, root, script, certificate.TubID().String(), order)
		tub := newPeerTub(t, certificate)
		ref, err := tub.GetReference(t.Context(), address)
		require.NoError(t, err)
		callsPython(t, ref)

		again, err := tub.GetReference(t.Context(), address)
		require.NoError(t, err)
		require.True(t, again.SameObject(ref))
		again.Release()

		second := newPeerTub(t, certificate)
		other, err := second.GetReference(t.Context(), address)
		require.NoError(t, err, "a duplicate connection from another incarnation")
		<-ref.Done()
		_, err = ref.Call(t.Context(), "none")
		require.ErrorIs(t, err, foolscap.ErrDisconnected)
		stop()
		<-other.Done()
	})
}

// startPeer runs the Python server and returns the FURL of its object.
func startPeer(t *testing.T, root *interop.Root, script, other, order string) (address furl.FURL, stop func()) {
	command := root.Command(t.Context(), "python3", script, "server", other, order)
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	command.Stderr = t.Output()
	require.NoError(t, command.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	address, err = furl.Parse(strings.TrimSpace(line))
	require.NoError(t, err)
	return address, func() {
		require.NoError(t, stdin.Close())
		_, _ = io.Copy(io.Discard, stdout)
		require.NoError(t, command.Wait())
	}
}

func callsPython(t *testing.T, ref *foolscap.Reference) {
	ctx := t.Context()
	big := testData(10 << 20)
	got, err := ref.Call(ctx, "echo", banana.Bytes(big))
	require.NoError(t, err)
	require.True(t, string(big) == string(got.(banana.Bytes)))

	shared := banana.NewList(banana.Bytes("x"))
	for _, v := range []banana.Value{
		banana.Int(-1 << 31), banana.Int(-1<<31 - 1), banana.Uint(1 << 63), banana.Float(-1.5), banana.Text("héllo"),
		banana.Bool(true), banana.None{}, banana.Decimal("1.50"), banana.NewTuple(banana.Int(1), shared, shared),
		&banana.Set{Items: []banana.Value{banana.Int(3)}, Frozen: true}, banana.NewSet(banana.Bytes("1")),
		banana.NewDict(banana.Pair{Key: banana.Bytes("k"), Value: shared}),
	} {
		got, err := ref.Call(ctx, "echo", v)
		require.NoError(t, err)
		require.Equal(t, v, got)
	}

	mine := &peerObject{iface: "RITest.example.org"}
	got, err = ref.Call(ctx, "call_back", foolscap.Object{Referenceable: mine}, banana.Bytes("there and back"))
	require.NoError(t, err)
	require.Equal(t, banana.Bytes("there and back"), got)
	got, err = ref.Call(ctx, "is_mine", ref)
	require.NoError(t, err)
	require.Equal(t, banana.Bool(true), got)
	got, err = ref.Call(ctx, "echo", foolscap.Object{Referenceable: mine})
	require.NoError(t, err)
	require.Equal(t, foolscap.Object{Referenceable: mine}, got)
	got, err = ref.Call(ctx, "loop")
	require.NoError(t, err)
	one := banana.NewList(banana.Int(1))
	require.Equal(t, banana.NewList(one, one), got)

	_, err = ref.Call(ctx, "fail")
	require.ErrorIs(t, err, &foolscap.RemoteError{Type: "builtins.KeyError"})
	_, err = ref.Call(ctx, "nonsense")
	require.ErrorIs(t, err, &foolscap.RemoteError{Type: "builtins.AttributeError"})
	checksSchema(t, ref)
}

// checksSchema calls an object that has a schema.
func checksSchema(t *testing.T, ref *foolscap.Reference) {
	ctx := t.Context()
	got, err := ref.Call(ctx, "limited_object")
	require.NoError(t, err)
	limited, err := foolscap.AsReference(got, "RIPeer.example.org")
	require.NoError(t, err)
	got, err = limited.Call(ctx, "limited", banana.Bytes("abc"), foolscap.Named{Name: "number", Value: banana.Int(4)})
	require.NoError(t, err)
	require.Equal(t, banana.Int(7), got)
	for text, args := range map[string][]banana.Value{
		"STRING token too large: 17>16":              {make(banana.Bytes, 17), banana.Int(1)},
		"missing required argument 'number'":         {banana.Bytes("x")},
		"unknown argument 'bogus'":                   {foolscap.Named{Name: "bogus", Value: banana.Int(1)}},
		"INT token rejected by ByteStringConstraint": {banana.Int(1)},
	} {
		_, err := limited.Call(ctx, "limited", args...)
		require.True(t, foolscap.IsRemoteViolation(err), "%v", err)
		require.ErrorContains(t, err, text)
	}
	limited.Release()
}

// TestFoolscapIntroducer: our Tub asks a real introducer for its version.
func TestFoolscapIntroducer(t *testing.T) {
	root := interop.Require(t)
	in := root.StartIntroducer(t, interop.IntroducerOptions{})
	address, err := furl.Parse(in.FURL())
	require.NoError(t, err)
	certificate, err := foolscap.NewCertificate()
	require.NoError(t, err)
	tub := newPeerTub(t, certificate)
	ref, err := tub.GetReference(t.Context(), address)
	require.NoError(t, err)
	require.Equal(t, "RIIntroducerPublisherAndSubscriberService_v2.tahoe.allmydata.com", ref.RemoteInterface())
	version, err := ref.Call(t.Context(), "get_version")
	require.NoError(t, err)
	dict, err := foolscap.AsDict(version, 10)
	require.NoError(t, err)
	application, ok := dict.Get("application-version")
	require.True(t, ok)
	require.Equal(t, banana.Bytes("tahoe-lafs/1.20.0"), application)

	t.Run("node.pem", func(t *testing.T) { // ours reads Tahoe's, and writes the same
		text, err := os.ReadFile(filepath.Join(in.BaseDir, "private", "node.pem"))
		require.NoError(t, err)
		parsed, err := foolscap.ParsePEM(text)
		require.NoError(t, err)
		require.Equal(t, address.TubID(), parsed.TubID())
		written, err := parsed.PEM()
		require.NoError(t, err)
		require.Equal(t, string(text), string(written))
	})
	t.Run("reconnects", func(t *testing.T) {
		connections := make(chan *foolscap.Reference)
		r := tub.Connect(t.Context(), address, func(_ context.Context, ref *foolscap.Reference) { connections <- ref })
		first := <-connections
		in.Kill()
		<-first.Done()
		in.Restart(t)
		r.Reset()
		<-connections
		r.Stop()
	})
}
