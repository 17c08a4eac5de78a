package mutablelayout

import (
	"io"

	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/rsakey"
)

const signatureSize = rsakey.SignatureSize

// A Version is a finished version of a file: all of its shares but their blocks.
// A share is its front, its blocks (Segment.Blocks, one after the other) and its
// back. A Version never changes and is safe for concurrent use.
type Version struct {
	keys      *Keys
	head      Head
	signature []byte
	blocks    []*hashtree.Tree // block hash tree of each share
	shares    *hashtree.Tree
}

// Head returns the head, which is the same in all shares.
func (v *Version) Head() Head { return v.head }

// ShareSize returns the size of each share in bytes.
func (v *Version) ShareSize() int64 { return v.head.Areas.EOF(v.head.Format) }

// BackOffset returns where the back of a share begins: at the end of its blocks.
func (v *Version) BackOffset() int64 { return v.head.Areas.ShareData.End() }

// AppendFront appends to dst what stands before the blocks of share number
// shnum, 0 <= shnum < N: the first Head().Areas.ShareData.Offset bytes. For MDMF
// these always include the zero bytes between the public key and the first salt,
// which 1.20 does not write.
func (v *Version) AppendFront(dst []byte, shnum int) []byte {
	start := len(dst)
	dst = v.head.Append(dst)
	public := v.keys.private.Public().DER()
	if v.head.Format == SDMF {
		dst = append(append(dst, public...), v.signature...)
		dst = appendShareHashChain(dst, v.shares, shnum)
		return v.blocks[shnum].AppendNodes(dst)
	}
	dst = append(dst, v.keys.encrypted...)
	dst = appendShareHashChain(dst, v.shares, shnum)
	dst = append(append(dst, v.signature...), public...)
	gap := start + int(v.head.Areas.ShareData.Offset) - len(dst)
	return append(dst, make([]byte, gap)...)
}

// AppendBack appends to dst what stands behind the blocks of share number
// shnum, 0 <= shnum < N.
func (v *Version) AppendBack(dst []byte, shnum int) []byte {
	if v.head.Format == SDMF {
		return append(dst, v.keys.encrypted...)
	}
	return v.blocks[shnum].AppendNodes(dst)
}

// BuildShares returns all shares of a version whose plaintext is in memory, by
// share number. It is meant for SDMF, where there is no other way, and for small
// MDMF files. See NewBuilder for the arguments; p.DataSize is taken from the
// plaintext.
func BuildShares(keys *Keys, p Params, plaintext []byte, random io.Reader) ([][]byte, error) {
	p.DataSize = int64(len(plaintext))
	b, err := NewBuilder(keys, p, random)
	if err != nil {
		return nil, err
	}
	head, err := b.head()
	if err != nil {
		return nil, err
	}
	shares := make([][]byte, p.N)
	for i := range shares {
		shares[i] = make([]byte, head.Areas.EOF(head.Format))
	}
	if err := b.addAll(plaintext, shares); err != nil {
		return nil, err
	}
	v, err := b.Finish()
	if err != nil {
		return nil, err
	}
	for i, share := range shares {
		v.AppendFront(share[:0], i) // ends where the blocks begin
		v.AppendBack(share[:v.BackOffset()], i)
	}
	return shares, nil
}

// addAll writes the blocks into the shares.
func (b *Builder) addAll(plaintext []byte, shares [][]byte) error {
	for {
		_, size, ok := b.Next()
		if !ok {
			return nil
		}
		s, err := b.AddSegment(plaintext[:size])
		if err != nil {
			return err
		}
		plaintext = plaintext[size:]
		for i, block := range s.Blocks {
			copy(shares[i][s.Offset:], block)
		}
	}
}
