package hashtree

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

//go:embed testdata
var testdata embed.FS

type merkleVector struct {
	Leaves []string `json:"leaves"`
	Nodes  []string `json:"nodes_in_order"`
	Needed map[string]struct {
		Without []int `json:"without_leaf"`
		With    []int `json:"with_leaf"`
	} `json:"needed_for_leaf"`
}

func readVectors(t testing.TB) (vectors []merkleVector) {
	t.Helper()
	raw, err := testdata.ReadFile("testdata/merkle.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &vectors))
	require.Len(t, vectors, 6)
	return vectors
}

// flat turns hashes in hexadecimal into bytes.
func flat(t testing.TB, hashes []string) (b []byte) {
	t.Helper()
	for _, text := range hashes {
		hash, err := hex.DecodeString(text)
		require.NoError(t, err)
		require.Len(t, hash, HashSize)
		b = append(b, hash...)
	}
	return b
}

// makeTree returns a tree over distinct leaves.
func makeTree(t testing.TB, leaves int) *Tree {
	t.Helper()
	b := make([]byte, 0, leaves*HashSize)
	for i := range leaves {
		hash := taggedhash.BlockHash([]byte(strconv.Itoa(i)))
		b = append(b, hash[:]...)
	}
	tree, err := Build(b)
	require.NoError(t, err)
	return tree
}

func TestVectors(t *testing.T) {
	for _, vector := range readVectors(t) {
		t.Run(fmt.Sprintf("%d leaves", len(vector.Leaves)), func(t *testing.T) {
			count, nodes := len(vector.Leaves), flat(t, vector.Nodes)
			tree, err := Build(flat(t, vector.Leaves))
			require.NoError(t, err)
			require.Equal(t, nodes, tree.Nodes())
			require.Equal(t, nodes, tree.AppendNodes(nil))
			require.Equal(t, count, tree.Leaves())
			require.Equal(t, len(vector.Nodes), tree.NumNodes())
			require.Equal(t, len(nodes), Size(count))
			root := tree.Root()
			require.Equal(t, vector.Nodes[0], hex.EncodeToString(root[:]))
			loaded, err := Load(nodes, count)
			require.NoError(t, err)
			require.Equal(t, tree, loaded)

			require.Len(t, vector.Needed, count)
			for text, needed := range vector.Needed {
				leaf, err := strconv.Atoi(text)
				require.NoError(t, err)
				require.ElementsMatch(t, needed.Without, AppendChain(nil, count, leaf, false))
				require.ElementsMatch(t, needed.With, AppendChain(nil, count, leaf, true))
				require.Len(t, needed.Without, ChainLen(count))
				hash := tree.Leaf(leaf)
				require.Equal(t, vector.Leaves[leaf], hex.EncodeToString(hash[:]))
			}
		})
	}
}

// Roots of larger trees, whose leaves are the hashes of decimal numbers.
func TestRootVectors(t *testing.T) {
	var rows []struct {
		Leaves int    `json:"leaves"`
		Root   string `json:"root"`
	}
	raw, err := testdata.ReadFile("testdata/roots.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &rows))
	require.Len(t, rows, 8)
	for _, row := range rows {
		root := makeTree(t, row.Leaves).Root()
		require.Equal(t, row.Root, hex.EncodeToString(root[:]), "%d leaves", row.Leaves)
	}
}

func TestShape(t *testing.T) {
	rows := []struct{ leaves, width, nodes, chain int }{
		{0, 1, 1, 0},
		{1, 1, 1, 0},
		{2, 2, 3, 1},
		{3, 4, 7, 2},
		{4, 4, 7, 2},
		{5, 8, 15, 3},
		{10, 16, 31, 4},
		{256, 256, 511, 8},
		{65535, 65536, 131071, 16},
		{65536, 65536, 131071, 16},
		{65537, 131072, 262143, 17},
		{MaxLeaves, MaxLeaves, 2*MaxLeaves - 1, 24},
	}
	for _, row := range rows {
		require.Equal(t, row.width, Width(row.leaves), row.leaves)
		require.Equal(t, row.nodes, NumNodes(row.leaves), row.leaves)
		require.Equal(t, row.nodes*HashSize, Size(row.leaves), row.leaves)
		require.Equal(t, row.chain, ChainLen(row.leaves), row.leaves)
		require.Equal(t, row.width-1, LeafNode(row.leaves, 0), row.leaves)
	}
	require.LessOrEqual(t, int64(Size(MaxLeaves)), int64(math.MaxInt32), "offsets fit 32 bits")
}

func TestCheckLeaves(t *testing.T) {
	for _, good := range []int64{0, 1, 65536, MaxLeaves} {
		count, err := CheckLeaves(good)
		require.NoError(t, err)
		require.Equal(t, good, int64(count))
	}
	for _, bad := range []int64{-1, MaxLeaves + 1, 1 << 32, 1<<32 + 1, math.MaxInt64, math.MinInt64} {
		_, err := CheckLeaves(bad)
		var countError *LeafCountError
		require.ErrorAs(t, err, &countError)
		require.Equal(t, bad, countError.Leaves)
		_, err = NewVerifier(bad, taggedhash.Hash{})
		require.ErrorAs(t, err, &countError)
	}
}

func TestBuildRefusesPartsOfHashes(t *testing.T) {
	for _, size := range []int{1, 31, 33, 95} {
		tree, err := Build(make([]byte, size))
		require.Nil(t, tree)
		var sizeError *SizeError
		require.ErrorAs(t, err, &sizeError)
		require.Equal(t, size, sizeError.Got)
	}
}

func TestBuildCopiesLeaves(t *testing.T) {
	leaves := make([]byte, 2*HashSize)
	tree, err := Build(leaves)
	require.NoError(t, err)
	before := slices.Clone(tree.Nodes())
	leaves[0] = 1
	require.Equal(t, before, tree.Nodes())
}

func TestLoadRefuses(t *testing.T) {
	for _, leaves := range []int{0, 1, 3, 4} {
		nodes := makeTree(t, leaves).Nodes()
		for at := range nodes {
			broken := slices.Clone(nodes)
			broken[at] ^= 0x40
			_, err := Load(broken, leaves)
			if leaves == 1 { // nothing but the root
				require.NoError(t, err)
				continue
			}
			var badHash *BadHashError
			require.ErrorAs(t, err, &badHash)
		}
		for _, size := range []int{0, len(nodes) - 1, len(nodes) + HashSize} {
			_, err := Load(make([]byte, size), leaves)
			var sizeError *SizeError
			require.ErrorAs(t, err, &sizeError)
		}
	}
	for _, leaves := range []int{-1, MaxLeaves + 1} {
		_, err := Load(nil, leaves)
		var countError *LeafCountError
		require.ErrorAs(t, err, &countError)
	}
}

func TestSetLeaf(t *testing.T) {
	for _, leaves := range []int{1, 2, 5, 8, 13} {
		changed, want := makeTree(t, leaves), makeTree(t, leaves)
		for leaf := range leaves {
			hash := taggedhash.BlockHash([]byte{byte(leaf), 0xff})
			changed.SetLeaf(leaf, hash)
			copy(want.node(LeafNode(leaves, leaf)), hash[:])
			rebuilt, err := Build(want.nodes[LeafNode(leaves, 0)*HashSize:][:leaves*HashSize])
			require.NoError(t, err)
			require.Equal(t, rebuilt.Nodes(), changed.Nodes())
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, leaves := range []int{8, 256, 8192, 1 << 17} {
		b.Run(fmt.Sprintf("leaves=%d", leaves), func(b *testing.B) {
			flat := make([]byte, leaves*HashSize)
			b.SetBytes(int64(len(flat)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Build(flat); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
