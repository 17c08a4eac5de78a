package mutablelayout

import (
	"crypto/cipher"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// encoder turns the plaintext of one segment after the other into blocks. It
// keeps its buffers; per segment only the cipher and its key are allocated.
type encoder struct {
	header  Header // without root hash, and for SDMF with its salt
	code    *erasure.Code
	readKey secret.ReadKey
	hasher  *taggedhash.Hasher
	buffer  []byte   // what blocks are parts of
	blocks  [][]byte // one for each share, for MDMF with the salt before it
	bare    [][]byte // the same without salt
}

func newEncoder(h Header, readKey secret.ReadKey) (*encoder, error) {
	code, err := erasure.New(h.K, h.N)
	if err != nil {
		return nil, err
	}
	return &encoder{
		header:  h,
		code:    code,
		readKey: readKey,
		hasher:  taggedhash.NewBlockHasher(),
		blocks:  make([][]byte, h.N),
		bare:    make([][]byte, h.N),
	}, nil
}

// encode fills e.blocks from a segment's plaintext.
func (e *encoder) encode(seg int64, salt Salt, plaintext []byte) error {
	e.cut(int(e.header.BlockSize(seg)), salt)
	stream := newCTR(taggedhash.DataKey(salt, e.readKey).Reveal())
	for _, block := range e.bare[:e.header.K] {
		plaintext = encryptBlock(stream, block, plaintext)
	}
	if e.code.Replicates() {
		return nil // all blocks are the same slice
	}
	return e.code.Encode(e.bare)
}

// encryptBlock fills block from the beginning of plaintext, with zeros where
// that ends, and returns what is left of plaintext. The zeros are not encrypted.
func encryptBlock(stream cipher.Stream, block, plaintext []byte) []byte {
	size := min(len(block), len(plaintext))
	stream.XORKeyStream(block[:size], plaintext[:size])
	clear(block[size:])
	return plaintext[size:]
}

// cut divides the buffer into blocks of the given size, behind their salts.
func (e *encoder) cut(size int, salt Salt) {
	saltSize := int(e.header.Format.saltSize())
	stride := saltSize + size
	distinct := e.header.N
	if e.code.Replicates() {
		distinct = 1
	}
	if cap(e.buffer) < distinct*stride {
		e.buffer = make([]byte, distinct*stride)
	}
	for i := range e.blocks {
		from := min(i, distinct-1) * stride
		e.blocks[i] = e.buffer[from : from+stride : from+stride]
		e.bare[i] = e.blocks[i][saltSize:]
		copy(e.blocks[i][:saltSize], salt[:])
	}
}

// hash returns the leaf of the block hash tree for a block.
func (e *encoder) hash(block []byte) taggedhash.Hash { return e.hasher.Of(block) }
