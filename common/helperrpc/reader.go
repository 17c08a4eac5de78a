package helperrpc

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// ReaderInterface is the name of the remote interface of ciphertext at a client.
const ReaderInterface = "RIEncryptedUploadable.tahoe.allmydata.com"

const (
	methodSize   = "get_size"
	methodParams = "get_all_encoding_parameters"
	methodRead   = "read_encrypted"
	methodClose  = "close"
)

// Parameters say how a client wants a file to be encoded. Those from a peer are
// not checked for sense.
type Parameters struct {
	grid.Params
	SegmentSize int64 // in bytes
}

// Ciphertext is what a client gives to a helper. Its methods are called one at a
// time.
type Ciphertext interface {
	// Size returns the size of the file in bytes.
	Size() int64
	// Parameters returns how it is to be encoded.
	Parameters() Parameters
	// ReadAt fills p with ciphertext from offset on, or returns an error, whose
	// text the helper gets. Helpers do not go back.
	ReadAt(ctx context.Context, p []byte, offset int64) error
	// Close says that the helper has read what it wanted. It may come several
	// times, or never.
	Close()
}

// reader is the server adapter.
type reader struct {
	mu     sync.Mutex // held while the ciphertext is used
	source Ciphertext
}

// NewReader returns an object that a helper reads from.
func NewReader(c Ciphertext) foolscap.Referenceable { return &reader{source: c} }

// RemoteInterface implements foolscap.Referenceable.
func (*reader) RemoteInterface() string { return ReaderInterface }

// MethodLimits implements foolscap.MethodLimiter.
func (*reader) MethodLimits(_ string, limits *banana.Limits) error {
	lower(limits)
	return nil
}

// RemoteCall implements foolscap.Referenceable.
func (s *reader) RemoteCall(ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Method {
	case methodSize:
		return banana.Int(s.source.Size()), r.Args().Err()
	case methodParams:
		p := s.source.Parameters()
		return banana.NewTuple(banana.Int(p.K), banana.Int(p.Happy), banana.Int(p.N), banana.Int(p.SegmentSize)), r.Args().Err()
	case methodRead:
		return s.read(ctx, r)
	case methodClose:
		if err := r.Args().Err(); err != nil {
			return nil, err
		}
		s.source.Close()
		return nil, nil
	}
	return nil, foolscap.UnknownMethod(r, ReaderInterface)
}

func (s *reader) read(ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	args := r.Args("offset", "length")
	offset := args.Offset(0)
	length := args.Int(1, 0, MaxRead)
	if err := args.Err(); err != nil {
		return nil, err
	}
	if size := s.source.Size(); offset > size || length > size-offset {
		return nil, banana.Violationf("%d bytes at %d are not within the %d of the file", length, offset, size)
	}
	piece := getBuffer(int(length))
	if err := s.source.ReadAt(ctx, *piece, offset); err != nil {
		buffers.Put(piece)
		return nil, err
	}
	return banana.NewList(&banana.Lent{Data: *piece, Done: func() { buffers.Put(piece) }}), nil
}

// buffers holds *[]byte for answers.
var buffers sync.Pool

func getBuffer(size int) *[]byte {
	if b, ok := buffers.Get().(*[]byte); ok && cap(*b) >= size {
		*b = (*b)[:size]
		return b
	}
	b := make([]byte, size)
	return &b
}

// Reader calls the ciphertext of a client. It does not own the reference.
type Reader struct{ Reference *foolscap.Reference }

// Size returns the size of the file in bytes, not negative.
func (r Reader) Size(ctx context.Context) (int64, error) {
	v, err := r.Reference.CallLimited(ctx, maxSmallAnswer, methodSize)
	if err != nil {
		return 0, fmt.Errorf("ask for the size: %w", err)
	}
	size, err := foolscap.AsOffset(v)
	if err != nil {
		foolscap.ReleaseAll(v)
		return 0, fmt.Errorf("ask for the size: %w", err)
	}
	return size, nil
}

// Parameters returns how the client wants the file to be encoded.
func (r Reader) Parameters(ctx context.Context) (Parameters, error) {
	v, err := r.Reference.CallLimited(ctx, maxSmallAnswer, methodParams)
	if err != nil {
		return Parameters{}, fmt.Errorf("ask for the encoding parameters: %w", err)
	}
	p, err := decodeParameters(v)
	if err != nil {
		foolscap.ReleaseAll(v)
		return Parameters{}, fmt.Errorf("ask for the encoding parameters: %w", err)
	}
	return p, nil
}

func decodeParameters(v banana.Value) (p Parameters, err error) {
	items, err := foolscap.AsTuple(v, 4)
	if err != nil {
		return p, err
	}
	for i, field := range []*int{&p.K, &p.Happy, &p.N} {
		n, err := foolscap.AsInt(items[i], math.MinInt32, math.MaxInt32)
		if err != nil {
			return p, err
		}
		*field = int(n)
	}
	p.SegmentSize, err = foolscap.AsInt(items[3], math.MinInt64, math.MaxInt64)
	return p, err
}

// Read asks for length bytes of ciphertext, at most MaxRead, from offset on. The
// pieces together have as many bytes or fewer, and are the caller's.
func (r Reader) Read(ctx context.Context, offset int64, length int) ([][]byte, error) {
	read, err := r.Begin(ctx, offset, length)
	if err != nil {
		return nil, err
	}
	return read.Wait(ctx)
}

// Begin is the first half of Read: it sends the request. Clients serve requests in
// the order sent.
func (r Reader) Begin(ctx context.Context, offset int64, length int) (*Read, error) {
	c, err := r.Reference.Begin(ctx, int64(length)+readOverhead, methodRead, banana.Int(offset), banana.Int(length))
	if err != nil {
		return nil, fmt.Errorf("read %d bytes of ciphertext at %d: %w", length, offset, err)
	}
	return &Read{c, offset, length}, nil
}

// Read is a request for ciphertext that is under way.
type Read struct {
	call   *foolscap.Call
	offset int64
	length int
}

// Wait is the second half of Reader.Read. It must be called once; a context that
// has ended gives the request up.
func (r *Read) Wait(ctx context.Context) ([][]byte, error) {
	v, err := r.call.Wait(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %d bytes of ciphertext at %d: %w", r.length, r.offset, err)
	}
	pieces, err := decodePieces(v, r.length)
	if err != nil {
		foolscap.ReleaseAll(v)
		return nil, fmt.Errorf("read %d bytes of ciphertext at %d: %w", r.length, r.offset, err)
	}
	return pieces, nil
}

func decodePieces(v banana.Value, length int) ([][]byte, error) {
	items, err := foolscap.AsList(v, maxPieces)
	if err != nil {
		return nil, err
	}
	pieces := make([][]byte, len(items))
	for i, item := range items {
		if pieces[i], err = foolscap.AsBytes(item, 0, length); err != nil {
			return nil, err
		}
		length -= len(pieces[i])
	}
	return pieces, nil
}

// Close says that nothing more will be read. It does not wait for an answer.
func (r Reader) Close(ctx context.Context) error {
	if err := r.Reference.Send(ctx, methodClose); err != nil {
		return fmt.Errorf("close the ciphertext: %w", err)
	}
	return nil
}
