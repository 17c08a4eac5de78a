package helperrpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/ueb"
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

// reference returns a reference to an object behind a loopback connection.
func reference(t testing.TB, object foolscap.Referenceable) *foolscap.Reference {
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
	return ref
}

func someResults(t testing.TB) *Results {
	segs, err := erasure.NewSegments(1000, 3, 300)
	require.NoError(t, err)
	block := ueb.New(segs, 10, ueb.Hashes{}).Append(nil)
	return &Results{
		Timings:   map[string]float64{"total": 1.5},
		ShareMap:  map[grid.ShareNum][]grid.ServerID{0: {"v0-a"}, 255: {"v0-a", "v0-b"}},
		ServerMap: map[grid.ServerID][]grid.ShareNum{"v0-a": {0, 255}, "v0-b": {255}},
		FileSize:  1000, CiphertextFetched: 900, Preexisting: 1, Pushed: 2,
		UEB: block, UEBHash: taggedhash.UEBHash(block),
	}
}

// fakeService is a helper that knows one file and reads others.
type fakeService struct {
	present grid.StorageIndex
	results *Results
	err     error
	// read is what Upload does.
	read func(ctx context.Context, r Reader) error
}

func (f *fakeService) UploadCHK(_ context.Context, si grid.StorageIndex) (*Results, error) {
	if si == f.present {
		return f.results, f.err
	}
	return nil, f.err
}

func (f *fakeService) Upload(ctx context.Context, _ grid.StorageIndex, r Reader) (*Results, error) {
	if err := f.read(ctx, r); err != nil {
		return nil, err
	}
	return f.results, nil
}

// memory is ciphertext in memory.
type memory struct {
	mu     sync.Mutex // guards closed
	closed int
	data   []byte
	params Parameters
}

func (m *memory) Size() int64            { return int64(len(m.data)) }
func (m *memory) Parameters() Parameters { return m.params }
func (m *memory) ReadAt(_ context.Context, p []byte, offset int64) error {
	if offset == 13 {
		return errors.New("unlucky")
	}
	copy(p, m.data[offset:])
	return nil
}

func (m *memory) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
}

// TestCalls: everything that helper and client say to each other.
func TestCalls(t *testing.T) {
	source := &memory{data: bytes.Repeat([]byte("0123456789abcdef"), 100_000), params: Parameters{grid.Params{K: 3, Happy: 7, N: 10}, 131073}}
	f := &fakeService{present: grid.StorageIndex{1}, results: someResults(t)}
	f.read = func(ctx context.Context, r Reader) error {
		size, err := r.Size(ctx)
		if err != nil || size != int64(len(source.data)) {
			return fmt.Errorf("size %d, %w", size, err)
		}
		params, err := r.Parameters(ctx)
		if err != nil || params != source.params {
			return fmt.Errorf("params %v, %w", params, err)
		}
		var got []byte
		for int64(len(got)) < size {
			pieces, err := r.Read(ctx, int64(len(got)), int(min(MaxRead, size-int64(len(got)))))
			if err != nil {
				return err
			}
			got = append(got, bytes.Join(pieces, nil)...)
		}
		if !bytes.Equal(got, source.data) {
			return errors.New("other bytes")
		}
		return errors.Join(r.Close(ctx), r.Close(ctx))
	}
	h := Helper{reference(t, NewService(f, "tahoe-lafs/1.20.0"))}
	require.Equal(t, HelperInterface, h.Reference.RemoteInterface())
	version, err := h.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, "tahoe-lafs/1.20.0", version)

	results, upload, err := h.UploadCHK(t.Context(), f.present)
	require.NoError(t, err)
	require.Nil(t, upload)
	require.Equal(t, f.results, results)

	results, upload, err = h.UploadCHK(t.Context(), grid.StorageIndex{2})
	require.NoError(t, err)
	require.Nil(t, results)
	defer upload.Release()
	v, err := upload.Reference.Call(t.Context(), "get_version")
	require.NoError(t, err)
	_, err = decodeVersion(v, keyUploadV1)
	require.NoError(t, err)
	results, err = upload.Upload(t.Context(), NewReader(source))
	require.NoError(t, err)
	require.Equal(t, f.results, results)
	require.Eventually(t, func() bool {
		source.mu.Lock()
		defer source.mu.Unlock()
		return source.closed == 2
	}, time.Minute, time.Millisecond, "nobody waits for the answers to close")
}

// TestErrors: what goes wrong at one side is told at the other.
func TestErrors(t *testing.T) {
	f := &fakeService{present: grid.StorageIndex{1}, err: &foolscap.RemoteError{Type: "x.Y", Value: "why"}}
	h := Helper{reference(t, NewService(f, "x"))}
	_, _, err := h.UploadCHK(t.Context(), f.present)
	require.ErrorIs(t, err, &foolscap.RemoteError{Type: "x.Y"})

	f.err, f.results = nil, &Results{UEB: []byte("no block")}
	_, _, err = h.UploadCHK(t.Context(), f.present)
	require.ErrorContains(t, err, "URI extension block")

	f.read = func(ctx context.Context, r Reader) error {
		_, err := r.Read(ctx, 13, 10)
		return err
	}
	_, upload, err := h.UploadCHK(t.Context(), grid.StorageIndex{2})
	require.NoError(t, err)
	defer upload.Release()
	source := &memory{data: make([]byte, 100)}
	_, err = upload.Upload(t.Context(), NewReader(source))
	require.ErrorContains(t, err, "unlucky")
	for _, at := range []struct {
		offset int64
		length int
	}{{0, 101}, {101, 0}, {100, 1}, {1 << 62, 1}, {-1, 1}, {0, -1}, {0, MaxRead + 1}} {
		f.read = func(ctx context.Context, r Reader) error {
			_, err := r.Reference.Call(ctx, methodRead, banana.Int(at.offset), banana.Int(at.length))
			return err
		}
		_, err = upload.Upload(t.Context(), NewReader(source))
		require.Truef(t, foolscap.IsRemoteViolation(err), "%v: %v", at, err)
	}
}

// TestBadCalls: what no helper takes is a violation at the caller, and the
// connection goes on.
func TestBadCalls(t *testing.T) {
	f := &fakeService{results: someResults(t), present: grid.StorageIndex{1}}
	h := Helper{reference(t, NewService(f, "x"))}
	_, upload, err := h.UploadCHK(t.Context(), grid.StorageIndex{2})
	require.NoError(t, err)
	defer upload.Release()
	object := foolscap.Object{Referenceable: NewService(f, "x")}
	for name, c := range map[string]struct {
		ref    *foolscap.Reference
		method string
		args   []banana.Value
	}{
		"unknown method":         {h.Reference, "upload", nil},
		"unknown upload method":  {upload.Reference, "upload_chk", nil},
		"no storage index":       {h.Reference, methodCHK, nil},
		"short storage index":    {h.Reference, methodCHK, []banana.Value{make(banana.Bytes, 15)}},
		"long storage index":     {h.Reference, methodCHK, []banana.Value{make(banana.Bytes, 17)}},
		"huge storage index":     {h.Reference, methodCHK, []banana.Value{make(banana.Bytes, 1<<20)}},
		"storage index is text":  {h.Reference, methodCHK, []banana.Value{banana.Text("aaaaaaaaaaaaaaaa")}},
		"too many arguments":     {h.Reference, methodVersion, []banana.Value{banana.Int(1)}},
		"reader is none":         {upload.Reference, methodUpload, []banana.Value{banana.None{}}},
		"reader of another kind": {upload.Reference, methodUpload, []banana.Value{object}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.ref.Call(t.Context(), c.method, c.args...)
			require.True(t, foolscap.IsRemoteViolation(err), "%v", err)
			_, err = h.Version(t.Context())
			require.NoError(t, err, "the connection goes on")
		})
	}
}

// constant answers everything with one value.
type constant struct {
	name  string
	value banana.Value
}

func (c *constant) RemoteInterface() string { return c.name }
func (c *constant) RemoteCall(context.Context, *foolscap.Request) (banana.Value, error) {
	return c.value, nil
}

// TestBadAnswers: what a hostile client or helper answers is an error.
func TestBadAnswers(t *testing.T) {
	good, err := someResults(t).encode()
	require.NoError(t, err)
	with := func(name string, v banana.Value) banana.Value {
		c := &foolscap.Copyable{Class: good.Class}
		for _, a := range good.Attributes {
			if a.Name == name {
				a.Value = v
			}
			if a.Value != nil {
				c.Attributes = append(c.Attributes, a)
			}
		}
		return banana.NewTuple(c, banana.None{})
	}
	for name, v := range map[string]banana.Value{
		"none":                 banana.None{},
		"nothing at all":       banana.NewTuple(banana.None{}, banana.None{}),
		"both":                 banana.NewTuple(good, foolscap.Object{Referenceable: &chkUpload{}}),
		"no upload":            banana.NewTuple(banana.None{}, foolscap.Object{Referenceable: NewReader(&memory{})}),
		"another class":        banana.NewTuple(&foolscap.Copyable{Class: "x"}, banana.None{}),
		"no UEB":               with(attrUEB, nil),
		"no hash":              with(attrUEBHash, nil),
		"another hash":         with(attrUEBHash, make(banana.Bytes, 32)),
		"short hash":           with(attrUEBHash, make(banana.Bytes, 31)),
		"UEB is no dict":       with(attrUEB, banana.Int(1)),
		"empty UEB":            with(attrUEB, banana.NewDict()),
		"negative count":       with(attrPushed, banana.Int(-1)),
		"negative size":        with(attrFileSize, banana.Int(-1)),
		"share number":         with(attrShareMap, banana.NewDict(banana.Pair{Key: banana.Int(256), Value: banana.NewSet()})),
		"server number":        with(attrServerMap, banana.NewDict(banana.Pair{Key: banana.Int(1), Value: banana.NewSet()})),
		"share map of texts":   with(attrShareMap, banana.NewDict(banana.Pair{Key: banana.Int(1), Value: banana.Text("Found on [x]")})),
		"long server":          with(attrServerMap, banana.NewDict(banana.Pair{Key: make(banana.Bytes, 300), Value: banana.NewSet()})),
		"long name of timing":  with(attrTimings, banana.NewDict(banana.Pair{Key: make(banana.Bytes, 300), Value: banana.Int(1)})),
		"timings are no dict":  with(attrTimings, banana.NewList()),
		"larger than sensible": with(attrURI, make(banana.Bytes, maxResults)),
	} {
		t.Run(name, func(t *testing.T) {
			_, upload, err := Helper{reference(t, &constant{HelperInterface, v})}.UploadCHK(t.Context(), grid.StorageIndex{})
			var violation *banana.Violation
			require.ErrorAs(t, err, &violation)
			require.Nil(t, upload)
		})
	}
}

func TestBadReaders(t *testing.T) {
	list := func(items ...banana.Value) banana.Value { return banana.NewList(items...) }
	many := banana.NewList()
	for range maxPieces + 1 {
		many.Items = append(many.Items, banana.Bytes{})
	}
	for name, v := range map[string]banana.Value{
		"none": banana.None{}, "number": banana.Int(-1), "text": list(banana.Text("x")),
		"too much": list(make(banana.Bytes, 101)), "too much together": list(make(banana.Bytes, 51), make(banana.Bytes, 50)),
		"far too much": list(make(banana.Bytes, 1<<20)), "many": many,
	} {
		t.Run(name, func(t *testing.T) {
			r := Reader{reference(t, &constant{ReaderInterface, v})}
			var violation *banana.Violation
			_, err := r.Read(t.Context(), 0, 100)
			require.ErrorAs(t, err, &violation)
			_, err = r.Size(t.Context())
			require.ErrorAs(t, err, &violation)
			_, err = r.Parameters(t.Context())
			require.ErrorAs(t, err, &violation)
		})
	}
}

func TestNoV1(t *testing.T) {
	dict := banana.NewDict(banana.Pair{Key: banana.Bytes("application-version"), Value: banana.Bytes("old")})
	_, err := Helper{reference(t, &constant{HelperInterface, dict})}.Version(t.Context())
	require.ErrorIs(t, err, ErrNoV1)
}
