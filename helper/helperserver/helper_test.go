package helperserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/gridtest"
	"github.com/besn0847/arm-tahoe/common/helperrpc"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/upload"
)

func newTub(t testing.TB) *foolscap.Tub {
	certificate, err := foolscap.NewEphemeralCertificate()
	require.NoError(t, err)
	tub, err := foolscap.New(foolscap.Options{Certificate: certificate})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, tub.Close(ctx))
	})
	return tub
}

// serve makes an object reachable.
func serve(t testing.TB, object foolscap.Referenceable) furl.FURL {
	tub := newTub(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tub.SetLocation([]string{"tcp:" + listener.Addr().String()})
	go func() { _ = tub.Serve(context.Background(), listener) }()
	address, err := tub.Register(object, secret.Swissnum{})
	require.NoError(t, err)
	return address
}

// dial returns what a client calls, over a connection of its own.
func dial(t testing.TB, address furl.FURL) helperrpc.Helper {
	ref, err := newTub(t).GetReference(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(ref.Release)
	return helperrpc.Helper{Reference: ref}
}

// fixture is a grid with a helper.
type fixture struct {
	grid    *gridtest.Grid
	helper  *Helper
	address furl.FURL
	dir     string
}

func newFixture(t testing.TB, servers int, change func(*Config)) *fixture {
	f := &fixture{grid: gridtest.New(t, servers), dir: filepath.Join(t.TempDir(), "helper")}
	f.start(t, change)
	return f
}

// start starts a helper on the directory.
func (f *fixture) start(t testing.TB, change func(*Config)) {
	uploader := upload.New(f.grid, secret.NewLeaseSecret([32]byte{1}), nil)
	cfg := Config{Dir: f.dir, Servers: f.grid, Uploader: uploader}
	if change != nil {
		change(&cfg)
	}
	h, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, h.Close())
		uploader.Close()
	})
	f.helper = h
	f.address = serve(t, helperrpc.NewService(h, "arm-tahoe/test"))
}

func (f *fixture) files(t testing.TB, dir string) []string {
	entries, err := os.ReadDir(filepath.Join(f.dir, dir))
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// file is ciphertext of a client, which obeys the rules of 1.20's: it can skip,
// and never goes back.
type file struct {
	si     grid.StorageIndex
	data   []byte
	params helperrpc.Parameters
	size   int64 // that it says
	// before, if not nil, is called before each read.
	before func(offset int64) error

	mu     sync.Mutex // guards all below
	at     int64
	sent   int64
	reads  int
	first  int64 // offset of the first read
	closed int
}

func newFile(t testing.TB, size int, params grid.Params, maxSegment int64, seed uint64) *file {
	data := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(size)})
	_, _ = rng.Read(data)
	segment, err := erasure.SegmentSize(int64(size), maxSegment, params.K)
	require.NoError(t, err)
	digest := sha256.Sum256(data)
	return &file{si: grid.StorageIndex(digest[:16]), data: data, size: int64(size), first: -1,
		params: helperrpc.Parameters{Params: params, SegmentSize: segment}}
}

func (f *file) Size() int64                      { return f.size }
func (f *file) Parameters() helperrpc.Parameters { return f.params }

func (f *file) ReadAt(_ context.Context, p []byte, offset int64) error {
	if f.before != nil {
		if err := f.before(offset); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if offset < f.at {
		return fmt.Errorf("went back from %d to %d", f.at, offset)
	}
	if offset+int64(len(p)) > int64(len(f.data)) {
		return errors.New("the file is shorter than announced")
	}
	if f.first < 0 {
		f.first = offset
	}
	copy(p, f.data[offset:])
	f.at = offset + int64(len(p))
	f.sent += int64(len(p))
	f.reads++
	return nil
}

func (f *file) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
}

func (f *file) bytesSent() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent
}

// again is the file for another attempt.
func (f *file) again() *file {
	return &file{si: f.si, data: f.data, params: f.params, size: f.size, first: -1}
}

// result is what encoding the file gives.
func (f *file) result(t testing.TB) *chkencode.Result {
	segs, err := erasure.NewSegments(int64(len(f.data)), f.params.K, f.params.SegmentSize)
	require.NoError(t, err)
	enc, err := chkencode.New(chkencode.Config{Segments: segs, N: f.params.N})
	require.NoError(t, err)
	r, err := enc.Encode(t.Context(), bytes.NewReader(f.data), nil)
	require.NoError(t, err)
	return r
}

// upload does what a client does.
func (f *file) upload(ctx context.Context, h helperrpc.Helper) (*helperrpc.Results, error) {
	results, up, err := h.UploadCHK(ctx, f.si)
	if up == nil {
		return results, err
	}
	defer up.Release()
	return up.Upload(ctx, helperrpc.NewReader(f))
}

var someParams = grid.Params{K: 2, Happy: 2, N: 4}

func TestUpload(t *testing.T) {
	for _, row := range []struct {
		size       int
		params     grid.Params
		maxSegment int64
		servers    int
	}{
		{56, someParams, 1 << 20, 4},
		{DefaultChunkSize, someParams, 1 << 20, 4},
		{3*DefaultChunkSize + 1, grid.Params{K: 1, Happy: 2, N: 3}, 1 << 17, 3},
		{5 << 20, grid.Params{K: 3, Happy: 7, N: 10}, 1 << 20, 10},
		{1, grid.Params{K: 1, Happy: 1, N: 1}, 1 << 20, 1},
	} {
		t.Run(fmt.Sprintf("%v, %d bytes", row.params, row.size), func(t *testing.T) {
			f := newFixture(t, row.servers, nil)
			file := newFile(t, row.size, row.params, row.maxSegment, 1)
			client := dial(t, f.address)
			r, err := file.upload(t.Context(), client)
			require.NoError(t, err)
			want := file.result(t)
			require.Equal(t, want.UEB, r.UEB)
			require.Equal(t, want.UEBHash, r.UEBHash)
			require.EqualValues(t, row.size, r.FileSize)
			require.EqualValues(t, row.size, r.CiphertextFetched)
			require.Equal(t, row.params.N, r.Pushed)
			require.Zero(t, r.Preexisting)
			require.Contains(t, r.Timings, "total")
			require.Len(t, f.grid.Shares(file.si), row.params.N)
			for n, servers := range f.grid.Shares(file.si) {
				require.Equal(t, []grid.ServerID{servers[0].ID}, r.ShareMap[n])
				require.Contains(t, r.ServerMap[servers[0].ID], n)
			}
			require.EqualValues(t, row.size, file.bytesSent(), "each byte once")
			for _, dir := range []string{incomingDir, encodingDir, syncedDir} {
				require.Empty(t, f.files(t, dir))
			}
			require.Eventually(t, func() bool {
				file.mu.Lock()
				defer file.mu.Unlock()
				return file.closed == 1
			}, time.Minute, time.Millisecond)

			again := file.again()
			r2, err := again.upload(t.Context(), client)
			require.NoError(t, err)
			require.Zero(t, again.reads, "it is in the grid")
			require.Equal(t, r.UEBHash, r2.UEBHash)
			require.EqualValues(t, helperrpc.Unknown, r2.FileSize)
			require.Equal(t, row.params.N, r2.Preexisting)
			require.Zero(t, r2.Pushed)

			stats, err := f.helper.Stats()
			require.NoError(t, err)
			size := int64(row.size)
			require.Equal(t, Stats{UploadRequests: 2, AlreadyPresent: 1, NeedUpload: 1, FetchedBytes: size, EncodedBytes: size}, stats)
		})
	}
}

// TestSeveralClients: one goes on where another failed, all get the same results,
// and so does who comes a moment too late.
func TestSeveralClients(t *testing.T) {
	f := newFixture(t, 4, nil)
	first := newFile(t, 4<<20, someParams, 1<<20, 2)
	second, late := first.again(), first.again()
	joined := make(chan struct{})
	first.before = func(offset int64) error {
		if offset < 2<<20 {
			return nil
		}
		<-joined
		return errors.New("the line is down")
	}
	latecomer := dial(t, f.address)
	_, up, err := latecomer.UploadCHK(t.Context(), late.si)
	require.NoError(t, err)
	defer up.Release()

	var wg sync.WaitGroup
	results := make([]*helperrpc.Results, 2)
	errs := make([]error, 2)
	upload := func(i int, file *file) {
		client := dial(t, f.address)
		wg.Go(func() { results[i], errs[i] = file.upload(t.Context(), client) })
	}
	upload(0, first)
	require.Eventually(t, func() bool { return first.bytesSent() > 1<<20 }, time.Minute, time.Millisecond)
	upload(1, second)
	require.Eventually(t, func() bool {
		f.helper.mu.Lock()
		defer f.helper.mu.Unlock()
		in := f.helper.active[first.si]
		return in != nil && len(in.all) == 2
	}, time.Minute, time.Millisecond)
	require.Len(t, f.helper.Uploads(), 1)
	require.Equal(t, Fetching, f.helper.Uploads()[0].Phase)
	close(joined)
	wg.Wait()
	require.NoError(t, errs[0])
	require.NoError(t, errs[1])
	require.Equal(t, results[0], results[1])
	require.Equal(t, first.result(t).UEBHash, results[0].UEBHash)
	require.EqualValues(t, 2<<20, second.first, "it went on where the first had stopped")
	require.EqualValues(t, 4<<20, first.bytesSent()+second.bytesSent())

	r, err := up.Upload(t.Context(), helperrpc.NewReader(late))
	require.NoError(t, err)
	require.Equal(t, results[0], r)
	require.Zero(t, late.reads)

	for _, s := range f.grid.Servers {
		for n := range grid.ShareNum(4) {
			s.Remove(t, first.si, n)
		}
	}
	r, err = late.upload(t.Context(), latecomer)
	require.NoError(t, err)
	require.EqualValues(t, 4<<20, late.bytesSent(), "the results are old: the shares are gone")
	require.Equal(t, 4, r.Pushed)
}

// TestPushFails: the ciphertext stays for another attempt.
func TestPushFails(t *testing.T) {
	f := newFixture(t, 1, nil)
	file := newFile(t, 1<<20, someParams, 1<<20, 3)
	client := dial(t, f.address)
	_, err := file.upload(t.Context(), client)
	require.ErrorIs(t, err, &foolscap.RemoteError{Type: typeUnhappiness})
	require.Equal(t, []string{file.si.String()}, f.files(t, encodingDir))
	f.grid.Add()
	again := file.again()
	r, err := again.upload(t.Context(), client)
	require.NoError(t, err)
	require.Zero(t, again.reads)
	require.Zero(t, r.CiphertextFetched)
	require.Equal(t, file.result(t).UEBHash, r.UEBHash)
	require.Empty(t, f.files(t, encodingDir))
}

func TestNoServers(t *testing.T) {
	f := newFixture(t, 0, nil)
	_, err := newFile(t, 1000, someParams, 1<<20, 3).upload(t.Context(), dial(t, f.address))
	require.ErrorIs(t, err, &foolscap.RemoteError{Type: typeNoServers})
}

// TestPresence: a file counts as stored only if all of it is.
func TestPresence(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, f *fixture, file *file){
		"one share missing": func(t *testing.T, f *fixture, file *file) {
			for _, s := range f.grid.Servers {
				s.Remove(t, file.si, 3)
			}
		},
		"a server has another file": func(t *testing.T, f *fixture, file *file) {
			s := f.grid.Servers[0]
			for _, n := range s.Held(t, file.si) {
				s.Damage(t, file.si, n, func(share []byte) { share[len(share)-5]++ })
			}
		},
		"a server has rubbish": func(t *testing.T, f *fixture, file *file) {
			s := f.grid.Servers[1]
			for _, n := range s.Held(t, file.si) {
				s.Damage(t, file.si, n, func(share []byte) { clear(share) })
			}
		},
		"a server is away": func(t *testing.T, f *fixture, file *file) { f.grid.Servers[2].Disconnect() },
		"a server refuses": func(t *testing.T, f *fixture, file *file) {
			f.grid.Servers[3].OnCall(gridtest.Refuse(errors.New("no"), gridtest.Get, gridtest.Read))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 4, nil)
			file := newFile(t, 1000, someParams, 1<<20, 4)
			client := dial(t, f.address)
			_, err := file.upload(t.Context(), client)
			require.NoError(t, err)
			damage(t, f, file)
			r, up, err := client.UploadCHK(t.Context(), file.si)
			require.NoError(t, err)
			require.Nil(t, r)
			up.Release()
		})
	}
}

// TestClose: what was fetched when the helper ends is there when it begins again.
func TestClose(t *testing.T) {
	f := newFixture(t, 4, nil)
	file := newFile(t, 2<<20, someParams, 1<<20, 5)
	half := make(chan struct{})
	release := make(chan struct{})
	file.before = func(offset int64) error {
		if offset == 1<<20 {
			close(half)
			<-release
		}
		return nil
	}
	client := dial(t, f.address)
	failed := make(chan error, 1)
	go func() {
		_, err := file.upload(t.Context(), client)
		failed <- err
	}()
	<-half
	require.NoError(t, f.helper.Close())
	require.ErrorContains(t, <-failed, ErrClosed.Error())
	close(release)
	_, err := file.upload(t.Context(), client)
	require.ErrorContains(t, err, ErrClosed.Error())

	f.start(t, nil)
	again := file.again()
	r, err := again.upload(t.Context(), dial(t, f.address))
	require.NoError(t, err)
	require.Equal(t, file.result(t).UEBHash, r.UEBHash)
	require.Positive(t, again.first)
	require.Equal(t, int64(2<<20)-again.first, r.CiphertextFetched)
	stats, err := f.helper.Stats()
	require.NoError(t, err)
	require.EqualValues(t, 1, stats.Resumes)
}
