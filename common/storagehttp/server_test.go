package storagehttp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// ask makes a request to a handler without a network.
func ask(t testing.TB, h http.Handler, q *request) *httptest.ResponseRecorder {
	t.Helper()
	c := &Client{auth: authorization(secret.NewSwissnum([]byte(testSwissnum)))}
	r, err := c.prepare(t.Context(), q)
	require.NoError(t, err)
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func newTestHandler(options HandlerOptions) (*Handler, *memCore) {
	core := newMemCore()
	return NewHandler(core, secret.NewSwissnum([]byte(testSwissnum)), options), core
}

func slotRequestTo(body []byte) *request {
	s := testSecrets()
	return &request{
		method: http.MethodPost, at: place{end: endSlot, kind: grid.Mutable, si: testSI},
		secrets: requestSecrets{renew: s.Lease.Renewal, cancel: s.Lease.Cancel, enabler: s.WriteEnabler}, body: body, cbor: true,
	}
}

func allocateRequest(body []byte) *request {
	return &request{
		method: http.MethodPost, at: place{end: endAllocate, kind: grid.Immutable, si: testSI},
		secrets: requestSecrets{renew: testLease().Renewal, cancel: testLease().Cancel, upload: secret.NewUploadSecret([]byte("u"))},
		body:    body, cbor: true,
	}
}

func corruptRequest(body []byte) *request {
	return &request{
		method: http.MethodPost, at: place{end: endCorrupt, kind: grid.Immutable, si: testSI, n: 1}, body: body, cbor: true,
	}
}

func TestHostileBodies(t *testing.T) {
	valid := appendAllocate(nil, []grid.ShareNum{1}, 10)
	set := func(items ...byte) []byte {
		return append(append(appendText([]byte{0xa2}, "share-numbers"), items...), appendEntry(nil, "allocated-size", 1)...)
	}
	slotWith := func(vectors, reads string) []byte {
		return []byte("\xa2\x72test-write-vectors" + vectors + "\x6bread-vector" + reads)
	}
	share := func(tests, writes, length string) string {
		return "\xa1\x00\xa3\x64test" + tests + "\x65write" + writes + "\x6anew-length" + length
	}
	test := "\xa3\x66offset\x00\x64size\x01\x68specimen\x40"
	tests := []struct {
		name string
		q    *request
		want int
	}{
		{"allocate", allocateRequest(valid), 200},
		{"nothing", allocateRequest(nil), 400},
		{"more after it", allocateRequest(append(bytes.Clone(valid), 0)), 400},
		{"cut", allocateRequest(valid[:len(valid)-1]), 400},
		{"array, not a set", allocateRequest(set(0x81, 1)), 400},
		{"another tag", allocateRequest(set(0xd9, 1, 3, 0x81, 1)), 400},
		{"set of text", allocateRequest(set(0xd9, 1, 2, 0x81, 0x61, 'a')), 400},
		{"set of negative numbers", allocateRequest(set(0xd9, 1, 2, 0x81, 0x20)), 400},
		{"set of null", allocateRequest(set(0xd9, 1, 2, 0x81, 0xf6)), 400},
		{"set that is null", allocateRequest(set(0xd9, 1, 2, 0xf6)), 400},
		{"set in a set", allocateRequest(set(0xd9, 1, 2, 0xd9, 1, 2, 0x80)), 400},
		{"share 256", allocateRequest(set(0xd9, 1, 2, 0x81, 0x19, 1, 0)), 400},
		{"257 shares", allocateRequest(set(append([]byte{0xd9, 1, 2, 0x99, 1, 1}, make([]byte, 257)...)...)), 400},
		{"share twice", allocateRequest(set(0xd9, 1, 2, 0x82, 1, 1)), 200},
		{"set in pieces", allocateRequest(set(0xd9, 1, 2, 0x9f, 1, 0xff)), 200},
		{"array too long", allocateRequest(set(0xd9, 1, 2, 0x9b, 0x7f, 255, 255, 255, 255, 255, 255, 255)), 400},
		{"deep", allocateRequest(bytes.Repeat([]byte{0x81}, MaxAllocateSize)), 400},
		{"too large", allocateRequest(make([]byte, MaxAllocateSize+1)), 413},
		{"key twice", allocateRequest(append(append([]byte{0xa3}, valid[1:]...), appendEntry(nil, "allocated-size", 1)...)), 400},
		{"key more", allocateRequest(append(append([]byte{0xa3}, valid[1:]...), appendEntry(nil, "extra", 1)...)), 400},
		{"key in other letters", allocateRequest(bytes.Replace(valid, []byte("allocated-size"), []byte("Allocated-Size"), 1)), 400},
		{"key of bytes", allocateRequest(bytes.Replace(valid, []byte("\x6eallocated-size"), []byte("\x4eallocated-size"), 1)), 400},
		{"negative size", allocateRequest(append(bytes.Clone(valid[:len(valid)-1]), 0x29)), 400},
		{"size is a fraction", allocateRequest(append(bytes.Clone(valid[:len(valid)-1]), 0xf9, 0, 0)), 400},
		{"size is null", allocateRequest(append(bytes.Clone(valid[:len(valid)-1]), 0xf6)), 400},
		{"size is a bignum", allocateRequest(append(bytes.Clone(valid[:len(valid)-1]), 0xc2, 0x41, 1)), 400},
		{"size of 2^64-1", allocateRequest(append(bytes.Clone(valid[:len(valid)-1]), 0x1b, 255, 255, 255, 255, 255, 255, 255, 255)), 200},
		{"reason", corruptRequest(appendCorrupt(nil, "x")), 200},
		{"longest reason", corruptRequest(appendCorrupt(nil, strings.Repeat("x", maxSentReason))), 200},
		{"reason too long", corruptRequest(appendCorrupt(nil, strings.Repeat("x", maxSentReason+1))), 413},
		{"reason of bytes", corruptRequest([]byte("\xa1\x66reason\x41x")), 400},
		{"reason is null", corruptRequest([]byte("\xa1\x66reason\xf6")), 400},
		{"reason is not UTF-8", corruptRequest([]byte("\xa1\x66reason\x61\xff")), 400},
		{"slot", slotRequestTo(slotWith(share("\x81"+test, "\x80", "\xf6"), "\x80")), 200},
		{"slot that is null", slotRequestTo(slotWith("\xf6", "\x80")), 400},
		{"reads that are null", slotRequestTo(slotWith("\xa0", "\xf6")), 400},
		{"tests that are null", slotRequestTo(slotWith(share("\xf6", "\x80", "\xf6"), "\x80")), 400},
		{"writes that are null", slotRequestTo(slotWith(share("\x80", "\xf6", "\xf6"), "\x80")), 400},
		{"changes that are null", slotRequestTo(slotWith("\xa1\x00\xf6", "\x80")), 400},
		{"a share named null", slotRequestTo(slotWith(strings.Replace(share("\x80", "\x80", "\xf6"), "\xa1\x00", "\xa1\xf6", 1), "\x80")), 400},
		{"share 1000", slotRequestTo(slotWith(strings.Replace(share("\x80", "\x80", "\xf6"), "\xa1\x00", "\xa1\x19\x03\xe8", 1), "\x80")), 400},
		{"a share twice", slotRequestTo(slotWith("\xa2"+share("\x80", "\x80", "\xf6")[1:]+share("\x80", "\x80", "\xf6")[1:], "\x80")), 400},
		{"no new length", slotRequestTo(slotWith("\xa1\x00\xa2\x64test\x80\x65write\x80", "\x80")), 400},
		{"new length is text", slotRequestTo(slotWith(share("\x80", "\x80", "\x60"), "\x80")), 400},
		{"31 tests", slotRequestTo(slotWith(share("\x98\x1f"+strings.Repeat(test, 31), "\x80", "\xf6"), "\x80")), 400},
		{"31 reads", slotRequestTo(slotWith("\xa0", "\x98\x1f"+strings.Repeat("\xa2\x66offset\x00\x64size\x01", 31))), 400},
		{"a read without size", slotRequestTo(slotWith("\xa0", "\x81\xa1\x66offset\x00")), 400},
		{"a write without data", slotRequestTo(slotWith(share("\x80", "\x81\xa1\x66offset\x00", "\xf6"), "\x80")), 400},
		{"data is text", slotRequestTo(slotWith(share("\x80", "\x81\xa2\x66offset\x00\x64data\x61x", "\xf6"), "\x80")), 400},
		{"data in pieces", slotRequestTo(slotWith(share("\x80", "\x81\xa2\x66offset\x00\x64data\x5f\x41x\x41y\xff", "\xf6"), "\x80")), 200},
		{"write at 2^64-1", slotRequestTo(slotWith(share("\x80", "\x81\xa2\x66offset\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x64data\x41x", "\xf6"), "\x80")), 500},
		{"read at 2^64-1", slotRequestTo(slotWith("\xa0", "\x81\xa2\x66offset\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x64size\x1b\xff\xff\xff\xff\xff\xff\xff\xff")), 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, core := newTestHandler(HandlerOptions{})
			core.slots[grid.StorageIndex{}] = nil
			if tt.q.at.end == endCorrupt {
				core.slots[testSI] = &memSlot{kind: grid.Immutable, shares: map[grid.ShareNum][]byte{1: {}}}
			}
			answer := ask(t, h, tt.q)
			require.Equal(t, tt.want, answer.Code, "%s", answer.Body)
			require.NotContains(t, answer.Body.String(), "RRRR")
		})
	}
}

func TestHostileHeaders(t *testing.T) {
	lease := func(b byte) string {
		a := fill32(b)
		return base64.StdEncoding.EncodeToString(a[:])
	}
	enabler := "write-enabler " + lease('W')
	pair := []string{"lease-renew-secret " + lease('R'), "lease-cancel-secret " + lease('C')}
	tests := []struct {
		name   string
		values []string
		need   secretKinds
		want   string // in the error; "" for none
	}{
		{"lease", pair, needLease, ""},
		{"other order", []string{pair[1], pair[0]}, needLease, ""},
		{"twice", append(pair, pair[0]), needLease, ""},
		{"spaces", []string{"  upload-secret   eA==  "}, needUpload, ""},
		{"one missing", pair[:1], needLease, "Expected ['lease-renew-secret', 'lease-cancel-secret'] in X-Tahoe-Authorization headers, got ['lease-renew-secret']"},
		{"one more", append(pair, "upload-secret eA=="), needLease, "Expected"},
		{"none wanted", []string{"upload-secret eA=="}, 0, "Expected [] in"},
		{"unknown", []string{"bogus eA=="}, 0, "unknown secret"},
		{"no value", []string{"upload-secret"}, needUpload, "Failed to decode"},
		{"empty value", []string{"upload-secret "}, needUpload, "Failed to decode"},
		{"no base 64", []string{"upload-secret ???"}, needUpload, "Failed to decode"},
		{"no padding", []string{"upload-secret eA"}, needUpload, "Failed to decode"},
		{"short lease", []string{"lease-renew-secret eA=="}, needLease, "32 bytes"},
		{"short cancel", []string{"lease-cancel-secret eA=="}, needLease, "32 bytes"},
		{"enabler", []string{enabler}, needEnabler, ""},
		{"short enabler", []string{"write-enabler eA=="}, needEnabler, "32 bytes"},
		{"empty", []string{""}, 0, "unknown secret"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseSecrets(tt.values, tt.need)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "eA")
		})
	}
}

func TestAccept(t *testing.T) {
	tests := map[string]bool{
		"application/cbor": true, "application/cbor; q=0.1": true, "text/html, application/cbor": false,
		"text/html;q=0.5, application/cbor": true, "*/*": false, "": false, "application/CBOR": false,
		"application/cbor;q=x": true, ",application/cbor": true, "application/cbor;v=1;q=0.5,a/b;q=0.4": true,
	}
	for value, want := range tests {
		require.Equal(t, want, acceptsCBOR([]string{value, "application/cbor"}), value)
	}
	require.True(t, acceptsCBOR(nil))
}

func TestRanges(t *testing.T) {
	tests := []struct {
		text string
		want grid.Range
		ok   bool
	}{
		{"bytes=0-0", grid.Range{Begin: 0, End: 1}, true},
		{"bytes=5-14", grid.Range{Begin: 5, End: 15}, true},
		{" BYTES =005 - 14 ", grid.Range{Begin: 5, End: 15}, true},
		{"bytes=1-99999999999999999999", grid.Range{Begin: 1, End: maxPosition}, true},
		{"bytes=99999999999999999999-99999999999999999999", grid.Range{Begin: maxPosition - 1, End: maxPosition}, true},
		{"bytes=5-4", grid.Range{}, false},
		{"bytes=+5-6", grid.Range{}, false},
		{"bytes=5", grid.Range{}, false},
		{"bytes", grid.Range{}, false},
		{"bytes=-", grid.Range{}, false},
		{"bytes=--1", grid.Range{}, false},
		{"bytes=1--1", grid.Range{}, false},
		{"bytes=0x1-2", grid.Range{}, false},
		{"bytes=1-2,", grid.Range{}, false},
		{"", grid.Range{}, false},
	}
	for _, tt := range tests {
		r, ok := parseRange(tt.text)
		require.Equal(t, tt.ok, ok, tt.text)
		require.Equal(t, tt.want, r, tt.text)
	}
	contents := []struct {
		text string
		want grid.Range
		ok   bool
	}{
		{"bytes 0-9/*", grid.Range{End: 10}, true},
		{"bytes 0-9/40", grid.Range{End: 10}, true},
		{"bytes 0-9/10", grid.Range{End: 10}, true},
		{"bytes 30-39/30", grid.Range{}, false},
		{"bytes 0-9/x", grid.Range{}, false},
		{"bytes 0-9/", grid.Range{}, false},
		{"bytes 0-9", grid.Range{}, false},
		{"bytes */40", grid.Range{}, false},
		{"Bytes 0-9/*", grid.Range{}, false},
		{"bytes=0-9/*", grid.Range{}, false},
		{"bytes -1-9/*", grid.Range{}, false},
		{"", grid.Range{}, false},
	}
	for _, tt := range contents {
		r, ok := parseContentRange(tt.text)
		require.Equal(t, tt.ok, ok, tt.text)
		require.Equal(t, tt.want, r, tt.text)
	}
}

func TestPaths(t *testing.T) {
	si := "bsl3abdks26644q6h373mxgzgu"
	good := []string{
		"version", "lease/" + si, "immutable/" + si, "mutable/" + si + "/read-test-write", "mutable/" + si + "/shares",
		"immutable/" + si + "/shares", "immutable/" + si + "/7", "mutable/" + si + "/255", "immutable/" + si + "/7/abort",
		"immutable/" + si + "/7/corrupt", "mutable/" + si + "/7/corrupt", "mutable/" + si + "/2147483647",
	}
	for _, path := range good {
		p, ok := parsePath(pathPrefix + path)
		require.True(t, ok, path)
		require.Equal(t, pathPrefix+path, p.String())
		require.NotEmpty(t, methods(p))
	}
	for _, path := range []string{
		"", "/", "version/", "Version", "lease", "lease/", "lease/" + si + "/", "lease/" + si[1:], "mutable/" + si, "immutable/" + si + "/",
		"immutable/" + si + "/read-test-write", "immutable/" + strings.ToUpper(si), "other/" + si + "/1", "immutable/" + si + "/-1",
		"immutable/" + si + "/+1", "immutable/" + si + "/1/", "immutable/" + si + "/ 1", "mutable/" + si + "/1/abort", "immutable/" + si + "/1/x",
		"immutable/" + si + "/1/corrupt/x", "immutable/" + si + "/1/x/y/z", "immutable/../" + si + "/1",
	} {
		_, ok := parsePath(pathPrefix + path)
		require.False(t, ok, path)
	}
	_, ok := parsePath("/storage/v2/version")
	require.False(t, ok)
	p, ok := parsePath(pathPrefix + "immutable/" + si + "/99999999999999999999")
	require.True(t, ok)
	require.False(t, p.n.Valid())
}

func TestSharesThatCannotBe(t *testing.T) {
	h, _ := newTestHandler(HandlerOptions{})
	at := place{end: endShare, kind: grid.Immutable, si: testSI, n: 256}
	require.Equal(t, 404, ask(t, h, &request{method: "GET", at: at}).Code)
	require.Equal(t, 404, ask(t, h, &request{method: "PATCH", at: at, secrets: requestSecrets{upload: secret.NewUploadSecret([]byte("x"))},
		headers: http.Header{headerContentRange: {"bytes 0-0/*"}}, body: []byte("x")}).Code)
}

// TestErrorsOfTheCore: the status of 1.20 for each.
func TestErrorsOfTheCore(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{fmt.Errorf("x: %w", grid.ErrNoShare), 404}, {grid.ErrNoUpload, 404}, {grid.ErrWriterClosed, 404},
		{grid.ErrBadUploadSecret, 401}, {&grid.BadWriteEnablerError{}, 401}, {&grid.ConflictingWriteError{}, 409},
		{&grid.ArgumentError{}, 400}, {&grid.ReadTooLargeError{}, 413}, {grid.ErrNoSpace, 500},
		{&grid.DataTooLargeError{}, 500}, {&grid.UnknownContainerVersionError{}, 500}, {errors.New("disk"), 500},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, refusalOf(tt.err).status, "%v", tt.err)
	}
}

func TestBodiesThatEndEarly(t *testing.T) {
	h, core := newTestHandler(HandlerOptions{MaxSlotWrite: 1000})
	require.Equal(t, 413, ask(t, h, slotRequestTo(make([]byte, 1001))).Code)
	require.Equal(t, 200, ask(t, h, allocateRequest(appendAllocate(nil, []grid.ShareNum{0}, 10))).Code)
	patch := &request{
		method: "PATCH", at: place{end: endShare, kind: grid.Immutable, si: testSI}, secrets: requestSecrets{upload: secret.NewUploadSecret([]byte("u"))},
		headers: http.Header{headerContentRange: {"bytes 0-9/*"}}, body: []byte("short"),
	}
	require.Equal(t, 400, ask(t, h, patch).Code)
	patch.headers, patch.body = http.Header{headerContentRange: {"bytes 0-1/*"}}, []byte("longer")
	require.Equal(t, 200, ask(t, h, patch).Code, "the rest is ignored, as in 1.20")
	require.Equal(t, 2, core.uploaded)
}

// TestBodyMemory: who comes when all memory for bodies is taken waits.
func TestBodyMemory(t *testing.T) {
	h, core := newTestHandler(HandlerOptions{MaxSlotWrite: 1 << 20, BodyMemory: 1 << 20})
	require.NoError(t, h.bodies.Acquire(t.Context(), 1<<20))
	writes := map[grid.ShareNum]grid.SlotWrite{0: {Writes: []grid.WriteVector{{Data: make([]byte, smallBody)}}}}
	p := slotBody(slotRequest{writes: writes})
	large := slotRequestTo(bytes.Join(p.all(), nil))
	done := make(chan int)
	go func() { done <- ask(t, h, large).Code }()
	require.Equal(t, 400, ask(t, h, slotRequestTo([]byte{0})).Code, "small bodies do not wait")
	select {
	case code := <-done:
		t.Fatalf("%d without memory for the body", code)
	default:
	}
	h.bodies.Release(1 << 20)
	require.Equal(t, 200, <-done)
	require.Len(t, core.slots[testSI].shares[0], smallBody)
	require.True(t, h.bodies.TryAcquire(1<<20), "all was given back")
}

// TestChunkedBodies: no client of 1.20 sends them, but HTTP allows them.
func TestChunkedBodies(t *testing.T) {
	nurl, _ := startHandler(t)
	c := newTestClient(t, nurl)
	tests := []struct {
		name string
		body []byte
		want int
	}{
		{"right", appendAllocate(nil, []grid.ShareNum{0}, 10), 200},
		{"as large as can be", make([]byte, MaxAllocateSize), 400},
		{"too large", make([]byte, MaxAllocateSize+1), 413},
		{"nothing", nil, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := c.prepare(t.Context(), allocateRequest(nil))
			require.NoError(t, err)
			r.ContentLength, r.Body = -1, io.NopCloser(bytes.NewReader(tt.body))
			answer, err := c.http.Do(r)
			require.NoError(t, err)
			defer closeBody(answer)
			require.Equal(t, tt.want, answer.StatusCode)
		})
	}
}

func TestLogsCarryNoSecrets(t *testing.T) {
	var log bytes.Buffer
	h, core := newTestHandler(HandlerOptions{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	ask(t, h, allocateRequest(appendAllocate(nil, []grid.ShareNum{0}, 10)))
	ask(t, h, slotRequestTo(nil))
	core.slots[testSI] = &memSlot{kind: grid.Mutable}
	require.Equal(t, 500, ask(t, h, allocateRequest(appendAllocate(nil, nil, 10))).Code)
	require.Contains(t, log.String(), "op=\"POST allocate\" si="+testSI.Abbrev()+" status=200")
	require.Contains(t, log.String(), "level=WARN")
	for _, s := range []string{testSwissnum, "RRRR", "UlJS", "V1dX", authorization(secret.NewSwissnum([]byte(testSwissnum)))} {
		require.NotContains(t, log.String(), s)
	}
}

// TestMutableShareShrinks: the answer has begun, so the connection is cut.
func TestMutableShareShrinks(t *testing.T) {
	h, core := newTestHandler(HandlerOptions{})
	core.slots[testSI] = &memSlot{kind: grid.Mutable, shares: map[grid.ShareNum][]byte{0: make([]byte, 2*chunkSize)}}
	shrinking := &shrinkingCore{memCore: core}
	h.core = shrinking
	nurl := startServer(t, h, ServerOptions{})
	_, err := newTestClient(t, nurl).SlotReadv(t.Context(), testSI, []grid.ShareNum{0}, []grid.ReadVector{{Length: 1 << 30}})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

type shrinkingCore struct{ *memCore }

func (c *shrinkingCore) OpenShare(ctx context.Context, kind grid.ShareKind, si grid.StorageIndex, n grid.ShareNum) (grid.ShareReader, error) {
	r, err := c.memCore.OpenShare(ctx, kind, si, n)
	return &shrinkingReader{r, c.memCore}, err
}

type shrinkingReader struct {
	grid.ShareReader
	core *memCore
}

func (r *shrinkingReader) Read(ctx context.Context, p []byte, offset int64) (int, error) {
	n, err := r.ShareReader.Read(ctx, p, offset)
	r.core.mu.Lock()
	defer r.core.mu.Unlock()
	r.core.slots[testSI].shares[0] = make([]byte, 10)
	return n, err
}

func dialRaw(t *testing.T, nurl NURL) *tls.Conn {
	t.Helper()
	raw, err := dialTLS(new(net.Dialer).DialContext, clientTLS(nurl.Hash))(t.Context(), "tcp", nurl.Address())
	require.NoError(t, err)
	t.Cleanup(func() { _ = raw.Close() })
	return raw.(*tls.Conn)
}

func TestProtocolsAndHeaders(t *testing.T) {
	nurl, _ := startHandler(t)
	config := clientTLS(nurl.Hash)
	config.NextProtos = []string{"h2", "http/1.1"}
	raw, err := dialTLS(new(net.Dialer).DialContext, config)(t.Context(), "tcp", nurl.Address())
	require.NoError(t, err)
	require.Empty(t, raw.(*tls.Conn).ConnectionState().NegotiatedProtocol)
	require.NoError(t, raw.Close())

	conn := dialRaw(t, nurl)
	_, err = io.WriteString(conn, "GET /storage/v1/version HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", MaxHeaderSize+8192)+"\r\n\r\n")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, answer.StatusCode)
	require.NoError(t, answer.Body.Close())
}

// TestTooManyConnections: who has been idle longest makes room.
func TestTooManyConnections(t *testing.T) {
	h, _ := newTestHandler(HandlerOptions{})
	server := NewServer(h, ServerOptions{MaxConns: 2})
	idle, changed := make(chan bool, 10), server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		changed(conn, state)
		if state == http.StateIdle {
			idle <- true // which is after the answer
		}
	}
	nurl := serve(t, server)
	version := "HEAD /storage/v1/version HTTP/1.1\r\nHost: x\r\n\r\n"
	answers := func(c *tls.Conn) error {
		if _, err := io.WriteString(c, version); err != nil {
			return err
		}
		answer, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: "HEAD"})
		if err != nil {
			return err
		}
		<-idle
		return answer.Body.Close()
	}
	first, second := dialRaw(t, nurl), dialRaw(t, nurl)
	require.NoError(t, answers(first))
	require.NoError(t, answers(second))
	third := dialRaw(t, nurl)
	require.NoError(t, answers(third))
	require.Error(t, answers(first), "idle longest")
	require.NoError(t, answers(second))
}

func FuzzSlotBody(f *testing.F) {
	for _, p := range readVectors(f).Probes {
		if strings.HasSuffix(p.Request.Path, "/read-test-write") {
			f.Add([]byte(p.Request.Body))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := parseSlot(body)
		if err != nil {
			return
		}
		// Not the same bytes: CBOR has longer forms for numbers, and other orders.
		p := slotBody(s)
		again, err := parseSlot(bytes.Join(p.all(), nil))
		require.NoError(t, err)
		require.Equal(t, len(s.writes), len(again.writes))
		q := slotBody(again)
		require.Equal(t, bytes.Join(p.all(), nil), bytes.Join(q.all(), nil))
	})
}

func FuzzSmallBodies(f *testing.F) {
	for _, p := range readVectors(f).Probes {
		f.Add([]byte(p.Request.Body))
		f.Add([]byte(p.Response.Body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if shares, size, err := parseAllocate(body); err == nil {
			again, sameSize, err := parseAllocate(appendAllocate(nil, shares, size))
			require.NoError(t, err)
			require.Equal(t, shares, again)
			require.Equal(t, size, sameSize)
		}
		if have, allocated, err := parseAllocated(body); err == nil {
			again, _, err := parseAllocated(appendAllocated(nil, have, allocated))
			require.NoError(t, err)
			require.Equal(t, have, again)
		}
		if reason, err := parseCorrupt(body); err == nil {
			again, err := parseCorrupt(appendCorrupt(nil, reason))
			require.NoError(t, err)
			require.Equal(t, reason, again)
		}
		if v, err := parseVersion(body); err == nil {
			again, err := parseVersion(appendVersion(nil, v))
			require.NoError(t, err)
			require.Equal(t, v, again)
		}
		if ranges, err := parseRequired(body); err == nil {
			again, err := parseRequired(appendRequired(nil, ranges))
			require.NoError(t, err)
			require.Equal(t, ranges, again)
		}
		if shares, err := parseShareSet(body); err == nil {
			again, err := parseShareSet(appendShareSet(nil, shares))
			require.NoError(t, err)
			require.Equal(t, shares, again)
		}
		if r, err := parseSlotAnswer(body, make([]grid.ReadVector, 1)); err == nil {
			p := slotAnswer(r)
			again, err := parseSlotAnswer(bytes.Join(p.all(), nil), make([]grid.ReadVector, 1))
			require.NoError(t, err)
			require.Equal(t, r, again)
		}
	})
}

func FuzzHeaders(f *testing.F) {
	for _, p := range readVectors(f).Probes {
		for _, h := range p.Request.Headers {
			if pair, ok := h.([]any); ok {
				f.Add(pair[1].(string), p.Request.Path)
			}
		}
	}
	f.Fuzz(func(t *testing.T, value, path string) {
		for need := range secretKinds(16) {
			if s, err := parseSecrets([]string{value}, need); err == nil && need != 0 {
				h := http.Header{}
				s.addTo(h)
				_, err := parseSecrets(h[headerSecrets], need)
				require.NoError(t, err)
			}
		}
		acceptsCBOR([]string{value})
		if r, ok := parseRange(value); ok {
			again, ok := parseRange(formatRange(r))
			require.True(t, ok)
			require.Equal(t, r, again)
		}
		if r, ok := parseContentRange(value); ok {
			again, ok := parseContentRange(formatContentRange(r))
			require.True(t, ok)
			require.Equal(t, r, again)
		}
		if p, ok := parsePath(path); ok {
			again, ok := parsePath(p.String()) // but for zeros before the share number
			require.True(t, ok)
			require.Equal(t, p, again)
		}
	})
}
