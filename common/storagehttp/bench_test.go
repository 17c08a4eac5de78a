package storagehttp

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// sinkCore takes uploads without keeping them, and has one share of zeros, so
// that the protocol is measured and not a core.
type sinkCore struct {
	*memCore
	size int64
}

type sinkUpload struct{ left int64 }

func (c sinkCore) AllocateUploads(_ context.Context, _ grid.StorageIndex, _ grid.LeaseSecrets, _ secret.UploadSecret, shares []grid.ShareNum, _ int64) (have, allocated []grid.ShareNum, err error) {
	return nil, shares, nil
}

func (c sinkCore) FindUpload(context.Context, grid.StorageIndex, grid.ShareNum, secret.UploadSecret) (grid.Upload, error) {
	return &sinkUpload{c.size}, nil
}

func (c sinkCore) OpenShare(context.Context, grid.ShareKind, grid.StorageIndex, grid.ShareNum) (grid.ShareReader, error) {
	return sinkReader{size: c.size}, nil
}

func (u *sinkUpload) Write(_ context.Context, _ int64, data []byte) error {
	u.left -= int64(len(data))
	return nil
}

func (u *sinkUpload) Required() []grid.Range {
	if u.left > 0 {
		return []grid.Range{{End: u.left}}
	}
	return nil
}

func (u *sinkUpload) Close(context.Context) error { return nil }
func (u *sinkUpload) Abort(context.Context) error { return nil }

type sinkReader struct {
	grid.BucketReader
	size int64
}

func (r sinkReader) Size() int64 { return r.size }

func (r sinkReader) Read(_ context.Context, p []byte, offset int64) (int, error) {
	return int(min(int64(len(p)), r.size-offset)), nil
}

func benchClient(b *testing.B, size int64) *Client {
	b.Helper()
	h := NewHandler(sinkCore{newMemCore(), size}, secret.NewSwissnum([]byte(testSwissnum)), HandlerOptions{})
	c := newTestClient(b, startServer(b, h, ServerOptions{}))
	_, err := c.Version(b.Context())
	require.NoError(b, err)
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	return c
}

// BenchmarkWrite1MiB is one PATCH of 1 MiB over TLS on loopback; client and
// server share the processor.
func BenchmarkWrite1MiB(b *testing.B) {
	c := benchClient(b, 1<<20)
	data := make([]byte, 1<<20)
	w := newWriter(c, testSI, 0, secret.NewUploadSecret([]byte("u")), 1<<20)
	for b.Loop() {
		w.complete = false
		require.NoError(b, w.Write(b.Context(), 0, data))
	}
}

// BenchmarkRead1MiB is one GET of 1 MiB.
func BenchmarkRead1MiB(b *testing.B) {
	c := benchClient(b, 1<<20)
	data := make([]byte, 1<<20)
	r := &reader{client: c, at: place{end: endShare, kind: grid.Immutable, si: testSI}}
	for b.Loop() {
		n, err := r.Read(b.Context(), data, 0)
		require.NoError(b, err)
		require.Equal(b, len(data), n)
	}
}

// BenchmarkSmallUpload is allocate, write 10 KiB and close by 16 clients.
func BenchmarkSmallUpload(b *testing.B) {
	c := benchClient(b, 10<<10)
	data := make([]byte, 10<<10)
	b.SetParallelism(8) // for each of two processors
	b.RunParallel(func(pb *testing.PB) {
		var si grid.StorageIndex
		for i := uint64(0); pb.Next(); i++ {
			binary.BigEndian.PutUint64(si[:], i)
			upload(b, c, si, 0, data)
		}
	})
}

// BenchmarkSlotWrite4MiB is one read-test-write of 4 MiB.
func BenchmarkSlotWrite4MiB(b *testing.B) {
	core := newMemCore()
	h := NewHandler(core, secret.NewSwissnum([]byte(testSwissnum)), HandlerOptions{})
	c := newTestClient(b, startServer(b, h, ServerOptions{}))
	writes := map[grid.ShareNum]grid.SlotWrite{0: {Tests: []grid.TestVector{{Length: 1, Specimen: []byte("x")}},
		Writes: []grid.WriteVector{{Data: make([]byte, 4<<20)}}}}
	b.SetBytes(4 << 20)
	b.ReportAllocs()
	for b.Loop() { // the test fails, so that the core does nothing
		r, err := c.SlotTestvAndReadvAndWritev(b.Context(), testSI, testSecrets(), writes, nil)
		require.NoError(b, err)
		require.False(b, r.Passed)
	}
}
