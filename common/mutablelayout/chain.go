package mutablelayout

import (
	"encoding/binary"
	"slices"

	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// shareHashSize is the size of an entry of the share hash chain: the number of
// the node (2 bytes) and its hash.
const shareHashSize = 2 + HashSize

// appendShareHashChain appends the nodes that lead from a share's leaf to the
// root, ascending and without the leaf itself, which the reader computes
// (mutable/layout.py put_sharehashes).
func appendShareHashChain(dst []byte, shares *hashtree.Tree, shnum int) []byte {
	chain := shares.Chain(shnum, false)
	slices.SortFunc(chain, func(a, b hashtree.Node) int { return a.Number - b.Number })
	for _, node := range chain {
		dst = binary.BigEndian.AppendUint16(dst, uint16(node.Number))
		dst = append(dst, node.Hash[:]...)
	}
	return dst
}

// parseShareHashChain reads entries in any order. A node that is there twice is
// refused, where 1.20 takes the last one.
func parseShareHashChain(b []byte) ([]hashtree.Node, error) {
	if len(b) > MaxShareHashChainSize || len(b)%shareHashSize != 0 {
		return nil, layoutErrorf("share hash chain", "%d bytes, must be a multiple of %d up to %d", len(b), shareHashSize, MaxShareHashChainSize)
	}
	chain := make([]hashtree.Node, 0, len(b)/shareHashSize+1)
	seen := make(map[int]bool, cap(chain))
	for ; len(b) > 0; b = b[shareHashSize:] {
		node := hashtree.Node{Number: int(binary.BigEndian.Uint16(b)), Hash: taggedhash.Hash(b[2:shareHashSize])}
		if seen[node.Number] {
			return nil, layoutErrorf("share hash chain", "node %d is there twice", node.Number)
		}
		seen[node.Number] = true
		chain = append(chain, node)
	}
	return chain, nil
}
