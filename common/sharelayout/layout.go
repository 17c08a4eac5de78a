package sharelayout

import (
	"math"
	"math/bits"

	"github.com/besn0847/arm-tahoe/common/erasure"
)

// Layout is the plan of a share to be written: its header and the sizes of its
// areas. Make one with [New] or [NewVersion].
type Layout struct {
	Header
	// TreeSize is the size in bytes of each of the three hash trees: plaintext
	// (zeros), crypttext and block.
	TreeSize int64
	// UEBSize is the size of the UEB without its length.
	UEBSize int
}

// New plans a share of a file cut as segs says, one of numShares (1..256), with
// a UEB of uebSize bytes (1..[MaxUEBSize]). It chooses version 1 wherever the
// file fits, as make_write_bucket_proxy does. The error is an [*Error]: numbers
// out of range, or a share whose offsets would pass 2^62.
func New(segs erasure.Segments, numShares, uebSize int) (Layout, error) {
	l, err := NewVersion(V2, segs, numShares, uebSize)
	if err != nil || !fitsV1(l) {
		return l, err
	}
	return NewVersion(V1, segs, numShares, uebSize)
}

// fitsV1 takes a version 2 layout. As in WriteBucketProxy._create_offsets the
// UEB itself may end beyond 2^32.
func fitsV1(l Layout) bool {
	return l.BlockSize <= math.MaxUint32 && l.DataSize <= math.MaxUint32 &&
		l.UEBOffset-HeaderSizeV2+HeaderSizeV1 <= math.MaxUint32
}

// NewVersion is [New] with the version given: [V1] or [V2]. A file too large for
// version 1 is an [*Error].
func NewVersion(version uint32, segs erasure.Segments, numShares, uebSize int) (Layout, error) {
	if version != V1 && version != V2 {
		return Layout{}, &VersionError{version}
	}
	if numShares < 1 || numShares > erasure.MaxShares {
		return Layout{}, errorf("share hash chain", "there are %d shares, must be 1..%d", numShares, erasure.MaxShares)
	}
	if uebSize < 1 || uebSize > MaxUEBSize {
		return Layout{}, errorf("UEB", "has %d bytes, must have 1..%d", uebSize, MaxUEBSize)
	}
	nodes, err := TreeNodes(segs.NumSegments)
	if err != nil {
		return Layout{}, err
	}
	l := Layout{Header: Header{Version: version}, TreeSize: nodes * HashSize, UEBSize: uebSize}
	l.BlockSize, l.DataSize = uint64(segs.BlockSize), uint64(segs.ShareDataSize())
	if err := l.setOffsets(segs.ShareDataSize(), int64(chainEntries(numShares)*shareHashSize)); err != nil {
		return Layout{}, err
	}
	return l, nil
}

func (l *Layout) setOffsets(dataSize, chainSize int64) error {
	if dataSize > maxOffset/2 || l.TreeSize > maxOffset/8 {
		return errorf("data", "%d bytes with hash trees of %d bytes reach 2^62", dataSize, l.TreeSize)
	}
	l.DataOffset = int64(l.Size())
	plaintext := l.DataOffset + dataSize
	l.PlaintextHashTreeOffset = uint64(plaintext)
	l.CiphertextHashTreeOffset = plaintext + l.TreeSize
	l.BlockHashTreeOffset = l.CiphertextHashTreeOffset + l.TreeSize
	l.ShareHashesOffset = l.BlockHashTreeOffset + l.TreeSize
	l.UEBOffset = l.ShareHashesOffset + chainSize
	if l.Version == V1 && l.UEBOffset > math.MaxUint32 {
		return errorf("UEB", "offset %d does not fit version 1", l.UEBOffset)
	}
	return nil
}

// AllocatedSize returns the size of the whole share in bytes, which is what a
// client asks a server to allocate.
func (l Layout) AllocatedSize() int64 {
	return l.UEBOffset + int64(l.FieldSize()) + int64(l.UEBSize)
}

// TreeNodes returns the number of nodes in a hash tree over numLeaves leaves,
// padded to the next power of two: 2p - 1. An [*Error] if numLeaves is not
// positive, or so large that the nodes would take 2^62 bytes.
func TreeNodes(numLeaves int64) (int64, error) {
	if numLeaves < 1 || numLeaves > maxOffset/(8*HashSize) {
		return 0, errorf("hash tree", "%d leaves", numLeaves)
	}
	return 2<<bits.Len64(uint64(numLeaves-1)) - 1, nil
}
