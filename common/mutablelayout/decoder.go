package mutablelayout

import (
	"bytes"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// A Decoder turns the blocks of K shares back into plaintext. Keep it for as
// many segments as come from the same shares. Not safe for concurrent use.
type Decoder struct {
	header  Header
	readKey secret.ReadKey
	decoder *erasure.Decoder
	shares  [][]byte // blocks without salts, in the order of the share numbers
	blocks  [][]byte // parts of the result, in the order of the file
}

// NewDecoder returns a decoder for blocks of the shares with these numbers:
// h.K different ones in any order. h must have passed Check. shnums is not kept.
func NewDecoder(h Header, readKey secret.ReadKey, shnums []int) (*Decoder, error) {
	code, err := erasure.New(h.K, h.N)
	if err != nil {
		return nil, err
	}
	decoder, err := code.Decoder(shnums)
	if err != nil {
		return nil, err
	}
	return &Decoder{
		header: h, readKey: readKey, decoder: decoder,
		shares: make([][]byte, h.K), blocks: make([][]byte, h.K),
	}, nil
}

// Decode returns the plaintext of a segment. blocks are what CheckBlock has
// approved, in the order of the share numbers that the decoder was made for;
// they are read only and not kept. The result lies in dst if that has the
// capacity, K times the size of a block, otherwise in new memory.
//
// Blocks of MDMF that were encrypted under different salts are a *LayoutError:
// the writer of the file was at fault. So are wrong sizes.
func (d *Decoder) Decode(dst []byte, seg int64, blocks [][]byte) ([]byte, error) {
	if d.header.NumSegments() == 0 || seg < 0 || seg >= d.header.NumSegments() {
		return nil, layoutErrorf("segment", "%d of %d", seg, d.header.NumSegments())
	}
	salt, err := d.strip(seg, blocks)
	if err != nil {
		return nil, err
	}
	dst = d.place(dst, int(d.header.BlockSize(seg)))
	if err := d.decoder.Decode(d.shares, d.blocks); err != nil {
		return nil, err
	}
	dst = dst[:d.header.SegmentDataSize(seg)]
	newCTR(taggedhash.DataKey(salt, d.readKey).Reveal()).XORKeyStream(dst, dst)
	return dst, nil
}

// strip sets d.shares to the blocks without their salts.
func (d *Decoder) strip(seg int64, blocks [][]byte) (salt Salt, err error) {
	if len(blocks) != d.header.K {
		return Salt{}, layoutErrorf("blocks", "%d, it takes %d", len(blocks), d.header.K)
	}
	saltSize := int(d.header.Format.saltSize())
	for i, block := range blocks {
		if want := int(d.header.BlockSize(seg)) + saltSize; len(block) != want {
			return Salt{}, layoutErrorf("block", "%d bytes in segment %d, must be %d", len(block), seg, want)
		}
		if !bytes.Equal(block[:saltSize], blocks[0][:saltSize]) {
			return Salt{}, layoutErrorf("salt", "not the same in all shares of segment %d", seg)
		}
		d.shares[i] = block[saltSize:]
	}
	if d.header.Format == SDMF {
		return d.header.Salt, nil
	}
	return Salt(blocks[0]), nil
}

// place makes room for the padded segment and sets d.blocks to its parts.
func (d *Decoder) place(dst []byte, blockSize int) []byte {
	if size := blockSize * d.header.K; cap(dst) < size {
		dst = make([]byte, size)
	}
	dst = dst[:blockSize*d.header.K]
	for i := range d.blocks {
		d.blocks[i] = dst[i*blockSize : (i+1)*blockSize : (i+1)*blockSize]
	}
	return dst
}
