package erasure

import "fmt"

// MaxShares is the largest n that zfec has: its field has 256 elements.
const MaxShares = 256

// Code is the erasure code for one (k, n). It holds tables of at most 4.2 MiB
// (near 128-of-256, on 32-bit ARM; 6 KiB for 3-of-10 there) and may be used concurrently.
type Code struct {
	k, n int
	// parity makes shares k..n-1 from the blocks. It is nil where nothing is to
	// be computed: for k = 1 and for k = n.
	parity kernel
}

// New returns the code with 1 <= k <= n <= 256, or a [*ParamsError].
// Source: zfec's Encoder; Tahoe-LAFS 1.20.0 codec.py, CRSEncoder.set_params.
func New(k, n int) (*Code, error) {
	if err := CheckParams(k, n); err != nil {
		return nil, err
	}
	c := &Code{k: k, n: n}
	if k == 1 || k == n {
		return c, nil
	}
	var err error
	if c.parity, err = newKernel(interpolation(numbers(0, k), numbers(k, n))); err != nil {
		return nil, err
	}
	return c, nil
}

// CheckParams checks 1 <= k <= n <= 256. The error is a [*ParamsError].
func CheckParams(k, n int) error {
	switch {
	case k < 1:
		return &ParamsError{"k", int64(k), "must be at least 1"}
	case k > MaxShares:
		return &ParamsError{"k", int64(k), fmt.Sprintf("must be at most %d", MaxShares)}
	case n > MaxShares:
		return &ParamsError{"n", int64(n), fmt.Sprintf("must be at most %d", MaxShares)}
	case n < k:
		return &ParamsError{"n", int64(n), fmt.Sprintf("must be at least k = %d", k)}
	}
	return nil
}

func numbers(from, to int) []int {
	nums := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		nums = append(nums, i)
	}
	return nums
}

// K returns how many shares give the blocks back.
func (c *Code) K() int { return c.k }

// N returns how many shares there are.
func (c *Code) N() int { return c.n }

// Replicates says that every share is the block itself (k = 1), so that a caller
// need not encode at all.
func (c *Code) Replicates() bool { return c.k == 1 }

// Encode computes shares k..n-1 from shares 0..k-1, which are the blocks. shares
// has n elements of the same length; the first k are read only, the others are
// overwritten. The written ones must overlap neither each other nor a block,
// except that for k = 1 an element may be the block's own slice, which saves the
// copy. Blocks of length 0 give shares of length 0.
//
// Nothing is kept after the call and nothing is allocated (but for 48 bytes by
// the library's own pool on machines with AVX2 or NEON). A wrong shape is a
// [*SharesError], and then nothing has been written.
func (c *Code) Encode(shares [][]byte) error {
	if err := checkShape("shares", shares, c.n, len(firstOf(shares))); err != nil {
		return err
	}
	if c.k == 1 {
		for _, s := range shares[1:] {
			copyUnlessSame(s, shares[0])
		}
		return nil
	}
	if c.parity == nil || len(shares[0]) == 0 {
		return nil
	}
	return c.parity.mul(shares)
}

func firstOf(slices [][]byte) []byte {
	if len(slices) == 0 {
		return nil
	}
	return slices[0]
}

func checkShape(field string, slices [][]byte, count, size int) error {
	if len(slices) != count {
		return &SharesError{field, -1, fmt.Sprintf("there are %d, the code needs %d", len(slices), count)}
	}
	for i, s := range slices {
		if len(s) != size {
			return &SharesError{field, i, fmt.Sprintf("is %d bytes long, expected %d", len(s), size)}
		}
	}
	return nil
}

// copyUnlessSame copies src to dst unless they are the same slice.
func copyUnlessSame(dst, src []byte) {
	if len(src) > 0 && &dst[0] != &src[0] {
		copy(dst, src)
	}
}
