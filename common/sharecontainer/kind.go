package sharecontainer

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// Kind tells the two kinds of containers apart.
type Kind int

// The kinds.
const (
	KindImmutable Kind = iota + 1
	KindMutable
)

// String is the word that corruption advisories use.
func (k Kind) String() string {
	switch k {
	case KindImmutable:
		return "immutable"
	case KindMutable:
		return "mutable"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// Version is the version of a container of either kind.
type Version int

// The versions. They differ in how leases keep their secrets.
const (
	Version1      Version = 1 // in plain
	Version2      Version = 2 // hashed
	NewestVersion         = Version2
)

// DetectSize is how many bytes of a file [Detect] needs.
const DetectSize = magicSize

// Detect says what kind of container a file is that begins with header, which
// has [DetectSize] bytes or the whole file. The error is [ErrNotShare].
// 1.20.0: storage/server.py _iter_share_files, which tries mutable first.
func Detect(header []byte) (Kind, error) {
	if _, ok := mutableVersion(header); ok {
		return KindMutable, nil
	}
	if len(header) >= 4 {
		if _, ok := immutableVersion(binary.BigEndian.Uint32(header)); ok {
			return KindImmutable, nil
		}
	}
	return 0, ErrNotShare
}

func immutableVersion(v uint32) (Version, bool) {
	return Version(v), v == uint32(Version1) || v == uint32(Version2)
}

const magicSize = 32

// magics of mutable containers. The last five bytes of version 1 are arbitrary;
// those of version 2 follow a rule that is meant for later versions, too
// (storage/mutable_schema.py _magic).
var magics = map[Version][]byte{
	Version1: []byte("Tahoe mutable container v1\n\x75\x09\x44\x03\x8e"),
	Version2: newMagic("Tahoe mutable container v2\n"),
}

func newMagic(line string) []byte {
	hash := taggedhash.MutableContainerHeader([]byte(line))
	return append([]byte(line), hash[:magicSize-len(line)]...)
}

func mutableVersion(header []byte) (Version, bool) {
	for version, magic := range magics {
		if bytes.HasPrefix(header, magic) {
			return version, true
		}
	}
	return 0, false
}
