package taggedhash

import "github.com/besn0847/arm-tahoe/common/secret"

// StorageIndex returns the storage index of an immutable file (hashutil.py
// storage_index_hash). Mutable files have MutableStorageIndex.
func StorageIndex(key secret.ImmutableKey) [ShortSize]byte {
	k := key.Reveal()
	return taggedShort(tagStorageIndex, k[:])
}

// NewBlockHasher returns a hasher for the blocks of a share: the leaves of its
// block hash tree (hashutil.py block_hasher). For MDMF the salt of the segment
// goes before the block.
func NewBlockHasher() *Hasher { return newHasher(tagBlock) }

// BlockHash returns the hash of one block. For many blocks use NewBlockHasher
// and Of.
func BlockHash(block []byte) Hash { return tagged(tagBlock, block) }

// UEBHash returns the hash of a packed URI extension block, as in the cap
// (hashutil.py uri_extension_hash).
func UEBHash(ueb []byte) Hash { return tagged(tagUEB, ueb) }

// NewCiphertextHasher returns a hasher for the whole ciphertext of a file:
// crypttext_hash in the UEB (hashutil.py crypttext_hasher).
func NewCiphertextHasher() *Hasher { return newHasher(tagCiphertext) }

// NewCiphertextSegmentHasher returns a hasher for the segments of the
// ciphertext, the last one without its padding: the leaves of the tree under
// crypttext_root_hash (hashutil.py crypttext_segment_hasher).
func NewCiphertextSegmentHasher() *Hasher { return newHasher(tagCiphertextSegment) }

// NewPlaintextHasher returns a hasher for the whole plaintext: plaintext_hash
// in UEBs of old files. Releases after 1.0 do not publish it, because it tells
// servers something about the content (hashutil.py plaintext_hasher).
func NewPlaintextHasher() *Hasher { return newHasher(tagPlaintext) }

// NewPlaintextSegmentHasher returns a hasher for the segments of the
// plaintext: the leaves under plaintext_root_hash in UEBs of old files
// (hashutil.py plaintext_segment_hasher).
func NewPlaintextSegmentHasher() *Hasher { return newHasher(tagPlaintextSegment) }
