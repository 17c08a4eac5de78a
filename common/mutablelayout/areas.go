package mutablelayout

import (
	"encoding/binary"
	"math"

	"github.com/besn0847/arm-tahoe/common/rsakey"
)

const (
	sdmfOffsetsSize = 4*4 + 2*8
	mdmfOffsetsSize = 8 * 8

	// SDMFHeadSize and MDMFHeadSize are the sizes of the header with the table
	// of offsets behind it.
	SDMFHeadSize = sdmfSignedSize + sdmfOffsetsSize // 107
	MDMFHeadSize = mdmfSignedSize + mdmfOffsetsSize // 123
	// MaxHeadSize is how much of a share of either format to read to be sure of
	// its Head.
	MaxHeadSize = MDMFHeadSize

	// The room that MDMF shares have for what stands before the share data
	// (PRIVATE_KEY_SIZE and so on in mutable/layout.py). Only the sum matters:
	// the fields are packed without regard to it, and a public key is longer
	// today. Readers follow the offsets.
	mdmfPrivateKeyRoom = 1220
	mdmfSignatureRoom  = 260
	mdmfPublicKeyRoom  = 292
	mdmfChainRoom      = 8 * shareHashSize
	// MDMFShareDataOffset is where the first salt of an MDMF share stands: 2167.
	MDMFShareDataOffset = MDMFHeadSize + mdmfPrivateKeyRoom + mdmfSignatureRoom + mdmfPublicKeyRoom + mdmfChainRoom

	// MaxPublicKeySize, MaxSignatureSize, MaxShareHashChainSize and
	// MaxPrivateKeySize bound the areas that a share may announce. Real ones
	// have 292 or 294, 256, at most 272 and 1214 to 1220 bytes.
	MaxPublicKeySize      = rsakey.MaxPublicDERSize
	MaxSignatureSize      = rsakey.MaxPublicBits / 8
	MaxShareHashChainSize = (2*256 - 1) * shareHashSize
	MaxPrivateKeySize     = rsakey.MaxPrivateDERSize
)

// Area is a part of a share: Size bytes from Offset on, both never negative.
type Area struct {
	Offset, Size int64
}

// End returns the offset of the first byte behind the area.
func (a Area) End() int64 { return a.Offset + a.Size }

// Areas are the parts of a share behind its table of offsets. Nothing signs
// them, so all they say is where to look. 1.20 counts shares whose offsets
// differ as different versions, so the shares of a version must agree on all of
// them.
type Areas struct {
	// PublicKey holds the SubjectPublicKeyInfo.
	PublicKey Area
	// Signature covers the header.
	Signature Area
	// ShareHashChain holds what leads from the share's leaf to the root hash.
	ShareHashChain Area
	// BlockHashTree holds the hashes of the share's blocks.
	BlockHashTree Area
	// ShareData holds the blocks, for MDMF each behind its salt.
	ShareData Area
	// PrivateKey holds the encrypted private key.
	PrivateKey Area
}

// EOF returns where the share ends. What follows, left by a longer version
// before, does not belong to it.
func (a Areas) EOF(f Format) int64 {
	if f == SDMF {
		return a.PrivateKey.End()
	}
	return a.BlockHashTree.End()
}

// Head is the beginning of a share: its header and where everything else is.
type Head struct {
	Header
	Areas Areas
}

// sizes are the lengths of the areas that the header does not fix.
type sizes struct {
	publicKey, signature, chain, privateKey int64
}

// newHead lays out a share as 1.20 does. h must have passed Check.
func newHead(h Header, s sizes) (Head, error) {
	head := Head{Header: h}
	a := &head.Areas
	if h.Format == SDMF {
		next := placer(SDMFHeadSize)
		a.PublicKey, a.Signature, a.ShareHashChain = next(s.publicKey), next(s.signature), next(s.chain)
		a.BlockHashTree, a.ShareData = next(h.blockHashTreeSize()), next(h.shareDataSize())
		a.PrivateKey = next(s.privateKey)
		return head, head.check()
	}
	next := placer(MDMFHeadSize)
	a.PrivateKey, a.ShareHashChain, a.Signature, a.PublicKey = next(s.privateKey), next(s.chain), next(s.signature), next(s.publicKey)
	next = placer(MDMFShareDataOffset)
	a.ShareData, a.BlockHashTree = next(h.shareDataSize()), next(h.blockHashTreeSize())
	return head, head.check()
}

// placer returns a function that gives out one area after the other.
func placer(offset int64) func(size int64) Area {
	return func(size int64) Area {
		a := Area{offset, size}
		offset += size
		return a
	}
}

// HeadSize returns the size of the head: SDMFHeadSize or MDMFHeadSize.
func (h Head) HeadSize() int {
	if h.Format == SDMF {
		return SDMFHeadSize
	}
	return MDMFHeadSize
}

// Append appends the header and the table of offsets to dst. h must be valid, as
// heads from ParseHead and from a Builder are.
func (h Head) Append(dst []byte) []byte {
	a := h.Areas
	dst = h.AppendSigned(dst)
	if h.Format == SDMF {
		for _, area := range []Area{a.Signature, a.ShareHashChain, a.BlockHashTree, a.ShareData} {
			dst = binary.BigEndian.AppendUint32(dst, uint32(area.Offset))
		}
		dst = binary.BigEndian.AppendUint64(dst, uint64(a.PrivateKey.Offset))
		return binary.BigEndian.AppendUint64(dst, uint64(a.PrivateKey.End()))
	}
	for _, offset := range []int64{
		a.PrivateKey.Offset, a.ShareHashChain.Offset, a.Signature.Offset, a.PublicKey.Offset,
		a.PublicKey.End(), a.ShareData.Offset, a.BlockHashTree.Offset, a.BlockHashTree.End(),
	} {
		dst = binary.BigEndian.AppendUint64(dst, uint64(offset))
	}
	return dst
}

// ParseHead reads the head at the beginning of b: the first MaxHeadSize bytes of
// a share, or all of it if it has fewer; more are ignored. It refuses areas that
// overlap, are larger than their limit or, if the header fixes their size, have
// another one. Whether the share is long enough for its areas is for the caller
// to see. The error is a *FormatError or a *LayoutError.
func ParseHead(b []byte) (Head, error) {
	header, err := ParseSigned(b)
	if err != nil {
		return Head{}, err
	}
	h := Head{Header: header}
	if len(b) < h.HeadSize() {
		return Head{}, layoutErrorf("offsets", "only %d bytes of the head, %v has %d", len(b), h.Format, h.HeadSize())
	}
	table := b[h.SignedSize():h.HeadSize()]
	if h.Format == SDMF {
		err = h.setSDMF(table)
	} else {
		err = h.setMDMF(table)
	}
	if err != nil {
		return Head{}, err
	}
	if err := h.check(); err != nil {
		return Head{}, err
	}
	return h, nil
}

func (h *Head) setSDMF(table []byte) error {
	var offsets [8]uint64 // the last two are not used
	for i := range 4 {
		offsets[i] = uint64(binary.BigEndian.Uint32(table[4*i:]))
	}
	offsets[4], offsets[5] = binary.BigEndian.Uint64(table[16:]), binary.BigEndian.Uint64(table[24:])
	a := &h.Areas
	return setAreas(SDMFHeadSize, offsets[:6],
		&a.PublicKey, &a.Signature, &a.ShareHashChain, &a.BlockHashTree, &a.ShareData, &a.PrivateKey)
}

func (h *Head) setMDMF(table []byte) error {
	var offsets [8]uint64
	for i := range offsets {
		offsets[i] = binary.BigEndian.Uint64(table[8*i:])
	}
	if offsets[0] != MDMFHeadSize {
		return layoutErrorf("offsets", "the encrypted private key is at %d, must be at %d", offsets[0], MDMFHeadSize)
	}
	a, gap := &h.Areas, Area{}
	return setAreas(MDMFHeadSize, offsets[1:],
		&a.PrivateKey, &a.ShareHashChain, &a.Signature, &a.PublicKey, &gap, &a.ShareData, &a.BlockHashTree)
}

// setAreas gives each area the bytes from the end of the one before, the first
// one from start, to its own end.
func setAreas(start uint64, ends []uint64, areas ...*Area) error {
	for i, end := range ends {
		if end < start {
			return layoutErrorf("offsets", "an area from %d ends at %d", start, end)
		}
		if end > math.MaxInt64 {
			return layoutErrorf("offsets", "%d is beyond 2^63", end)
		}
		*areas[i] = Area{int64(start), int64(end - start)}
		start = end
	}
	return nil
}

// check compares the sizes of the areas with their limits.
func (h Head) check() error {
	a := h.Areas
	for _, limit := range []struct {
		name string
		area Area
		max  int64
	}{
		{"public key", a.PublicKey, MaxPublicKeySize},
		{"signature", a.Signature, MaxSignatureSize},
		{"share hash chain", a.ShareHashChain, MaxShareHashChainSize},
		{"encrypted private key", a.PrivateKey, MaxPrivateKeySize},
	} {
		if limit.area.Size > limit.max {
			return layoutErrorf(limit.name, "%d bytes, at most %d are allowed", limit.area.Size, limit.max)
		}
	}
	if a.ShareHashChain.Size%shareHashSize != 0 {
		return layoutErrorf("share hash chain", "%d bytes, no multiple of %d", a.ShareHashChain.Size, shareHashSize)
	}
	if want := h.blockHashTreeSize(); a.BlockHashTree.Size != want {
		return layoutErrorf("block hash tree", "%d bytes, %d segments need %d", a.BlockHashTree.Size, h.NumSegments(), want)
	}
	if want := h.shareDataSize(); a.ShareData.Size != want {
		return layoutErrorf("share data", "%d bytes, must be %d", a.ShareData.Size, want)
	}
	return h.checkOrder()
}

// checkOrder matters for shares that are made here: those that were parsed have
// their areas in order.
func (h Head) checkOrder() error {
	if a := h.Areas; h.Format == MDMF && a.PublicKey.End() > a.ShareData.Offset {
		return layoutErrorf("share data", "begins at %d, inside the %d bytes before it", a.ShareData.Offset, a.PublicKey.End())
	}
	if h.Format == SDMF && h.Areas.ShareData.Offset > math.MaxUint32 {
		return layoutErrorf("share data", "offset %d does not fit", h.Areas.ShareData.Offset)
	}
	return nil
}

// BlockArea returns where the block of a segment stands, for MDMF with the salt
// before it, 0 <= seg < NumSegments.
func (h Head) BlockArea(seg int64) Area {
	s, salt := h.Segments(), h.Format.saltSize()
	return Area{
		Offset: h.Areas.ShareData.Offset + seg*(s.BlockSize+salt),
		Size:   s.BlockSizeOf(seg) + salt,
	}
}
