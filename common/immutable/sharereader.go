package immutable

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// ShareReader reads proven blocks from one share. Safe for concurrent use: blocks
// are read at the same time, hash trees by one caller while the others wait.
type ShareReader struct {
	v      *Verifier
	share  Share
	header sharelayout.Header

	turn            chan struct{}      // has room for whoever uses what is below, also while hashes are read
	tree            *hashtree.Verifier // what is proven of the block hash tree
	blockHashes     *nodes             // what the share says about it
	ciphertextNodes *nodes             // and about the crypttext hash tree
	numbers         []int              // scratch space
	fetched         []hashtree.Node    // likewise
}

// blockHashers are those of blocks.
var blockHashers = sync.Pool{New: func() any { return taggedhash.NewBlockHasher() }}

// uebReadAhead is how much is read together with the UEB's length: more than
// enough for those of 1.20. Near the end of the share less may come.
const uebReadAhead = 640

// Open reads what comes before the blocks: the header, the URI extension block
// and the share hash chain, in two reads (three if the UEB is very long). The
// error is a [*CorruptShareError], a [*ReadError], a [*BadUEBError] or that of
// ctx.
func (v *Verifier) Open(ctx context.Context, share Share) (*ShareReader, error) {
	r := &ShareReader{v: v, share: share, turn: make(chan struct{}, 1)}
	if share.Num < 0 || int(share.Num) >= v.cap.N {
		return nil, share.corrupt(PartHeader, noSegment, fmt.Errorf("share number is not below %d", v.cap.N))
	}
	if err := r.readHeader(ctx); err != nil {
		return nil, err
	}
	if err := r.readEnd(ctx); err != nil {
		return nil, err
	}
	segs, _ := v.Segments()
	if err := r.header.CheckTrees(segs.NumSegments); err != nil {
		return nil, share.corrupt(PartHeader, noSegment, err)
	}
	r.blockHashes = newNodes(share, PartBlockHashTree, r.header.BlockHashTreeOffset, segs.NumSegments)
	r.ciphertextNodes = newNodes(share, PartCiphertextHashTree, r.header.CiphertextHashTreeOffset, segs.NumSegments)
	return r, nil
}

func (r *ShareReader) readHeader(ctx context.Context) error {
	var buf [sharelayout.MaxHeaderSize]byte
	n, err := r.share.readSome(ctx, buf[:], 0)
	if err != nil {
		return err
	}
	if r.header, err = sharelayout.ParseHeader(buf[:n]); err != nil {
		return r.share.corrupt(PartHeader, noSegment, err)
	}
	return nil
}

// readEnd reads and checks the share hash chain, which lies before the UEB, and
// the UEB.
func (r *ShareReader) readEnd(ctx context.Context) error {
	chainSize := int(r.header.ShareHashesSize()) // at most 17 KiB, see sharelayout
	buf := make([]byte, chainSize+r.header.FieldSize()+uebReadAhead)
	n, err := r.share.readSome(ctx, buf, r.header.ShareHashesOffset)
	if err != nil {
		return err
	}
	if n < chainSize {
		return r.share.corrupt(PartShareHashes, noSegment, fmt.Errorf("share ends in it"))
	}
	if err := r.readUEB(ctx, buf[chainSize:n]); err != nil {
		return err
	}
	return r.addChain(buf[:chainSize])
}

// readUEB takes what was read from the UEB's length on.
func (r *ShareReader) readUEB(ctx context.Context, start []byte) error {
	size, err := r.header.ParseUEBLength(start)
	if err != nil {
		return r.share.corrupt(PartUEB, noSegment, err)
	}
	start = start[r.header.FieldSize():]
	packed := make([]byte, size)
	if got := copy(packed, start); got < size {
		offset := r.header.UEBOffset + int64(r.header.FieldSize()) + int64(got)
		if err := r.share.read(ctx, packed[got:], offset, PartUEB, noSegment); err != nil {
			return err
		}
	}
	err = r.v.addUEB(packed)
	if errors.Is(err, errWrongHash) {
		return r.share.corrupt(PartUEB, noSegment, err)
	}
	return err
}

func (r *ShareReader) addChain(b []byte) error {
	chain, err := sharelayout.ParseShareHashes(b)
	if err != nil {
		return r.share.corrupt(PartShareHashes, noSegment, err)
	}
	root, err := r.v.addShareHashes(r.share.Num, chain)
	if err != nil {
		return r.share.corrupt(PartShareHashes, noSegment, err)
	}
	segs, _ := r.v.Segments()
	r.tree, err = hashtree.NewVerifier(segs.NumSegments, root)
	return err
}

// Share returns the share that is read.
func (r *ShareReader) Share() Share { return r.share }

// Header returns the share's header, which is not proven.
func (r *ShareReader) Header() sharelayout.Header { return r.header }

// ReadBlock reads the share's block of segment seg into block, which must have
// the size of that block, and proves it. After an error block holds rubbish.
//
// A [*CorruptShareError] with [PartBlock] speaks against this block only (1.20
// goes on using the share for others), with another part against the share.
// Other errors: [*ReadError], [*RangeError], that of ctx.
func (r *ShareReader) ReadBlock(ctx context.Context, seg int64, block []byte) error {
	segs, _ := r.v.Segments()
	if seg < 0 || seg >= segs.NumSegments {
		return &RangeError{"segment", seg, segs.NumSegments}
	}
	if size := segs.BlockSizeOf(seg); int64(len(block)) != size {
		return fmt.Errorf("read block of segment %d: buffer has %d bytes, the block %d", seg, len(block), size)
	}
	want, err := r.proveBlockHash(ctx, seg)
	if err != nil {
		return err
	}
	offset := r.header.DataOffset + seg*segs.BlockSize
	if offset < 0 { // hostile header: the sum went past 2^63
		return r.share.corrupt(PartHeader, seg, fmt.Errorf("data offset %d is too large", r.header.DataOffset))
	}
	if err := r.share.read(ctx, block, offset, PartBlock, seg); err != nil {
		return err
	}
	hasher := blockHashers.Get().(*taggedhash.Hasher)
	defer blockHashers.Put(hasher)
	if hasher.Of(block) != want {
		return r.share.corrupt(PartBlock, seg, errWrongHash)
	}
	return nil
}

// take waits for the turn to use the hash trees.
func (r *ShareReader) take(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *ShareReader) give() { <-r.turn }

// proveBlockHash returns the leaf of the block hash tree, reading what it takes.
func (r *ShareReader) proveBlockHash(ctx context.Context, seg int64) (leaf taggedhash.Hash, err error) {
	if err := r.take(ctx); err != nil {
		return leaf, err
	}
	defer r.give()
	if err := r.proveLeaf(ctx, seg); err != nil {
		return leaf, err
	}
	leaf, _ = r.tree.Leaf(int(seg))
	return leaf, nil
}

func (r *ShareReader) proveLeaf(ctx context.Context, seg int64) error {
	r.numbers = r.tree.AppendNeeded(r.numbers[:0], int(seg), true)
	if len(r.numbers) == 0 {
		return nil
	}
	var err error
	if r.fetched, err = r.blockHashes.read(ctx, r.fetched[:0], r.numbers, seg); err != nil {
		return err
	}
	if err := r.tree.Add(r.fetched); err != nil {
		return r.share.corrupt(PartBlockHashTree, seg, err)
	}
	return nil
}

// ProveSegmentHash makes sure that the [Verifier] knows the hash of segment seg,
// reading what it takes from this share's copy of the crypttext hash tree. The
// errors are those of [ShareReader.ReadBlock]; they speak against the share.
func (r *ShareReader) ProveSegmentHash(ctx context.Context, seg int64) error {
	segs, _ := r.v.Segments()
	if seg < 0 || seg >= segs.NumSegments {
		return &RangeError{"segment", seg, segs.NumSegments}
	}
	if err := r.take(ctx); err != nil {
		return err
	}
	defer r.give()
	r.numbers = r.v.neededForSegment(r.numbers[:0], seg)
	if len(r.numbers) == 0 {
		return nil
	}
	var err error
	if r.fetched, err = r.ciphertextNodes.read(ctx, r.fetched[:0], r.numbers, seg); err != nil {
		return err
	}
	if err := r.v.addCiphertextHashes(r.fetched); err != nil {
		return r.share.corrupt(PartCiphertextHashTree, seg, err)
	}
	return nil
}
