package uri

import (
	"fmt"
	"strings"
)

// Kind tells caps apart by what they begin with.
type Kind uint8

// The kinds of caps. The zero Kind is that of Unknown.
const (
	KindUnknown Kind = iota
	KindCHK
	KindCHKVerify
	KindLiteral
	KindSSK
	KindSSKRead
	KindSSKVerify
	KindMDMF
	KindMDMFRead
	KindMDMFVerify
	KindDirCHK
	KindDirCHKVerify
	KindDirLiteral
	KindDirSSK
	KindDirSSKRead
	KindDirSSKVerify
	KindDirMDMF
	KindDirMDMFRead
	KindDirMDMFVerify
	numKinds
)

// firstDir is the first directory kind. The directory kinds follow in the
// order of the file kinds that they wrap.
const firstDir = KindDirCHK

// prefixes holds what the text of each kind begins with.
var prefixes = [numKinds]string{
	KindCHK:           "URI:CHK:",
	KindCHKVerify:     "URI:CHK-Verifier:",
	KindLiteral:       "URI:LIT:",
	KindSSK:           "URI:SSK:",
	KindSSKRead:       "URI:SSK-RO:",
	KindSSKVerify:     "URI:SSK-Verifier:",
	KindMDMF:          "URI:MDMF:",
	KindMDMFRead:      "URI:MDMF-RO:",
	KindMDMFVerify:    "URI:MDMF-Verifier:",
	KindDirCHK:        "URI:DIR2-CHK:",
	KindDirCHKVerify:  "URI:DIR2-CHK-Verifier:",
	KindDirLiteral:    "URI:DIR2-LIT:",
	KindDirSSK:        "URI:DIR2:",
	KindDirSSKRead:    "URI:DIR2-RO:",
	KindDirSSKVerify:  "URI:DIR2-Verifier:",
	KindDirMDMF:       "URI:DIR2-MDMF:",
	KindDirMDMFRead:   "URI:DIR2-MDMF-RO:",
	KindDirMDMFVerify: "URI:DIR2-MDMF-Verifier:",
}

var kindsByPrefix = makeKindsByPrefix()

func makeKindsByPrefix() map[string]Kind {
	m := make(map[string]Kind, numKinds)
	for kind := KindUnknown + 1; kind < numKinds; kind++ {
		m[prefixes[kind]] = kind
	}
	return m
}

// cutKind splits a text into its kind and what follows the prefix.
func cutKind(text string) (kind Kind, body string, ok bool) {
	const scheme = "URI:"
	if !strings.HasPrefix(text, scheme) {
		return KindUnknown, text, false
	}
	end := strings.IndexByte(text[len(scheme):], ':')
	if end < 0 {
		return KindUnknown, text, false
	}
	end += len(scheme) + 1
	kind, ok = kindsByPrefix[text[:end]]
	return kind, text[end:], ok
}

// String returns what texts of the kind begin with, without the last colon.
func (k Kind) String() string {
	if k == KindUnknown {
		return "unknown cap"
	}
	if k >= numKinds {
		return fmt.Sprintf("uri.Kind(%d)", uint8(k))
	}
	return strings.TrimSuffix(prefixes[k], ":")
}

// IsKnown is true for all kinds but KindUnknown.
func (k Kind) IsKnown() bool {
	return k != KindUnknown && k < numKinds
}

// IsDirectory is true for the kinds of Directory.
func (k Kind) IsDirectory() bool {
	return k >= firstDir && k < numKinds
}

// file returns the kind of the file that holds the directory, or k itself.
func (k Kind) file() Kind {
	if k.IsDirectory() {
		return k - firstDir + KindCHK
	}
	return k
}

// directory returns the kind of a directory in a file of the kind k.
func (k Kind) directory() Kind {
	return k - KindCHK + firstDir
}

// IsWritable is true for caps that give the right to change something. It is
// the opposite of is_readonly in uri.py. It is false for KindUnknown, where it
// means that nobody knows.
func (k Kind) IsWritable() bool {
	return k.file() == KindSSK || k.file() == KindMDMF
}

// IsVerifier is true for caps that give the right to check and repair shares,
// but not to read. They are no secrets.
func (k Kind) IsVerifier() bool {
	switch k.file() {
	case KindCHKVerify, KindSSKVerify, KindMDMFVerify:
		return true
	}
	return false
}

// IsMutable is true for caps that show something that may change, be it by
// others. As is_mutable in uri.py it is false for all verify caps, also those
// of mutable files. It is false for KindUnknown, where it means that nobody
// knows.
func (k Kind) IsMutable() bool {
	switch k.file() {
	case KindSSK, KindSSKRead, KindMDMF, KindMDMFRead:
		return true
	}
	return false
}
