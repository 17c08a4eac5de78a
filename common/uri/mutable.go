package uri

import (
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// Layout says how the shares of a mutable file are laid out.
type Layout uint8

// The layouts. Caps call the first one SSK.
const (
	SDMF Layout = iota // one segment, caps begin with URI:SSK
	MDMF               // many segments, caps begin with URI:MDMF
)

// String returns the name as in tahoe.cfg and in the web API, in upper case.
func (l Layout) String() string {
	if l == MDMF {
		return "MDMF"
	}
	return "SDMF"
}

// kind returns the kind of a cap: sdmf is that for SDMF.
func (l Layout) kind(sdmf Kind) Kind {
	if l == MDMF {
		return sdmf - KindSSK + KindMDMF
	}
	return sdmf
}

// MutableWrite is the write cap of a mutable file (uri.py WriteableSSKFileURI,
// WriteableMDMFFileURI).
type MutableWrite struct {
	Layout      Layout
	Key         secret.WriteKey
	Fingerprint taggedhash.Hash // of the public key
}

// Kind returns KindSSK or KindMDMF.
func (c MutableWrite) Kind() Kind { return c.Layout.kind(KindSSK) }

// Text returns the text, which is a secret.
func (c MutableWrite) Text() string {
	return string(twoFields(c.Kind(), c.Key.Reveal(), c.Fingerprint))
}

// StorageIndex returns where the shares are. It takes four hashes.
func (c MutableWrite) StorageIndex() (si grid.StorageIndex, ok bool) { return c.Read().StorageIndex() }

// ReadOnly returns Read.
func (c MutableWrite) ReadOnly() Cap { return c.Read() }

// Verifier returns Verify.
func (c MutableWrite) Verifier() Cap { return c.Verify() }

// Read returns the read cap.
func (c MutableWrite) Read() MutableRead {
	return MutableRead{Layout: c.Layout, Key: taggedhash.ReadKey(c.Key), Fingerprint: c.Fingerprint}
}

// Verify returns the verify cap.
func (c MutableWrite) Verify() MutableVerify { return c.Read().Verify() }

// MutableRead is the read cap of a mutable file (uri.py ReadonlySSKFileURI,
// ReadonlyMDMFFileURI).
type MutableRead struct {
	Layout      Layout
	Key         secret.ReadKey
	Fingerprint taggedhash.Hash // of the public key
}

// Kind returns KindSSKRead or KindMDMFRead.
func (c MutableRead) Kind() Kind { return c.Layout.kind(KindSSKRead) }

// Text returns the text, which is a secret.
func (c MutableRead) Text() string {
	return string(twoFields(c.Kind(), c.Key.Reveal(), c.Fingerprint))
}

// StorageIndex returns where the shares are. It takes two hashes.
func (c MutableRead) StorageIndex() (si grid.StorageIndex, ok bool) {
	return taggedhash.MutableStorageIndex(c.Key), true
}

// ReadOnly returns c.
func (c MutableRead) ReadOnly() Cap { return c }

// Verifier returns Verify.
func (c MutableRead) Verifier() Cap { return c.Verify() }

// Verify returns the verify cap.
func (c MutableRead) Verify() MutableVerify {
	return MutableVerify{Layout: c.Layout, SI: taggedhash.MutableStorageIndex(c.Key), Fingerprint: c.Fingerprint}
}

// MutableVerify is the verify cap of a mutable file (uri.py SSKVerifierURI,
// MDMFVerifierURI).
type MutableVerify struct {
	Layout      Layout
	SI          grid.StorageIndex
	Fingerprint taggedhash.Hash // of the public key
}

// Kind returns KindSSKVerify or KindMDMFVerify.
func (c MutableVerify) Kind() Kind { return c.Layout.kind(KindSSKVerify) }

// Text returns the text, which is no secret.
func (c MutableVerify) Text() string {
	return string(twoFields(c.Kind(), c.SI, c.Fingerprint))
}

// StorageIndex returns SI.
func (c MutableVerify) StorageIndex() (si grid.StorageIndex, ok bool) { return c.SI, true }

// ReadOnly returns c, which permits less than reading.
func (c MutableVerify) ReadOnly() Cap { return c }

// Verifier returns c.
func (c MutableVerify) Verifier() Cap { return c }

// parseMutable reads what follows the prefix of any cap of a mutable file.
func parseMutable(kind Kind, body string) (Cap, error) {
	s := scanner{kind: kind, rest: body}
	var first [16]byte
	var fingerprint taggedhash.Hash
	s.base32(firstField(kind), first[:])
	s.colon(FieldFingerprint)
	s.base32(FieldFingerprint, fingerprint[:])
	layout := SDMF
	if kind >= KindMDMF {
		layout = MDMF
		s.dropExtension()
	}
	s.end()
	switch kind {
	case KindSSK, KindMDMF:
		return s.cap(MutableWrite{layout, secret.NewWriteKey(first), fingerprint})
	case KindSSKRead, KindMDMFRead:
		return s.cap(MutableRead{layout, secret.NewReadKey(first), fingerprint})
	}
	return s.cap(MutableVerify{layout, first, fingerprint})
}
