package grid

import (
	"fmt"

	"github.com/besn0847/arm-tahoe/common/base32"
)

// StorageIndexSize is the number of bytes in a StorageIndex.
const StorageIndexSize = 16

// StorageIndex names a bucket or slot: all shares of one file, on all servers.
// It is no secret, every server knows it. The zero value is a storage index
// like any other.
type StorageIndex [StorageIndexSize]byte

// ParseStorageIndex reads the 26 characters that String writes.
// storage/common.py si_a2b is laxer: it takes texts of other lengths too. The
// error does not carry the text.
func ParseStorageIndex(text string) (si StorageIndex, err error) {
	if err := base32.DecodeTo(si[:], text); err != nil {
		return StorageIndex{}, fmt.Errorf("storage index: %w", err)
	}
	return si, nil
}

// String returns the storage index as servers name its directory: 26
// characters of base 32 (storage/common.py si_b2a).
func (si StorageIndex) String() string {
	return base32.Encode(si[:])
}

// Abbrev returns the first five characters of String, which is what Tahoe-LAFS
// shows in logs (uri.py abbrev_si).
func (si StorageIndex) Abbrev() string {
	return si.String()[:5]
}

// Prefix returns the first two characters of String: the directory that a
// server sorts the bucket into (storage/common.py storage_index_to_dir).
func (si StorageIndex) Prefix() string {
	return si.String()[:2]
}
