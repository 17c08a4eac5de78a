package chkencode

import (
	"io"
	"sync/atomic"
)

// segment is the buffer of one segment and its shares.
type segment struct {
	num int64
	// blocks has one buffer of BlockSize for each different block. They are far
	// apart by an odd number of cache lines, so that the many streams of the
	// erasure code do not fall into the same few sets of the cache.
	blocks [][]byte
	// shares are the buffers cut to the block size of this segment, one for each
	// different block: first the k primary ones, which hold the ciphertext.
	shares [][]byte
	// size is how many bytes of ciphertext the segment has.
	size int64
	// users counts the sinks that have not yet written it.
	users atomic.Int32
}

// cacheLine is the usual size of a cache line.
const cacheLine = 64

// stride returns the distance between the buffers of a segment: blockSize rounded
// up to an odd number of cache lines.
func stride(blockSize int64) int64 {
	return ((blockSize+cacheLine-1)/cacheLine | 1) * cacheLine
}

func newSegment(blockSize int64, slots int) *segment {
	step := int(stride(blockSize))
	slab := make([]byte, step*slots)
	s := &segment{blocks: make([][]byte, slots), shares: make([][]byte, slots)}
	for i := range s.blocks {
		s.blocks[i] = slab[i*step:][:blockSize:blockSize]
	}
	return s
}

// cut prepares the buffer for a segment of size bytes in k blocks.
func (s *segment) cut(num, size, blockSize int64) {
	s.num, s.size = num, size
	for i, b := range s.blocks {
		s.shares[i] = b[:blockSize]
	}
}

// each calls f for the pieces of ciphertext in the segment, in order and without
// padding.
func (s *segment) each(f func(piece []byte)) {
	left := s.size
	for i := 0; left > 0; i++ {
		piece := s.shares[i][:min(left, int64(len(s.shares[i])))]
		left -= int64(len(piece))
		f(piece)
	}
}

// fill reads the segment and pads it with zeros. It returns how many bytes were
// read, and io.EOF or io.ErrUnexpectedEOF if r has fewer.
func (s *segment) fill(r io.Reader, k int) (got int64, err error) {
	left := s.size
	for _, b := range s.shares[:k] {
		n := min(left, int64(len(b)))
		clear(b[n:])
		if n > 0 {
			m, err := io.ReadFull(r, b[:n])
			got += int64(m)
			if err != nil {
				return got, err
			}
		}
		left -= n
	}
	return got, nil
}
