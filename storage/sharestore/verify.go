package sharestore

import (
	"errors"
	"fmt"
	"io"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/ueb"
)

// What a scrub holds in memory of one share, at most, besides a few KiB. A CHK
// file of 16 GiB in segments of 128 KiB has trees of 8 MiB; an SDMF file is one
// block.
const (
	maxScrubTree  = 8 << 20
	maxScrubBlock = 32 << 20
)

// verifyImmutable checks a CHK share by itself: its UEB says how the file is
// cut and names the root of the share hashes, which proves the root of the
// block hashes, which prove the blocks. Whether the UEB is that of the cap only
// a client can tell.
func verifyImmutable(share *io.SectionReader, n grid.ShareNum) error {
	v := &chkVerifier{share: share, n: n}
	for _, step := range []func() error{v.readHeader, v.readUEB, v.checkCiphertextTree, v.checkBlockTree, v.checkBlocks} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// chkVerifier is what is known of a CHK share so far.
type chkVerifier struct {
	share  *io.SectionReader
	n      grid.ShareNum
	header sharelayout.Header
	ueb    *ueb.UEB
	total  int // N
	segs   erasure.Segments
	blocks *hashtree.Tree
}

// read reads size bytes, which the caller has compared with a limit.
func (v *chkVerifier) read(what string, offset, size int64) ([]byte, error) {
	if size > v.share.Size() || offset > v.share.Size()-size {
		return nil, fmt.Errorf("%s: the share ends before it", what)
	}
	b := make([]byte, size)
	if err := readFull(v.share, b, offset); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return b, nil
}

func (v *chkVerifier) readHeader() error {
	b, err := v.read("header", 0, min(sharelayout.MaxHeaderSize, v.share.Size()))
	if err != nil {
		return err
	}
	v.header, err = sharelayout.ParseHeader(b)
	return err
}

func (v *chkVerifier) readUEB() error {
	fieldSize := int64(v.header.FieldSize())
	b, err := v.read("UEB length", v.header.UEBOffset, fieldSize)
	if err != nil {
		return err
	}
	length, err := v.header.ParseUEBLength(b)
	if err != nil {
		return err
	}
	if b, err = v.read("UEB", v.header.UEBOffset+fieldSize, int64(length)); err != nil {
		return err
	}
	if v.ueb, err = ueb.Parse(b); err != nil {
		return err
	}
	k, total, size, ok := v.ueb.Claim()
	if !ok {
		return fmt.Errorf("%w: its UEB does not say k, N and size", errUnverifiable)
	}
	v.total = total
	if v.segs, err = v.ueb.Check(k, total, size); err != nil {
		return err
	}
	return v.header.CheckTrees(v.segs.NumSegments)
}

// tree reads one of the two trees over the segments and checks it in itself.
func (v *chkVerifier) tree(what string, offset int64) (*hashtree.Tree, error) {
	leaves, err := hashtree.CheckLeaves(v.segs.NumSegments)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	size := int64(hashtree.Size(leaves))
	if size > maxScrubTree {
		return nil, fmt.Errorf("%w: a %s of %d bytes", errUnverifiable, what, size)
	}
	b, err := v.read(what, offset, size)
	if err != nil {
		return nil, err
	}
	tree, err := hashtree.Load(b, leaves)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return tree, nil
}

func (v *chkVerifier) checkCiphertextTree() error {
	tree, err := v.tree("crypttext hash tree", v.header.CiphertextHashTreeOffset)
	if err == nil && tree.Root() != v.ueb.CiphertextRootHash() {
		err = errors.New("crypttext hash tree: its root is not that of the UEB")
	}
	return err
}

func (v *chkVerifier) checkBlockTree() (err error) {
	if v.blocks, err = v.tree("block hash tree", v.header.BlockHashTreeOffset); err != nil {
		return err
	}
	b, err := v.read("share hash chain", v.header.ShareHashesOffset, v.header.ShareHashesSize())
	if err != nil {
		return err
	}
	chain, err := sharelayout.ParseShareHashes(b)
	if err != nil {
		return err
	}
	return v.checkChain(chain)
}

// checkChain proves the root of the block hashes by the chain and the UEB.
func (v *chkVerifier) checkChain(chain []sharelayout.ShareHash) error {
	if int(v.n) >= v.total {
		return fmt.Errorf("share %d of %d", v.n, v.total)
	}
	shares, err := hashtree.NewVerifier(int64(v.total), v.ueb.ShareRootHash())
	if err != nil {
		return err
	}
	leaf := hashtree.LeafNode(v.total, int(v.n))
	nodes := []hashtree.Node{{Number: leaf, Hash: v.blocks.Root()}}
	for _, h := range chain {
		if h.Node == leaf && h.Hash != v.blocks.Root() {
			return errors.New("share hash chain: it has another root of the block hashes")
		}
		if h.Node != leaf {
			nodes = append(nodes, hashtree.Node{Number: h.Node, Hash: h.Hash})
		}
	}
	if err := shares.Add(nodes); err != nil {
		return fmt.Errorf("share hash chain: %w", err)
	}
	return nil
}

// checkBlocks reads all blocks, in pieces.
func (v *chkVerifier) checkBlocks() error {
	if size := v.segs.ShareDataSize(); size > v.share.Size() || v.header.DataOffset > v.share.Size()-size {
		return errors.New("blocks: the share ends before them")
	}
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	offset := v.header.DataOffset
	for seg := range v.segs.NumSegments {
		size := v.segs.BlockSizeOf(seg)
		hasher := taggedhash.NewBlockHasher()
		if _, err := io.CopyBuffer(onlyWriter{hasher}, onlyReader{io.NewSectionReader(v.share, offset, size)}, buf[:]); err != nil {
			return fmt.Errorf("block %d: %w", seg, err)
		}
		if hasher.Sum() != v.blocks.Leaf(int(seg)) {
			return fmt.Errorf("block %d: its hash is not that of the block hash tree", seg)
		}
		offset += size
	}
	return nil
}

// onlyWriter hides io.ReaderFrom.
type onlyWriter struct{ io.Writer }

// verifyMutable checks an SDMF or MDMF share by itself: the signature by the
// public key in it, the hashes by the root that is signed, and the blocks.
// Whether the key is that of the cap only a client can tell.
func verifyMutable(share *io.SectionReader, n grid.ShareNum) error {
	b := make([]byte, min(mutablelayout.MaxHeadSize, share.Size()))
	if err := readFull(share, b, 0); err != nil {
		return err
	}
	head, err := mutablelayout.ParseHead(b)
	if err != nil {
		return err
	}
	numSegments := head.NumSegments()
	if numSegments > 0 && head.BlockArea(0).Size > maxScrubBlock {
		return fmt.Errorf("%w: blocks of %d bytes", errUnverifiable, head.BlockArea(0).Size)
	}
	key := make([]byte, head.Areas.PublicKey.Size) // parsed heads keep it below a limit
	if err := readFull(share, key, head.Areas.PublicKey.Offset); err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	r, err := mutablelayout.NewReader(share, int(n), taggedhash.Fingerprint(key))
	if err != nil {
		return err
	}
	var block []byte
	for seg := range numSegments {
		if block, err = r.ReadBlock(block, seg); err != nil {
			return err
		}
	}
	return nil
}
