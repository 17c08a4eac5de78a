package banana

import "sync"

// Byte strings of minReused to reusedSize bytes, which is what clients of
// Tahoe-LAFS write and read at a time, are read into buffers of reusedSize.
const (
	minReused  = 768 << 10
	reusedSize = 3 << 19
)

// reusable holds buffers that nobody uses. The collector empties it.
var reusable sync.Pool

// largeBuffer returns a buffer of undefined content.
func largeBuffer(size int64) []byte {
	if size < minReused || size > reusedSize {
		return make([]byte, size)
	}
	if b, ok := reusable.Get().(*[reusedSize]byte); ok {
		return b[:size]
	}
	return new([reusedSize]byte)[:size]
}

// Recycle takes back a byte string that a Reader returned, so that it need not
// be allocated and cleared for the next one. Nobody may use it, or anything
// that shares memory with it, afterwards. Calling it is never necessary, and
// does nothing for strings of other sizes.
func Recycle(b []byte) {
	if cap(b) == reusedSize && len(b) >= minReused {
		reusable.Put((*[reusedSize]byte)(b[:reusedSize]))
	}
}
