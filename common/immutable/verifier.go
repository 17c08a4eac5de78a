package immutable

import (
	"fmt"
	"sync"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/ueb"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// MaxSegmentSize is the largest segment that is read, 64 MiB. A segment and the
// blocks it is made from have to be in memory together, and the segment size is
// chosen by whoever made the cap. 1.20 writes 1 MiB.
const MaxSegmentSize = 64 << 20

// Verifier holds what is proven about one file: the URI extension block and, as
// far as they were needed, the share hash tree and the crypttext hash tree. The
// first share that is opened gives the UEB; all others must have the same. It is
// shared by the readers of the file's shares and is safe for concurrent use.
type Verifier struct {
	cap uri.CHKVerify

	mu         sync.Mutex // guards all below
	ueb        *ueb.UEB   // nil before the first share
	segs       erasure.Segments
	shares     *hashtree.Verifier // over the shares
	ciphertext *hashtree.Verifier // over the segments
}

// NewVerifier returns a verifier that knows the cap only. The error is an
// [*erasure.ParamsError] for a cap of impossible numbers, an empty file among
// them.
func NewVerifier(c uri.CHKVerify) (*Verifier, error) {
	if err := erasure.CheckParams(c.K, c.N); err != nil {
		return nil, err
	}
	if _, err := erasure.SegmentSize(c.Size, 1, c.K); err != nil {
		return nil, err
	}
	return &Verifier{cap: c}, nil
}

// Cap returns the verify cap.
func (v *Verifier) Cap() uri.CHKVerify { return v.cap }

// Segments returns how the file is cut. ok is false before a share was opened.
func (v *Verifier) Segments() (segs erasure.Segments, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.segs, v.ueb != nil
}

// UEB returns the URI extension block, nil before a share was opened.
func (v *Verifier) UEB() *ueb.UEB {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ueb
}

// addUEB checks a share's UEB. errWrongHash means that the share is corrupt, a
// [*BadUEBError] that the file is.
func (v *Verifier) addUEB(b []byte) error {
	if taggedhash.UEBHash(b) != v.cap.UEBHash {
		return errWrongHash
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ueb != nil {
		return nil
	}
	if err := v.useUEB(b); err != nil {
		return &BadUEBError{err}
	}
	return nil
}

func (v *Verifier) useUEB(b []byte) error {
	u, err := ueb.Parse(b)
	if err != nil {
		return err
	}
	segs, err := u.Check(v.cap.K, v.cap.N, v.cap.Size)
	if err != nil {
		return err
	}
	if segs.SegmentSize > MaxSegmentSize {
		return fmt.Errorf("segments have %d bytes, more than %d", segs.SegmentSize, int64(MaxSegmentSize))
	}
	shares, err := hashtree.NewVerifier(int64(v.cap.N), u.ShareRootHash())
	if err != nil {
		return err
	}
	ciphertext, err := hashtree.NewVerifier(segs.NumSegments, u.CiphertextRootHash())
	if err != nil {
		return err
	}
	v.ueb, v.segs, v.shares, v.ciphertext = u, segs, shares, ciphertext
	return nil
}

// addShareHashes takes in the share hash chain of share num and returns the root
// of its block hash tree. Hashes that other shares gave need not be in it.
func (v *Verifier) addShareHashes(num grid.ShareNum, chain []sharelayout.ShareHash) (taggedhash.Hash, error) {
	nodes := make([]hashtree.Node, len(chain))
	for i, e := range chain {
		nodes[i] = hashtree.Node{Number: e.Node, Hash: e.Hash}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.shares.Add(nodes); err != nil {
		return taggedhash.Hash{}, err
	}
	root, ok := v.shares.Leaf(int(num))
	if !ok {
		return taggedhash.Hash{}, fmt.Errorf("does not contain the share's own hash")
	}
	return root, nil
}

// neededForSegment appends the numbers of the nodes of the crypttext hash tree
// that are not known yet and prove segment seg.
func (v *Verifier) neededForSegment(dst []int, seg int64) []int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ciphertext.AppendNeeded(dst, int(seg), true)
}

// addCiphertextHashes takes in nodes of the crypttext hash tree.
func (v *Verifier) addCiphertextHashes(nodes []hashtree.Node) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ciphertext.Add(nodes)
}

// segmentHash returns the proven hash of segment seg.
func (v *Verifier) segmentHash(seg int64) (h taggedhash.Hash, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ciphertext.Leaf(int(seg))
}
