package mutablelayout

import "fmt"

// Format tells the two kinds of mutable share apart. It is the first byte of a
// share.
type Format uint8

const (
	// SDMF is the small distributed mutable file: one segment, written whole.
	SDMF Format = 0
	// MDMF is the medium distributed mutable file: segments of 128 KiB that can
	// be rewritten one by one.
	MDMF Format = 1
)

// String returns "SDMF" or "MDMF".
func (f Format) String() string {
	switch f {
	case SDMF:
		return "SDMF"
	case MDMF:
		return "MDMF"
	}
	return fmt.Sprintf("mutablelayout.Format(%d)", uint8(f))
}

// known reports whether f is one of the two.
func (f Format) known() bool { return f == SDMF || f == MDMF }

// saltSize is how many bytes of salt stand before each block.
func (f Format) saltSize() int64 {
	if f == MDMF {
		return SaltSize
	}
	return 0
}
