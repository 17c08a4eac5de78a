package immutable

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/besn0847/arm-tahoe/common/uri"
)

// CiphertextReader reads the ciphertext of a file from any k of the given shares,
// one after the other, and goes over to another share where one is bad. It needs
// a verify cap only, as a repairer has it. It keeps the last segment. Not safe for
// concurrent use.
type CiphertextReader struct {
	v       *Verifier
	shares  []*candidate // best first
	badFunc func(error)
	decoder *SegmentDecoder
	seg     int64  // of ciphertext
	segment []byte // ciphertext of segment seg, nil if there is none
}

// candidate is a share that may be of use.
type candidate struct {
	share   Share
	reader  *ShareReader // nil if not opened
	dead    error        // why it is of no use any more
	badTree error        // why its crypttext hash tree is of no use; blocks may be
}

// NewCiphertextReader returns a reader for the file of the cap. Shares are tried
// in the given order; several of them may have the same number. bad, which may
// be nil, is called with the error when a share, or a block of it, is found
// corrupt or unreadable. A share whose block was bad is only asked again if there
// are no better ones. The error is an [*erasure.ParamsError].
func NewCiphertextReader(c uri.CHKVerify, shares []Share, bad func(error)) (*CiphertextReader, error) {
	v, err := NewVerifier(c)
	if err != nil {
		return nil, err
	}
	r := &CiphertextReader{v: v, badFunc: bad}
	for _, s := range shares {
		r.shares = append(r.shares, &candidate{share: s})
	}
	return r, nil
}

// Size returns the file's size.
func (r *CiphertextReader) Size() int64 { return r.v.cap.Size }

// ReadAt reads len(p) bytes from offset on, fewer with io.EOF where the file
// ends. Every byte in p[:n] was proven. Other errors are a [*RangeError] for an
// offset below 0 or above the size, [*NotEnoughSharesError], [*BadUEBError],
// [*BadCiphertextHashError] and that of ctx.
func (r *CiphertextReader) ReadAt(ctx context.Context, p []byte, offset int64) (n int, err error) {
	if offset < 0 || offset > r.v.cap.Size {
		return 0, &RangeError{"offset", offset, r.v.cap.Size}
	}
	for n < len(p) && offset < r.v.cap.Size {
		segment, start, err := r.segmentAt(ctx, offset)
		if err != nil {
			return n, err
		}
		m := copy(p[n:], segment[offset-start:])
		n, offset = n+m, offset+int64(m)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// segmentAt returns the segment that holds offset, and where it starts.
func (r *CiphertextReader) segmentAt(ctx context.Context, offset int64) (segment []byte, start int64, err error) {
	if err := r.prepare(ctx); err != nil {
		return nil, 0, err
	}
	segs := r.decoder.segs
	seg := offset / segs.SegmentSize
	if r.segment == nil || r.seg != seg {
		r.segment = nil
		if r.segment, err = r.readSegment(ctx, seg); err != nil {
			return nil, 0, err
		}
		r.seg = seg
	}
	return r.segment, seg * segs.SegmentSize, nil
}

// prepare opens shares until one is good, to learn the segment size.
func (r *CiphertextReader) prepare(ctx context.Context) (err error) {
	if r.decoder != nil {
		return nil
	}
	for _, c := range r.shares {
		ok, err := r.open(ctx, c)
		if err != nil {
			return err
		}
		if ok {
			r.decoder, err = NewSegmentDecoder(r.v)
			return err
		}
	}
	return r.notEnough(noSegment, 0, nil)
}

// open opens the share if that was not done. It returns false for a bad share,
// and an error only where others would not help.
func (r *CiphertextReader) open(ctx context.Context, c *candidate) (bool, error) {
	if c.dead != nil {
		return false, nil
	}
	if c.reader != nil {
		return true, nil
	}
	reader, err := r.v.Open(ctx, c.share)
	if err != nil {
		return false, r.blame(c, err)
	}
	c.reader = reader
	return true, nil
}

// blame gives up a share, or the bad part of it, because of err, or returns err if
// the share is not at fault. (1.20 gives up shares with a bad crypttext hash tree
// altogether; their blocks are proven by other hashes.)
func (r *CiphertextReader) blame(c *candidate, err error) error {
	var corrupt *CorruptShareError
	var read *ReadError
	if !errors.As(err, &corrupt) && !errors.As(err, &read) {
		return err
	}
	switch {
	case corrupt == nil:
		c.dead, c.reader = err, nil
	case corrupt.Part == PartBlock: // others may be good
	case corrupt.Part == PartCiphertextHashTree:
		c.badTree = err
	default:
		c.dead, c.reader = err, nil
	}
	if r.badFunc != nil {
		r.badFunc(err)
	}
	return nil
}

// notEnough makes the error for too few shares. blocks are the errors of shares
// that are bad for this segment only.
func (r *CiphertextReader) notEnough(seg int64, good int, blocks []error) error {
	e := &NotEnoughSharesError{Segment: seg, Needed: r.v.cap.K, Good: good, Problems: blocks}
	for _, c := range r.shares {
		if c.dead != nil {
			e.Problems = append(e.Problems, c.dead)
		} else if c.badTree != nil {
			e.Problems = append(e.Problems, c.badTree)
		}
	}
	return e
}

// readSegment gets k blocks, makes sure of the segment's hash, and decodes.
func (r *CiphertextReader) readSegment(ctx context.Context, seg int64) ([]byte, error) {
	r.decoder.Start(seg)
	if err := r.readBlocks(ctx, seg); err != nil {
		return nil, err
	}
	if err := r.proveSegmentHash(ctx, seg); err != nil {
		return nil, err
	}
	return r.decoder.Decode()
}

// readBlocks reads blocks from one share after the other until there are k.
// Shares that fail go to the end of the list, so that they are asked last from
// now on, if at all.
func (r *CiphertextReader) readBlocks(ctx context.Context, seg int64) error {
	var blocks []error
	for i, left := 0, len(r.shares); left > 0 && !r.decoder.Complete(); left-- {
		c := r.shares[i]
		failed, err := r.readBlock(ctx, c, seg)
		if err != nil {
			return err
		}
		if failed == nil {
			i++
			continue
		}
		if c.dead == nil {
			blocks = append(blocks, failed)
		}
		r.shares = append(slices.Delete(r.shares, i, i+1), c)
	}
	if !r.decoder.Complete() {
		return r.notEnough(seg, r.v.cap.K-r.decoder.Missing(), blocks)
	}
	return nil
}

// readBlock reads the block of one share into the decoder, if it has no such
// block yet. failed says why the share could not be used, err is for what others
// would not make better.
func (r *CiphertextReader) readBlock(ctx context.Context, c *candidate, seg int64) (failed, err error) {
	num := c.share.Num
	if ok, err := r.open(ctx, c); err != nil || !ok {
		return c.dead, err
	}
	if r.decoder.Has(num) {
		return nil, nil
	}
	if failed = c.reader.ReadBlock(ctx, seg, r.decoder.Buffer(num)); failed == nil {
		r.decoder.Have(num)
		return nil, nil
	}
	return failed, r.blame(c, failed)
}

// proveSegmentHash gets the segment's hash from any share.
func (r *CiphertextReader) proveSegmentHash(ctx context.Context, seg int64) error {
	if _, known := r.v.segmentHash(seg); known {
		return nil
	}
	for _, c := range r.shares {
		ok, err := r.open(ctx, c)
		if err != nil {
			return err
		}
		if !ok || c.badTree != nil {
			continue
		}
		failed := c.reader.ProveSegmentHash(ctx, seg)
		if failed == nil {
			return nil
		}
		if err := r.blame(c, failed); err != nil {
			return err
		}
	}
	return r.notEnough(seg, 0, nil)
}
