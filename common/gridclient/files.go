package gridclient

import (
	"bytes"
	"context"
	"io"

	"github.com/besn0847/arm-tahoe/common/immutable"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// File is one version of a file, open for reading: Size in bytes, and WriteRange,
// which writes length bytes from offset on to w, as many as there are and nothing
// that was not verified. It is safe for concurrent use until Close.
type File = interface {
	Size() int64
	WriteRange(ctx context.Context, w io.Writer, offset, length int64) (int64, error)
	Close()
}

// Open opens any file that can be read with the cap: a literal, CHK or mutable one.
// Of a mutable file it is the version that counts now. Errors are a
// *ProhibitedError, that of download.Downloader.Open, those of mutable.File.Current,
// and a *mutable.KindError for a cap that does not permit reading a file.
func (c *Client) Open(ctx context.Context, file uri.Cap) (File, error) {
	if err := c.allowed(file); err != nil {
		return nil, err
	}
	switch file := file.(type) {
	case uri.Literal:
		return literal(file.Data.Reveal()), nil
	case uri.CHK:
		opened, err := c.downloads.Open(file)
		if err != nil {
			return nil, err
		}
		return counted{opened, &c.counters.downloaded}, nil
	}
	opened, err := c.mutables.Open(file)
	if err != nil {
		return nil, err
	}
	current, err := opened.Current(ctx)
	if err != nil {
		return nil, err
	}
	return counted{snapshot{current}, &c.counters.retrieved}, nil
}

// literal is a file that is in its cap.
type literal []byte

func (l literal) Size() int64 { return int64(len(l)) }
func (literal) Close()        {}

func (l literal) WriteRange(_ context.Context, w io.Writer, offset, length int64) (int64, error) {
	offset = min(max(offset, 0), l.Size())
	n, err := w.Write(l[offset:min(l.Size(), offset+length)])
	return int64(n), err
}

// snapshot is a version of a mutable file.
type snapshot struct{ *mutable.Snapshot }

func (snapshot) Close() {}

func (s snapshot) WriteRange(ctx context.Context, w io.Writer, offset, length int64) (int64, error) {
	counted := &counter{w: w}
	err := s.CopyRange(ctx, counted, offset, min(length, s.Size()-offset))
	return counted.n, err
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Upload stores an immutable file under a convergent key: see
// immutable.Uploader.Upload. The size may be immutable.UnknownSize.
func (c *Client) Upload(ctx context.Context, r io.Reader, size int64) (uri.Cap, *upload.Result, error) {
	return c.UploadWith(ctx, immutable.Upload{Plaintext: r, Size: size})
}

// UploadWith is Upload with all that package immutable offers, such as a random key.
func (c *Client) UploadWith(ctx context.Context, in immutable.Upload) (uri.Cap, *upload.Result, error) {
	made, result, err := c.files.Upload(ctx, in)
	if err == nil {
		c.counters.uploaded.add(result.Size)
	}
	return made, result, err
}

// CreateMutable stores a mutable file, under a new key if key is zero. Errors are
// those of mutable.Client.Create.
func (c *Client) CreateMutable(ctx context.Context, layout uri.Layout, key rsakey.PrivateKey, content mutable.Source) (uri.Cap, error) {
	var file *mutable.File
	var err error
	if key.IsZero() {
		file, err = c.mutables.Create(ctx, layout, content)
	} else {
		file, err = c.mutables.CreateWithKey(ctx, layout, key, content)
	}
	if err != nil {
		return nil, err
	}
	c.counters.published.add(content.Size())
	return file.Cap(), nil
}

// Overwrite replaces the content of a mutable file: see mutable.File.Overwrite.
func (c *Client) Overwrite(ctx context.Context, file uri.Cap, content mutable.Source) error {
	opened, err := c.openMutable(file)
	if err != nil {
		return err
	}
	_, err = opened.Overwrite(ctx, content)
	return c.published(content, err)
}

// Update replaces a part of a mutable file, or extends it: see mutable.File.Write.
func (c *Client) Update(ctx context.Context, file uri.Cap, offset int64, content mutable.Source) error {
	opened, err := c.openMutable(file)
	if err != nil {
		return err
	}
	_, err = opened.Write(ctx, offset, content)
	return c.published(content, err)
}

// published counts a change of a mutable file, unless it failed.
func (c *Client) published(content mutable.Source, err error) error {
	if err == nil {
		c.counters.published.add(content.Size())
	}
	return err
}

func (c *Client) openMutable(file uri.Cap) (*mutable.File, error) {
	if err := c.allowed(file); err != nil {
		return nil, err
	}
	return c.mutables.Open(file)
}

// dirFiles are the immutable files that directories are in. It is a dirnode.Files.
type dirFiles struct{ c *Client }

// ReadAll implements dirnode.Files.
func (f dirFiles) ReadAll(ctx context.Context, file uri.Cap, limit int64) ([]byte, error) {
	opened, err := f.c.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	if opened.Size() > limit {
		return nil, &mutable.TooLargeError{Size: opened.Size(), Limit: limit}
	}
	var all bytes.Buffer // grows with what has arrived: the size is only what the cap says
	if _, err := opened.WriteRange(ctx, &all, 0, opened.Size()); err != nil {
		return nil, err
	}
	return all.Bytes(), nil
}

// PutImmutable implements dirnode.Files.
func (f dirFiles) PutImmutable(ctx context.Context, data []byte) (uri.Cap, error) {
	made, _, err := f.c.Upload(ctx, bytes.NewReader(data), int64(len(data)))
	return made, err
}
