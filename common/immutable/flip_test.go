package immutable

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
	"github.com/stretchr/testify/require"
)

// span is a part of a share that may differ without harm.
type span struct {
	name     string
	from, to int64
}

// harmless names the bytes of a share that no reader uses. All others are proven
// by VerifyShare.
func harmless(t testing.TB, share []byte) []span {
	h, err := sharelayout.ParseHeader(share)
	require.NoError(t, err)
	f := int64(h.FieldSize())
	return []span{
		{"block size", 4, 4 + f},
		{"share data size", 4 + f, 4 + 2*f},
		{"offset of the plaintext hash tree", 4 + 3*f, 4 + 4*f},
		{"plaintext hash tree", int64(h.PlaintextHashTreeOffset), h.CiphertextHashTreeOffset},
	}
}

// notNeeded names the bytes that a download of the whole file does not look at
// either, because it has better or other shares have them.
func notNeeded(t testing.TB, share []byte, numSegments int64) []span {
	h, err := sharelayout.ParseHeader(share)
	require.NoError(t, err)
	spans := append(harmless(t, share),
		span{"share hash chain, as far as other shares have it", h.ShareHashesOffset, h.UEBOffset},
		span{"offset of the crypttext hash tree, which another share may give", 4 + 4*int64(h.FieldSize()), 4 + 5*int64(h.FieldSize())},
		span{"crypttext hash tree, which another share may give", h.CiphertextHashTreeOffset, h.BlockHashTreeOffset},
	)
	for _, node := range computedNodes(t, share[h.BlockHashTreeOffset:h.ShareHashesOffset], int(numSegments)) {
		at := h.BlockHashTreeOffset + int64(node)*32
		spans = append(spans, span{"node of the block hash tree that follows from others", at, at + 32})
	}
	return spans
}

// computedNodes returns the nodes of a tree that a reader of all leaves, one
// after the other, does not have to be given.
func computedNodes(t testing.TB, nodes []byte, leaves int) (computed []int) {
	tree, err := hashtree.Load(nodes, leaves)
	require.NoError(t, err)
	v, err := hashtree.NewVerifier(int64(leaves), tree.Root())
	require.NoError(t, err)
	given := make(map[int]bool)
	for leaf := range leaves {
		var list []hashtree.Node
		for _, node := range v.AppendNeeded(nil, leaf, true) {
			given[node] = true
			list = append(list, hashtree.Node{Number: node, Hash: tree.Node(node)})
		}
		require.NoError(t, v.Add(list))
	}
	for node := range tree.NumNodes() {
		if !given[node] {
			computed = append(computed, node)
		}
	}
	return computed
}

func within(spans []span, at int64) string {
	for _, s := range spans {
		if at >= s.from && at < s.to {
			return s.name
		}
	}
	return ""
}

// flipPositions are all bytes of a small share, and a sample of a large one that
// has all of the header and the end.
func flipPositions(size int) (at []int) {
	rng := rand.New(rand.NewPCG(uint64(size), 9))
	for i := range size {
		if size < 2000 || i < 0x44 || i > size-700 || rng.IntN(size/300) == 0 {
			at = append(at, i)
		}
	}
	return at
}

// walkVectors are the vectors whose shares are walked byte by byte.
func walkVectors(t testing.TB) map[string]walkVector {
	all := make(map[string]walkVector)
	for _, v := range gridVectors(t) {
		if files := v.files(t); len(files) > 0 {
			all[v.Name] = walkVector{v.cap(t).Text(), v.plaintext(t), files}
		}
	}
	for _, v := range chkVectors(t) {
		if v.Shares != nil {
			all[v.What] = walkVector{v.ReadCap, v.plaintext(t), v.shares(t)}
		}
	}
	return all
}

type walkVector struct {
	cap       string
	plaintext []byte
	shares    []Share
}

// TestFlippedBitIsRefused flips bits in shares of the vectors, every byte of the
// small ones. VerifyShare must refuse each but those that no reader uses.
func TestFlippedBitIsRefused(t *testing.T) {
	for name, v := range walkVectors(t) {
		t.Run(name, func(t *testing.T) {
			c := parseCHK(t, v.cap)
			flips, ignored := 0, make(map[string]bool)
			for i, s := range []Share{v.shares[0], v.shares[len(v.shares)-1]} {
				spans := harmless(t, s.Source.(memorySource))
				data := bytes.Clone(s.Source.(memorySource))
				bad := memoryShare(int(s.Num), data)
				for _, at := range flipPositions(len(data)) {
					for bit := range 8 {
						if bit != at%8 && (i > 0 || len(data) > 700) {
							continue // all eight bits in one share of each small file
						}
						data[at] ^= 1 << bit
						verifier, err := NewVerifier(c.Verify())
						require.NoError(t, err)
						err = verifier.VerifyShare(t.Context(), bad)
						data[at] ^= 1 << bit
						flips++
						if where := within(spans, int64(at)); where != "" {
							require.NoError(t, err, "%s at %d", where, at)
							ignored[where] = true
							continue
						}
						var corrupt *CorruptShareError
						require.ErrorAs(t, err, &corrupt, "share %d, byte %d, bit %d", s.Num, at, bit)
						require.Equal(t, s.Num, corrupt.ShareNum)
						require.Equal(t, s.Server, corrupt.Server)
					}
				}
			}
			require.Len(t, ignored, 4)
			t.Logf("%d flips; without harm only in %v", flips, ignored)
		})
	}
}

// TestFlippedBitIsNeverRead reads from exactly k shares, one of them with a
// flipped bit: either the reader refuses, or what it gives is right and the bit
// was in a place that is not needed.
func TestFlippedBitIsNeverRead(t *testing.T) {
	for name, v := range walkVectors(t) {
		t.Run(name, func(t *testing.T) {
			c := parseCHK(t, v.cap)
			last := v.shares[len(v.shares)-1]
			good := slices.Clone(v.shares[:c.K-1])
			data := bytes.Clone(last.Source.(memorySource))
			bad := memoryShare(int(last.Num), data)
			unused := harmless(t, data)
			spare := notNeeded(t, data, numSegments(t, c, v.shares[0]))
			for _, at := range flipPositions(len(data)) {
				for _, shares := range [][]Share{append(good, bad), append([]Share{bad}, good...)} {
					data[at] ^= 1 << (at % 8)
					got, err := tryReadAll(t, c, shares)
					data[at] ^= 1 << (at % 8)
					if err == nil {
						require.True(t, bytes.Equal(v.plaintext, got), "byte %d", at)
						require.NotEmpty(t, within(spare, int64(at)), "byte %d", at)
						continue
					}
					var few *NotEnoughSharesError
					require.ErrorAs(t, err, &few, "byte %d", at)
					require.Len(t, few.Problems, 1)
					require.Empty(t, within(unused, int64(at)), "byte %d", at)
				}
			}
		})
	}
}

func TestFlippedBitInOneOfManyShares(t *testing.T) {
	for _, v := range gridVectors(t) {
		files := v.files(t)
		if len(files) < 10 {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			c, plaintext := v.cap(t), v.plaintext(t)
			data := bytes.Clone(files[0].Source.(memorySource))
			shares := slices.Clone(files)
			shares[0] = memoryShare(0, data)
			for _, at := range flipPositions(len(data)) {
				data[at] ^= 0x10
				got, err := tryReadAll(t, c, shares)
				data[at] ^= 0x10
				require.NoError(t, err, "byte %d", at)
				require.True(t, bytes.Equal(plaintext, got), "byte %d", at)
			}
		})
	}
}
