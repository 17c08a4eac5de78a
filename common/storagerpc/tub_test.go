package storagerpc

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/storagetest"
)

// waitLimit is how long tests wait for what must come.
const waitLimit = 60 * time.Second

// newTub returns a Tub that is closed at the end of the test.
func newTub(t testing.TB, limits foolscap.Limits) *foolscap.Tub {
	t.Helper()
	certificate, err := foolscap.NewEphemeralCertificate()
	require.NoError(t, err)
	tub, err := foolscap.New(foolscap.Options{Certificate: certificate, Limits: limits})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
		defer cancel()
		require.NoError(t, tub.Close(ctx))
	})
	return tub
}

// publish makes a Tub listen on loopback with an object, until the test ends.
func publish(t testing.TB, object foolscap.Referenceable) furl.FURL {
	t.Helper()
	tub := newTub(t, foolscap.Limits{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tub.SetLocation([]string{"tcp:" + listener.Addr().String()})
	served := make(chan error, 1)
	go func() { served <- tub.Serve(context.Background(), listener) }()
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		<-served
	})
	address, err := tub.Register(object, secret.Swissnum{})
	require.NoError(t, err)
	return address
}

// dial connects from a Tub of its own, as a client does.
func dial(t testing.TB, address furl.FURL) *foolscap.Reference {
	t.Helper()
	ref, err := newTub(t, foolscap.Limits{}).GetReference(t.Context(), address)
	require.NoError(t, err)
	return ref
}

// newClient connects to an object as to a storage server.
func newClient(t testing.TB, object foolscap.Referenceable) *Client {
	t.Helper()
	c, err := NewClient(dial(t, publish(t, object)))
	require.NoError(t, err)
	return c
}

// logged is a logger that tests may look into.
type logged struct {
	mu   sync.Mutex
	text []byte
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	return len(b), nil
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// TestSuite holds client and server, with real Tubs between them, to the rules
// for storage servers.
func TestSuite(t *testing.T) {
	storagetest.Run(t, storagetest.Suite{New: func(t *testing.T, s storagetest.Setup) grid.StorageServer {
		return newClient(t, NewServer(storagetest.NewMemory(s), ServerOptions{}))
	}})
}

// rawAllocate begins uploads by hand and returns the answer.
func rawAllocate(t testing.TB, ref *foolscap.Reference, size int64, shares ...grid.ShareNum) *banana.Tuple {
	t.Helper()
	v, err := ref.Call(t.Context(), "allocate_buckets", allocateArgs(size, shares...)...)
	require.NoError(t, err)
	return v.(*banana.Tuple)
}

func allocateArgs(size int64, shares ...grid.ShareNum) []banana.Value {
	return []banana.Value{
		siValue, secret32, secret32, banana.NewSet(shareValues(shares)...), banana.Int(size),
		foolscap.Object{Referenceable: &canary{}},
	}
}

var (
	siValue  = banana.Bytes(storagetest.SI[:])
	secret32 = make(banana.Bytes, 32)
)

// remoteOf returns the exception in an error.
func remoteOf(t testing.TB, err error) *foolscap.RemoteError {
	t.Helper()
	var e *foolscap.RemoteError
	require.ErrorAs(t, err, &e)
	return e
}
