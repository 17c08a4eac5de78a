package banana

import (
	"io"
	"sync"
)

// Batch is a list of buffers on their way to a connection.
type Batch struct {
	chunks []chunk
	tail   []byte // small tokens; earlier parts of it are chunks already
	start  int    // where the part begins that is no chunk yet
	size   int64
}

type chunk struct {
	data []byte
	lent *Lent // whose data it is; nil for nobody's
}

func (c chunk) release() {
	if c.lent != nil {
		c.lent.giveBack()
	}
}

// keptTail is the largest buffer that waits for its next use.
const keptTail = 16 << 10

var batches = sync.Pool{New: func() any { return &Batch{tail: make([]byte, 0, 512)} }}

func newBatch() *Batch { return batches.Get().(*Batch) }

// Size returns the number of bytes in the batch.
func (b *Batch) Size() int64 { return b.size }

// seal makes a chunk of the small tokens at the end.
func (b *Batch) seal() {
	if b.start < len(b.tail) {
		b.chunks = append(b.chunks, chunk{data: b.tail[b.start:len(b.tail):len(b.tail)]})
		b.start = len(b.tail)
	}
}

func (b *Batch) reference(c chunk) {
	b.seal()
	b.chunks = append(b.chunks, c)
	b.size += int64(len(c.data))
}

// WriteTo writes the batch, in one call of Write for all small tokens between
// two long byte strings.
func (b *Batch) WriteTo(out io.Writer) (n int64, err error) {
	b.seal()
	for _, c := range b.chunks {
		written, err := out.Write(c.data)
		n += int64(written)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Release gives lent buffers back, and the batch itself, which must not be used
// afterwards.
func (b *Batch) Release() {
	for _, c := range b.chunks {
		c.release()
	}
	clear(b.chunks)
	if cap(b.tail) > keptTail || cap(b.chunks) > 64 {
		return
	}
	*b = Batch{chunks: b.chunks[:0], tail: b.tail[:0]}
	batches.Put(b)
}
