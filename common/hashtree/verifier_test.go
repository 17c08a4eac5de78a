package hashtree

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

func newVerifier(t testing.TB, tree *Tree) *Verifier {
	t.Helper()
	v, err := NewVerifier(int64(tree.Leaves()), tree.Root())
	require.NoError(t, err)
	return v
}

// known lists the numbers of all known nodes.
func known(v *Verifier) (numbers []int) {
	for node := range NumNodes(v.leaves) {
		if _, ok := v.Node(node); ok {
			numbers = append(numbers, node)
		}
	}
	return numbers
}

// needed returns the nodes that v asks for, from the tree.
func needed(v *Verifier, tree *Tree, leaf int, includeLeaf bool) (nodes []Node) {
	for _, number := range v.AppendNeeded(nil, leaf, includeLeaf) {
		nodes = append(nodes, Node{number, tree.Node(number)})
	}
	return nodes
}

func TestVerifyLeafByLeaf(t *testing.T) {
	for _, leaves := range []int{0, 1, 2, 3, 4, 5, 8, 9, 100} {
		t.Run(fmt.Sprintf("%d leaves", leaves), func(t *testing.T) {
			tree := makeTree(t, leaves)
			v := newVerifier(t, tree)
			require.Equal(t, tree.Root(), v.Root())
			require.Equal(t, leaves, v.Leaves())
			for _, leaf := range rand.New(rand.NewPCG(1, uint64(leaves))).Perm(leaves) {
				nodes := append(needed(v, tree, leaf, false), v.LeafNode(leaf, tree.Leaf(leaf)))
				require.NoError(t, v.Add(nodes))
				hash, ok := v.Leaf(leaf)
				require.True(t, ok)
				require.Equal(t, tree.Leaf(leaf), hash)
				require.Empty(t, v.AppendNeeded(nil, leaf, true), "all is known now")
				require.NoError(t, v.Add(nodes), "giving it again is no error")
			}
			for node := range NumNodes(leaves) {
				if hash, ok := v.Node(node); ok {
					require.Equal(t, tree.Node(node), hash, node)
				}
			}
		})
	}
}

func TestNeededShrinks(t *testing.T) {
	// hashtree.py needed_hashes: the same as for a complete tree at first,
	// then without what is known.
	tree := makeTree(t, 8)
	v := newVerifier(t, tree)
	require.Equal(t, []int{8, 4, 2}, v.AppendNeeded(nil, 0, false))
	require.Equal(t, []int{7, 8, 4, 2}, v.AppendNeeded(nil, 0, true))
	require.NoError(t, v.Add(tree.Chain(0, true)))
	require.Equal(t, []int{0, 1, 2, 3, 4, 7, 8}, known(v), "parents were computed")
	require.Empty(t, v.AppendNeeded(nil, 1, true))
	require.Equal(t, []int{99, 10}, v.AppendNeeded([]int{99}, 2, false))
	require.Equal(t, []int{14, 13, 5}, v.AppendNeeded(nil, 7, true))
}

func TestAddEverythingAtOnce(t *testing.T) {
	for _, leaves := range []int{1, 2, 3, 64, 100} {
		tree := makeTree(t, leaves)
		v := newVerifier(t, tree)
		var nodes []Node
		for number := range tree.NumNodes() {
			nodes = append(nodes, Node{number, tree.Node(number)})
		}
		require.NoError(t, v.Add(nodes))
		require.Len(t, known(v), tree.NumNodes())
	}
}

func TestAddOnlyTheLeaves(t *testing.T) {
	tree := makeTree(t, 16)
	v := newVerifier(t, tree)
	var nodes []Node
	for leaf := range 16 {
		nodes = append(nodes, v.LeafNode(leaf, tree.Leaf(leaf)))
	}
	require.NoError(t, v.Add(nodes))
	require.Len(t, known(v), tree.NumNodes())
}

func TestAddRefusesEachWrongHash(t *testing.T) {
	tree := makeTree(t, 13)
	for leaf := range 13 {
		good := tree.Chain(leaf, true)
		for i := range good {
			v := newVerifier(t, tree)
			bad := slices.Clone(good)
			bad[i].Hash[31] ^= 1
			var badHash *BadHashError
			require.ErrorAs(t, v.Add(bad), &badHash)
			require.Equal(t, []int{0}, known(v), "nothing stays")
			require.Len(t, v.nodes, 1, "no memory stays")
			require.NoError(t, v.Add(good), "the right hashes are still accepted")
		}
	}
}

func TestAddRefusesEachMissingHash(t *testing.T) {
	tree := makeTree(t, 13)
	for leaf := range 13 {
		good := tree.Chain(leaf, true)
		for i := range good {
			v := newVerifier(t, tree)
			var notEnough *NotEnoughHashesError
			require.ErrorAs(t, v.Add(slices.Delete(slices.Clone(good), i, i+1)), &notEnough)
			require.Equal(t, good[i].Number, notEnough.Missing)
			require.Equal(t, []int{0}, known(v))
		}
	}
}

func TestAddKeepsWhatWasProvenBefore(t *testing.T) {
	tree := makeTree(t, 8)
	v := newVerifier(t, tree)
	require.NoError(t, v.Add(tree.Chain(0, true)))
	before := known(v)
	bad := tree.Chain(5, true)
	bad[0].Hash[0] ^= 1
	var badHash *BadHashError
	require.ErrorAs(t, v.Add(bad), &badHash)
	require.Equal(t, before, known(v))

	// A known node that is given again with another hash.
	require.ErrorAs(t, v.Add([]Node{{8, taggedhash.Hash{}}}), &badHash)
	require.Equal(t, 8, badHash.Node)
	require.Equal(t, before, known(v))
	hash, _ := v.Node(8)
	require.Equal(t, tree.Node(8), hash)
}

func TestAddRefusesTwoHashesForOneNode(t *testing.T) {
	tree := makeTree(t, 4)
	v := newVerifier(t, tree)
	nodes := append(tree.Chain(1, true), Node{LeafNode(4, 1), taggedhash.Hash{}})
	var badHash *BadHashError
	require.ErrorAs(t, v.Add(nodes), &badHash)
	require.Equal(t, []int{0}, known(v))
	require.NoError(t, v.Add(append(tree.Chain(1, true), tree.Chain(1, true)...)), "the same twice does no harm")
}

func TestAddRefusesAnotherRoot(t *testing.T) {
	tree := makeTree(t, 4)
	v := newVerifier(t, tree)
	require.NoError(t, v.Add([]Node{{0, tree.Root()}}))
	var badHash *BadHashError
	require.ErrorAs(t, v.Add([]Node{{0, taggedhash.Hash{}}}), &badHash)
	require.Equal(t, tree.Root(), v.Root())

	single := newVerifier(t, makeTree(t, 1))
	require.ErrorAs(t, single.Add([]Node{single.LeafNode(0, taggedhash.Hash{})}), &badHash)
	require.Contains(t, badHash.Error(), "leaf 0 of 1")
}

func TestAddRefusesNumbersOutside(t *testing.T) {
	v := newVerifier(t, makeTree(t, 5))
	for _, number := range []int{-1, 15, 16, math.MaxInt32, math.MinInt32, 65535} {
		var outside *NodeRangeError
		require.ErrorAs(t, v.Add([]Node{{1, taggedhash.Hash{}}, {number, taggedhash.Hash{}}}), &outside)
		require.Equal(t, number, outside.Node)
		require.Equal(t, []int{0}, known(v))
		_, ok := v.Node(number)
		require.False(t, ok)
	}
}

func TestMemoryFollowsWhatIsKnown(t *testing.T) {
	v, err := NewVerifier(MaxLeaves, taggedhash.Hash{})
	require.NoError(t, err)
	require.Len(t, v.nodes, 1)
	chain := AppendChain(nil, MaxLeaves, MaxLeaves/3, true)
	nodes := make([]Node, len(chain))
	for i, number := range chain {
		nodes[i].Number = number
	}
	require.Error(t, v.Add(nodes))
	require.Len(t, v.nodes, 1)
}

// More leaves than fit the 16-bit node numbers of share hash chains: block
// trees and ciphertext trees are not bound by those.
func TestMoreThan65535Leaves(t *testing.T) {
	const leaves = 70_000
	tree := makeTree(t, leaves)
	require.Equal(t, 2*131072-1, tree.NumNodes())
	v := newVerifier(t, tree)
	for _, leaf := range []int{0, 1, 32767, 65535, 65536, leaves - 1} {
		require.NoError(t, v.Add(tree.Chain(leaf, true)))
		hash, ok := v.Leaf(leaf)
		require.True(t, ok)
		require.Equal(t, taggedhash.BlockHash(fmt.Append(nil, leaf)), hash)
	}
	require.Less(t, len(v.nodes), 100, "pages of the chains only")
}

// model is a slow verifier for comparison: it takes nodes in only if, with
// all nodes in place, every new one below the root has its sibling, and every
// known parent is the hash of its children.
func model(v *Verifier, nodes []Node) bool {
	all := map[int]taggedhash.Hash{}
	for _, number := range known(v) {
		all[number], _ = v.Node(number)
	}
	added := map[int]bool{}
	for _, node := range nodes {
		old, ok := all[node.Number]
		if node.Number < 0 || node.Number >= NumNodes(v.leaves) || ok && old != node.Hash {
			return false
		}
		added[node.Number] = added[node.Number] || !ok
		all[node.Number] = node.Hash
	}
	for number := NumNodes(v.leaves) - 1; number > 0; number-- {
		if !added[number] {
			continue
		}
		left, ok1 := all[(number-1)|1]
		right, ok2 := all[((number-1)|1)+1]
		hash := taggedhash.InnerNode(left[:], right[:])
		above, ok := all[parent(number)]
		if !ok1 || !ok2 || ok && above != hash {
			return false
		}
		added[parent(number)] = added[parent(number)] || !ok
		all[parent(number)] = hash
	}
	return true
}

// FuzzAdd lets the input choose nodes of a tree, some of them spoiled, and
// compares with the model. Each three bytes are a call's boundary, a node
// number and whether its hash is right.
func FuzzAdd(f *testing.F) {
	f.Add(uint8(8), []byte{0, 8, 0, 0, 4, 0, 0, 2, 0, 0, 7, 0})
	f.Add(uint8(3), []byte{0, 3, 0, 0, 4, 1, 1, 4, 0, 0, 2, 0})
	f.Add(uint8(1), []byte{0, 0, 0})
	f.Add(uint8(0), []byte{0, 1, 0})
	f.Fuzz(func(t *testing.T, leaves uint8, script []byte) {
		tree := makeTree(t, int(leaves%33))
		v := newVerifier(t, tree)
		var nodes []Node
		for ; len(script) >= 3; script = script[3:] {
			if script[0] == 1 {
				addAndCompare(t, tree, v, nodes)
				nodes = nil
			}
			node := Node{Number: int(int8(script[1]))}
			if node.Number >= 0 && node.Number < tree.NumNodes() {
				node.Hash = tree.Node(node.Number)
			}
			node.Hash[0] ^= script[2] & 1
			nodes = append(nodes, node)
		}
		addAndCompare(t, tree, v, nodes)
	})
}

func addAndCompare(t *testing.T, tree *Tree, v *Verifier, nodes []Node) {
	before := known(v)
	want := model(v, nodes)
	err := v.Add(nodes)
	require.Equal(t, want, err == nil, err)
	if err != nil {
		require.Equal(t, before, known(v), "a refused call changes nothing")
	}
	for _, number := range known(v) {
		hash, _ := v.Node(number)
		require.Equal(t, tree.Node(number), hash, "only true hashes are ever known")
	}
}

// BenchmarkVerifier adds all leaves of a tree in turn, as a download does.
func BenchmarkVerifier(b *testing.B) {
	for _, leaves := range []int{256, 8192} {
		b.Run(fmt.Sprintf("leaves=%d", leaves), func(b *testing.B) {
			tree := makeTree(b, leaves)
			chains := make([][]Node, leaves)
			probe := newVerifier(b, tree)
			for leaf := range leaves {
				chains[leaf] = needed(probe, tree, leaf, true)
				require.NoError(b, probe.Add(chains[leaf]))
			}
			b.ReportAllocs()
			for b.Loop() {
				v := newVerifier(b, tree)
				for _, chain := range chains {
					if err := v.Add(chain); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(leaves), "ns/leaf")
		})
	}
}

// BenchmarkSetLeaf is what an in-place update of one segment costs.
func BenchmarkSetLeaf(b *testing.B) {
	tree := makeTree(b, 8192)
	b.ReportAllocs()
	for b.Loop() {
		tree.SetLeaf(4711, taggedhash.Hash{})
	}
}
