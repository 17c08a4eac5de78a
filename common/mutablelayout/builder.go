package mutablelayout

import (
	"fmt"
	"io"

	"github.com/besn0847/arm-tahoe/common/hashtree"
)

// Params says what a new version of a file is to be.
type Params struct {
	// Format is SDMF or MDMF. A file keeps the one it was made with.
	Format Format
	// Seqnum is one more than that of any version there is, 1 for a new file.
	Seqnum uint64
	// K and N say that any K of the N shares will suffice,
	// 1 <= K <= N <= MaxShares.
	K, N int
	// DataSize is the size of the plaintext in bytes.
	DataSize int64
}

// header returns the header without what is known only later (mutable/publish.py
// setup_encoding_parameters).
func (p Params) header() (Header, error) {
	h := Header{Format: p.Format, Seqnum: p.Seqnum, K: p.K, N: p.N, DataSize: p.DataSize}
	if p.K > 0 {
		h.SegmentSize = roundUp(MDMFSegmentSize, p.K)
		if p.Format == SDMF && p.DataSize >= 0 && p.DataSize <= MaxSegmentSize {
			h.SegmentSize = roundUp(p.DataSize, p.K)
		}
	}
	return h, h.Check()
}

// A Builder makes the shares of a new version, segment by segment: the blocks of
// a segment are handed out as soon as its plaintext is in, and what stands
// before and behind the blocks at the end. Memory is bounded by one segment,
// N/K times, and the hashes of all blocks: 32 bytes for each segment and share.
//
// The result depends on the keys, the parameters, the plaintext and the
// randomness alone. Not safe for concurrent use.
type Builder struct {
	keys    *Keys
	header  Header // without root hash
	random  io.Reader
	encoder *encoder
	leaves  [][]byte // for each share the hashes of its blocks, one after the other; nil until Update.AddShare
	next    int64    // segment that is expected
	end     int64    // segment behind the last one that is expected
	failed  error
}

// NewBuilder begins a version that replaces everything there was. Salts, one for
// each segment, and that of the signature are read from random, which must be
// crypto/rand.Reader outside of tests. The error is a *FormatError or a
// *LayoutError for bad parameters, or that of random.
func NewBuilder(keys *Keys, p Params, random io.Reader) (*Builder, error) {
	h, err := p.header()
	if err != nil {
		return nil, err
	}
	b, err := newBuilder(keys, h, random)
	if err != nil {
		return nil, err
	}
	for i := range b.leaves {
		b.leaves[i] = make([]byte, h.NumSegments()*HashSize)
	}
	return b, nil
}

func newBuilder(keys *Keys, h Header, random io.Reader) (*Builder, error) {
	b := &Builder{keys: keys, header: h, random: random, end: h.NumSegments()}
	if h.Format == SDMF { // also an empty file has a salt
		salt, err := b.newSalt()
		if err != nil {
			return nil, err
		}
		b.header.Salt = salt
	}
	if err := b.checkRoom(); err != nil {
		return nil, err
	}
	encoder, err := newEncoder(b.header, keys.readKey)
	if err != nil {
		return nil, err
	}
	b.encoder = encoder
	b.leaves = make([][]byte, h.N)
	return b, nil
}

// checkRoom refuses early what Finish could not lay out.
func (b *Builder) checkRoom() error {
	_, err := b.head()
	return err
}

// head lays out a share. All shares of the version have the same layout.
func (b *Builder) head() (Head, error) {
	return newHead(b.header, sizes{
		publicKey:  int64(len(b.keys.private.Public().DER())),
		signature:  int64(signatureSize),
		chain:      int64(hashtree.ChainLen(b.header.N)) * shareHashSize,
		privateKey: int64(len(b.keys.encrypted)),
	})
}

func (b *Builder) newSalt() (salt Salt, err error) {
	if _, err := io.ReadFull(b.random, salt[:]); err != nil {
		return Salt{}, fmt.Errorf("mutable share: salt: %w", err)
	}
	return salt, nil
}

// NumSegments returns the number of segments of the version. A Builder expects
// all of them in order, an Update only some.
func (b *Builder) NumSegments() int64 { return b.header.NumSegments() }

// Next returns the segment that AddSegment expects and how many bytes of
// plaintext it has; ok is false after the last one.
func (b *Builder) Next() (seg, size int64, ok bool) {
	if b.next == b.end {
		return 0, 0, false
	}
	return b.next, b.header.SegmentDataSize(b.next), true
}

// A Segment is what all shares hold of one segment.
type Segment struct {
	// Number counts from 0.
	Number int64
	// Offset is where the blocks stand in their shares.
	Offset int64
	// Blocks has one element for each share number: its block, for MDMF with
	// the salt before it. Where K is 1, all are the same slice.
	Blocks [][]byte
}

// AddSegment encrypts and encodes the plaintext of the segment that Next tells.
// The result is valid until the next call; plaintext is not kept. After an error,
// a *LayoutError or that of the randomness, the builder is of no use any more.
func (b *Builder) AddSegment(plaintext []byte) (Segment, error) {
	if b.failed != nil {
		return Segment{}, b.failed
	}
	s, err := b.addSegment(plaintext)
	b.failed = err
	return s, err
}

func (b *Builder) addSegment(plaintext []byte) (Segment, error) {
	seg, size, ok := b.Next()
	if !ok {
		return Segment{}, layoutErrorf("segment", "there is none after %d", b.end-1)
	}
	if int64(len(plaintext)) != size {
		return Segment{}, layoutErrorf("segment", "%d bytes of plaintext for segment %d, must be %d", len(plaintext), seg, size)
	}
	salt, err := b.saltOf()
	if err != nil {
		return Segment{}, err
	}
	if err := b.encoder.encode(seg, salt, plaintext); err != nil {
		return Segment{}, err
	}
	b.hashBlocks(seg)
	b.next++
	head, err := b.head()
	return Segment{Number: seg, Offset: head.BlockArea(seg).Offset, Blocks: b.encoder.blocks}, err
}

// saltOf returns the salt for the next segment.
func (b *Builder) saltOf() (Salt, error) {
	if b.header.Format == SDMF {
		return b.header.Salt, nil
	}
	return b.newSalt()
}

// hashBlocks sets the leaves of a segment. Equal blocks are hashed once.
func (b *Builder) hashBlocks(seg int64) {
	hash := b.encoder.hash(b.encoder.blocks[0])
	for i, block := range b.encoder.blocks {
		if i > 0 && !b.encoder.code.Replicates() {
			hash = b.encoder.hash(block)
		}
		copy(b.leaves[i][seg*HashSize:], hash[:])
	}
}

// Finish computes the hash trees, signs the header and returns the version. All
// segments must have been added.
func (b *Builder) Finish() (*Version, error) {
	if b.failed != nil {
		return nil, b.failed
	}
	if seg, _, more := b.Next(); more {
		return nil, layoutErrorf("segment", "%d is missing", seg)
	}
	v := &Version{keys: b.keys, blocks: make([]*hashtree.Tree, b.header.N)}
	roots := make([]byte, 0, b.header.N*HashSize)
	for i, leaves := range b.leaves {
		tree, err := hashtree.Build(leaves)
		if err != nil {
			return nil, err
		}
		root := tree.Root()
		v.blocks[i], roots = tree, append(roots, root[:]...)
	}
	return b.sign(v, roots)
}

func (b *Builder) sign(v *Version, roots []byte) (*Version, error) {
	shares, err := hashtree.Build(roots)
	if err != nil {
		return nil, err
	}
	v.shares = shares
	b.header.RootHash = shares.Root()
	if v.signature, err = b.keys.private.Sign(b.random, b.header.AppendSigned(nil)); err != nil {
		return nil, err
	}
	v.head, err = b.head()
	return v, err
}
