package sharelayout

import "encoding/binary"

// Versions of the share layout.
const (
	V1 = 1
	V2 = 2
)

const (
	// HeaderSizeV1 and HeaderSizeV2 are the sizes of the header in bytes.
	HeaderSizeV1 = 0x24
	HeaderSizeV2 = 0x44
	// MaxHeaderSize is how much of the share to read to be sure of the header.
	MaxHeaderSize = HeaderSizeV2

	// HashSize is the size of each hash in a share.
	HashSize = 32

	// MaxUEBSize is the largest UEB that a share may announce. Real ones have
	// 300 to 550 bytes; 1.20 takes 2000 or more for corruption.
	MaxUEBSize = 1999

	// maxOffset keeps sums of an offset and a size within int64. It is far
	// beyond every disk.
	maxOffset = 1 << 62

	versionSize = 4
	numFields   = 8
)

// Header is the header of a share, field by field. [ParseHeader] makes sure that
// the offsets a reader uses make sense with each other; the numbers are
// otherwise what the share says, and nothing is authentic before its hash was
// checked. Offsets count from the start of the share and are at most 2^62, so
// that a reader may add sizes to them.
type Header struct {
	// Version is [V1] or [V2].
	Version uint32
	// BlockSize and DataSize are for readers older than 1.3.0 and not used.
	BlockSize, DataSize uint64
	// DataOffset is the place of the first block.
	DataOffset int64
	// PlaintextHashTreeOffset points to an area that is not used. It may hold
	// anything that fits the field.
	PlaintextHashTreeOffset uint64
	// CiphertextHashTreeOffset, BlockHashTreeOffset and ShareHashesOffset are
	// the places of the hashes.
	CiphertextHashTreeOffset, BlockHashTreeOffset, ShareHashesOffset int64
	// UEBOffset is the place of the UEB's length, which the UEB follows.
	UEBOffset int64
}

// FieldSize returns the size of the header's fields and of the UEB's length: 4
// or 8.
func (h Header) FieldSize() int {
	if h.Version == V2 {
		return 8
	}
	return 4
}

// Size returns the size of the header: [HeaderSizeV1] or [HeaderSizeV2].
func (h Header) Size() int {
	return versionSize + numFields*h.FieldSize()
}

// AppendHeader appends the header's bytes to dst. Fields of a version 1 header
// must be below 2^32, as those from [ParseHeader] and [New] are.
func AppendHeader(dst []byte, h Header) []byte {
	dst = binary.BigEndian.AppendUint32(dst, h.Version)
	for _, v := range []uint64{
		h.BlockSize, h.DataSize, uint64(h.DataOffset), h.PlaintextHashTreeOffset,
		uint64(h.CiphertextHashTreeOffset), uint64(h.BlockHashTreeOffset),
		uint64(h.ShareHashesOffset), uint64(h.UEBOffset),
	} {
		dst = appendField(dst, h.FieldSize(), v)
	}
	return dst
}

func appendField(dst []byte, size int, v uint64) []byte {
	if size == 4 {
		return binary.BigEndian.AppendUint32(dst, uint32(v))
	}
	return binary.BigEndian.AppendUint64(dst, v)
}

func parseField(b []byte, size int) uint64 {
	if size == 4 {
		return uint64(binary.BigEndian.Uint32(b))
	}
	return binary.BigEndian.Uint64(b)
}

// ParseHeader reads the header at the beginning of b, the first
// [MaxHeaderSize] bytes of a share (or all of it, if it has fewer; more are
// ignored). Unknown versions are a [*VersionError], all else is an [*Error]: too
// few bytes, offsets beyond 2^62 or inside the header, areas of negative size,
// or areas that are no whole number of hashes.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < versionSize {
		return Header{}, errorf("header", "only %d bytes", len(b))
	}
	h := Header{Version: binary.BigEndian.Uint32(b)}
	if h.Version != V1 && h.Version != V2 {
		return Header{}, &VersionError{h.Version}
	}
	if len(b) < h.Size() {
		return Header{}, errorf("header", "only %d bytes, version %d has %d", len(b), h.Version, h.Size())
	}
	var f [numFields]uint64
	for i := range f {
		f[i] = parseField(b[versionSize+i*h.FieldSize():], h.FieldSize())
	}
	h.BlockSize, h.DataSize, h.PlaintextHashTreeOffset = f[0], f[1], f[3]
	if err := h.setOffsets(f); err != nil {
		return Header{}, err
	}
	if err := h.check(); err != nil {
		return Header{}, err
	}
	return h, nil
}

// setOffsets takes over the fields that are used.
func (h *Header) setOffsets(f [numFields]uint64) error {
	for _, o := range []struct {
		name string
		from uint64
		to   *int64
	}{
		{"data", f[2], &h.DataOffset},
		{"crypttext hash tree", f[4], &h.CiphertextHashTreeOffset},
		{"block hash tree", f[5], &h.BlockHashTreeOffset},
		{"share hash chain", f[6], &h.ShareHashesOffset},
		{"UEB", f[7], &h.UEBOffset},
	} {
		if o.from > maxOffset {
			return errorf(o.name, "offset %d is beyond 2^62", o.from)
		}
		if o.from < uint64(h.Size()) {
			return errorf(o.name, "offset %d lies inside the header", o.from)
		}
		*o.to = int64(o.from)
	}
	return nil
}

// check makes the checks of downloader/share.py _satisfy_offsets and limits the
// size of the share hash chain.
func (h Header) check() error {
	blockHashes := h.ShareHashesOffset - h.BlockHashTreeOffset
	if blockHashes < 0 || blockHashes%HashSize != 0 {
		return errorf("block hash tree", "takes %d bytes, not a multiple of %d", blockHashes, HashSize)
	}
	chain := h.ShareHashesSize()
	if chain < 0 || chain%shareHashSize != 0 {
		return errorf("share hash chain", "takes %d bytes, not a multiple of %d", chain, shareHashSize)
	}
	if chain > maxShareHashes*shareHashSize {
		return errorf("share hash chain", "takes %d bytes, a whole tree for 256 shares has %d", chain, maxShareHashes*shareHashSize)
	}
	return nil
}

// ShareHashesSize returns the size of the share hash chain in bytes, a multiple
// of 34 and at most 511 times that.
func (h Header) ShareHashesSize() int64 {
	return h.UEBOffset - h.ShareHashesOffset
}

// CheckTrees checks that there is room for the crypttext and the block hash tree
// of a file with numSegments segments. ReadBucketProxy and the Verifier of
// immutable/checker.py demand as much. The error is an [*Error].
func (h Header) CheckTrees(numSegments int64) error {
	nodes, err := TreeNodes(numSegments)
	if err != nil {
		return err
	}
	if room := h.BlockHashTreeOffset - h.CiphertextHashTreeOffset; room/HashSize < nodes {
		return errorf("crypttext hash tree", "has %d bytes, %d segments need %d nodes", room, numSegments, nodes)
	}
	if room := h.ShareHashesOffset - h.BlockHashTreeOffset; room/HashSize < nodes {
		return errorf("block hash tree", "has %d bytes, %d segments need %d nodes", room, numSegments, nodes)
	}
	return nil
}

// ParseUEBLength reads the length of the UEB, the [Header.FieldSize] bytes at
// UEBOffset. Longer than [MaxUEBSize] or empty is an [*Error].
func (h Header) ParseUEBLength(b []byte) (int, error) {
	if len(b) < h.FieldSize() {
		return 0, errorf("UEB length", "only %d bytes of %d", len(b), h.FieldSize())
	}
	n := parseField(b, h.FieldSize())
	if n == 0 || n > MaxUEBSize {
		return 0, errorf("UEB length", "%d, must be 1..%d", n, MaxUEBSize)
	}
	return int(n), nil
}

// AppendUEB appends the UEB with its length, as it stands at UEBOffset.
func (h Header) AppendUEB(dst, ueb []byte) []byte {
	dst = appendField(dst, h.FieldSize(), uint64(len(ueb)))
	return append(dst, ueb...)
}
