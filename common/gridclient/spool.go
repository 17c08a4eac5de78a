package gridclient

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/besn0847/arm-tahoe/common/immutable"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/uri"
)

const (
	// spoolMemory is up to how many bytes a spool is in memory, not in a file.
	spoolMemory = 256 << 10
	// spoolChunk is how much is written to the file at a time.
	spoolChunk = 128 << 10
)

// Spool is something that was read once and is kept to be read more often. It is a
// mutable.Source. It is for one goroutine at a time but for ReadAt.
type Spool = interface {
	io.ReadSeeker
	io.ReaderAt
	Size() int64
	Close()
}

// Spool keeps all of r: little in memory, more in a nameless file in
// Config.TempDir, encrypted with a key that only this process has. With layout it is
// for a mutable file of that layout: more than an SDMF file can take is a
// *mutable.TooLargeError, as soon as it is noticed. Close what it returns.
func (c *Client) Spool(ctx context.Context, r io.Reader, layout *uri.Layout) (Spool, error) {
	limit := int64(-1)
	if layout != nil && *layout == uri.SDMF {
		limit = mutable.DefaultMaxMemory
	}
	head := new(bytes.Buffer)
	n, err := io.CopyN(head, r, spoolMemory+1)
	switch {
	case errors.Is(err, io.EOF):
		return memorySpool{bytes.NewReader(head.Bytes())}, nil
	case err != nil:
		return nil, fmt.Errorf("read what is to be stored: %w", err)
	}
	s, err := newFileSpool(c.cfg.TempDir)
	if err != nil {
		return nil, err
	}
	if err := s.fill(ctx, io.MultiReader(bytes.NewReader(head.Bytes()[:n]), r), limit); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// memorySpool is a spool in memory.
type memorySpool struct{ *bytes.Reader }

func (memorySpool) Close() {}

// fileSpool is a spool in a file.
type fileSpool struct {
	*io.SectionReader // of the plaintext
	file              *os.File
	crypt             func(p []byte, offset int64)
}

func newFileSpool(dir string) (*fileSpool, error) {
	key, err := immutable.RandomKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	crypt, err := immutable.Decrypter(key)
	if err != nil {
		return nil, err
	}
	file, err := immutable.NamelessFile(dir)
	if err != nil {
		return nil, err
	}
	return &fileSpool{file: file, crypt: crypt}, nil
}

// fill copies r to the file. A limit below 0 is none.
func (s *fileSpool) fill(ctx context.Context, r io.Reader, limit int64) error {
	buf := make([]byte, spoolChunk)
	var size int64
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := readFull(r, buf)
		s.crypt(buf[:n], size)
		if _, err := s.file.WriteAt(buf[:n], size); err != nil {
			return fmt.Errorf("keep plaintext in a temporary file: %w", err)
		}
		size += int64(n)
		switch {
		case limit >= 0 && size > limit:
			return &mutable.TooLargeError{Size: size, Limit: limit}
		case errors.Is(err, io.EOF):
			s.SectionReader = io.NewSectionReader(plain{s}, 0, size)
			return nil
		case err != nil:
			return fmt.Errorf("read what is to be stored: %w", err)
		}
	}
}

// readFull is io.ReadFull with io.EOF wherever the end comes, so that
// io.ErrUnexpectedEOF is what the reader itself says: it was cut short.
func readFull(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var more int
		more, err = r.Read(buf[n:])
		n += more
	}
	return n, err
}

// Close lets the file go.
func (s *fileSpool) Close() { _ = s.file.Close() }

// plain reads the plaintext.
type plain struct{ s *fileSpool }

func (p plain) ReadAt(b []byte, offset int64) (int, error) {
	n, err := p.s.file.ReadAt(b, offset)
	p.s.crypt(b[:n], offset)
	return n, err
}
