package storagerpc

import (
	"math/bits"
	"sync"

	"github.com/besn0847/arm-tahoe/common/banana"
)

const (
	// lentSize is the size in bytes from which package banana refers to byte
	// strings instead of copying them.
	lentSize = 4 << 10
	// maxPooled is the largest buffer that waits for its next use.
	maxPooled = 1 << 20
)

// buffers are of lentSize<<i bytes each, up to maxPooled.
var buffers [9]sync.Pool

// buffer is memory for what is read from a share.
type buffer struct{ data []byte }

// getBuffer returns a buffer of n bytes of any content.
func getBuffer(n int) *buffer {
	if n > maxPooled {
		return &buffer{make([]byte, n)}
	}
	class := sizeClass(n)
	b, ok := buffers[class].Get().(*buffer)
	if !ok {
		b = &buffer{make([]byte, lentSize<<class)}
	}
	b.data = b.data[:n]
	return b
}

// free gives the buffer back.
func (b *buffer) free() {
	if size := cap(b.data); size <= maxPooled {
		buffers[sizeClass(size)].Put(b)
	}
}

func sizeClass(n int) int { return bits.Len(uint(max(n-1, 0)) / lentSize) }

// loan lends byte strings to a connection and waits until it has let go of
// them, so that their owner may change them when a call returns.
type loan struct{ out sync.WaitGroup }

// lend returns b as a value. What package banana copies is not lent.
func (l *loan) lend(b []byte) banana.Value {
	if len(b) < lentSize {
		return banana.Bytes(b)
	}
	l.out.Add(1)
	return &banana.Lent{Data: b, Done: l.out.Done}
}

// settle waits until all is back.
func (l *loan) settle() { l.out.Wait() }
