package helperclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/helperrpc"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/upload"
)

// skipSize is how much is read at a time of what the helper does not want.
const skipSize = 64 << 10

// stream is ciphertext on its way to the helper, front to back, and the hashes of
// its segments. Safe for concurrent use.
type stream struct {
	req upload.Request

	mu      sync.Mutex // guards all below
	source  io.ReadCloser
	offset  int64
	segment *taggedhash.Hasher // of the segment at offset
	left    int64              // bytes of it that are missing
	leaves  []byte
	err     error // of the source; nothing is read after it
}

var _ helperrpc.Ciphertext = (*stream)(nil)

// openStream opens the request's source.
func openStream(req upload.Request) (*stream, error) {
	if _, err := hashtree.CheckLeaves(req.Segments.NumSegments); err != nil {
		return nil, err
	}
	source, err := req.Ciphertext.Open()
	if err != nil {
		return nil, fmt.Errorf("read what is to be uploaded: %w", err)
	}
	s := &stream{req: req, source: source, segment: taggedhash.NewCiphertextSegmentHasher()}
	s.begin()
	return s, nil
}

// begin begins with the hash of the next segment.
func (s *stream) begin() {
	s.segment.Reset()
	s.left = min(s.req.Segments.SegmentSize, s.req.Segments.Size-s.offset)
}

// Size implements helperrpc.Ciphertext.
func (s *stream) Size() int64 { return s.req.Segments.Size }

// Parameters implements helperrpc.Ciphertext.
func (s *stream) Parameters() helperrpc.Parameters {
	return helperrpc.Parameters{Params: s.req.Params, SegmentSize: s.req.Segments.SegmentSize}
}

var (
	errBack = errors.New("ciphertext is given front to back only; upload the file again to begin anew")
	errOver = errors.New("the upload is over")
)

// ReadAt implements helperrpc.Ciphertext.
func (s *stream) ReadAt(ctx context.Context, p []byte, offset int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if offset < s.offset {
		return errBack
	}
	if err := s.skip(ctx, offset); err != nil {
		return helperText(err)
	}
	return helperText(s.read(ctx, p))
}

// helperText is what the helper is told; what happened to the source is not its
// business.
func helperText(err error) error {
	if err == nil || errors.Is(err, errOver) {
		return err
	}
	return errors.New("the client cannot read its file any more")
}

// skip reads on to an offset. s.mu is held.
func (s *stream) skip(ctx context.Context, to int64) error {
	if s.offset == to {
		return s.err
	}
	buffer := make([]byte, min(skipSize, to-s.offset))
	for s.offset < to {
		if err := s.read(ctx, buffer[:min(int64(len(buffer)), to-s.offset)]); err != nil {
			return err
		}
	}
	return nil
}

// read fills p with what comes next. s.mu is held.
func (s *stream) read(ctx context.Context, p []byte) error {
	if s.err == nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.err != nil {
		return s.err
	}
	n, err := io.ReadFull(s.source, p)
	if errors.Is(err, io.EOF) && len(p) > 0 || errors.Is(err, io.ErrUnexpectedEOF) {
		err = &chkencode.ShortError{Size: s.req.Segments.Size, Got: s.offset + int64(n)}
	}
	if err != nil {
		s.err = err
		return err
	}
	s.hash(p)
	if s.req.Progress != nil {
		s.req.Progress(s.offset)
	}
	return nil
}

// hash takes in what was read. s.mu is held.
func (s *stream) hash(p []byte) {
	for len(p) > 0 {
		n := min(int64(len(p)), s.left)
		_, _ = s.segment.Write(p[:n])
		p, s.left, s.offset = p[n:], s.left-n, s.offset+n
		if s.left == 0 {
			leaf := s.segment.Sum()
			s.leaves = append(s.leaves, leaf[:]...)
			s.begin()
		}
	}
}

// Close implements helperrpc.Ciphertext. The source stays open: the rest of it is
// still to be hashed.
func (s *stream) Close() {}

// root reads what the helper did not want, and returns the root of the hash tree
// over the whole ciphertext.
func (s *stream) root(ctx context.Context) (taggedhash.Hash, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.skip(ctx, s.req.Segments.Size); err != nil {
		return taggedhash.Hash{}, err
	}
	tree, err := hashtree.Build(s.leaves)
	if err != nil {
		return taggedhash.Hash{}, err
	}
	return tree.Root(), nil
}

// failure returns the error of the source.
func (s *stream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// end lets nobody read any more.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.source.Close() // it was only read
	s.err = errOver
}
