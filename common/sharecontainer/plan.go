package sharecontainer

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// File is what [Plan.Apply] changes. *os.File is one.
type File interface {
	io.WriterAt
	Truncate(size int64) error
}

// Plan is what has to be written to carry out an operation on a container;
// see the package documentation. Nobody changes it after it was made.
type Plan struct {
	// OldSize and NewSize are the sizes of the file before and after, in
	// bytes. A new file has OldSize 0. The difference may be absurd (a client
	// may write one byte at offset 2^50): whoever applies the plan checks
	// NewSize against the space there is.
	OldSize, NewSize int64
	// Edits are to be done in this order; later ones may overlap earlier ones.
	Edits []Edit
	// Remove says that the last lease is gone and the file has to go, too.
	// There are no edits then.
	Remove bool
}

// Edit is one write: either Data or, if Data is nil, a number of zero bytes.
// It prints without its bytes, which may be secret.
type Edit struct {
	Offset int64
	Data   []byte // borrowed from the caller of the operation for its write vectors
	Zeros  int64
}

// Size is the number of bytes written.
func (e Edit) Size() int64 {
	if e.Data != nil {
		return int64(len(e.Data))
	}
	return e.Zeros
}

// End is the offset after the last byte written.
func (e Edit) End() int64 { return e.Offset + e.Size() }

// String gives the place and the size.
func (e Edit) String() string { return fmt.Sprintf("[%d bytes at %d]", e.Size(), e.Offset) }

// Format writes String, whatever the verb.
func (e Edit) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, e.String()) }

// LogValue is String.
func (e Edit) LogValue() slog.Value { return slog.StringValue(e.String()) }

// MarshalJSON gives String: a journal has a format of its own.
func (e Edit) MarshalJSON() ([]byte, error) { return json.Marshal(e.String()) }

// IsEmpty reports that there is nothing to do.
func (p Plan) IsEmpty() bool {
	return len(p.Edits) == 0 && p.NewSize == p.OldSize && !p.Remove
}

// Apply carries out a plan on the file it was made for, in place. After an
// error, or instead of a crash, applying the same plan again completes it; in
// between the file may be damaged. Remove is left to the caller.
//
// Zero bytes beyond the end of the file are not written; they become a hole.
func (p Plan) Apply(f File) error {
	if p.Remove {
		return nil
	}
	written := p.OldSize // beyond it the file reads as zeros, or is to be overwritten
	for _, e := range p.Edits {
		if err := e.apply(f, written); err != nil {
			return fmt.Errorf("write %d bytes at %d: %w", e.Size(), e.Offset, err)
		}
		written = max(written, e.End())
	}
	if p.needsTruncate() {
		if err := f.Truncate(p.NewSize); err != nil {
			return fmt.Errorf("truncate to %d bytes: %w", p.NewSize, err)
		}
	}
	return nil
}

// needsTruncate reports whether the size is not reached by writing alone.
func (p Plan) needsTruncate() bool {
	size := p.OldSize
	for _, e := range p.Edits {
		if e.Data != nil {
			size = max(size, e.End())
		}
	}
	return size != p.NewSize
}

// zeroChunk is what is written of zeros at a time.
var zeroChunk [64 << 10]byte

func (e Edit) apply(f File, written int64) error {
	if e.Data != nil {
		_, err := f.WriteAt(e.Data, e.Offset)
		return err
	}
	for at, end := e.Offset, min(e.End(), written); at < end; {
		n := min(end-at, int64(len(zeroChunk)))
		if _, err := f.WriteAt(zeroChunk[:n], at); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// Reader reads the file as the plan will have made it, from the old one. It
// is meant for copying: each read looks at all edits. old may be nil if
// OldSize is 0.
func (p Plan) Reader(old io.ReaderAt) *io.SectionReader {
	return io.NewSectionReader(overlay{p, old}, 0, p.NewSize)
}

// overlay shows the edits of a plan above the old file.
type overlay struct {
	plan Plan
	old  io.ReaderAt
}

// ReadAt is called by a SectionReader, within NewSize.
func (o overlay) ReadAt(b []byte, offset int64) (int, error) {
	if err := o.readOld(b, offset); err != nil {
		return 0, err
	}
	for _, e := range o.plan.Edits {
		e.overlay(b, offset)
	}
	return len(b), nil
}

// readOld fills b from the old file, with zeros beyond its end.
func (o overlay) readOld(b []byte, offset int64) error {
	n := int(min(max(o.plan.OldSize-offset, 0), int64(len(b))))
	clear(b[n:])
	if n == 0 {
		return nil
	}
	return readFull(o.old, b[:n], offset)
}

// overlay puts the part of the edit that lies in b, which begins at offset,
// into b.
func (e Edit) overlay(b []byte, offset int64) {
	from, to := max(e.Offset, offset), min(e.End(), offset+int64(len(b)))
	if from >= to {
		return
	}
	part := b[from-offset : to-offset]
	if e.Data == nil {
		clear(part)
		return
	}
	copy(part, e.Data[from-e.Offset:])
}

// readFull fills b; the end of the file within it is io.ErrUnexpectedEOF.
func readFull(r io.ReaderAt, b []byte, offset int64) error {
	n, err := r.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at %d: %w", len(b), offset, err)
}
