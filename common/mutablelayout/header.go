package mutablelayout

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

const (
	// HashSize is the size of each hash in a share.
	HashSize = taggedhash.Size
	// SaltSize is the size of the salt that a data key is derived from.
	SaltSize = 16
	// MaxShares is the largest number of shares of a mutable file: it has to
	// fit one byte.
	MaxShares = 255
	// MDMFSegmentSize is the segment size of MDMF files before it is rounded up
	// to a multiple of k (DEFAULT_MUTABLE_MAX_SEGMENT_SIZE in
	// mutable/publish.py).
	MDMFSegmentSize = 128 << 10

	// MaxSegmentSize bounds the segments that are read and written, because a
	// segment is always in memory as a whole. It bounds SDMF files as a whole;
	// 1.20 has no limit but memory.
	MaxSegmentSize = 256 << 20
	// MaxSegments bounds the segments of an MDMF file, because the hashes of
	// all are in memory: 256 GiB of file, and a hash tree of 128 MiB.
	MaxSegments = 1 << 21

	sdmfCheckstringSize = 1 + 8 + HashSize + SaltSize
	mdmfCheckstringSize = 1 + 8 + HashSize
	paramsSize          = 1 + 1 + 8 + 8
	sdmfSignedSize      = sdmfCheckstringSize + paramsSize // 75
	mdmfSignedSize      = mdmfCheckstringSize + paramsSize // 59
)

// Salt is the random value that makes the data key of a segment differ from
// those of all other segments and versions.
type Salt = [SaltSize]byte

// Header is the signed beginning of a share. It names one version of the file:
// all shares of the version have equal headers, and two versions never have.
// Headers can be compared with == and used as keys of maps.
type Header struct {
	// Format is SDMF or MDMF.
	Format Format
	// Seqnum counts the versions; the first one is 1.
	Seqnum uint64
	// RootHash is the root of the share hash tree.
	RootHash taggedhash.Hash
	// Salt belongs to the one segment of an SDMF file. It is zero for MDMF,
	// where every segment has its own.
	Salt Salt
	// K and N say that any K of the N shares suffice, 1 <= K <= N <= MaxShares.
	K, N int
	// SegmentSize is a multiple of K. For SDMF it is DataSize rounded up to
	// that, 0 for an empty file; for MDMF it is positive, also for empty files.
	SegmentSize int64
	// DataSize is the size of the plaintext in bytes ("data length").
	DataSize int64
}

// Compare orders versions of a file as 1.20 does: by sequence number, then by
// root hash (mutable/servermap.py best_recoverable_version). The greater one is
// the newer. Headers of different versions that share both are equal here; no
// honest writer makes those.
func (h Header) Compare(other Header) int {
	return cmp.Or(cmp.Compare(h.Seqnum, other.Seqnum), bytes.Compare(h.RootHash[:], other.RootHash[:]))
}

// Check reports whether the fields make sense with each other and stay within
// the limits of this package. The error is a *FormatError or a *LayoutError.
func (h Header) Check() error {
	if !h.Format.known() {
		return &FormatError{Version: byte(h.Format)}
	}
	if h.N < 1 || h.N > MaxShares {
		return layoutErrorf("total shares", "%d, must be 1..%d", h.N, MaxShares)
	}
	if h.K < 1 || h.K > h.N {
		return layoutErrorf("needed shares", "%d, must be 1..%d", h.K, h.N)
	}
	return h.checkSizes()
}

func (h Header) checkSizes() error {
	if h.DataSize < 0 || h.DataSize > MaxSegmentSize*MaxSegments {
		return layoutErrorf("data length", "%d, must be 0..%d", h.DataSize, int64(MaxSegmentSize*MaxSegments))
	}
	if h.SegmentSize < 0 || h.SegmentSize > MaxSegmentSize {
		return layoutErrorf("segment size", "%d, must be 0..%d", h.SegmentSize, MaxSegmentSize)
	}
	if h.SegmentSize%int64(h.K) != 0 {
		return layoutErrorf("segment size", "%d is no multiple of %d needed shares", h.SegmentSize, h.K)
	}
	if h.Format == SDMF {
		if want := roundUp(h.DataSize, h.K); h.SegmentSize != want {
			return layoutErrorf("segment size", "%d, must be %d for %d bytes in one segment", h.SegmentSize, want, h.DataSize)
		}
		return nil
	}
	if h.SegmentSize == 0 {
		return layoutErrorf("segment size", "0, must be positive in MDMF")
	}
	if n := (h.DataSize + h.SegmentSize - 1) / h.SegmentSize; n > MaxSegments {
		return layoutErrorf("data length", "%d bytes are %d segments, at most %d are allowed", h.DataSize, n, MaxSegments)
	}
	return nil
}

// roundUp returns the smallest multiple of k that is not below size.
func roundUp(size int64, k int) int64 {
	return (size + int64(k) - 1) / int64(k) * int64(k)
}

// NumSegments returns the number of segments: 0 for an empty file, at most 1 for
// SDMF.
func (h Header) NumSegments() int64 {
	if h.SegmentSize == 0 {
		return 0
	}
	return (h.DataSize + h.SegmentSize - 1) / h.SegmentSize
}

// Segments returns how the plaintext is cut. The file must not be empty and h
// must have passed Check.
func (h Header) Segments() erasure.Segments {
	s, err := erasure.NewSegments(h.DataSize, h.K, h.SegmentSize)
	if err != nil {
		panic("mutablelayout: Segments of an empty file or an unchecked header")
	}
	return s
}

// SegmentDataSize returns the number of plaintext bytes in a segment,
// 0 <= seg < NumSegments.
func (h Header) SegmentDataSize(seg int64) int64 { return h.Segments().SizeOf(seg) }

// BlockSize returns the size of the blocks of a segment without their salt,
// 0 <= seg < NumSegments.
func (h Header) BlockSize(seg int64) int64 { return h.Segments().BlockSizeOf(seg) }

// shareDataSize returns the size of all blocks of one share, with the salts that
// stand among them.
func (h Header) shareDataSize() int64 {
	if h.DataSize == 0 {
		return 0
	}
	return h.Segments().ShareDataSize() + h.NumSegments()*h.Format.saltSize()
}

// blockHashTreeSize returns the size of the block hash tree of one share: all
// nodes over the segments, or the one padding leaf of an empty file.
func (h Header) blockHashTreeSize() int64 {
	return (2*int64(hashtree.Width(int(h.NumSegments()))) - 1) * HashSize
}

// SignedSize returns the size of what is signed: 75 bytes for SDMF, 59 for MDMF.
func (h Header) SignedSize() int {
	if h.Format == SDMF {
		return sdmfSignedSize
	}
	return mdmfSignedSize
}

// AppendSigned appends the header's bytes, which the signature covers, to dst
// (mutable/layout.py SIGNED_PREFIX, MDMFSIGNABLEHEADER). h must have passed
// Check.
func (h Header) AppendSigned(dst []byte) []byte {
	dst = h.AppendCheckstring(dst)
	dst = append(dst, byte(h.K), byte(h.N))
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.SegmentSize))
	return binary.BigEndian.AppendUint64(dst, uint64(h.DataSize))
}

// AppendCheckstring appends the checkstring to dst: the first bytes of a share,
// 57 for SDMF and 41 for MDMF, by which a writer makes sure that it replaces
// the version that it means to (mutable/layout.py PREFIX, MDMFCHECKSTRING).
func (h Header) AppendCheckstring(dst []byte) []byte {
	dst = append(dst, byte(h.Format))
	dst = binary.BigEndian.AppendUint64(dst, h.Seqnum)
	dst = append(dst, h.RootHash[:]...)
	if h.Format == SDMF {
		dst = append(dst, h.Salt[:]...)
	}
	return dst
}

// ParseSigned reads the header at the beginning of a share and checks it; bytes
// behind it are ignored. The error is a *FormatError or a *LayoutError.
func ParseSigned(b []byte) (Header, error) {
	if len(b) == 0 {
		return Header{}, layoutErrorf("header", "no bytes at all")
	}
	h := Header{Format: Format(b[0])}
	if !h.Format.known() {
		return Header{}, &FormatError{Version: b[0]}
	}
	if len(b) < h.SignedSize() {
		return Header{}, layoutErrorf("header", "only %d bytes, %v has %d", len(b), h.Format, h.SignedSize())
	}
	h.Seqnum = binary.BigEndian.Uint64(b[1:])
	copy(h.RootHash[:], b[9:])
	if h.Format == SDMF {
		copy(h.Salt[:], b[mdmfCheckstringSize:])
	}
	if err := h.setParams(b[h.SignedSize()-paramsSize:]); err != nil {
		return Header{}, err
	}
	if err := h.Check(); err != nil {
		return Header{}, err
	}
	return h, nil
}

func (h *Header) setParams(b []byte) error {
	h.K, h.N = int(b[0]), int(b[1])
	segmentSize, dataSize := binary.BigEndian.Uint64(b[2:]), binary.BigEndian.Uint64(b[10:])
	if segmentSize > math.MaxInt64 {
		return layoutErrorf("segment size", "%d is beyond 2^63", segmentSize)
	}
	if dataSize > math.MaxInt64 {
		return layoutErrorf("data length", "%d is beyond 2^63", dataSize)
	}
	h.SegmentSize, h.DataSize = int64(segmentSize), int64(dataSize)
	return nil
}
