package helperclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/furl"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/helperrpc"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/ueb"
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

// fakeHelper is a helper that encodes nothing for a grid: it makes the results of
// what it has read. A hostile one changes them.
type fakeHelper struct {
	t testing.TB
	// present, if not nil, is what the grid has.
	present []byte
	// from is where reading begins: before it, another client has sent others.
	from   int64
	others []byte
	// lie changes results.
	lie func(*helperrpc.Results)
	// before is called before each read.
	before func(offset int64, r helperrpc.Reader) error

	mu  sync.Mutex // guards all below
	got []byte
}

func (f *fakeHelper) UploadCHK(ctx context.Context, si grid.StorageIndex) (*helperrpc.Results, error) {
	if f.present == nil {
		return nil, nil
	}
	return f.results(ctx, f.present, helperrpc.Parameters{Params: someParams, SegmentSize: someSegment}, helperrpc.Unknown)
}

const chunk = 50_000

func (f *fakeHelper) Upload(ctx context.Context, _ grid.StorageIndex, r helperrpc.Reader) (*helperrpc.Results, error) {
	size, err := r.Size(ctx)
	if err != nil {
		return nil, err
	}
	params, err := r.Parameters(ctx)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.got) == 0 {
		f.got = append(f.got, f.others[:f.from]...)
	}
	for at := int64(len(f.got)); at < size; at = int64(len(f.got)) {
		if f.before != nil {
			if err := f.before(at, r); err != nil {
				return nil, err
			}
		}
		pieces, err := r.Read(ctx, at, int(min(chunk, size-at)))
		if err != nil {
			return nil, err
		}
		f.got = append(f.got, bytes.Join(pieces, nil)...)
	}
	_ = r.Close(ctx)
	results, err := f.results(ctx, f.got, params, size)
	f.got = nil
	return results, err
}

func (f *fakeHelper) results(ctx context.Context, data []byte, p helperrpc.Parameters, size int64) (*helperrpc.Results, error) {
	segs, err := erasure.NewSegments(int64(len(data)), p.K, p.SegmentSize)
	if err != nil {
		return nil, err
	}
	enc, err := chkencode.New(chkencode.Config{Segments: segs, N: p.N})
	if err != nil {
		return nil, err
	}
	encoded, err := enc.Encode(ctx, bytes.NewReader(data), nil)
	if err != nil {
		return nil, err
	}
	r := &helperrpc.Results{
		Timings:  map[string]float64{"peer_selection": 0.5, "total_encode_and_push": -1},
		ShareMap: map[grid.ShareNum][]grid.ServerID{0: {"v0-b"}, 1: {"v0-a"}, 2: {"v0-b"}},
		FileSize: size, CiphertextFetched: size, Pushed: 3, UEB: encoded.UEB, UEBHash: encoded.UEBHash,
	}
	if f.present != nil {
		r.Pushed, r.Preexisting = 0, 3
	}
	if f.lie != nil {
		f.lie(r)
	}
	return r, nil
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

// connect returns a client that is connected to the helper.
func connect(t testing.TB, f *fakeHelper) *Client {
	c := newClient(t, helperrpc.NewService(f, "fake/1"))
	require.Eventually(t, c.Connected, time.Minute, time.Millisecond)
	return c
}

func newClient(t testing.TB, object foolscap.Referenceable) *Client {
	c := New(Config{Tub: newTub(t), FURL: serve(t, object), RetryTime: 2 * time.Minute})
	t.Cleanup(c.Close)
	return c
}

var someParams = grid.Params{K: 2, Happy: 2, N: 3}

const someSegment = 131072

// source is ciphertext in memory that counts how often it is opened.
type source struct {
	data   []byte
	opened int
	closed int
	broken error
}

func (s *source) Open() (io.ReadCloser, error) {
	s.opened++
	var r io.Reader = bytes.NewReader(s.data)
	if s.broken != nil {
		r = io.MultiReader(bytes.NewReader(s.data[:len(s.data)/2]), &brokenReader{s.broken})
	}
	return &closer{r, s}, nil
}

type brokenReader struct{ err error }

func (b *brokenReader) Read([]byte) (int, error) { return 0, b.err }

type closer struct {
	io.Reader
	s *source
}

func (c *closer) Close() error {
	c.s.closed++
	return nil
}

func request(t testing.TB, size int) (upload.Request, *source) {
	data := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(data)
	segment, err := erasure.SegmentSize(int64(size), someSegment, someParams.K)
	require.NoError(t, err)
	segs, err := erasure.NewSegments(int64(size), someParams.K, segment)
	require.NoError(t, err)
	digest := sha256.Sum256(data)
	s := &source{data: data}
	return upload.Request{SI: grid.StorageIndex(digest[:16]), Params: someParams, Segments: segs, Ciphertext: s}, s
}

// hashOf is the UEB hash that the request must give.
func hashOf(t testing.TB, req upload.Request, s *source) taggedhash.Hash {
	enc, err := chkencode.New(chkencode.Config{Segments: req.Segments, N: req.Params.N})
	require.NoError(t, err)
	r, err := enc.Encode(t.Context(), bytes.NewReader(s.data), nil)
	require.NoError(t, err)
	return r.UEBHash
}

func TestUpload(t *testing.T) {
	for _, size := range []int{56, someSegment, 5*someSegment + 1, 1_000_000} {
		c := connect(t, &fakeHelper{t: t})
		require.Equal(t, "fake/1", c.Info().Version)
		req, s := request(t, size)
		var progress int64
		req.Progress = func(n int64) { progress = n }
		r, err := c.Upload(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, hashOf(t, req, s), r.UEBHash)
		require.EqualValues(t, size, r.Size)
		require.EqualValues(t, size, progress)
		require.Equal(t, 2, r.Happiness)
		require.Equal(t, []upload.ServerResult{
			{ID: "v0-a", Pushed: []grid.ShareNum{1}}, {ID: "v0-b", Pushed: []grid.ShareNum{0, 2}},
		}, r.Servers)
		require.Equal(t, 500*time.Millisecond, r.Timings.Selection)
		require.Zero(t, r.Timings.Push, "a helper may say anything")
		require.Equal(t, 1, s.opened)
		require.Equal(t, 1, s.closed)
	}
}

// TestPresent: what is in the grid is compared with the whole ciphertext, though
// nobody wants to have it.
func TestPresent(t *testing.T) {
	req, s := request(t, 1_000_000)
	f := &fakeHelper{t: t, present: s.data}
	r, err := connect(t, f).Upload(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, hashOf(t, req, s), r.UEBHash)
	require.Equal(t, 3, r.Preexisting)
	require.Equal(t, []grid.ShareNum{0, 2}, r.Servers[1].Existing)

	f = &fakeHelper{t: t, present: make([]byte, 1_000_000)}
	_, err = connect(t, f).Upload(t.Context(), req)
	requireUntrue(t, err, "its ciphertext is another")
}

func requireUntrue(t testing.TB, err error, text string) {
	t.Helper()
	var untrue *UntrueError
	require.ErrorAs(t, err, &untrue)
	require.ErrorContains(t, err, text)
}

// TestResume: the helper begins where it has something, which is compared too.
func TestResume(t *testing.T) {
	req, s := request(t, 1_000_000)
	for name, from := range map[string]int64{"a part": 333_333, "all but one byte": 999_999, "all": 1_000_000} {
		t.Run(name, func(t *testing.T) {
			r, err := connect(t, &fakeHelper{t: t, from: from, others: s.data}).Upload(t.Context(), req)
			require.NoError(t, err)
			require.Equal(t, hashOf(t, req, s), r.UEBHash)
			poisoned := bytes.Clone(s.data)
			poisoned[1000]++
			_, err = connect(t, &fakeHelper{t: t, from: from, others: poisoned}).Upload(t.Context(), req)
			requireUntrue(t, err, "its ciphertext is another")
		})
	}
}

// TestHostileHelper: results that are not about the file are refused.
func TestHostileHelper(t *testing.T) {
	req, s := request(t, 1_000_000)
	block := func(change func(segs *erasure.Segments, n *int, h *ueb.Hashes)) func(*helperrpc.Results) {
		return func(r *helperrpc.Results) {
			good, err := ueb.Parse(r.UEB)
			require.NoError(t, err)
			segs, n := req.Segments, req.Params.N
			h := ueb.Hashes{CiphertextRoot: good.CiphertextRootHash(), ShareRoot: good.ShareRootHash()}
			change(&segs, &n, &h)
			r.UEB = ueb.New(segs, n, h).Append(nil)
			r.UEBHash = taggedhash.UEBHash(r.UEB)
		}
	}
	cut := func(size int64, k int, segment int64) erasure.Segments {
		segs, err := erasure.NewSegments(size, k, segment)
		require.NoError(t, err)
		return segs
	}
	for name, row := range map[string]struct {
		lie  func(*helperrpc.Results)
		says string
	}{
		"another size":         {block(func(s *erasure.Segments, _ *int, _ *ueb.Hashes) { *s = cut(999_999, 2, someSegment) }), "size"},
		"another k":            {block(func(s *erasure.Segments, _ *int, _ *ueb.Hashes) { *s = cut(1_000_000, 1, someSegment) }), "codec_params"},
		"another n":            {block(func(_ *erasure.Segments, n *int, _ *ueb.Hashes) { *n = 4 }), "codec_params"},
		"another segment size": {block(func(s *erasure.Segments, _ *int, _ *ueb.Hashes) { *s = cut(1_000_000, 2, 65536) }), "segments of 65536"},
		"another root":         {block(func(_ *erasure.Segments, _ *int, h *ueb.Hashes) { h.CiphertextRoot[0]++ }), "its ciphertext is another"},
		"another file size":    {func(r *helperrpc.Results) { r.FileSize-- }, "a file of 999999 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := connect(t, &fakeHelper{t: t, lie: row.lie}).Upload(t.Context(), req)
			requireUntrue(t, err, row.says)
		})
	}
	t.Run("another hash", func(t *testing.T) {
		_, err := connect(t, &fakeHelper{t: t, lie: func(r *helperrpc.Results) { r.UEBHash[0]++ }}).Upload(t.Context(), req)
		var violation *banana.Violation
		require.ErrorAs(t, err, &violation)
	})
	t.Run("going back", func(t *testing.T) {
		back := func(at int64, r helperrpc.Reader) error {
			_, err := r.Read(t.Context(), max(0, at-1), 1)
			return err
		}
		_, err := connect(t, &fakeHelper{t: t, before: back}).Upload(t.Context(), req)
		require.ErrorContains(t, err, errBack.Error())
	})
	t.Run("reading afterwards", func(t *testing.T) {
		kept := make(chan helperrpc.Reader, 1)
		f := &fakeHelper{t: t, before: func(at int64, r helperrpc.Reader) error {
			if at == 0 {
				kept <- helperrpc.Reader{Reference: r.Reference.Retain()}
			}
			return nil
		}}
		_, err := connect(t, f).Upload(t.Context(), req)
		require.NoError(t, err)
		r := <-kept
		defer r.Reference.Release()
		_, err = r.Read(t.Context(), 1_000_000, 0)
		require.ErrorContains(t, err, errOver.Error())
	})
	require.Equal(t, s.opened, s.closed)
}

// TestErrors: what the helper cannot do, and what we cannot.
func TestErrors(t *testing.T) {
	req, s := request(t, 1_000_000)
	fail := func(err error) *fakeHelper {
		return &fakeHelper{t: t, before: func(int64, helperrpc.Reader) error { return err }}
	}
	_, err := connect(t, fail(&foolscap.RemoteError{Type: "allmydata.interfaces.UploadUnhappinessError", Value: "too few"})).Upload(t.Context(), req)
	var unhappy *upload.UnhappinessError
	require.ErrorAs(t, err, &unhappy)
	require.ErrorContains(t, err, "the helper says: too few")
	_, err = connect(t, fail(&foolscap.RemoteError{Type: "some.Other", Value: "no room"})).Upload(t.Context(), req)
	require.ErrorIs(t, err, &foolscap.RemoteError{Type: "some.Other"})
	require.ErrorContains(t, err, "no room")

	s.broken = errors.New("secret path")
	_, err = connect(t, &fakeHelper{t: t}).Upload(t.Context(), req)
	require.ErrorIs(t, err, s.broken)
	s.broken = io.EOF
	_, err = connect(t, &fakeHelper{t: t}).Upload(t.Context(), req)
	var short *chkencode.ShortError
	require.ErrorAs(t, err, &short)
	require.EqualValues(t, 500_000, short.Got)
	s.broken = nil

	ctx, cancel := context.WithCancel(t.Context())
	_, err = connect(t, &fakeHelper{t: t, before: func(int64, helperrpc.Reader) error {
		cancel()
		<-ctx.Done()
		return nil
	}}).Upload(ctx, req)
	require.ErrorIs(t, err, context.Canceled)
}

// TestLostConnection: the upload goes on over the next one, where the helper
// stands.
func TestLostConnection(t *testing.T) {
	req, s := request(t, 1_000_000)
	drops := 0
	f := &fakeHelper{t: t, before: func(at int64, r helperrpc.Reader) error {
		if at == 500_000 && drops == 0 {
			drops++
			r.Reference.Drop()
		}
		return nil
	}}
	c := connect(t, f)
	r, err := c.Upload(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, hashOf(t, req, s), r.UEBHash)
	require.Equal(t, 1, drops)
	require.Equal(t, 2, s.opened)
	require.Equal(t, 2, s.closed)

	c.cfg.RetryTime = -1
	drops = 0
	_, err = c.Upload(t.Context(), req)
	require.ErrorIs(t, err, foolscap.ErrDisconnected)
}

// TestOnce: a source that cannot be read again says so.
func TestOnce(t *testing.T) {
	req, s := request(t, 1_000_000)
	req.Ciphertext = upload.Once(bytes.NewReader(s.data))
	dropped := false
	f := &fakeHelper{t: t, before: func(at int64, r helperrpc.Reader) error {
		if at == 500_000 && !dropped {
			dropped = true
			r.Reference.Drop()
		}
		return nil
	}}
	_, err := connect(t, f).Upload(t.Context(), req)
	require.ErrorIs(t, err, upload.ErrOnce)
	require.ErrorIs(t, err, foolscap.ErrDisconnected, "which is why it had to be read again")
}

func TestNotConnected(t *testing.T) {
	c := newClient(t, &nobody{})
	req, _ := request(t, 1000)
	_, err := c.Upload(t.Context(), req)
	require.ErrorIs(t, err, ErrNotConnected)
	require.Eventually(t, func() bool { return errors.Is(c.Info().Err, helperrpc.ErrNoV1) }, time.Minute, time.Millisecond)
	require.False(t, c.Connected())
	_, err = c.await(t.Context(), time.Millisecond)
	require.ErrorIs(t, err, ErrNotConnected)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.await(ctx, time.Hour)
	require.ErrorIs(t, err, context.Canceled)
	c.Close()
	_, err = c.await(t.Context(), time.Hour)
	require.ErrorIs(t, err, ErrNotConnected)
}

// nobody is an object that is no helper.
type nobody struct{ _ byte }

func (*nobody) RemoteInterface() string { return helperrpc.HelperInterface }
func (*nobody) RemoteCall(context.Context, *foolscap.Request) (banana.Value, error) {
	return banana.NewDict(), nil
}
