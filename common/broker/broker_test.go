package broker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/gridtest"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// source is a broker.Source that a test changes.
type source struct {
	mu      sync.Mutex
	list    []broker.Announced
	changed chan struct{}
}

func (s *source) Servers() []broker.Announced {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

func (s *source) Changes() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

func (s *source) set(list ...broker.Announced) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = list
	if s.changed != nil {
		close(s.changed)
	}
	s.changed = nil
}

// announced makes an announcement.
func announced(t testing.TB, id, fields string) broker.Announced {
	t.Helper()
	a, err := announce.Unsigned(grid.ServerID(id), []byte(fields))
	require.NoError(t, err)
	f, err := a.Fields()
	require.NoError(t, err)
	return broker.Announced{Announcement: a, Fields: f}
}

const testFURL = "pb://u3kdhkudwyygs6d5u3i4i2jl7w5hptdt@tcp:127.0.0.1:1/swissnum"

func foolscapOnly(t testing.TB, id string) broker.Announced {
	return announced(t, id, fmt.Sprintf(`{"service-name":"storage","nickname":"nick of %s","anonymous-storage-FURL":%q}`, id, testFURL))
}

// run runs a broker until the end of the test.
func run(t testing.TB, cfg broker.Config) *broker.Broker {
	b := broker.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { b.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return b
}

// dialer gives connections to a server of a test grid.
type dialer struct {
	storage  grid.StorageServer
	attempts atomic.Int64
	closed   atomic.Int64

	mu   sync.Mutex
	err  error
	lost chan struct{}
}

func (d *dialer) dial(context.Context, string) (*broker.Connection, error) {
	d.attempts.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return nil, d.err
	}
	d.lost = make(chan struct{})
	return &broker.Connection{Storage: d.storage, Lost: d.lost, Address: "somewhere", Close: func() { d.closed.Add(1) }}, nil
}

func (d *dialer) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
	if d.lost != nil && err != nil {
		close(d.lost)
		d.lost = nil
	}
}

var errRefused = errors.New("connection refused")

// TestReconnect follows a server through its life.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gridtest.New(t, 1)
		d := &dialer{storage: g.Servers[0].Server.Storage, err: errRefused}
		src := &source{}
		b := run(t, broker.Config{Source: src, Foolscap: d.dial})
		require.Empty(t, b.Status())
		src.set(foolscapOnly(t, "v0-abc"))
		synctest.Wait()

		s := b.Status()[0]
		require.False(t, s.Connected)
		require.ErrorIs(t, s.Problem, errRefused)
		require.Equal(t, "nick of v0-abc", s.Nickname)
		require.True(t, s.Next.After(time.Now()))
		require.Empty(t, b.Permuted(grid.StorageIndex{}))

		// An hour away costs few attempts.
		time.Sleep(time.Hour)
		require.Less(t, d.attempts.Load(), int64(40))

		// It comes back, and is tried at once when asked for.
		d.fail(nil)
		b.Reconnect()
		require.NoError(t, b.WaitFor(t.Context(), 1))
		connectedAt := time.Now()
		s = b.Status()[0]
		require.True(t, s.Connected)
		require.Equal(t, connectedAt, s.Since)
		require.Equal(t, broker.ProtocolFoolscap, s.Protocol)
		require.Equal(t, "gridtest/1", s.Version.ApplicationVersion)
		list := b.Permuted(grid.StorageIndex{})
		require.Len(t, list, 1)
		require.Equal(t, "u3kdhkudwyygs6d5u3i4i2jl7w5hptdt", list[0].TubID.String())
		require.NotNil(t, list[0].Health)

		// An hour of peace: it is not asked every second, and the Server stays.
		before := g.Servers[0].Calls()
		time.Sleep(time.Hour)
		require.LessOrEqual(t, g.Servers[0].Calls()-before, 60)
		require.Same(t, list[0], b.Permuted(grid.StorageIndex{})[0])

		// Less space is another Server with the same health.
		g.Servers[0].SetSpace(1000)
		time.Sleep(2 * time.Minute)
		smaller := b.Permuted(grid.StorageIndex{})[0]
		require.EqualValues(t, 1000, smaller.Version.AvailableSpace)
		require.Same(t, list[0].Health, smaller.Health)

		// The connection is lost, made again soon, and was closed.
		changed := b.Changes()
		d.fail(errRefused)
		<-changed
		require.Empty(t, b.Permuted(grid.StorageIndex{}))
		require.EqualValues(t, 1, d.closed.Load())
		d.fail(nil)
		start := time.Now()
		require.NoError(t, b.WaitFor(t.Context(), 1))
		require.Less(t, time.Since(start), 10*time.Second)
		require.Same(t, list[0].Health, b.Permuted(grid.StorageIndex{})[0].Health)

		// Others have trouble with it: it is asked at once.
		g.Servers[0].OnCall(gridtest.Refuse(errRefused))
		list[0].Health.Fail(time.Now())
		synctest.Wait()
		require.True(t, b.Status()[0].Connected)
		list[0].Health.Fail(time.Now())
		synctest.Wait()
		require.False(t, b.Status()[0].Connected)
		g.Servers[0].OnCall(nil)
		require.NoError(t, b.WaitFor(t.Context(), 1))

		// The same announcement changes nothing; another one makes a new connection.
		attempts := d.attempts.Load()
		src.set(src.list...)
		synctest.Wait()
		require.Equal(t, attempts, d.attempts.Load())
		src.set(foolscapOnly(t, "v0-abc"))
		synctest.Wait()
		require.Equal(t, attempts+1, d.attempts.Load())
		require.Same(t, list[0].Health, b.Permuted(grid.StorageIndex{})[0].Health)
		require.Len(t, b.Status(), 1)

		// A server that hangs does not hold up the end.
		g.Servers[0].OnCall(gridtest.Hang(gridtest.Version))
		time.Sleep(5 * time.Minute)
		require.False(t, b.Status()[0].Connected)
	})
}

func TestOrderAndPermission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gridtest.New(t, 1)
		d := &dialer{storage: g.Servers[0].Server.Storage}
		src := &source{}
		var list []broker.Announced
		for i := range 8 {
			list = append(list, foolscapOnly(t, fmt.Sprintf("v0-server%d", i)))
		}
		until := time.Now().Add(time.Hour)
		list[3].UploadPermitted = func(now time.Time) bool { return now.Before(until) }
		src.set(list...)
		own := &broker.Local{
			ID: "v0-server7", Nickname: "own", Seed: "seed", TubID: grid.TubID{1}, Storage: g.Servers[0].Server.Storage,
		}
		b := run(t, broker.Config{Source: src, Foolscap: d.dial, Local: own, Preferred: []string{" v0-server5 ", "", "v0-unknown"}})
		require.NoError(t, b.WaitFor(t.Context(), 8))
		require.EqualValues(t, 7, d.attempts.Load(), "the own server needs no connection")

		orders := make(map[string]bool)
		for i := range byte(20) {
			order := b.Permuted(grid.StorageIndex{i})
			require.Len(t, order, 8)
			require.EqualValues(t, "v0-server5", order[0].ID)
			text := ""
			for _, s := range order {
				text += string(s.ID)
				require.Equal(t, s.ID == own.ID, s.Local)
			}
			orders[text] = true
		}
		require.Greater(t, len(orders), 15)
		time.Sleep(time.Hour)
		require.Len(t, b.Uploadable(grid.StorageIndex{}), 7)
		require.Len(t, b.Permuted(grid.StorageIndex{}), 8)
		for _, s := range b.Status() {
			require.Equal(t, s.ID == "v0-server5", s.Preferred)
			require.Equal(t, s.ID != "v0-server3", s.UploadPermitted)
		}

		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errRefused)
		require.ErrorIs(t, b.WaitFor(ctx, 9), errRefused)
	})
}

// Announcements that make no sense, or offer nothing that can be used, do no harm.
func TestUselessAnnouncements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.set(
			announced(t, "v0-nothing", `{"service-name":"storage"}`),
			announced(t, "v0-badfurl", `{"service-name":"storage","anonymous-storage-FURL":"pb://secret@"}`),
			announced(t, "v0-badseed", `{"service-name":"storage","anonymous-storage-FURL":"`+testFURL+`","permutation-seed-base32":"!"}`),
			announced(t, "v0-badnurl", `{"service-name":"storage","anonymous-storage-FURL":"`+testFURL+`","anonymous-storage-NURLs":["pb://secret"]}`),
			announced(t, "v0-onlyfurl", `{"service-name":"storage","anonymous-storage-FURL":"`+testFURL+`"}`),
		)
		b := run(t, broker.Config{Source: src})
		synctest.Wait()
		status := b.Status()
		require.Len(t, status, 2)
		for _, s := range status {
			require.False(t, s.Connected)
			require.Error(t, s.Problem)
			require.NotContains(t, s.Problem.Error(), "secret")
			require.NotContains(t, s.Problem.Error(), "swissnum")
		}
	})
}

// TestHTTPS connects to real servers on loopback: HTTPS is preferred, of several
// NURLs the one that works is used, and Foolscap if it is forced.
func TestHTTPS(t *testing.T) {
	g := gridtest.New(t, 1)
	good := g.Servers[0].ServeHTTPS(t)
	wrong, dead := good, good
	wrong.Swissnum = secret.NewSwissnum([]byte("other"))
	dead.Port = 1
	fields := fmt.Sprintf(`{"service-name":"storage","anonymous-storage-FURL":%q,"anonymous-storage-NURLs":[%q,%q,%q]}`,
		testFURL, dead.Text(), wrong.Text(), good.Text())
	src := &source{}
	src.set(announced(t, "v0-https", fields))
	d := &dialer{storage: g.Servers[0].Server.Storage}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b := run(t, broker.Config{Source: src, Foolscap: d.dial})
	require.NoError(t, b.WaitFor(ctx, 1))
	require.Equal(t, broker.ProtocolHTTPS, b.Status()[0].Protocol)
	require.Equal(t, "https://"+good.Address(), b.Status()[0].Address)
	require.Zero(t, d.attempts.Load())
	s := b.Permuted(grid.StorageIndex{})[0]
	buckets, err := s.Storage.GetBuckets(ctx, grid.StorageIndex{})
	require.NoError(t, err)
	require.Empty(t, buckets)
	require.Equal(t, "u3kdhkudwyygs6d5u3i4i2jl7w5hptdt", s.TubID.String())

	forced := run(t, broker.Config{Source: src, Foolscap: d.dial, ForceFoolscap: true})
	require.NoError(t, forced.WaitFor(ctx, 1))
	require.Equal(t, broker.ProtocolFoolscap, forced.Status()[0].Protocol)
}

func TestHealth(t *testing.T) {
	var none *broker.Health
	none.Observe(1, time.Second)
	none.Fail(time.Now())
	unknown, _ := none.Expect(0)
	h := &broker.Health{}
	took, spread := h.Expect(1 << 20)
	require.Equal(t, unknown, took)
	require.Positive(t, spread)

	for range 100 { // 10 ms, and 10 MB/s
		h.Observe(100, 10*time.Millisecond)
		h.Observe(1_000_000, 110*time.Millisecond)
	}
	took, spread = h.Expect(0)
	require.InDelta(t, 10, float64(took.Milliseconds()), 2)
	took, _ = h.Expect(2_000_000)
	require.InDelta(t, 210, float64(took.Milliseconds()), 5)
	require.Less(t, spread, 5*time.Millisecond)
	h.Observe(1_000_000, 2*time.Second)
	slower, _ := h.Expect(2_000_000)
	require.Greater(t, slower, took)

	h.Fail(time.Unix(1, 0))
	h.Fail(time.Unix(2, 0))
	n, last := h.Failures()
	require.Equal(t, 2, n)
	require.Equal(t, time.Unix(2, 0), last)
	h.Observe(1, time.Millisecond)
	n, _ = h.Failures()
	require.Zero(t, n)
}
