package erasure

import "math"

// Segments tells how a file is cut into segments and blocks. It is plain
// arithmetic on int64, the same on machines with 32-bit int. The zero value is
// not a valid cut; make one with [NewSegments].
//
// Every segment has SegmentSize bytes but the last, the tail, which has TailSize.
// The tail is padded with zero bytes to a multiple of K; then each segment is
// split into K blocks, and every share has one block of that size for each
// segment. Source: Tahoe-LAFS 1.20.0 immutable/encode.py,
// Encoder._got_all_encoding_parameters; downloader/node.py, _calculate_sizes.
type Segments struct {
	// Size is the file's size in bytes, at least 1.
	Size int64
	// K is the number of blocks a segment is split into, 1..256.
	K int
	// SegmentSize is the size of all segments but the last, a multiple of K. It
	// may exceed Size by up to K-1.
	SegmentSize int64
	// NumSegments is the number of segments, at least 1.
	NumSegments int64
	// TailSize is the size of the last segment without padding, 1..SegmentSize.
	TailSize int64
	// BlockSize is SegmentSize / K.
	BlockSize int64
	// TailBlockSize is the size of the last segment's blocks: TailSize / K
	// rounded up.
	TailBlockSize int64
}

// SegmentSize returns the segment size for a file of the given size: the smaller
// of size and maxSize, rounded up to a multiple of k (so that it may exceed
// maxSize: 1048578 for a maximum of 1 MiB and k = 3). size and maxSize must be at
// least 1 and k 1..256, else the error is a [*ParamsError].
// Source: Tahoe-LAFS 1.20.0 immutable/upload.py,
// BaseUploadable.get_all_encoding_parameters.
func SegmentSize(size, maxSize int64, k int) (int64, error) {
	if err := CheckParams(k, MaxShares); err != nil {
		return 0, err
	}
	if maxSize < 1 {
		return 0, &ParamsError{"segment size", maxSize, "the maximum must be at least 1"}
	}
	if err := checkSize(size); err != nil {
		return 0, err
	}
	return ceilDiv(min(size, maxSize), int64(k)) * int64(k), nil
}

// checkSize refuses empty files, for which 1.20 divides by zero (it stores them
// as literal caps), and sizes so close to 2^63 that rounding up would overflow.
func checkSize(size int64) error {
	if size < 1 {
		return &ParamsError{"size", size, "must be at least 1 (an empty file is a literal cap)"}
	}
	if size > math.MaxInt64-MaxShares {
		return &ParamsError{"size", size, "is too close to 2^63"}
	}
	return nil
}

// NewSegments returns the cut of a file of size bytes into segments of
// segmentSize, which must be a positive multiple of k; the error is a
// [*ParamsError].
func NewSegments(size int64, k int, segmentSize int64) (Segments, error) {
	if err := CheckParams(k, MaxShares); err != nil {
		return Segments{}, err
	}
	if err := checkSize(size); err != nil {
		return Segments{}, err
	}
	if segmentSize < 1 || segmentSize%int64(k) != 0 {
		return Segments{}, &ParamsError{"segment size", segmentSize, "must be a positive multiple of k"}
	}
	tail := size % segmentSize
	if tail == 0 {
		tail = segmentSize
	}
	return Segments{
		Size:          size,
		K:             k,
		SegmentSize:   segmentSize,
		NumSegments:   ceilDiv(size, segmentSize),
		TailSize:      tail,
		BlockSize:     segmentSize / int64(k),
		TailBlockSize: ceilDiv(tail, int64(k)),
	}, nil
}

// ceilDiv returns a / b rounded up, for a >= 1 and b >= 1, without overflow.
func ceilDiv(a, b int64) int64 {
	return (a-1)/b + 1
}

// IsTail says whether segment number seg is the last one.
func (s Segments) IsTail(seg int64) bool {
	return seg == s.NumSegments-1
}

// SizeOf returns how many bytes of the file segment number seg holds (0-based).
func (s Segments) SizeOf(seg int64) int64 {
	if s.IsTail(seg) {
		return s.TailSize
	}
	return s.SegmentSize
}

// BlockSizeOf returns the size of each block of segment number seg.
func (s Segments) BlockSizeOf(seg int64) int64 {
	if s.IsTail(seg) {
		return s.TailBlockSize
	}
	return s.BlockSize
}

// PaddedTailSize returns the size of the last segment with its padding.
func (s Segments) PaddedTailSize() int64 {
	return s.TailBlockSize * int64(s.K)
}

// ShareDataSize returns the size of one share's blocks together: Size / K
// rounded up.
func (s Segments) ShareDataSize() int64 {
	return ceilDiv(s.Size, int64(s.K))
}
