//go:build !arm

package erasure

import (
	"fmt"

	"github.com/klauspost/reedsolomon"
)

// newKernel returns the kernel of this architecture: klauspost/reedsolomon, see
// the package comment.
func newKernel(rows [][]byte) (kernel, error) {
	return newLibraryKernel(rows)
}

// libraryKernel hands the work to klauspost/reedsolomon.
type libraryKernel struct {
	enc reedsolomon.Encoder
}

// newLibraryKernel needs len(rows) + len(rows[0]) <= 256: above that the library
// silently changes to another code ("leopard"), and so it is refused here.
func newLibraryKernel(rows [][]byte) (*libraryKernel, error) {
	ins, outs := len(rows[0]), len(rows)
	if ins+outs > MaxShares {
		return nil, fmt.Errorf("erasure code: %d inputs and %d outputs exceed %d", ins, outs, MaxShares)
	}
	enc, err := reedsolomon.New(ins, outs,
		reedsolomon.WithCustomMatrix(rows),
		// One goroutine: the caller decides what runs in parallel.
		reedsolomon.WithMaxGoroutines(1),
		// Decoding does not go through the library's reconstruction.
		reedsolomon.WithInversionCache(false),
	)
	if err != nil {
		return nil, fmt.Errorf("erasure code: set up %d inputs and %d outputs: %w", ins, outs, err)
	}
	return &libraryKernel{enc: enc}, nil
}

func (l *libraryKernel) mul(slices [][]byte) error {
	return l.enc.Encode(slices)
}
