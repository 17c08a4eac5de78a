package erasure

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// benchBlock is the block size of a 1 MiB segment for k = 3.
const benchBlock = 349526

func BenchmarkEncode(b *testing.B) {
	for _, c := range [][2]int{{2, 3}, {3, 10}, {25, 100}} {
		for name, newK := range kernels() {
			b.Run(fmt.Sprintf("%dof%d/%s", c[0], c[1], name), func(b *testing.B) {
				kern, err := newK(interpolation(numbers(0, c[0]), numbers(c[0], c[1])))
				require.NoError(b, err)
				benchmarkKernel(b, kern, c[0], c[1])
			})
		}
	}
}

// BenchmarkDecode computes all blocks of 3-of-10 from secondary shares.
func BenchmarkDecode(b *testing.B) {
	for name, newK := range kernels() {
		b.Run("3of10/"+name, func(b *testing.B) {
			kern, err := newK(interpolation([]int{7, 8, 9}, []int{0, 1, 2}))
			require.NoError(b, err)
			benchmarkKernel(b, kern, 3, 6)
		})
	}
}

func benchmarkKernel(b *testing.B, kern kernel, ins, total int) {
	slices := blank(total, benchBlock, 3)
	b.SetBytes(int64(ins * benchBlock))
	b.ReportAllocs()
	for b.Loop() {
		if err := kern.mul(slices); err != nil {
			b.Fatal(err)
		}
	}
}
