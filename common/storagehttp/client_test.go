package storagehttp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

var testSI = grid.StorageIndex{1, 2, 3}

func fill32(b byte) (a [32]byte) {
	for i := range a {
		a[i] = b
	}
	return a
}

func testLease() grid.LeaseSecrets {
	return grid.LeaseSecrets{Renewal: secret.NewRenewalSecret(fill32('R')), Cancel: secret.NewCancelSecret(fill32('C'))}
}

func testSecrets() grid.SlotSecrets {
	return grid.SlotSecrets{WriteEnabler: secret.NewWriteEnabler(fill32('W')), Lease: testLease()}
}

// testBytes are size bytes that do not repeat soon.
func testBytes(size int) []byte {
	b := make([]byte, size)
	x := uint32(size)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// upload stores one share.
func upload(t testing.TB, c grid.StorageServer, si grid.StorageIndex, n grid.ShareNum, data []byte) {
	t.Helper()
	a, err := c.AllocateBuckets(t.Context(), si, testLease(), []grid.ShareNum{n}, int64(len(data)))
	require.NoError(t, err)
	w := a.Writers[n]
	require.NotNil(t, w)
	require.NoError(t, w.Write(t.Context(), 0, data))
	require.NoError(t, w.Close(t.Context()))
}

func TestVersion(t *testing.T) {
	nurl, core := startHandler(t)
	v, err := newTestClient(t, nurl).Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, core.version, v)
}

func TestVersionWithoutLimits(t *testing.T) {
	body := appendVersion(nil, grid.ServerVersion{ApplicationVersion: "x"})
	// A server without disk statistics announces 2^64-1 or so.
	body = bytes.Replace(body, appendHead(appendBytes(nil, []byte(keySpace)), majorUint, 0),
		appendHead(appendBytes(nil, []byte(keySpace)), majorUint, math.MaxUint64), 1)
	v, err := parseVersion(body)
	require.NoError(t, err)
	require.Equal(t, int64(math.MaxInt64), v.AvailableSpace)
}

func TestUploadAndRead(t *testing.T) {
	nurl, _ := startHandler(t)
	c := newTestClient(t, nurl)
	ctx := t.Context()
	data := testBytes(3*chunkSize + 17)
	a, err := c.AllocateBuckets(ctx, testSI, testLease(), []grid.ShareNum{5, 0, 5}, int64(len(data)))
	require.NoError(t, err)
	require.Empty(t, a.AlreadyHave)
	require.Len(t, a.Writers, 2)

	w := a.Writers[5]
	require.NoError(t, w.Write(ctx, 1000, data[1000:]))
	require.NoError(t, w.Write(ctx, 0, nil))
	var conflict *grid.ConflictingWriteError
	require.ErrorAs(t, w.Write(ctx, 1000, append([]byte("x"), data[1001:1010]...)), &conflict)
	require.Equal(t, grid.Range{Begin: 1000, End: 1010}, conflict.Range)
	shares, err := c.GetBuckets(ctx, testSI)
	require.NoError(t, err)
	require.Empty(t, shares)
	require.NoError(t, w.Write(ctx, 0, data[:1000]))

	require.NoError(t, w.Write(ctx, 10, data[10:20]), "the same bytes again, after the server has the share")
	require.ErrorAs(t, w.Write(ctx, 10, []byte("x")), &conflict)
	require.NoError(t, w.Close(ctx))
	require.ErrorIs(t, w.Close(ctx), grid.ErrWriterClosed)
	require.ErrorIs(t, w.Write(ctx, 0, data[:1]), grid.ErrWriterClosed)
	require.NoError(t, w.Abort(ctx))

	shares, err = c.GetBuckets(ctx, testSI)
	require.NoError(t, err)
	require.Len(t, shares, 1)
	readsBack(t, shares[5], data)
	again, err := c.AllocateBuckets(ctx, testSI, testLease(), []grid.ShareNum{0, 1, 5}, int64(len(data)))
	require.NoError(t, err)
	require.Equal(t, []grid.ShareNum{5}, again.AlreadyHave)
	require.Len(t, again.Writers, 1)
	require.NotNil(t, again.Writers[1])
}

func readsBack(t *testing.T, share grid.BucketReader, data []byte) {
	t.Helper()
	size := int64(len(data))
	tests := []struct{ offset, length, want int64 }{
		{0, size, size}, {0, size + 10, size}, {1, 1, 1}, {size - 3, 10, 3}, {size, 10, 0}, {size + 9, 1, 0},
		{math.MaxInt64, 5, 0}, {math.MaxInt64 - 7, 5, 0}, {chunkSize - 1, chunkSize + 2, chunkSize + 2}, {7, 0, 0},
	}
	for _, tt := range tests {
		p := make([]byte, tt.length)
		n, err := share.Read(t.Context(), p, tt.offset)
		require.NoError(t, err)
		require.Equal(t, tt.want, int64(n))
		if n > 0 {
			require.True(t, bytes.Equal(data[tt.offset:tt.offset+tt.want], p[:n]))
		}
	}
	_, err := share.Read(t.Context(), make([]byte, 1), -1)
	var argument *grid.ArgumentError
	require.ErrorAs(t, err, &argument)
}

// TestCloseFillsHoles: grid.BucketWriter promises zeros.
func TestCloseFillsHoles(t *testing.T) {
	nurl, _ := startHandler(t)
	c := newTestClient(t, nurl)
	a, err := c.AllocateBuckets(t.Context(), testSI, testLease(), []grid.ShareNum{0, 1}, zeroSize+100)
	require.NoError(t, err)
	require.NoError(t, a.Writers[0].Write(t.Context(), 50, []byte("abc")))
	require.NoError(t, a.Writers[0].Close(t.Context()))
	require.NoError(t, a.Writers[1].Close(t.Context()), "nothing was written at all")
	shares, err := c.GetBuckets(t.Context(), testSI)
	require.NoError(t, err)
	want := make([]byte, zeroSize+100)
	readsBack(t, shares[1], want)
	copy(want[50:], "abc")
	readsBack(t, shares[0], want)
}

func TestUploadErrors(t *testing.T) {
	nurl, _ := startHandler(t)
	c := newTestClient(t, nurl)
	ctx := t.Context()
	a, err := c.AllocateBuckets(ctx, testSI, testLease(), []grid.ShareNum{0, 1}, 10)
	require.NoError(t, err)
	w := a.Writers[0]
	var tooLarge *grid.DataTooLargeError
	require.ErrorAs(t, w.Write(ctx, 5, make([]byte, 6)), &tooLarge)
	require.Equal(t, grid.DataTooLargeError{MaxSize: 10, Offset: 5, Length: 6}, *tooLarge)
	require.ErrorAs(t, w.Write(ctx, math.MaxInt64, make([]byte, 6)), &tooLarge)
	var argument *grid.ArgumentError
	require.ErrorAs(t, w.Write(ctx, -1, nil), &argument)

	stolen := newWriter(c, testSI, 0, secret.NewUploadSecret([]byte("another")), 10)
	require.ErrorIs(t, stolen.Write(ctx, 0, []byte("x")), grid.ErrBadUploadSecret)
	require.True(t, hasStatus(stolen.Abort(ctx), http.StatusUnauthorized))
	require.NoError(t, w.Abort(ctx))
	require.NoError(t, w.Abort(ctx))
	require.ErrorIs(t, w.Write(ctx, 0, []byte("x")), grid.ErrWriterClosed)
	require.ErrorIs(t, newWriter(c, testSI, 0, secret.NewUploadSecret([]byte("x")), 10).Write(ctx, 0, []byte("x")), grid.ErrWriterClosed)

	require.NoError(t, a.Writers[1].Write(ctx, 0, make([]byte, 10)))
	require.True(t, hasStatus(a.Writers[1].Abort(ctx), http.StatusMethodNotAllowed), "it is complete")
	_, err = c.AllocateBuckets(ctx, testSI, testLease(), []grid.ShareNum{256}, 10)
	require.ErrorAs(t, err, &argument)
	_, err = c.AllocateBuckets(ctx, testSI, testLease(), []grid.ShareNum{2}, -1)
	require.ErrorAs(t, err, &argument)
	none, err := c.AllocateBuckets(ctx, testSI, testLease(), []grid.ShareNum{2}, math.MaxInt64)
	require.NoError(t, err, "does not fit, which is no error")
	require.Empty(t, none.Writers)
	empty, err := c.AllocateBuckets(ctx, testSI, testLease(), []grid.ShareNum{3}, 0)
	require.NoError(t, err)
	require.ErrorIs(t, empty.Writers[3].Close(ctx), errIncomplete)
}

// TestConcurrentWrites completes a share by writes of which none is the last.
func TestConcurrentWrites(t *testing.T) {
	nurl, core := startHandler(t)
	c := newTestClient(t, nurl)
	data := testBytes(64 * 1000)
	a, err := c.AllocateBuckets(t.Context(), testSI, testLease(), []grid.ShareNum{7}, int64(len(data)))
	require.NoError(t, err)
	w := a.Writers[7]
	var group sync.WaitGroup
	errs := make(chan error, 64)
	for i := range 64 {
		group.Go(func() { errs <- w.Write(t.Context(), int64(i*1000), data[i*1000:(i+1)*1000]) })
	}
	group.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.NoError(t, w.Close(t.Context()))
	require.Equal(t, data, core.slots[testSI].shares[7])
}

func TestLeasesAndAdvice(t *testing.T) {
	nurl, core := startHandler(t)
	c := newTestClient(t, nurl)
	ctx := t.Context()
	require.NoError(t, c.AddLease(ctx, testSI, testLease()), "no share is no error")
	require.NoError(t, c.AdviseCorruptShare(ctx, grid.Immutable, testSI, 1, "bad"))
	upload(t, c, testSI, 1, []byte("data"))
	require.NoError(t, c.AddLease(ctx, testSI, testLease()))
	require.NoError(t, c.AdviseCorruptShare(ctx, grid.Immutable, testSI, 1, "bad \xff block"))
	require.NoError(t, c.AdviseCorruptShare(ctx, grid.Immutable, testSI, 1, ""))
	require.NoError(t, c.AdviseCorruptShare(ctx, grid.Immutable, testSI, 1, strings.Repeat("é", 20000)))
	shares, err := c.GetBuckets(ctx, testSI)
	require.NoError(t, err)
	require.NoError(t, shares[1].AdviseCorruptShare(ctx, "by the reader"))
	prefix := "immutable " + testSI.String() + " 1 "
	require.Equal(t, []string{
		prefix + "bad \uFFFD block", prefix + "no reason given",
		prefix + strings.Repeat("é", maxSentReason/2), prefix + "by the reader",
	}, core.advice)
}

func TestSlots(t *testing.T) {
	nurl, core := startHandler(t)
	c := newTestClient(t, nurl)
	ctx := t.Context()
	big := testBytes(MaxAnswerSize/8 + 1)
	change := map[grid.ShareNum]grid.SlotWrite{
		0: {Tests: []grid.TestVector{{Length: 1}}, Writes: []grid.WriteVector{{Data: []byte("hello")}, {Offset: 8, Data: []byte("x")}}},
		3: {Writes: []grid.WriteVector{{Data: big}}},
	}
	reads := []grid.ReadVector{{Offset: 1, Length: 4}, {Offset: 0, Length: 0}, {Offset: 100, Length: 10}}
	r, err := c.SlotTestvAndReadvAndWritev(ctx, testSI, testSecrets(), change, reads)
	require.NoError(t, err)
	require.Equal(t, grid.TestvResult{Passed: true, Data: grid.ReadvData{}}, r)
	require.Equal(t, []byte("hello\x00\x00\x00x"), core.slots[testSI].shares[0])
	require.True(t, bytes.Equal(big, core.slots[testSI].shares[3]))

	r, err = c.SlotTestvAndReadvAndWritev(ctx, testSI, testSecrets(), change, reads)
	require.NoError(t, err)
	require.False(t, r.Passed)
	require.Equal(t, [][]byte{[]byte("ello"), {}, {}}, r.Data[0])

	data, err := c.SlotReadv(ctx, testSI, nil, reads)
	require.NoError(t, err)
	require.Equal(t, grid.ReadvData{0: {[]byte("ello"), {}, {}}, 3: {big[1:5], {}, big[100:110]}}, data)
	data, err = c.SlotReadv(ctx, testSI, []grid.ShareNum{0, 9}, reads[:1])
	require.NoError(t, err)
	require.Equal(t, grid.ReadvData{0: {[]byte("ello")}}, data)
	data, err = c.SlotReadv(ctx, testSI, []grid.ShareNum{3, 9}, nil)
	require.NoError(t, err)
	require.Equal(t, grid.ReadvData{3: {}}, data)
	data, err = c.SlotReadv(ctx, testSI, []grid.ShareNum{3}, []grid.ReadVector{{Length: math.MaxInt64}})
	require.NoError(t, err)
	require.True(t, bytes.Equal(big, data[3][0]))

	zero := int64(0)
	_, err = c.SlotTestvAndReadvAndWritev(ctx, testSI, testSecrets(), map[grid.ShareNum]grid.SlotWrite{3: {NewLength: &zero}}, nil)
	require.NoError(t, err)
	require.Len(t, core.slots[testSI].shares, 1)
}

func TestSlotErrors(t *testing.T) {
	nurl, _ := startHandler(t)
	c := newTestClient(t, nurl)
	ctx := t.Context()
	write := map[grid.ShareNum]grid.SlotWrite{0: {Writes: []grid.WriteVector{{Data: []byte("x")}}}}
	_, err := c.SlotTestvAndReadvAndWritev(ctx, testSI, testSecrets(), write, nil)
	require.NoError(t, err)
	other := testSecrets()
	other.WriteEnabler = secret.NewWriteEnabler(fill32('X'))
	_, err = c.SlotTestvAndReadvAndWritev(ctx, testSI, other, write, nil)
	var enabler *grid.BadWriteEnablerError
	require.ErrorAs(t, err, &enabler)
	_, err = c.GetBuckets(ctx, testSI)
	require.True(t, hasStatus(err, http.StatusInternalServerError), "the slot is mutable: %v", err)

	negative := int64(-1)
	for name, w := range map[string]grid.SlotWrite{
		"test":  {Tests: []grid.TestVector{{Offset: -1}}},
		"write": {Writes: []grid.WriteVector{{Offset: -1}}},
		"size":  {NewLength: &negative},
		"many":  {Tests: make([]grid.TestVector, MaxTestVectors+1)},
	} {
		_, err := c.SlotTestvAndReadvAndWritev(ctx, testSI, testSecrets(), map[grid.ShareNum]grid.SlotWrite{0: w}, nil)
		var argument *grid.ArgumentError
		require.ErrorAs(t, err, &argument, name)
	}
	_, err = c.SlotTestvAndReadvAndWritev(ctx, testSI, testSecrets(), write, make([]grid.ReadVector, MaxReadVectors+1))
	require.Error(t, err)
	_, err = c.SlotReadv(ctx, testSI, nil, []grid.ReadVector{{Length: -1}})
	require.Error(t, err)
	_, err = c.SlotReadv(ctx, testSI, []grid.ShareNum{-1}, nil)
	require.Error(t, err)
}

func TestWrongServers(t *testing.T) {
	nurl, _ := startHandler(t)
	wrongKey, wrongSwissnum := nurl, nurl
	wrongKey.Hash[0]++
	wrongSwissnum.Swissnum = secret.NewSwissnum([]byte("wrong"))
	_, err := newTestClient(t, wrongKey).Version(t.Context())
	require.ErrorIs(t, err, ErrWrongCertificate)
	_, err = newTestClient(t, wrongSwissnum).Version(t.Context())
	require.ErrorIs(t, err, ErrWrongSwissnum)
	_, err = newTestClient(t, wrongSwissnum).SlotTestvAndReadvAndWritev(t.Context(), testSI, testSecrets(), nil, nil)
	require.ErrorIs(t, err, ErrWrongSwissnum, "401 is not for the write enabler here")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = newTestClient(t, nurl).Version(ctx)
	require.ErrorIs(t, err, context.Canceled)
	_, err = NewClient(NURL{}, ClientOptions{})
	require.ErrorIs(t, err, ErrNURLHost)
	nurl.Tor = true
	_, err = NewClient(nurl, ClientOptions{})
	require.ErrorContains(t, err, "Tor")
	for _, err := range []error{err} {
		require.NotContains(t, err.Error(), testSwissnum)
	}
}

// TestHostileAnswers has a server that answers whatever the row says.
func TestHostileAnswers(t *testing.T) {
	tests := []struct {
		name, contentType, contentRange string
		status                          int
		body                            []byte
	}{
		{"page", "text/html", "", 200, []byte("<html>")},
		{"nothing", typeCBOR, "", 200, nil},
		{"no map", typeCBOR, "", 200, []byte{0x80}},
		{"deep", typeCBOR, "", 200, bytes.Repeat([]byte{0x81}, 100000)},
		{"long string", typeCBOR, "", 200, []byte{0x5b, 0x7f, 255, 255, 255, 255, 255, 255, 255}},
		{"long array", typeCBOR, "", 200, []byte{0x9b, 0x7f, 255, 255, 255, 255, 255, 255, 255}},
		{"long map", typeCBOR, "", 200, []byte{0xbb, 0x7f, 255, 255, 255, 255, 255, 255, 255}},
		{"huge body", typeCBOR, "", 200, make([]byte, maxSmallAnswer+1)},
		{"elsewhere", "", "", 302, nil},
		{"share, but all of it", typeShare, "", 200, []byte("abcdefghij")},
		{"share without range", typeShare, "", 206, []byte("abcdefghij")},
		{"share from elsewhere", typeShare, "bytes 1-10/*", 206, []byte("abcdefghij")},
		{"more of the share", typeShare, "bytes 0-10/*", 206, []byte("abcdefghijk")},
		{"less than it says", typeShare, "bytes 0-9/*", 206, []byte("abcdefghi")},
		{"more than it says", typeShare, "bytes 0-8/*", 206, []byte("abcdefghij")},
		{"as CBOR", typeCBOR, "bytes 0-9/*", 206, []byte("abcdefghij")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nurl := startServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(headerContentType, tt.contentType)
				w.Header().Set(headerContentRange, tt.contentRange)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				_, _ = w.Write(tt.body)
			}), ServerOptions{})
			c := newTestClient(t, nurl)
			_, err := c.Version(t.Context())
			require.Error(t, err)
			_, err = c.GetBuckets(t.Context(), testSI)
			require.Error(t, err)
			_, err = c.AllocateBuckets(t.Context(), testSI, testLease(), []grid.ShareNum{1}, 10)
			require.Error(t, err)
			_, err = c.SlotTestvAndReadvAndWritev(t.Context(), testSI, testSecrets(), nil, nil)
			require.Error(t, err)
			require.Error(t, newWriter(c, testSI, 0, secret.NewUploadSecret([]byte("x")), 10).Write(t.Context(), 0, []byte("x")))
			n, err := (&reader{client: c, at: place{end: endShare, kind: grid.Immutable}}).Read(t.Context(), make([]byte, 10), 0)
			require.Error(t, err)
			require.LessOrEqual(t, n, 10)
			_, err = c.SlotReadv(t.Context(), testSI, []grid.ShareNum{0}, []grid.ReadVector{{Length: 10}})
			require.Error(t, err)
		})
	}
}

func TestReadTooLarge(t *testing.T) {
	nurl := startServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(headerContentType, typeShare)
		w.Header().Set(headerContentRange, "bytes 0-1099511627775/*")
		w.WriteHeader(http.StatusPartialContent)
	}), ServerOptions{})
	_, err := newTestClient(t, nurl).SlotReadv(t.Context(), testSI, []grid.ShareNum{0}, []grid.ReadVector{{Length: 1 << 41}})
	var tooLarge *grid.ReadTooLargeError
	require.ErrorAs(t, err, &tooLarge)
}

// TestRequestsOf120 makes the requests that a client of 1.20 was seen to make,
// and compares all of them but Accept-Encoding.
func TestRequestsOf120(t *testing.T) {
	for i, want := range readVectors(t).Requests {
		t.Run(want.Operation, func(t *testing.T) {
			headers := http.Header{}
			for _, h := range want.Headers {
				headers[h.Name] = h.Values
			}
			headers.Del("Accept-Encoding")
			var got *http.Request
			var body []byte
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
			}))
			defer server.Close()
			repeat(t, server.URL, want, headers)
			require.NotNil(t, got, "request %d", i)
			require.Equal(t, want.Method, got.Method)
			require.Equal(t, want.Path, got.URL.Path)
			require.Equal(t, headers, got.Header)
			require.True(t, bytes.HasPrefix(body, want.Body), "body")
		})
	}
}

// repeat makes the request by this package from what a parser of this package
// finds in it.
func repeat(t *testing.T, url string, want recorded, headers http.Header) {
	t.Helper()
	at, ok := parsePath(want.Path)
	require.True(t, ok)
	action, ok := methods(at)[want.Method]
	require.True(t, ok)
	secrets, err := parseSecrets(headers[headerSecrets], action.need)
	require.NoError(t, err)
	swissnum := map[string]string{"s1": testSwissnum, "s2": "uj35qfd6iqlafkkepndh35f7utkv532j"}[want.Server]
	c := &Client{base: url, auth: authorization(secret.NewSwissnum([]byte(swissnum))), http: http.DefaultClient, random: bytes.NewReader(make([]byte, 20))}
	c.http = &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: false}}
	defer c.http.CloseIdleConnections()
	switch at.end {
	case endShares:
		_, _ = c.listShares(t.Context(), at.kind, at.si)
	case endAllocate:
		shares, size, err := parseAllocate(want.Body)
		require.NoError(t, err)
		c.random = bytes.NewReader(secrets.upload.Reveal())
		_, _ = c.AllocateBuckets(t.Context(), at.si, secrets.lease(), shares, size)
	case endShare:
		if want.Method == http.MethodPatch {
			_ = newWriter(c, at.si, at.n, secrets.upload, 1000).Write(t.Context(), 0, want.Body)
			return
		}
		r, ok := parseRange(headers.Get(headerRange))
		require.True(t, ok)
		_, _ = (&reader{client: c, at: at}).Read(t.Context(), make([]byte, r.End-r.Begin), r.Begin)
	case endLease:
		_ = c.AddLease(t.Context(), at.si, secrets.lease())
	case endSlot:
		repeatSlot(t, c, want, at, secrets, headers)
	default:
		t.Fatalf("no client asks for %v", at)
	}
}

// repeatSlot knows what the bodies were that the recording has cut.
func repeatSlot(t *testing.T, c *Client, want recorded, at place, secrets requestSecrets, headers http.Header) {
	t.Helper()
	const dataAt = 78 // where the share's data begins
	require.Equal(t, "2102", headers.Get("Content-Length"))
	data := append(append([]byte(nil), want.Body[dataAt:]...), make([]byte, 1983-len(want.Body)+dataAt)...)
	n := grid.ShareNum(want.Body[21])
	writes := map[grid.ShareNum]grid.SlotWrite{n: {
		Tests: []grid.TestVector{{Offset: 0, Length: 1}}, Writes: []grid.WriteVector{{Data: data}},
	}}
	_, _ = c.SlotTestvAndReadvAndWritev(t.Context(), at.si, grid.SlotSecrets{WriteEnabler: secrets.enabler, Lease: secrets.lease()},
		writes, []grid.ReadVector{{Offset: 0, Length: 57}})
}

// TestConnectionsAreKept counts the connections for many requests, and then the
// goroutines that stay.
func TestConnectionsAreKept(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("requests", func(t *testing.T) {
		nurl, _ := startHandler(t)
		var mu sync.Mutex
		dialled := 0
		c, err := NewClient(nurl, ClientOptions{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			dialled++
			return new(net.Dialer).DialContext(ctx, network, address)
		}})
		require.NoError(t, err)
		defer c.Close()
		upload(t, c, testSI, 1, testBytes(100_000))
		for range 20 {
			_, err := c.Version(t.Context())
			require.NoError(t, err)
			shares, err := c.GetBuckets(t.Context(), testSI)
			require.NoError(t, err)
			_, err = shares[1].Read(t.Context(), make([]byte, 200_000), 0)
			require.NoError(t, err)
			_, err = shares[1].Read(t.Context(), make([]byte, 10), 100_000)
			require.NoError(t, err)
			_, err = c.AllocateBuckets(t.Context(), testSI, testLease(), nil, 1)
			require.NoError(t, err)
			require.NoError(t, c.AddLease(t.Context(), testSI, testLease()))
			require.NoError(t, c.AddLease(t.Context(), grid.StorageIndex{9}, testLease()))
		}
		require.Equal(t, 1, dialled)
	})
	// Eventually has a goroutine of its own.
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, time.Minute, time.Millisecond)
}

func TestErrorsCarryNoSecrets(t *testing.T) {
	c, err := NewClient(NURL{Host: "127.0.0.1", Port: 1, Swissnum: secret.NewSwissnum([]byte(testSwissnum))},
		ClientOptions{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route") }})
	require.NoError(t, err)
	_, err = c.AllocateBuckets(t.Context(), testSI, testLease(), []grid.ShareNum{0}, 1)
	require.EqualError(t, err, "POST /storage/v1/immutable/"+testSI.String()+": no route")
}
