// Package taggedhash computes every hash that Tahoe-LAFS makes under a tag,
// and is the only place in this repository where the tags are spelled.
//
// It belongs to layer L0 and follows src/allmydata/util/hashutil.py of
// Tahoe-LAFS 1.20.0, with the two Merkle hashes of hashtree.py and the header
// hash of storage/mutable_schema.py. With H for SHA-256 and N for netstring:
//
//	tagged(T, v)  = H(H(N(T) || v))
//	pair(T, a, b) = H(H(N(T) || N(a) || N(b)))
//
// 16-byte results are the first 16 bytes of such a hash. SHA-256 is applied
// twice so that nobody can extend a hash; the tag keeps hashes of different
// purpose apart. hashutil.py warns that almost any change here makes all
// existing files inaccessible; the same holds here.
//
// Functions on short inputs do not allocate, except for the few words of a
// secret they return. Content that comes in pieces goes through a Hasher,
// which allocates when it is made and never again. Results that are keys or
// secrets come in the types of package secret.
//
// Functions are safe for concurrent use. A Hasher belongs to one goroutine.
//
// Not here, because no tag is involved: the SHA-1 that permutes servers and
// the BLAKE2b of lease secrets in containers.
package taggedhash
