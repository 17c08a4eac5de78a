package storagerpc

import (
	"context"
	"math"
	"runtime"
	"sync"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// bucketReader is one immutable share as a remote object (storage/immutable.py
// FoolscapBucketReader).
type bucketReader struct {
	session *session
	si      grid.StorageIndex
	n       grid.ShareNum

	mu    sync.Mutex
	share grid.ShareReader // guarded by mu; nil before the first read
}

func (b *bucketReader) RemoteInterface() string { return interfaceReader }

// MethodLimits bounds calls; see foolscap.MethodLimiter.
func (b *bucketReader) MethodLimits(_ string, limits *banana.Limits) error {
	method{memory: reasonCall}.limit(limits)
	return nil
}

func (b *bucketReader) RemoteCall(ctx context.Context, r *foolscap.Request) (v banana.Value, err error) {
	switch r.Method {
	case "read":
		v, err = b.read(ctx, r)
	case "advise_corrupt_share":
		err = b.advise(ctx, r)
	default:
		err = foolscap.UnknownMethod(r, interfaceReader)
	}
	return v, b.session.server.refuse(ctx, r, err)
}

// read returns share data, cut at its end.
func (b *bucketReader) read(ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	a := r.Args("offset", "length")
	offset, length := argument(a, 0, offsetSize), argument(a, 1, lengthSize)
	if a.Err() != nil {
		return nil, a.Err()
	}
	if err := checkRange("read", offset, length); err != nil {
		return nil, err
	}
	defer b.session.inOrder(r, b.si)()
	share, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	length = min(length, share.Size()-min(offset, share.Size()))
	if most := b.session.server.options.MaxRead; length > most {
		return nil, &grid.ReadTooLargeError{MaxSize: most}
	}
	if err := b.session.takeMemory(ctx, r, length); err != nil {
		return nil, err
	}
	return b.fill(ctx, share, offset, length)
}

// fill reads into memory that has been taken, and which goes back when the
// answer has left.
func (b *bucketReader) fill(ctx context.Context, share grid.ShareReader, offset, length int64) (banana.Value, error) {
	buf := getBuffer(int(length))
	done := func() {
		buf.free()
		b.session.giveMemory(length)
	}
	n, err := share.Read(ctx, buf.data, offset)
	if err != nil {
		done()
		return nil, err
	}
	return &banana.Lent{Data: buf.data[:n], Done: done}, nil
}

func (b *bucketReader) open(ctx context.Context) (grid.ShareReader, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.share != nil {
		return b.share, nil
	}
	share, err := b.session.server.core.OpenShare(ctx, grid.Immutable, b.si, b.n)
	if err == nil {
		b.share = share
	}
	return share, err
}

func (b *bucketReader) advise(ctx context.Context, r *foolscap.Request) error {
	a := r.Args("reason")
	reason := a.Bytes(0, 0, reasonCall)
	if a.Err() != nil {
		return a.Err()
	}
	return b.session.server.core.AdviseCorruptShare(ctx, grid.Immutable, b.si, b.n, string(reason))
}

// remoteReader is a share at a server. It is a grid.BucketReader. The server is
// told that it is no longer used when the garbage collector finds it.
type remoteReader struct{ ref *foolscap.Reference }

func newRemoteReader(ref *foolscap.Reference) *remoteReader {
	r := &remoteReader{ref.Retain()}
	runtime.AddCleanup(r, (*foolscap.Reference).Release, r.ref)
	return r
}

// Read reads share data; see grid.BucketReader.
func (r *remoteReader) Read(ctx context.Context, p []byte, offset int64) (n int, err error) {
	if err := checkRange("read", offset, 0); err != nil {
		return 0, err
	}
	defer runtime.KeepAlive(r) // a released reference is not to be called
	for n < len(p) && offset <= math.MaxInt64-int64(len(p)) {
		want := p[n:min(n+maxPiece, len(p))]
		got, err := r.readPiece(ctx, want, offset+int64(n))
		n += got
		if err != nil || got < len(want) {
			return n, err
		}
	}
	return n, nil
}

func (r *remoteReader) readPiece(ctx context.Context, p []byte, offset int64) (n int, err error) {
	err = call(ctx, r.ref, func(v banana.Value) error {
		data, err := foolscap.AsBytes(v, 0, len(p))
		n = copy(p, data)
		return err
	}, "read", banana.Int(offset), banana.Int(len(p)))
	return n, err
}

// AdviseCorruptShare reports damage; see grid.BucketReader.
func (r *remoteReader) AdviseCorruptShare(ctx context.Context, reason string) error {
	defer runtime.KeepAlive(r)
	return call(ctx, r.ref, noneOf, "advise_corrupt_share", banana.Bytes(cutReason(reason)))
}
