package immutable

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/upload"
)

// plaintext is what is to be uploaded, of known size.
type plaintext struct {
	size int64
	// open returns it from its beginning. Where it can be read only once the
	// second call is upload.ErrOnce.
	open func() (io.Reader, error)
	// close lets go of what keeps it.
	close func()
	// key is the convergent key, if it was computed on the way; else zero.
	key secret.ImmutableKey
}

// take finds the way in which the plaintext is read: again from its place, from
// memory, once, or from a spool.
func (u *Uploader) take(ctx context.Context, in Upload, params grid.Params) (*plaintext, error) {
	if s, ok := in.Plaintext.(io.ReadSeeker); ok {
		if start, err := s.Seek(0, io.SeekCurrent); err == nil {
			return seekable(s, start, in.Size)
		}
	}
	limit := u.cfg.MaxSegmentSize
	if in.Size >= 0 {
		in.Plaintext = io.LimitReader(in.Plaintext, in.Size)
		if in.Size > limit && in.RandomKey {
			return readOnce(in), nil
		}
	}
	head, err := readHead(ctx, in.Plaintext, limit, in.Size)
	if err != nil {
		return nil, err
	}
	if int64(len(head)) <= limit {
		return inMemory(head, in.Size)
	}
	in.Plaintext = io.MultiReader(bytes.NewReader(head), in.Plaintext)
	return u.spool(ctx, in, params)
}

func nothing() {}

// seekable reads plaintext from where it stands, as often as it takes.
func seekable(s io.ReadSeeker, start, size int64) (*plaintext, error) {
	end, err := s.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("find the end of the plaintext: %w", err)
	}
	there := max(0, end-start)
	if size == UnknownSize {
		size = there
	}
	if size > there {
		return nil, &chkencode.ShortError{Size: size, Got: there}
	}
	open := func() (io.Reader, error) {
		if _, err := s.Seek(start, io.SeekStart); err != nil {
			return nil, fmt.Errorf("go back to the start of the plaintext: %w", err)
		}
		return io.LimitReader(s, size), nil
	}
	return &plaintext{size: size, open: open, close: nothing}, nil
}

func inMemory(data []byte, size int64) (*plaintext, error) {
	if got := int64(len(data)); size > got {
		return nil, &chkencode.ShortError{Size: size, Got: got}
	}
	open := func() (io.Reader, error) { return bytes.NewReader(data), nil }
	return &plaintext{size: int64(len(data)), open: open, close: nothing}, nil
}

func readOnce(in Upload) *plaintext {
	r := in.Plaintext
	open := func() (io.Reader, error) {
		if r == nil {
			return nil, upload.ErrOnce
		}
		once := r
		r = nil
		return once, nil
	}
	return &plaintext{size: in.Size, open: open, close: nothing}
}

// readHead reads up to one byte more than limit, to know whether there is more.
// size, if it is not UnknownSize, saves memory.
func readHead(ctx context.Context, r io.Reader, limit, size int64) ([]byte, error) {
	want := limit + 1
	room := min(want, hashChunk)
	if size >= 0 {
		want = min(want, size)
		room = want
	}
	head := bytes.NewBuffer(make([]byte, 0, room))
	for int64(head.Len()) < want {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		_, err := io.CopyN(head, r, min(hashChunk, want-int64(head.Len())))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read plaintext: %w", err)
		}
	}
	return head.Bytes(), nil
}

// spool copies plaintext that is larger than a segment to a file, and computes
// the convergent key on the way: with more than one segment the key does not
// depend on the size.
func (u *Uploader) spool(ctx context.Context, in Upload, params grid.Params) (text *plaintext, err error) {
	segSize, err := erasure.SegmentSize(u.cfg.MaxSegmentSize+1, u.cfg.MaxSegmentSize, params.K)
	if err != nil {
		return nil, err
	}
	hasher, err := newConvergenceWriter(in.RandomKey, u.cfg.Convergence, params, segSize)
	if err != nil {
		return nil, err
	}
	file, err := newSpool(u.cfg.TempDir, u.cfg.Random)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			file.close()
		}
	}()
	size, err := file.fill(ctx, io.TeeReader(in.Plaintext, hasher))
	if err != nil {
		return nil, err
	}
	if in.Size > size {
		return nil, &chkencode.ShortError{Size: in.Size, Got: size}
	}
	return &plaintext{size: size, open: file.open, close: file.close, key: hasher.key()}, nil
}
