package mutablelayout

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// A Reader reads single blocks out of one share and checks them, holding no more
// than one block and the hashes on the way. Not safe for concurrent use.
//
// It reads in many small steps. A client that pays for each round trip asks for
// several areas at once instead and uses ParseHead, CheckPublicKey,
// CheckSignature and Verifier, as the Reader does.
type Reader struct {
	source   io.ReaderAt
	head     Head
	verifier *Verifier
	needed   []int
}

// NewReader reads the head of share number shnum and checks its signature, the
// public key by its fingerprint and the share hash chain. Errors are those of
// source, *FormatError, *LayoutError and *CorruptError.
func NewReader(source io.ReaderAt, shnum int, fingerprint taggedhash.Hash) (*Reader, error) {
	r := &Reader{source: source}
	head := make([]byte, MaxHeadSize)
	n, err := source.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("mutable share: head: %w", err)
	}
	if r.head, err = ParseHead(head[:n]); err != nil {
		return nil, err
	}
	if err := r.checkSignature(fingerprint); err != nil {
		return nil, err
	}
	return r, r.beginHashes(shnum)
}

func (r *Reader) checkSignature(fingerprint taggedhash.Hash) error {
	der, err := r.read(nil, "public key", r.head.Areas.PublicKey)
	if err != nil {
		return err
	}
	key, err := CheckPublicKey(der, fingerprint)
	if err != nil {
		return err
	}
	signature, err := r.read(nil, "signature", r.head.Areas.Signature)
	if err != nil {
		return err
	}
	return CheckSignature(r.head.Header, key, signature)
}

func (r *Reader) beginHashes(shnum int) error {
	chain, err := r.read(nil, "share hash chain", r.head.Areas.ShareHashChain)
	if err != nil {
		return err
	}
	root, err := r.readNode(0)
	if err != nil {
		return err
	}
	r.verifier, err = NewVerifier(r.head.Header, shnum, chain, root.Hash)
	return err
}

// read returns the bytes of an area, in dst if it has the capacity.
func (r *Reader) read(dst []byte, field string, a Area) ([]byte, error) {
	dst = slices.Grow(dst[:0], int(a.Size))[:a.Size] // areas are limited
	n, err := r.source.ReadAt(dst, a.Offset)
	if n == len(dst) {
		return dst, nil
	}
	if errors.Is(err, io.EOF) {
		return nil, layoutErrorf(field, "share ends after %d of %d bytes", n, a.Size)
	}
	return nil, fmt.Errorf("mutable share: %s: %w", field, err)
}

func (r *Reader) readNode(number int) (hashtree.Node, error) {
	b, err := r.read(nil, "block hash tree", r.head.NodeArea(number))
	if err != nil {
		return hashtree.Node{}, err
	}
	return hashtree.Node{Number: number, Hash: taggedhash.Hash(b)}, nil
}

// Head returns the head, of which the header is verified.
func (r *Reader) Head() Head { return r.head }

// ReadBlock returns the verified block of a segment, for MDMF with the salt
// before it, as Decoder.Decode takes it; 0 <= seg < NumSegments. It lies in dst
// if that has the capacity. Errors are as those of NewReader.
func (r *Reader) ReadBlock(dst []byte, seg int64) ([]byte, error) {
	if seg < 0 || seg >= r.head.NumSegments() {
		return nil, layoutErrorf("segment", "%d of %d", seg, r.head.NumSegments())
	}
	if err := r.fetchHashes(seg); err != nil {
		return nil, err
	}
	block, err := r.read(dst, "share data", r.head.BlockArea(seg))
	if err != nil {
		return nil, err
	}
	return block, r.verifier.CheckBlock(seg, block)
}

func (r *Reader) fetchHashes(seg int64) error {
	r.needed = r.verifier.AppendNeeded(r.needed[:0], seg)
	nodes := make([]hashtree.Node, len(r.needed))
	for i, number := range r.needed {
		node, err := r.readNode(number)
		if err != nil {
			return err
		}
		nodes[i] = node
	}
	return r.verifier.AddNodes(nodes)
}

// EncryptedPrivateKey returns what DecryptKeys takes. Errors are as those of
// NewReader.
func (r *Reader) EncryptedPrivateKey() ([]byte, error) {
	return r.read(nil, "encrypted private key", r.head.Areas.PrivateKey)
}
