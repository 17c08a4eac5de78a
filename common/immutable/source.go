package immutable

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Source gives the bytes of one share, without the container that the server
// keeps it in.
type Source interface {
	// ReadAt reads len(p) bytes from offset on. Fewer come with an error, io.EOF
	// if the share ends there. It may block and must return soon after ctx is
	// done. It must not keep p.
	ReadAt(ctx context.Context, p []byte, offset int64) (int, error)
}

// Share is a share on a server.
type Share struct {
	// Num is the share's number.
	Num grid.ShareNum
	// Server names the server in errors.
	Server grid.ServerID
	// Source gives the bytes.
	Source Source
}

// read fills p. A share that ends too early is a [*CorruptShareError] for the
// given part and segment, anything else that goes wrong a [*ReadError].
func (s Share) read(ctx context.Context, p []byte, offset int64, part Part, seg int64) error {
	n, err := s.readSome(ctx, p, offset)
	if err == nil && n < len(p) {
		return s.corrupt(part, seg, fmt.Errorf("share ends at %d, needed are %d bytes at %d", offset+int64(n), len(p), offset))
	}
	return err
}

// readSome fills p as far as the share goes.
func (s Share) readSome(ctx context.Context, p []byte, offset int64) (int, error) {
	n, err := s.Source.ReadAt(ctx, p, offset)
	if n < 0 || n > len(p) {
		return 0, &ReadError{s.Server, s.Num, fmt.Errorf("source says it read %d bytes of %d", n, len(p))}
	}
	if n == len(p) || errors.Is(err, io.EOF) {
		return n, nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	return 0, &ReadError{s.Server, s.Num, err}
}

func (s Share) corrupt(part Part, seg int64, err error) *CorruptShareError {
	return &CorruptShareError{Server: s.Server, ShareNum: s.Num, Part: part, Segment: seg, Err: err}
}
