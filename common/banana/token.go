package banana

import "fmt"

// The type bytes of tokens (tokens.py).
const (
	tokenList    = 0x80 // of old Banana; always an error
	tokenInt     = 0x81
	tokenString  = 0x82
	tokenNeg     = 0x83
	tokenFloat   = 0x84
	tokenLongInt = 0x85
	tokenLongNeg = 0x86
	tokenVocab   = 0x87
	tokenOpen    = 0x88
	tokenClose   = 0x89
	tokenAbort   = 0x8a
	tokenError   = 0x8d
	tokenPing    = 0x8e
	tokenPong    = 0x8f
)

// Limits that belong to the format.
const (
	MaxHeaderSize  = 64   // bytes before the type byte
	MaxErrorSize   = 1000 // bytes in an ERROR token (tokens.py SIZE_LIMIT)
	MaxLongIntSize = 1024 // bytes in a LONGINT or LONGNEG
	MaxTypeName    = 64   // bytes in the type name of a sequence; the longest in use, immutable-set, has 13
)

// headerBits is how many bits of a header are kept; lengths and numbers are
// below 2**63.
const headerBits = 63

// appendHeader appends n in base 128. Zero takes one byte, as the original
// writes it (banana.py int2b128).
func appendHeader(dst []byte, n uint64) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n&0x7f))
		n >>= 7
	}
	return append(dst, byte(n))
}

func appendToken(dst []byte, n uint64, token byte) []byte {
	return append(appendHeader(dst, n), token)
}

// header collects the header of one token. Non-minimal headers are accepted,
// as the original does.
type header struct {
	value    uint64
	size     int
	overflow bool // the value does not fit
}

func (h *header) add(b byte) error {
	if h.size++; h.size > MaxHeaderSize {
		return protocolErrorf("token prefix is limited to %d bytes", MaxHeaderSize)
	}
	shift := uint(h.size-1) * 7
	if b == 0 {
		return nil
	}
	if shift >= headerBits {
		h.overflow = true
		return nil
	}
	h.value |= uint64(b) << shift
	return nil
}

// tokenName is the name of a type in messages (tokens.py tokenNames).
func tokenName(token byte) string {
	switch token {
	case tokenInt:
		return "INT"
	case tokenString:
		return "STRING"
	case tokenNeg:
		return "NEG"
	case tokenFloat:
		return "FLOAT"
	case tokenLongInt:
		return "LONGINT"
	case tokenLongNeg:
		return "LONGNEG"
	case tokenVocab:
		return "VOCAB"
	case tokenOpen:
		return "OPEN"
	}
	return fmt.Sprintf("0x%02x", token)
}
