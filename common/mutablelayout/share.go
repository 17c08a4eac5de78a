package mutablelayout

import "github.com/besn0847/arm-tahoe/common/taggedhash"

// Share is a share that is in memory as a whole, taken apart. It may be copied;
// the copies have the bytes in common.
type Share struct {
	Head
	// PublicKey is the SubjectPublicKeyInfo of the key that Signature fits.
	PublicKey []byte
	// Signature covers the header.
	Signature []byte
	// ShareHashChain holds entries of 34 bytes, see NewVerifier.
	ShareHashChain []byte
	// BlockHashTree holds all nodes of 32 bytes, the root first.
	BlockHashTree []byte
	// Data holds the blocks, for MDMF each behind its salt.
	Data []byte
	// PrivateKey is the private key, encrypted with the write key.
	PrivateKey []byte
}

// ParseShare takes a share apart; the result refers to b. Nothing is verified.
// Bytes behind the end of the share, which a longer version before left, are
// ignored, and so are those between the public key and the share data of MDMF.
// The error is a *FormatError or a *LayoutError.
func ParseShare(b []byte) (Share, error) {
	h, err := ParseHead(b)
	if err != nil {
		return Share{}, err
	}
	if eof := h.Areas.EOF(h.Format); eof > int64(len(b)) {
		return Share{}, layoutErrorf("share", "ends after %d bytes, announces %d", len(b), eof)
	}
	area := func(a Area) []byte { return b[a.Offset:a.End():a.End()] }
	return Share{
		Head:           h,
		PublicKey:      area(h.Areas.PublicKey),
		Signature:      area(h.Areas.Signature),
		ShareHashChain: area(h.Areas.ShareHashChain),
		BlockHashTree:  area(h.Areas.BlockHashTree),
		Data:           area(h.Areas.ShareData),
		PrivateKey:     area(h.Areas.PrivateKey),
	}, nil
}

// Append appends the share's bytes to dst, with zeros where the areas leave a
// gap.
func (s Share) Append(dst []byte) []byte {
	start := int64(len(dst))
	dst = s.Head.Append(dst)
	a := s.Areas
	dst = append(dst, make([]byte, a.EOF(s.Format)-int64(s.HeadSize()))...)
	share := dst[start:]
	copy(share[a.PublicKey.Offset:], s.PublicKey)
	copy(share[a.Signature.Offset:], s.Signature)
	copy(share[a.ShareHashChain.Offset:], s.ShareHashChain)
	copy(share[a.BlockHashTree.Offset:], s.BlockHashTree)
	copy(share[a.ShareData.Offset:], s.Data)
	copy(share[a.PrivateKey.Offset:], s.PrivateKey)
	return dst
}

// Block returns the content of BlockArea(seg), 0 <= seg < NumSegments.
func (s Share) Block(seg int64) []byte {
	a := s.BlockArea(seg)
	from := a.Offset - s.Areas.ShareData.Offset
	return s.Data[from : from+a.Size : from+a.Size]
}

// Verify checks all of the share that can be checked without a cap that writes:
// VerifySignature and VerifyHashes. The encrypted private key takes DecryptKeys.
// The error is a *CorruptError or a *LayoutError.
func (s Share) Verify(shnum int, fingerprint taggedhash.Hash) error {
	if err := s.VerifySignature(fingerprint); err != nil {
		return err
	}
	return s.VerifyHashes(shnum)
}

// VerifySignature checks the public key by the fingerprint, and the signature of
// the header. Of shares with equal headers, keys and signatures one need be
// checked.
func (s Share) VerifySignature(fingerprint taggedhash.Hash) error {
	key, err := CheckPublicKey(s.PublicKey, fingerprint)
	if err != nil {
		return err
	}
	return CheckSignature(s.Header, key, s.Signature)
}

// VerifyHashes checks both hash trees and all blocks by the root hash in the
// header, whose signature must have been checked.
func (s Share) VerifyHashes(shnum int) error {
	v, err := NewVerifier(s.Header, shnum, s.ShareHashChain, taggedhash.Hash(s.BlockHashTree))
	if err != nil {
		return err
	}
	if err := v.AddTree(s.BlockHashTree); err != nil {
		return err
	}
	for seg := range s.NumSegments() {
		if err := v.CheckBlock(seg, s.Block(seg)); err != nil {
			return err
		}
	}
	return nil
}
