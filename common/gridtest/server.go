package gridtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

// Op is a call to a server.
type Op string

// The calls that faults can be put on.
const (
	Version  Op = "version"
	Allocate Op = "allocate"
	Get      Op = "get"
	Lease    Op = "lease"
	Readv    Op = "readv"
	Writev   Op = "writev"
	Advise   Op = "advise"
	Write    Op = "write"
	Close    Op = "close"
	Abort    Op = "abort"
	Read     Op = "read"
)

// Call is one call to a server.
type Call struct {
	Op     Op
	Number int           // of the calls to this server, from 1
	Share  grid.ShareNum // of Write, Close, Abort and Read; else -1
	Offset int64         // of Write and Read
	Length int           // likewise
}

// ErrDisconnected is what calls to a server without connection answer.
var ErrDisconnected = errors.New("connection lost")

// Server is one server of a Grid.
type Server struct {
	*broker.Server
	// Store is what lies below the faults.
	Store *sharestore.Store
	disk  sharefs.FS

	mu      sync.Mutex // guards all below
	hook    func(context.Context, Call) error
	lie     func(n grid.ShareNum, offset int64, p []byte)
	away    bool
	upload  bool
	calls   map[Op]int
	number  int
	active  int // calls in progress
	busiest int
	advice  []string
}

// OnCall sets what is asked before each call; nil for nothing. An error fails
// the call, which then has no effect. It may be called concurrently, and may
// wait, for instance until the context is done.
func (s *Server) OnCall(hook func(context.Context, Call) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// Lie sets what changes the bytes that immutable shares are read as; nil for
// nothing.
func (s *Server) Lie(lie func(n grid.ShareNum, offset int64, p []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lie = lie
}

// Disconnect lets all calls fail from now on and takes the server out of the
// list, until Connect.
func (s *Server) Disconnect() { s.setAway(true) }

// Connect ends Disconnect.
func (s *Server) Connect() { s.setAway(false) }

func (s *Server) setAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// PermitUploads says whether the server is in the list for new shares.
func (s *Server) PermitUploads(permit bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upload = permit
}

// ReadOnly makes the server one that says it takes no shares.
func (s *Server) ReadOnly() {
	changed := *s.Server
	changed.Version.MaximumImmutableShareSize, changed.Version.AvailableSpace = 0, 0
	s.Server = &changed
}

// Local makes the server one of this process.
func (s *Server) Local() {
	changed := *s.Server
	changed.Local = true
	s.Server = &changed
}

// SetSpace sets how much can be stored; the disk must be a sharefs.Mem.
func (s *Server) SetSpace(free int64) { s.disk.(*sharefs.Mem).SetSpace(free) }

func (s *Server) connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.away
}

func (s *Server) uploadable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.upload
}

// Calls counts the calls of the given kinds, of all kinds if there are none.
func (s *Server) Calls(ops ...Op) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(ops) == 0 {
		return s.number
	}
	for _, op := range ops {
		n += s.calls[op]
	}
	return n
}

// Busiest is the largest number of calls that were in progress together.
func (s *Server) Busiest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busiest
}

// Advice returns what clients said about corrupt shares: "kind N: reason".
func (s *Server) Advice() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.advice...)
}

// begin counts a call and asks the hook. The caller calls end in any case.
func (s *Server) begin(ctx context.Context, call Call) error {
	s.mu.Lock()
	if s.calls == nil {
		s.calls = make(map[Op]int)
	}
	s.number++
	call.Number = s.number
	s.calls[call.Op]++
	s.active++
	s.busiest = max(s.busiest, s.active)
	hook, away := s.hook, s.away
	s.mu.Unlock()
	if away {
		return ErrDisconnected
	}
	if hook != nil {
		if err := hook(ctx, call); err != nil {
			return err
		}
	}
	if !s.connected() {
		return ErrDisconnected
	}
	return ctx.Err()
}

func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
}

// falsify lets the server lie about what was read.
func (s *Server) falsify(n grid.ShareNum, offset int64, p []byte) {
	s.mu.Lock()
	lie := s.lie
	s.mu.Unlock()
	if lie != nil {
		lie(n, offset, p)
	}
}

func (s *Server) advised(kind grid.ShareKind, n grid.ShareNum, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advice = append(s.advice, fmt.Sprintf("%s %d: %s", kind, n, reason))
}

// Held lists the complete immutable shares of a storage index.
func (s *Server) Held(tb testing.TB, si grid.StorageIndex) []grid.ShareNum {
	tb.Helper()
	held, err := s.Store.ListShares(context.Background(), grid.Immutable, si)
	require.NoError(tb, err)
	return held
}

// Share returns all bytes of an immutable share.
func (s *Server) Share(tb testing.TB, si grid.StorageIndex, n grid.ShareNum) []byte {
	tb.Helper()
	share, err := s.Store.OpenShare(context.Background(), grid.Immutable, si, n)
	require.NoError(tb, err)
	p := make([]byte, share.Size())
	got, err := share.Read(context.Background(), p, 0)
	require.NoError(tb, err)
	require.Len(tb, p, got)
	return p
}

// containerHeaderSize is what comes before the share in its file.
const containerHeaderSize = 12

func path(si grid.StorageIndex, n grid.ShareNum) string {
	return fmt.Sprintf("shares/%s/%s/%d", si.Prefix(), si, n)
}

// Damage changes the bytes of a stored immutable share, whose size stays.
func (s *Server) Damage(tb testing.TB, si grid.StorageIndex, n grid.ShareNum, damage func(share []byte)) {
	tb.Helper()
	share := s.Share(tb, si, n)
	damage(share)
	f, err := s.disk.Edit(path(si, n))
	require.NoError(tb, err)
	_, err = f.WriteAt(share, containerHeaderSize)
	require.NoError(tb, err)
	require.NoError(tb, f.Close())
}

// Remove removes a stored share, if it is there.
func (s *Server) Remove(tb testing.TB, si grid.StorageIndex, n grid.ShareNum) {
	tb.Helper()
	if err := s.disk.Remove(path(si, n)); !errors.Is(err, fs.ErrNotExist) {
		require.NoError(tb, err)
	}
}

// Put stores an immutable share as it is.
func (s *Server) Put(tb testing.TB, si grid.StorageIndex, n grid.ShareNum, share []byte) {
	tb.Helper()
	a, err := s.Store.AllocateBuckets(context.Background(), si, s.leaseOfNobody(), []grid.ShareNum{n}, int64(len(share)))
	require.NoError(tb, err)
	require.Contains(tb, a.Writers, n)
	require.NoError(tb, a.Writers[n].Write(context.Background(), 0, share))
	require.NoError(tb, a.Writers[n].Close(context.Background()))
}

// DamageFile changes the bytes of the file that a share is kept in, container and
// all, whose size stays.
func (s *Server) DamageFile(tb testing.TB, si grid.StorageIndex, n grid.ShareNum, damage func(file []byte)) {
	tb.Helper()
	f, err := s.disk.Edit(path(si, n))
	require.NoError(tb, err)
	size, err := f.Size()
	require.NoError(tb, err)
	file := make([]byte, size)
	_, err = f.ReadAt(file, 0)
	require.NoError(tb, err)
	damage(file)
	_, err = f.WriteAt(file, 0)
	require.NoError(tb, err)
	require.NoError(tb, f.Close())
}
