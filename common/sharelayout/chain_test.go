package sharelayout

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChainNodes(t *testing.T) {
	for _, tc := range []struct {
		name          string
		shares, shnum int
		want          []int
	}{
		{"only share", 1, 0, []int{0}},
		{"two shares", 2, 1, []int{1, 2}},
		{"five shares, first", 5, 0, []int{8, 2, 4, 7}},
		{"five shares, third", 5, 2, []int{2, 9, 10, 3}},
		{"five shares, fourth", 5, 3, []int{10, 9, 2, 3}},
		{"ten shares, first", 10, 0, []int{2, 4, 8, 15, 16}},
		{"ten shares, last", 10, 9, []int{1, 6, 12, 23, 24}},
		{"33 shares, last", 33, 32, []int{96, 1, 6, 12, 48, 24, 95}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, ChainNodes(tc.shares, tc.shnum))
		})
	}
}

// TestChainNodesOfCPython compares all chains of 1 to 256 shares with what
// CPython 3.11.7 gives; testdata/README.md has the program.
func TestChainNodesOfCPython(t *testing.T) {
	h := sha256.New()
	for n := 1; n <= 256; n++ {
		for s := range n {
			io.WriteString(h, strings.Trim(strings.ReplaceAll(fmt.Sprint(ChainNodes(n, s)), " ", ","), "[]")+";")
		}
	}
	require.Equal(t, "05ffa0a7f2cc68090c1c32e2a4980369a500ee8565eb8d3dad194525a0963353", hex.EncodeToString(h.Sum(nil)))
}

func TestChainHasSiblingsAndLeaf(t *testing.T) {
	for n := 1; n <= 256; n++ {
		for s := range n {
			nodes := ChainNodes(n, s)
			require.Len(t, nodes, chainEntries(n))
			leaf := 1<<bits.Len(uint(n-1)) - 1 + s
			require.Contains(t, nodes, leaf)
			for at := leaf; at != 0; at = (at - 1) / 2 {
				require.Contains(t, nodes, sibling(at))
			}
		}
	}
}

func TestShareHashes(t *testing.T) {
	chain := []ShareHash{{8, [32]byte{1}}, {2, [32]byte{2}}, {65535, [32]byte{3}}}
	b := AppendShareHashes([]byte("x"), chain)[1:]
	require.Len(t, b, 3*34)
	require.Equal(t, []byte{0, 8, 1}, b[:3])
	got, err := ParseShareHashes(b)
	require.NoError(t, err)
	require.Equal(t, chain, got)

	none, err := ParseShareHashes(nil)
	require.NoError(t, err)
	require.Empty(t, none)

	for name, bad := range map[string][]byte{
		"one byte too few":       b[:len(b)-1],
		"a node twice":           slices.Concat(b, b[:34]),
		"more than a whole tree": make([]byte, 512*34),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseShareHashes(bad)
			require.Nil(t, got)
			var le *Error
			require.ErrorAs(t, err, &le)
			require.Equal(t, "share hash chain", le.Field)
		})
	}
}

func FuzzParseShareHashes(f *testing.F) {
	f.Add([]byte{})
	f.Add(AppendShareHashes(nil, []ShareHash{{8, [32]byte{1}}, {2, [32]byte{2}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if chain, err := ParseShareHashes(b); err == nil {
			require.Equal(t, string(b), string(AppendShareHashes(nil, chain)))
		}
	})
}
