package immutable

import (
	"context"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// proveChunk is how many nodes of a hash tree are read and proven at a time. It
// is even, so that siblings stay together.
const proveChunk = 512

// VerifyShare reads all of a share and proves every byte that means anything:
// all nodes of both hash trees, those that fill up and the roots included, and
// all blocks. What may differ without an error is the block size, the data size,
// the plaintext hash tree and its offset, and what follows the UEB. The errors are
// those of [Verifier.Open] and [ShareReader.ReadBlock]. (checker.py,
// Checker._download_and_verify.)
func (v *Verifier) VerifyShare(ctx context.Context, share Share) error {
	r, err := v.Open(ctx, share)
	if err != nil {
		return err
	}
	if err := r.proveTree(ctx, r.ciphertextNodes, v.addCiphertextHashes); err != nil {
		return err
	}
	if err := r.proveTree(ctx, r.blockHashes, r.tree.Add); err != nil {
		return err
	}
	segs, _ := v.Segments()
	block := make([]byte, segs.BlockSizeOf(0))
	for seg := range segs.NumSegments {
		if err := r.ReadBlock(ctx, seg, block[:segs.BlockSizeOf(seg)]); err != nil {
			return err
		}
	}
	return nil
}

// proveTree reads all nodes from the root down: whatever is given to add has its
// parents there already.
func (r *ShareReader) proveTree(ctx context.Context, n *nodes, add func([]hashtree.Node) error) error {
	buf := make([]byte, min(proveChunk, n.count)*hashtree.HashSize)
	list := make([]hashtree.Node, 0, proveChunk)
	for first := 0; first < n.count; {
		count := 1 // the root alone, so that all others come in pairs
		if first > 0 {
			count = min(proveChunk, n.count-first)
		}
		b := buf[:count*hashtree.HashSize]
		if err := n.share.read(ctx, b, n.offset+int64(first)*hashtree.HashSize, n.part, noSegment); err != nil {
			return err
		}
		list = list[:0]
		for i := range count {
			h := taggedhash.Hash(b[i*hashtree.HashSize:][:hashtree.HashSize])
			list = append(list, hashtree.Node{Number: first + i, Hash: h})
		}
		if err := add(list); err != nil {
			return n.share.corrupt(n.part, noSegment, fmt.Errorf("nodes %d to %d: %w", first, first+count-1, err))
		}
		first += count
	}
	return nil
}
