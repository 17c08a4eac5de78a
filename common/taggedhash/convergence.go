package taggedhash

import (
	"fmt"
	"strconv"

	"github.com/besn0847/arm-tahoe/common/netstring"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// maxShares is the largest k and n that hashutil.py _convergence_hasher_tag
// accepts.
const maxShares = 256

// ConvergenceHasher computes the key of an immutable file from its content, so
// that the same content, encoded in the same way by holders of the same
// convergence secret, ends up in the same shares. It is an io.Writer. Not safe
// for concurrent use.
type ConvergenceHasher struct {
	// hasher returns the hasher. Its tag holds the convergence secret and its
	// state holds plaintext; fmt would print them, through pointers even, but
	// does not look into functions.
	hasher func() *Hasher
}

// NewConvergenceHasher returns a hasher for the whole plaintext of a file
// encoded with k of n shares (1 <= k <= n <= 256) in segments of segmentSize
// bytes: the size that ends up in the UEB, already rounded up to a multiple of
// k. Other k and n are an error (hashutil.py convergence_hasher). The error is
// a *ShareCountError.
func NewConvergenceHasher(convergence secret.ConvergenceSecret, k, n int, segmentSize int64) (*ConvergenceHasher, error) {
	if k < 1 || k > n || n > maxShares {
		return nil, &ShareCountError{K: k, N: n}
	}
	tag := netstring.Append([]byte(tagConvergence), convergence.Reveal())
	tag = netstring.Append(tag, convergenceParams(k, n, segmentSize))
	hasher := newHasher(string(tag))
	return &ConvergenceHasher{func() *Hasher { return hasher }}, nil
}

// convergenceParams returns "k,n,segmentSize".
func convergenceParams(k, n int, segmentSize int64) []byte {
	b := strconv.AppendInt(nil, int64(k), 10)
	b = strconv.AppendInt(append(b, ','), int64(n), 10)
	return strconv.AppendInt(append(b, ','), segmentSize, 10)
}

// Reset forgets everything written, for another file with the same parameters.
func (h *ConvergenceHasher) Reset() { h.hasher().Reset() }

// Write adds p to the plaintext. It takes all of p and never fails.
func (h *ConvergenceHasher) Write(p []byte) (int, error) { return h.hasher().Write(p) }

// Key returns the key for everything written since the last Reset.
func (h *ConvergenceHasher) Key() secret.ImmutableKey {
	return secret.NewImmutableKey(shorten(h.hasher().Sum()))
}

// String returns the same for all.
func (h *ConvergenceHasher) String() string { return "taggedhash.ConvergenceHasher" }

// Format writes String, whatever the verb.
func (h *ConvergenceHasher) Format(state fmt.State, _ rune) {
	// An error of the destination is fmt's business.
	_, _ = state.Write([]byte(h.String()))
}

// ShareCountError says that a file cannot be encoded with K of N shares.
type ShareCountError struct {
	K, N int
}

// Error gives both numbers and the rule.
func (e *ShareCountError) Error() string {
	return fmt.Sprintf("convergence key for %d of %d shares: must have 1 <= k <= n <= %d", e.K, e.N, maxShares)
}
