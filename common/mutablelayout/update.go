package mutablelayout

import (
	"fmt"
	"io"

	"github.com/besn0847/arm-tahoe/common/hashtree"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// An Update makes a new version of an MDMF file in place: it encodes only the
// segments that change and keeps the hashes of all others (mutable/filenode.py
// MutableFileVersion._do_update_update, mutable/publish.py Publish.update).
//
// To use it:
//
//  1. NewUpdate with the head of the version there is, whose signature was
//     checked.
//  2. AddShare for every share of that version, all N of them, with their hashes:
//     the new root hash depends on them.
//  3. While Next tells a segment: if NeedsOld, read and decode the old segment;
//     Assemble the new plaintext; AddSegment; keep the blocks for step 5.
//  4. Finish.
//  5. Write to each share in one step, on the condition that it still begins with
//     Checkstring: the blocks at their offsets, AppendFront at 0, AppendBack at
//     BackOffset, and set the size of the share to ShareSize.
//
// What 1.20 does differently: it does not compare the hashes it keeps with the
// root hash, and it fails if a share is missing on the grid or if the file is
// empty. The comment on MutableFileVersion.update says that a file is written anew
// when the number of segments passes a power of two; the code does not do that,
// and neither is it done here: the hash tree stands behind all blocks and is
// written as a whole each time.
//
// Not safe for concurrent use.
type Update struct {
	builder *Builder
	old     Head
	from    int64 // first byte of plaintext that changes
	to      int64 // behind the last one
}

// NewUpdate plans to write size bytes from offset on, overwriting or extending
// the file: 0 <= offset <= old.DataSize. The keys must be those of the file. For
// random see NewBuilder. The new version has the sequence number seqnum, which
// must be greater than that of old. The error is a *LayoutError, also for SDMF
// files, which can only be written as a whole.
func NewUpdate(keys *Keys, old Head, seqnum uint64, offset, size int64, random io.Reader) (*Update, error) {
	if offset < 0 || size < 0 || offset > old.DataSize || size > MaxSegmentSize*MaxSegments {
		return nil, layoutErrorf("update", "%d bytes at %d do not fit a file of %d", size, offset, old.DataSize)
	}
	u, err := newUpdate(keys, old, seqnum, max(old.DataSize, offset+size), random)
	if err != nil {
		return nil, err
	}
	u.from, u.to = offset, offset+size
	u.plan()
	return u, nil
}

// NewTruncation plans to cut the file off after size bytes, 0 <= size <=
// old.DataSize. 1.20 has no such operation; the result is a version like any
// other. See NewUpdate for the rest.
func NewTruncation(keys *Keys, old Head, seqnum uint64, size int64, random io.Reader) (*Update, error) {
	if size < 0 || size > old.DataSize {
		return nil, layoutErrorf("update", "cannot cut a file of %d bytes to %d", old.DataSize, size)
	}
	u, err := newUpdate(keys, old, seqnum, size, random)
	if err != nil {
		return nil, err
	}
	u.from, u.to = size, size
	u.plan()
	return u, nil
}

func newUpdate(keys *Keys, old Head, seqnum uint64, dataSize int64, random io.Reader) (*Update, error) {
	if err := old.Header.Check(); err != nil {
		return nil, err
	}
	if old.Format != MDMF {
		return nil, layoutErrorf("update", "%v files are written as a whole", old.Format)
	}
	if seqnum <= old.Seqnum {
		return nil, layoutErrorf("sequence number", "%d, must be above %d", seqnum, old.Seqnum)
	}
	h := old.Header
	h.Seqnum, h.RootHash, h.DataSize = seqnum, taggedhash.Hash{}, dataSize
	if err := h.Check(); err != nil {
		return nil, err
	}
	b, err := newBuilder(keys, h, random)
	if err != nil {
		return nil, err
	}
	return &Update{builder: b, old: old}, nil
}

// plan sets the segments that must be encoded: those with changed plaintext and
// the tail, if its size changes.
func (u *Update) plan() {
	h := u.builder.header
	first, end := u.from/h.SegmentSize, (u.to+h.SegmentSize-1)/h.SegmentSize
	cutsTail := h.DataSize < u.old.DataSize && h.DataSize%h.SegmentSize != 0
	if u.from == u.to && !cutsTail {
		end = first
	}
	u.builder.next, u.builder.end = first, end
}

// Checkstring returns what each share must still begin with when it is written.
func (u *Update) Checkstring() []byte { return u.old.AppendCheckstring(nil) }

// AddShare takes over the hashes of one share of the old version: the content of
// Areas.ShareHashChain and of Areas.BlockHashTree, both of which it verifies. The
// error is a *CorruptError or a *LayoutError; another copy of the share may then
// serve, and otherwise the file has to be written as a whole.
func (u *Update) AddShare(shnum int, chain, tree []byte) error {
	if int64(len(tree)) != u.old.blockHashTreeSize() {
		return layoutErrorf("block hash tree", "%d bytes, must be %d", len(tree), u.old.blockHashTreeSize())
	}
	if _, err := NewVerifier(u.old.Header, shnum, chain, taggedhash.Hash(tree)); err != nil {
		return err
	}
	loaded, err := hashtree.Load(tree, int(u.old.NumSegments()))
	if err != nil {
		return &CorruptError{Part: PartBlockHashTree}
	}
	// The leaves of the segments that change are overwritten by AddSegment.
	leaves := make([]byte, u.builder.NumSegments()*HashSize)
	copy(leaves, loaded.Nodes()[hashtree.LeafNode(loaded.Leaves(), 0)*HashSize:][:loaded.Leaves()*HashSize])
	u.builder.leaves[shnum] = leaves
	return nil
}

// Next returns the segment that AddSegment expects and how many bytes of
// plaintext it has; ok is false after the last one.
func (u *Update) Next() (seg, size int64, ok bool) { return u.builder.Next() }

// NeedsOld reports whether Assemble needs the plaintext that the segment has in
// the old version: whether part of it stays.
func (u *Update) NeedsOld(seg int64) bool {
	start, size := u.segment(seg)
	oldEnd := min(start+size, u.old.DataSize)
	return start < oldEnd && (start < u.from || u.to < oldEnd)
}

// segment returns where the plaintext of a segment begins and its new size.
func (u *Update) segment(seg int64) (start, size int64) {
	h := u.builder.header
	return seg * h.SegmentSize, h.SegmentDataSize(seg)
}

// NewBytes returns which of the bytes to be written go into a segment, as a
// range of the data, which begins with byte 0 at the offset given to NewUpdate.
func (u *Update) NewBytes(seg int64) (from, to int64) {
	start, size := u.segment(seg)
	from, to = max(start, u.from)-u.from, min(start+size, u.to)-u.from
	return from, max(from, to)
}

// Assemble appends the new plaintext of a segment to dst. old is its whole
// plaintext in the old version if NeedsOld says so; data are the bytes that
// NewBytes tells. Neither is kept. Wrong sizes are a *LayoutError.
func (u *Update) Assemble(dst []byte, seg int64, old, data []byte) ([]byte, error) {
	if from, to := u.NewBytes(seg); int64(len(data)) != to-from {
		return nil, layoutErrorf("update", "%d new bytes for segment %d, must be %d", len(data), seg, to-from)
	}
	if u.NeedsOld(seg) {
		if want := u.old.SegmentDataSize(seg); int64(len(old)) != want {
			return nil, layoutErrorf("update", "%d old bytes for segment %d, must be %d", len(old), seg, want)
		}
	}
	start, size := u.segment(seg)
	if start < u.from {
		dst = append(dst, old[:min(u.from-start, size)]...)
	}
	dst = append(dst, data...)
	if end := u.to - start; end < size {
		dst = append(dst, old[max(end, 0):size]...)
	}
	return dst, nil
}

// AddSegment encrypts and encodes the new plaintext of a segment with a new salt,
// see Builder.AddSegment. It fails with a *MissingShareError unless the hashes of
// all shares were added.
func (u *Update) AddSegment(plaintext []byte) (Segment, error) {
	if err := u.missing(); err != nil {
		return Segment{}, err
	}
	return u.builder.AddSegment(plaintext)
}

// Finish is Builder.Finish. It fails with a *MissingShareError unless the hashes
// of all shares were added.
func (u *Update) Finish() (*Version, error) {
	if err := u.missing(); err != nil {
		return nil, err
	}
	return u.builder.Finish()
}

func (u *Update) missing() error {
	for shnum, leaves := range u.builder.leaves {
		if leaves == nil {
			return &MissingShareError{Shnum: shnum, N: u.old.N}
		}
	}
	return nil
}

// A MissingShareError says that a version cannot be made in place because a
// share of the old one is not known. The whole file has to be written, which
// also makes the share again.
type MissingShareError struct {
	Shnum int // lowest of the missing ones
	N     int // number of all shares
}

// Error names the share and tells what to do.
func (e *MissingShareError) Error() string {
	return fmt.Sprintf("mutable share: no update in place without the hashes of share %d of %d: write the whole file instead", e.Shnum, e.N)
}
