package mutablelayout

import (
	"errors"

	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// CheckPublicKey reads the public key of a share and compares it with the
// fingerprint in the cap. A key with another fingerprint is a *CorruptError for
// PartPublicKey (mutable/servermap.py _try_to_set_pubkey).
func CheckPublicKey(der []byte, fingerprint taggedhash.Hash) (*rsakey.PublicKey, error) {
	// Fingerprints are public, so this needs no constant time.
	if len(der) > MaxPublicKeySize || taggedhash.Fingerprint(der) != fingerprint {
		return nil, &CorruptError{Part: PartPublicKey}
	}
	return rsakey.ParsePublic(der)
}

// CheckSignature checks that the owner of the file made the version with this
// header. A *CorruptError for PartSignature says that it is not so.
func CheckSignature(h Header, key *rsakey.PublicKey, signature []byte) error {
	if key.Verify(h.AppendSigned(make([]byte, 0, sdmfSignedSize)), signature) != nil {
		return &CorruptError{Part: PartSignature}
	}
	return nil
}

// A Verifier proves the blocks of one share by the root hash in a header, whose
// signature must have been checked. It takes in the hashes that the share
// holds, as they are needed or all at once, and believes none that does not
// lead to the root hash.
//
// It holds only the hashes it was given, and may be kept for as many segments
// as are read from the share. Not safe for concurrent use.
type Verifier struct {
	header Header
	tree   *hashtree.Verifier
	hasher *taggedhash.Hasher
}

// NewVerifier begins with the share hash chain of share number shnum and the
// root of its block hash tree: the first HashSize bytes of Areas.BlockHashTree.
// h must have passed Check. The error is a *LayoutError for a chain that is none
// and a *CorruptError for one that does not prove the root.
func NewVerifier(h Header, shnum int, chain []byte, root taggedhash.Hash) (*Verifier, error) {
	if shnum < 0 || shnum >= h.N {
		return nil, layoutErrorf("share number", "%d, there are shares 0..%d", shnum, h.N-1)
	}
	nodes, err := parseShareHashChain(chain)
	if err != nil {
		return nil, err
	}
	shares, err := hashtree.NewVerifier(int64(h.N), h.RootHash)
	if err != nil {
		return nil, err
	}
	if err := shares.Add(append(nodes, shares.LeafNode(shnum, root))); err != nil {
		return nil, &CorruptError{Part: PartShareHashChain}
	}
	tree, err := hashtree.NewVerifier(h.NumSegments(), root)
	if err != nil {
		return nil, err
	}
	return &Verifier{header: h, tree: tree, hasher: taggedhash.NewBlockHasher()}, nil
}

// AppendNeeded appends the numbers of the nodes of the block hash tree that it
// still takes to check the block of a segment, 0 <= seg < NumSegments.
func (v *Verifier) AppendNeeded(dst []int, seg int64) []int {
	return v.tree.AppendNeeded(dst, int(seg), true)
}

// AddNodes takes in nodes of the block hash tree. They are taken all or not at
// all; a *CorruptError for PartBlockHashTree says that they do not lead to the
// root, alone or with those that are known.
func (v *Verifier) AddNodes(nodes []hashtree.Node) error {
	if v.tree.Add(nodes) != nil {
		return &CorruptError{Part: PartBlockHashTree}
	}
	return nil
}

// AddTree takes in the whole of Areas.BlockHashTree. The error is a *LayoutError
// for a wrong size or the one of AddNodes.
func (v *Verifier) AddTree(area []byte) error {
	if int64(len(area)) != v.header.blockHashTreeSize() {
		return layoutErrorf("block hash tree", "%d bytes, must be %d", len(area), v.header.blockHashTreeSize())
	}
	nodes := make([]hashtree.Node, len(area)/HashSize)
	for i := range nodes {
		nodes[i] = hashtree.Node{Number: i, Hash: taggedhash.Hash(area[i*HashSize:])}
	}
	return v.AddNodes(nodes)
}

// CheckBlock checks the content of BlockArea: the block of a segment, for MDMF
// with the salt before it. The nodes from AppendNeeded must have been added. The
// error is a *LayoutError for a segment or size that cannot be and a
// *CorruptError for PartBlock if the hash is another one.
func (v *Verifier) CheckBlock(seg int64, block []byte) error {
	if seg < 0 || seg >= v.header.NumSegments() {
		return layoutErrorf("segment", "%d of %d", seg, v.header.NumSegments())
	}
	if want := v.header.BlockSize(seg) + v.header.Format.saltSize(); int64(len(block)) != want {
		return layoutErrorf("block", "%d bytes in segment %d, must be %d", len(block), seg, want)
	}
	want, known := v.tree.Leaf(int(seg))
	if !known {
		return errHashesMissing
	}
	if v.hasher.Of(block) != want {
		return &CorruptError{Part: PartBlock, Segment: seg}
	}
	return nil
}

var errHashesMissing = errors.New("mutable share: block cannot be checked before the hashes from AppendNeeded were added")

// NodeArea returns where a node of the block hash tree stands.
func (h Head) NodeArea(node int) Area {
	return Area{Offset: h.Areas.BlockHashTree.Offset + int64(node)*HashSize, Size: HashSize}
}
