package mutable

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/besn0847/arm-tahoe/common/mutablelayout"
)

// Write replaces part of the file from an offset on, or extends it; the offset
// must not lie behind the end, otherwise the error is a *RangeError. MDMF files
// are changed in place (mutable/filenode.py MutableFileVersion.update): only the
// segments that change are encoded and sent. Where that is not possible, because
// a share of the version is missing, the whole file is written, as SDMF files
// always are.
//
// What does not fit Config.MaxMemory is written in several versions, one after
// the other, and after an error some of them may be there. Other errors are those
// of Modify.
func (f *File) Write(ctx context.Context, offset int64, src Source) (s *Snapshot, err error) {
	if offset < 0 {
		return nil, &RangeError{Offset: offset, Size: src.Size()}
	}
	for done := int64(0); ; {
		written := int64(0)
		s, err = f.modify(ctx, func(ctx context.Context, s *Snapshot, d Decision) (*content, error) {
			part := io.NewSectionReader(src, done, min(src.Size()-done, f.piece(s.version.K, s.version.N)))
			written = part.Size()
			return f.update(ctx, s, d, offset+done, part)
		})
		if done += written; err != nil || done >= src.Size() {
			return s, err
		}
	}
}

// piece returns how much plaintext of an MDMF file is changed at once.
func (f *File) piece(k, n int) int64 {
	const segment = mutablelayout.MDMFSegmentSize
	perSegment := f.memory(mutablelayout.Params{K: k, N: n}, segment)
	return max(1, f.client.cfg.MaxMemory/perSegment-2) * segment
}

// update makes the content of a version that differs from that of the snapshot
// from the offset on.
func (f *File) update(ctx context.Context, s *Snapshot, d Decision, offset int64, src Source) (*content, error) {
	if offset > s.version.DataSize {
		return nil, &RangeError{Offset: offset, Size: src.Size(), FileSize: s.version.DataSize}
	}
	if src.Size() == 0 {
		return nil, nil
	}
	if s.version.Format == mutablelayout.MDMF && d.Alone {
		c, err := f.updateInPlace(ctx, s, d, offset, src)
		if err == nil || !unsuitable(err) {
			return c, err
		}
	}
	return f.splice(ctx, s, d, offset, src)
}

// unsuitable tells errors that say that an update in place is not possible.
func unsuitable(err error) bool {
	var missing *mutablelayout.MissingShareError
	return errors.As(err, &missing) || isCorrupt(err)
}

// splice makes a version that replaces the whole file.
func (f *File) splice(ctx context.Context, s *Snapshot, d Decision, offset int64, src Source) (*content, error) {
	old, err := s.ReadAll(ctx, f.client.cfg.MaxMemory)
	if err != nil {
		return nil, err
	}
	end := offset + src.Size()
	next := append(old, make([]byte, max(end-int64(len(old)), 0))...)
	if err := readFull(src, next[offset:end], 0); err != nil {
		return nil, err
	}
	return f.replace(ctx, s, d, bytes.NewReader(next))
}

// updateInPlace encodes the segments that change. All shares of the version must
// be there, on servers whose shares make it established.
func (f *File) updateInPlace(ctx context.Context, s *Snapshot, d Decision, offset int64, src Source) (*content, error) {
	keys, err := f.keys(ctx, s.m)
	if err != nil {
		return nil, err
	}
	shares := s.m.of(s.version)
	if len(shares) == 0 {
		return nil, s.m.unrecoverable()
	}
	u, err := mutablelayout.NewUpdate(keys, shares[0].Head, d.Seqnum, offset, src.Size(), f.client.cfg.Random)
	if err != nil {
		return nil, err
	}
	for _, share := range shares { // blocks that stay must be where the new head says
		if share.Head.Areas.ShareData.Offset != mutablelayout.MDMFShareDataOffset {
			return nil, &mutablelayout.LayoutError{Field: "share data", Reason: "not where it is written now"}
		}
	}
	if err := f.addHashes(ctx, u, shares); err != nil {
		return nil, err
	}
	return f.updateSegments(ctx, s, u, src)
}

// addHashes gives the update the hashes of one share of each number.
func (f *File) addHashes(ctx context.Context, u *mutablelayout.Update, shares []*Share) error {
	type hashes struct{ chain, tree []byte }
	found := make([]hashes, len(shares))
	each(indexes(len(shares)), func(i int) {
		a := shares[i].Head.Areas
		if data, err := shares[i].readAreas(ctx, f, a.ShareHashChain, a.BlockHashTree); err == nil {
			found[i] = hashes{data[0], data[1]}
		}
	})
	for i, s := range shares {
		if found[i].tree == nil {
			continue
		}
		if err := u.AddShare(s.Num, found[i].chain, found[i].tree); err != nil && !isCorrupt(err) {
			return err
		}
	}
	return ctx.Err()
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func (f *File) updateSegments(ctx context.Context, s *Snapshot, u *mutablelayout.Update, src Source) (*content, error) {
	var blocks part
	var plain, data []byte
	numSegments := src.Size()/s.version.SegmentSize + 2
	for {
		seg, _, ok := u.Next()
		if !ok {
			break
		}
		var old bytes.Buffer
		if u.NeedsOld(seg) {
			if err := s.CopyRange(ctx, &old, seg*s.version.SegmentSize, s.version.SegmentDataSize(seg)); err != nil {
				return nil, err
			}
		}
		from, to := u.NewBytes(seg)
		data = grow(data, to-from)
		if err := readFull(src, data, from); err != nil {
			return nil, err
		}
		var err error
		if plain, err = u.Assemble(plain[:0], seg, old.Bytes(), data); err != nil {
			return nil, err
		}
		segment, err := u.AddSegment(plain)
		if err != nil {
			return nil, err
		}
		blocks.add(segment, s.version.K == 1, numSegments)
	}
	version, err := u.Finish()
	return &content{version: version, parts: []part{blocks}, inPlace: true}, err
}
