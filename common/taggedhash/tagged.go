package taggedhash

import (
	"crypto/sha256"

	"github.com/besn0847/arm-tahoe/common/netstring"
)

// Size is the number of bytes in a whole hash.
const Size = sha256.Size

// ShortSize is the number of bytes in a hash that serves as a key, a salt or
// a storage index (hashutil.py KEYLEN, IVLEN).
const ShortSize = 16

// Hash is a whole hash: double SHA-256 under a tag.
type Hash = [Size]byte

// maxShort is how many bytes of hash input are gathered on the stack. It has
// room for the longest tag with two values of 32 bytes, and more.
const maxShort = 256

// tagged is hashutil.py tagged_hash.
func tagged(tag string, value []byte) Hash {
	if len(tag)+len(value) > maxShort-8 {
		return taggedLong(tag, value)
	}
	var buf [maxShort]byte
	return twice(append(appendTag(buf[:0], tag), value...))
}

// taggedLong does not copy the value. It allocates.
func taggedLong(tag string, value []byte) Hash {
	h := sha256.New()
	h.Write(appendTag(nil, tag)) // never fails, nor does the next
	h.Write(value)
	return sha256.Sum256(h.Sum(nil))
}

// taggedShort is tagged_hash with truncate_to=16.
func taggedShort(tag string, value []byte) [ShortSize]byte {
	return shorten(tagged(tag, value))
}

// pair is hashutil.py tagged_pair_hash. Both values must be short.
func pair(tag string, a, b []byte) Hash {
	var buf [maxShort]byte
	return twice(netstring.Append(netstring.Append(appendTag(buf[:0], tag), a), b))
}

// pairShort is tagged_pair_hash with truncate_to=16.
func pairShort(tag string, a, b []byte) [ShortSize]byte {
	return shorten(pair(tag, a, b))
}

// twice is the double SHA-256 of everything that is hashed here.
func twice(b []byte) Hash {
	inner := sha256.Sum256(b)
	return sha256.Sum256(inner[:])
}

// appendTag appends the netstring of the tag, without a conversion of the
// string that could allocate.
func appendTag(dst []byte, tag string) []byte {
	dst = netstring.AppendHeader(dst, len(tag))
	dst = append(dst, tag...)
	return append(dst, ',')
}

func shorten(h Hash) [ShortSize]byte {
	return [ShortSize]byte(h[:])
}
