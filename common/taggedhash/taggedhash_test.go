package taggedhash

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/secret"
)

var (
	_ io.Writer = (*Hasher)(nil)
	_ io.Writer = (*ConvergenceHasher)(nil)
)

func TestShortAndLongInputsAgree(t *testing.T) {
	for size := range 3 * maxShort {
		value := bytes.Repeat([]byte{'x'}, size)
		require.Equal(t, taggedLong(tagBlock, value), BlockHash(value), size)
		require.Equal(t, BlockHash(value), NewBlockHasher().Of(value), size)
	}
}

func TestMutableContainerHeader(t *testing.T) {
	// The magic of version 2 in formats.json ends in these bytes.
	hash := MutableContainerHeader([]byte("Tahoe mutable container v2\n"))
	require.Equal(t, "c355219925", hex.EncodeToString(hash[:5]))
}

func TestSumDoesNotDisturbWriting(t *testing.T) {
	h := NewCiphertextHasher()
	_, _ = h.Write([]byte("first"))
	first := h.Sum()
	require.Equal(t, first, h.Sum())
	_, _ = h.Write([]byte("second"))
	require.Equal(t, NewCiphertextHasher().Of([]byte("firstsecond")), h.Sum())
	h.Reset()
	_, _ = h.Write([]byte("first"))
	require.Equal(t, first, h.Sum())
	require.Equal(t, "x"+string(first[:]), string(h.AppendSum([]byte("x"))))
}

func TestHashersDiffer(t *testing.T) {
	seen := map[Hash]bool{}
	for _, h := range []*Hasher{
		NewBlockHasher(), NewCiphertextHasher(), NewCiphertextSegmentHasher(), NewPlaintextHasher(), NewPlaintextSegmentHasher(),
	} {
		seen[h.Sum()] = true
	}
	require.Len(t, seen, 5)
}

func TestConvergenceHasherRefuses(t *testing.T) {
	convergence := secret.NewConvergenceSecret([]byte("s"))
	for _, counts := range [][2]int{{0, 0}, {0, 1}, {2, 1}, {1, 257}, {257, 257}, {-1, 3}, {3, -1}} {
		h, err := NewConvergenceHasher(convergence, counts[0], counts[1], 1024)
		require.Nil(t, h)
		var countError *ShareCountError
		require.ErrorAs(t, err, &countError)
		require.Equal(t, ShareCountError{counts[0], counts[1]}, *countError)
	}
	for _, counts := range [][2]int{{1, 1}, {1, 256}, {256, 256}} {
		_, err := NewConvergenceHasher(convergence, counts[0], counts[1], 1<<40)
		require.NoError(t, err)
	}
}

func TestConvergenceHasherDoesNotPrintTheSecret(t *testing.T) {
	h, err := NewConvergenceHasher(secret.NewConvergenceSecret([]byte("zqjxwvqzxj")), 3, 10, 99)
	require.NoError(t, err)
	inside := struct{ h *ConvergenceHasher }{h}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{h, *h, inside} {
			printed := fmt.Sprintf(verb, value)
			require.NotContains(t, printed, "zqjxw")
			require.NotContains(t, printed, "7a716a7877")
			require.NotContains(t, printed, "122 113 106 120 119")
		}
	}
}

func TestAllocations(t *testing.T) {
	block := make([]byte, 1<<16)
	short := make([]byte, 60)
	sum := make([]byte, 0, Size)
	left, right := make([]byte, Size), make([]byte, Size)
	hasher := NewBlockHasher()
	convergence, err := NewConvergenceHasher(secret.NewConvergenceSecret(nil), 3, 10, 99)
	require.NoError(t, err)
	key := secret.NewImmutableKey([16]byte{})
	readKey := secret.NewReadKey([16]byte{})
	rows := []struct {
		name string
		run  func()
	}{
		{"Hasher", func() { hasher.Reset(); _, _ = hasher.Write(block); sum = hasher.AppendSum(sum[:0]) }},
		{"Hasher.Of", func() { hasher.Of(block) }},
		{"ConvergenceHasher without Key", func() { convergence.Reset(); _, _ = convergence.Write(block) }},
		{"BlockHash of a short block", func() { BlockHash(short) }},
		{"ChildCapSalt", func() { ChildCapSalt(short) }},
		{"StorageIndex", func() { StorageIndex(key) }},
		{"MutableStorageIndex", func() { MutableStorageIndex(readKey) }},
		{"InnerNode", func() { InnerNode(left, right) }},
		{"EmptyLeaf", func() { EmptyLeaf(1 << 20) }},
	}
	for _, row := range rows {
		require.Zero(t, testing.AllocsPerRun(10, row.run), row.name)
	}
}

func BenchmarkHasher(b *testing.B) {
	for _, size := range []int{1 << 10, 44 << 10, 350 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("block=%d", size), func(b *testing.B) {
			block := make([]byte, size)
			hasher := NewBlockHasher()
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				hasher.Of(block)
			}
		})
	}
}

func BenchmarkConvergence(b *testing.B) {
	segment := make([]byte, 1<<20)
	h, err := NewConvergenceHasher(secret.NewConvergenceSecret(segment[:32]), 3, 10, 1<<20)
	require.NoError(b, err)
	b.SetBytes(int64(len(segment)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = h.Write(segment)
	}
}

func BenchmarkInnerNode(b *testing.B) {
	left, right := make([]byte, Size), make([]byte, Size)
	b.ReportAllocs()
	for b.Loop() {
		InnerNode(left, right)
	}
}

func BenchmarkStorageIndex(b *testing.B) {
	key := secret.NewImmutableKey([16]byte{})
	b.ReportAllocs()
	for b.Loop() {
		StorageIndex(key)
	}
}

func BenchmarkDataKey(b *testing.B) {
	key := secret.NewReadKey([16]byte{})
	b.ReportAllocs()
	for b.Loop() {
		DataKey([16]byte{}, key)
	}
}
