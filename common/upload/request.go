package upload

import (
	"errors"
	"io"
	"sync"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// Request is a file to be uploaded.
type Request struct {
	// SI is the file's storage index.
	SI grid.StorageIndex
	// Params are k, n and the happiness that is asked for. A happiness of 0 is
	// for a repair, which takes what it can get.
	Params grid.Params
	// Segments is how the ciphertext is cut. It has its size and the same k.
	Segments erasure.Segments
	// Ciphertext is what is to be stored.
	Ciphertext Source
	// Version is the version of the share layout; 0 is what 1.20 would choose.
	Version uint32
	// Workers is how many segments are encoded at a time; 0 is as many as there
	// are processors, at most 4.
	Workers int
	// Progress, if not nil, is called with the bytes of ciphertext that were
	// read since the beginning of this attempt. It must not block.
	Progress func(ciphertext int64)
}

// Source is ciphertext.
type Source interface {
	// Open returns the ciphertext from its beginning. It is called again, after
	// the reader before was closed, to begin the upload once more; ErrOnce says
	// that this cannot be.
	Open() (io.ReadCloser, error)
}

// ErrOnce says that a Source cannot be read a second time.
var ErrOnce = errors.New("the source can be read only once")

// Once makes a Source of a reader that can be read only once. The reader is not
// closed.
func Once(r io.Reader) Source { return &once{r: r} }

type once struct {
	mu sync.Mutex // guards r
	r  io.Reader
}

// Open returns the reader the first time.
func (o *once) Open() (io.ReadCloser, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.r == nil {
		return nil, ErrOnce
	}
	r := o.r
	o.r = nil
	return io.NopCloser(r), nil
}

// progressReader reports how much was read.
type progressReader struct {
	io.Reader
	read   int64
	report func(int64)
}

// Read implements io.Reader.
func (p *progressReader) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if n > 0 {
		p.read += int64(n)
		p.report(p.read)
	}
	return n, err
}
