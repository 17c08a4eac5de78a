package erasure

import "fmt"

// Decoder gives the k blocks back from one particular choice of k shares.
// Making one costs some field arithmetic, using it does not: keep it for as many
// segments as come from the same shares. It must not be used concurrently.
type Decoder struct {
	k int
	// from[j] is the position, among the shares given to Decode, of primary
	// share j, or -1 if block j has to be computed.
	from []int
	// missing makes the blocks that have to be computed, in order; nil if none.
	missing kernel
	// slices is missing's argument: the k shares, then the computed blocks.
	slices [][]byte
}

// Decoder returns a decoder for the shares with the given numbers: k distinct
// numbers 0..n-1 in any order, primary (below k) or not. The error is a
// [*SharesError]. nums is not kept.
// Source: zfec's Decoder; Tahoe-LAFS 1.20.0 codec.py, CRSDecoder.
func (c *Code) Decoder(nums []int) (*Decoder, error) {
	if err := c.checkNumbers(nums); err != nil {
		return nil, err
	}
	d := &Decoder{k: c.k, from: make([]int, c.k)}
	for j := range d.from {
		d.from[j] = -1
	}
	for i, num := range nums {
		if num < c.k {
			d.from[num] = i
		}
	}
	if err := d.init(nums); err != nil {
		return nil, err
	}
	return d, nil
}

func (c *Code) checkNumbers(nums []int) error {
	if len(nums) != c.k {
		return &SharesError{"share numbers", -1, fmt.Sprintf("there are %d, the code needs %d", len(nums), c.k)}
	}
	var seen [MaxShares]bool
	for i, num := range nums {
		if num < 0 || num >= c.n {
			return &SharesError{"share numbers", i, fmt.Sprintf("is %d, must be 0..%d", num, c.n-1)}
		}
		if seen[num] {
			return &SharesError{"share numbers", i, fmt.Sprintf("share %d is there twice", num)}
		}
		seen[num] = true
	}
	return nil
}

// init sets up the computation of the blocks that are not among the shares.
// For k = 1 there is none: every share is the block.
func (d *Decoder) init(nums []int) (err error) {
	if d.k == 1 {
		d.from[0] = 0
	}
	var want []int
	for j, i := range d.from {
		if i < 0 {
			want = append(want, j)
		}
	}
	if len(want) > 0 {
		d.missing, err = newKernel(interpolation(nums, want))
		d.slices = make([][]byte, d.k+len(want))
	}
	return err
}

// Decode fills blocks, k slices in the order of the file, from shares, which are
// in the order of the numbers that the decoder was made for. All slices have the
// same length. shares are read only. A block must overlap neither a share nor
// another block, except that a primary share may be passed as the very slice of
// its block, which saves a copy.
//
// Nothing is kept after the call; as to allocation see [Code.Encode]. A wrong shape is a
// [*SharesError], and then nothing has been written. Decode cannot tell whether
// the shares are genuine: the caller compares hashes.
func (d *Decoder) Decode(shares, blocks [][]byte) error {
	size := len(firstOf(shares))
	if err := checkShape("shares", shares, d.k, size); err != nil {
		return err
	}
	if err := checkShape("blocks", blocks, d.k, size); err != nil {
		return err
	}
	if size == 0 {
		return nil
	}
	for j, i := range d.from {
		if i >= 0 {
			copyUnlessSame(blocks[j], shares[i])
		}
	}
	return d.compute(shares, blocks)
}

func (d *Decoder) compute(shares, blocks [][]byte) error {
	if d.missing == nil {
		return nil
	}
	slices := append(d.slices[:0], shares...)
	for j, i := range d.from {
		if i < 0 {
			slices = append(slices, blocks[j])
		}
	}
	err := d.missing.mul(slices)
	clear(slices) // do not keep the caller's memory alive
	return err
}
