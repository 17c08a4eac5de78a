package uri

import (
	"math"
	"strconv"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// maxShareCount is the largest number of shares that parses. It is far above
// what can be: caps with such numbers are useless, but they parse in uri.py,
// and a directory must not lose them.
const maxShareCount = math.MaxInt32

// CHK is the read cap of an immutable file (uri.py CHKFileURI).
type CHK struct {
	Key     secret.ImmutableKey
	UEBHash taggedhash.Hash
	// K and N are the numbers of needed and total shares. If they were parsed
	// they are not negative, but may be numbers that no file can have, such
	// as 0 needed shares or more needed than total ones. Call Check before
	// using them.
	K, N int
	Size int64 // of the file in bytes; not negative if it was parsed
}

// Kind returns KindCHK.
func (c CHK) Kind() Kind { return KindCHK }

// Text returns the text, which is a secret.
func (c CHK) Text() string {
	key := c.Key.Reveal()
	return chkText(KindCHK, key, c.UEBHash, c.K, c.N, c.Size)
}

// StorageIndex returns where the shares are. It takes two hashes.
func (c CHK) StorageIndex() (si grid.StorageIndex, ok bool) {
	return taggedhash.StorageIndex(c.Key), true
}

// ReadOnly returns c.
func (c CHK) ReadOnly() Cap { return c }

// Verifier returns Verify.
func (c CHK) Verifier() Cap { return c.Verify() }

// Verify returns the verify cap.
func (c CHK) Verify() CHKVerify {
	return CHKVerify{SI: taggedhash.StorageIndex(c.Key), UEBHash: c.UEBHash, K: c.K, N: c.N, Size: c.Size}
}

// Check says whether a file can have these numbers: 1 <= K <= N <= 256, and a
// size that is not negative. The error is a *grid.ParamsError or a *ParseError.
func (c CHK) Check() error { return checkNumbers(KindCHK, c.K, c.N, c.Size) }

// CHKVerify is the verify cap of an immutable file (uri.py
// CHKFileVerifierURI).
type CHKVerify struct {
	SI      grid.StorageIndex
	UEBHash taggedhash.Hash
	K, N    int   // as in CHK; call Check before using them
	Size    int64 // of the file in bytes; not negative if it was parsed
}

// Kind returns KindCHKVerify.
func (c CHKVerify) Kind() Kind { return KindCHKVerify }

// Text returns the text, which is no secret.
func (c CHKVerify) Text() string {
	return chkText(KindCHKVerify, c.SI, c.UEBHash, c.K, c.N, c.Size)
}

// StorageIndex returns SI.
func (c CHKVerify) StorageIndex() (si grid.StorageIndex, ok bool) { return c.SI, true }

// ReadOnly returns c, which permits less than reading.
func (c CHKVerify) ReadOnly() Cap { return c }

// Verifier returns c.
func (c CHKVerify) Verifier() Cap { return c }

// Check says whether a file can have these numbers, as CHK.Check does.
func (c CHKVerify) Check() error { return checkNumbers(KindCHKVerify, c.K, c.N, c.Size) }

func checkNumbers(kind Kind, k, n int, size int64) error {
	if size < 0 {
		return &ParseError{Kind: kind, Field: FieldSize, Reason: OutOfRange}
	}
	return grid.CheckShares(k, n)
}

func chkText(kind Kind, first [16]byte, hash taggedhash.Hash, k, n int, size int64) string {
	b := twoFields(kind, first, hash)
	for _, number := range []int64{int64(k), int64(n), size} {
		b = strconv.AppendInt(append(b, ':'), number, 10)
	}
	return string(b)
}

// twoFields returns the beginning that all caps but literals share.
func twoFields(kind Kind, first [16]byte, hash taggedhash.Hash) []byte {
	b := base32.AppendEncode([]byte(prefixes[kind]), first[:])
	return base32.AppendEncode(append(b, ':'), hash[:])
}

// parseCHK reads what follows the prefix of a CHK read or verify cap.
func parseCHK(kind Kind, body string) (Cap, error) {
	s := scanner{kind: kind, rest: body}
	var first [16]byte
	var c CHK
	s.base32(firstField(kind), first[:])
	s.colon(FieldUEBHash)
	s.base32(FieldUEBHash, c.UEBHash[:])
	s.colon(FieldNeeded)
	c.K = int(s.number(FieldNeeded, maxShareCount))
	s.colon(FieldTotal)
	c.N = int(s.number(FieldTotal, maxShareCount))
	s.colon(FieldSize)
	c.Size = s.number(FieldSize, math.MaxInt64)
	if kind == KindCHKVerify {
		// No end to check: CHKFileVerifierURI.STRING_RE has no "$".
		return s.cap(CHKVerify{SI: first, UEBHash: c.UEBHash, K: c.K, N: c.N, Size: c.Size})
	}
	s.end()
	c.Key = secret.NewImmutableKey(first)
	return s.cap(c)
}
