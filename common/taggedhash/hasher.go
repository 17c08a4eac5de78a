package taggedhash

import (
	"crypto/sha256"
	"hash"
)

// Hasher computes one kind of tagged hash over content that comes in pieces.
// It is an io.Writer. Reset starts over with the same tag; nothing but the
// constructor allocates. Not safe for concurrent use.
type Hasher struct {
	sha    hash.Hash
	prefix []byte // netstring of the tag
	sum    Hash   // scratch space of Sum
}

func newHasher(tag string) *Hasher {
	h := &Hasher{sha: sha256.New(), prefix: appendTag(nil, tag)}
	h.Reset()
	return h
}

// Reset forgets everything written.
func (h *Hasher) Reset() {
	h.sha.Reset()
	h.sha.Write(h.prefix) // never fails
}

// Write adds p to the content. It takes all of p and never fails.
func (h *Hasher) Write(p []byte) (int, error) {
	return h.sha.Write(p)
}

// Sum returns the hash of everything written since the last Reset. Writing may
// go on afterwards.
func (h *Hasher) Sum() Hash {
	h.sha.Sum(h.sum[:0])
	return sha256.Sum256(h.sum[:])
}

// AppendSum appends Sum to dst and returns the longer slice.
func (h *Hasher) AppendSum(dst []byte) []byte {
	sum := h.Sum()
	return append(dst, sum[:]...)
}

// Of returns the hash of the content p alone. What was written before is
// forgotten, and so is p at the next Reset.
func (h *Hasher) Of(p []byte) Hash {
	h.Reset()
	h.sha.Write(p)
	return h.Sum()
}
