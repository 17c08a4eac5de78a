package immutable

import (
	"fmt"
	"slices"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// SegmentDecoder turns k blocks of a segment into its ciphertext and proves it.
// It owns the buffers: room for one segment and for the blocks of secondary
// shares. Primary blocks are read right to where they belong; see Adopt for blocks
// that are elsewhere. Not safe for concurrent use.
type SegmentDecoder struct {
	v       *Verifier
	segs    erasure.Segments
	code    *erasure.Code
	hasher  *taggedhash.Hasher
	segment []byte   // k blocks, one after the other; nil before it is needed
	spare   [][]byte // blocks of secondary shares

	seg    int64 // being decoded
	nums   []int // of the shares whose blocks are there
	blocks [][]byte
	out    [][]byte

	decoder    *erasure.Decoder // for decoderOf
	decoderFor []int
}

// NewSegmentDecoder returns a decoder for the file of v, of which a share must
// have been opened.
func NewSegmentDecoder(v *Verifier) (*SegmentDecoder, error) {
	segs, ok := v.Segments()
	if !ok {
		return nil, fmt.Errorf("decode segments: no share was opened, so the segment size is unknown")
	}
	code, err := erasure.New(v.cap.K, v.cap.N)
	if err != nil {
		return nil, err
	}
	return &SegmentDecoder{
		v: v, segs: segs, code: code,
		hasher: taggedhash.NewCiphertextSegmentHasher(),
	}, nil
}

// room makes the buffer of the segment.
func (d *SegmentDecoder) room() []byte {
	if d.segment == nil {
		// With one segment, the blocks are as small as the tail's. At most
		// MaxSegmentSize, checked in Verifier.
		d.segment = make([]byte, d.segs.BlockSizeOf(0)*int64(d.segs.K))
	}
	return d.segment
}

// Start begins with segment seg, which the file must have, and forgets the one
// before.
func (d *SegmentDecoder) Start(seg int64) {
	d.seg = seg
	d.nums, d.blocks = d.nums[:0], d.blocks[:0]
}

// Buffer returns where the block of share num is to be put. num must be 0..N-1
// and not be there yet. The buffer is good until Have is called or Buffer for
// another share.
func (d *SegmentDecoder) Buffer(num grid.ShareNum) []byte {
	size := int(d.segs.BlockSizeOf(d.seg))
	if d.code.Replicates() {
		return d.room()[:size:size]
	}
	if int(num) < d.segs.K {
		return d.room()[int(num)*size:][:size:size]
	}
	used := 0
	for _, n := range d.nums {
		if n >= d.segs.K {
			used++
		}
	}
	if used == len(d.spare) {
		d.spare = append(d.spare, make([]byte, d.segs.BlockSizeOf(0)))
	}
	return d.spare[used][:size:size]
}

// Have says that the block of share num, proven, is in its buffer.
func (d *SegmentDecoder) Have(num grid.ShareNum) {
	b := d.Buffer(num)
	d.nums, d.blocks = append(d.nums, int(num)), append(d.blocks, b)
}

// Adopt says that the block of share num, proven, is in a buffer of the caller's.
// It must stay as it is until Decode has returned; with k = 1 it is then the
// ciphertext.
func (d *SegmentDecoder) Adopt(num grid.ShareNum, block []byte) {
	d.nums, d.blocks = append(d.nums, int(num)), append(d.blocks, block)
}

// Has says whether the block of share num is there.
func (d *SegmentDecoder) Has(num grid.ShareNum) bool { return slices.Contains(d.nums, int(num)) }

// Complete says whether there are k blocks.
func (d *SegmentDecoder) Complete() bool { return len(d.nums) == d.segs.K }

// Missing returns how many blocks are missing.
func (d *SegmentDecoder) Missing() int { return d.segs.K - len(d.nums) }

// Decode returns the ciphertext of the segment when there are k blocks and the
// segment's hash is known ([ShareReader.ProveSegmentHash]). It is good until the
// next Start (but see Adopt). If it is not what the cap means the error is a
// [*BadCiphertextHashError].
func (d *SegmentDecoder) Decode() ([]byte, error) {
	want, known := d.v.segmentHash(d.seg)
	if !known {
		return nil, fmt.Errorf("decode segment %d: its hash is not known yet", d.seg)
	}
	ciphertext, err := d.assemble()
	if err != nil {
		return nil, err
	}
	ciphertext = ciphertext[:d.segs.SizeOf(d.seg)]
	if d.hasher.Of(ciphertext) != want {
		return nil, &BadCiphertextHashError{d.seg}
	}
	return ciphertext, nil
}

// assemble returns the k primary blocks, one after the other.
func (d *SegmentDecoder) assemble() ([]byte, error) {
	if d.code.Replicates() && d.Complete() {
		return d.blocks[0], nil
	}
	decoder, err := d.decoderOf()
	if err != nil {
		return nil, err
	}
	size := int(d.segs.BlockSizeOf(d.seg))
	d.out = d.out[:0]
	for j := range d.segs.K {
		d.out = append(d.out, d.room()[j*size:][:size])
	}
	if err := decoder.Decode(d.blocks, d.out); err != nil {
		return nil, err
	}
	return d.segment, nil
}

// decoderOf returns the erasure decoder for the shares at hand, normally that of
// the segment before.
func (d *SegmentDecoder) decoderOf() (*erasure.Decoder, error) {
	if d.decoder != nil && slices.Equal(d.nums, d.decoderFor) {
		return d.decoder, nil
	}
	var err error
	if d.decoder, err = d.code.Decoder(d.nums); err != nil {
		d.decoder = nil
		return nil, err
	}
	d.decoderFor = append(d.decoderFor[:0], d.nums...)
	return d.decoder, nil
}
