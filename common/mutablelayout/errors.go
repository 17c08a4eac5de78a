package mutablelayout

import "fmt"

// A FormatError is the error for a share whose version byte is neither that of
// SDMF nor that of MDMF (mutable/common.py UnknownVersionError).
type FormatError struct {
	// Version is the byte that the share begins with.
	Version byte
}

// Error gives the version byte.
func (e *FormatError) Error() string {
	return fmt.Sprintf("mutable share: unknown version %d, known are 0 (SDMF) and 1 (MDMF)", e.Version)
}

// A LayoutError says which part of a share makes no sense, before any hash was
// checked (mutable/layout.py LayoutInvalid), or why a share cannot be made.
type LayoutError struct {
	// Field is the part: "header", "segment size", "share hash chain", ...
	Field string
	// Reason says what is wrong with it.
	Reason string
}

// Error gives the field and the reason.
func (e *LayoutError) Error() string {
	return "mutable share: " + e.Field + ": " + e.Reason
}

func layoutErrorf(field, format string, args ...any) error {
	return &LayoutError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// A Part is a piece of a share that a check can fail for.
type Part int

// The parts, in the order in which a reader checks them.
const (
	PartPublicKey      Part = iota + 1 // does not have the fingerprint of the cap
	PartSignature                      // does not fit the header and the public key
	PartBlockHashTree                  // is no hash tree
	PartShareHashChain                 // does not lead from the block hash tree to the root hash
	PartBlock                          // does not have the hash in the block hash tree
	PartPrivateKey                     // does not have the write key of the cap for a hash
)

// String names the part in a few words.
func (p Part) String() string {
	switch p {
	case PartPublicKey:
		return "public key"
	case PartSignature:
		return "signature"
	case PartBlockHashTree:
		return "block hash tree"
	case PartShareHashChain:
		return "share hash chain"
	case PartBlock:
		return "block"
	case PartPrivateKey:
		return "encrypted private key"
	}
	return fmt.Sprintf("mutablelayout.Part(%d)", int(p))
}

// A CorruptError says that a share is well-formed and not what the writer of the
// file made (mutable/common.py CorruptShareError). Another share has to serve,
// and the server should be told.
type CorruptError struct {
	// Part is what failed its check.
	Part Part
	// Segment is the segment number for PartBlock, otherwise 0.
	Segment int64
}

// Error names the part.
func (e *CorruptError) Error() string {
	if e.Part == PartBlock {
		return fmt.Sprintf("mutable share: corrupt: block of segment %d", e.Segment)
	}
	return "mutable share: corrupt: " + e.Part.String()
}
