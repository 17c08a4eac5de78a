package sharecontainer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"iter"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

const (
	mutableDataSizeOffset   = 84  // data size, then extra lease offset
	mutableSlotOffset       = 100 // four lease slots
	numSlots                = 4
	mutableDataOffset       = mutableSlotOffset + numSlots*MutableLeaseSize // 468
	extraCountSize          = 4
	minMutableContainerSize = mutableDataOffset + extraCountSize
)

// MaxMutableDataSize is the largest share that fits into a mutable container:
// 69,105 TB (mutable/layout.py MAX_MUTABLE_SHARE_SIZE, "kind of arbitrary").
const MaxMutableDataSize = 69105 * 1000 * 1000 * 1000 * 1000

// mutableHeader is the fixed part of a mutable container but for the slots.
type mutableHeader struct {
	version       Version
	nodeID        grid.TubID
	writeEnabler  secret.WriteEnabler
	dataSize      int64
	containerSize int64 // extra lease offset - 468
}

// append appends the 468 bytes before the share data.
func (h *mutableHeader) append(dst []byte, slots []record) []byte {
	dst = append(dst, magics[h.version]...)
	dst = append(dst, h.nodeID[:]...)
	enabler := h.writeEnabler.Reveal()
	dst = append(dst, enabler[:]...)
	dst = h.appendSizes(dst)
	for i := range slots {
		dst = slots[i].appendMutable(dst)
	}
	return dst
}

// appendSizes appends data size and extra lease offset.
func (h *mutableHeader) appendSizes(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.dataSize))
	return binary.BigEndian.AppendUint64(dst, uint64(mutableDataOffset+h.containerSize))
}

// parseMutableHeader reads the bytes before the share data.
func parseMutableHeader(b []byte) (*mutableHeader, error) {
	version, known := mutableVersion(b)
	if !known {
		magic := b[:min(len(b), magicSize)]
		return nil, &UnknownVersionError{Kind: KindMutable, Version: fmt.Sprintf("%q", magic)}
	}
	if len(b) < mutableDataOffset {
		return nil, corrupt(KindMutable, "header", "%d bytes, want %d", len(b), mutableDataOffset)
	}
	h := &mutableHeader{
		version:      version,
		nodeID:       grid.TubID(b[magicSize:]),
		writeEnabler: secret.NewWriteEnabler([secretSize]byte(b[magicSize+grid.TubIDSize:])),
	}
	if err := h.parseSizes(b[mutableDataSizeOffset:]); err != nil {
		return nil, err
	}
	return h, nil
}

// parseSlots reads the slots in the header.
func parseSlots(b []byte) []record {
	slots := make([]record, numSlots)
	for i := range slots {
		slots[i] = parseMutableRecord((*[MutableLeaseSize]byte)(b[mutableSlotOffset+i*MutableLeaseSize:]))
	}
	return slots
}

func (h *mutableHeader) parseSizes(b []byte) error {
	dataSize, extraOffset := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	if extraOffset < mutableDataOffset || extraOffset > mutableDataOffset+MaxMutableDataSize {
		return corrupt(KindMutable, "extra lease offset", "%d, want %d to %d",
			extraOffset, mutableDataOffset, int64(mutableDataOffset+MaxMutableDataSize))
	}
	if dataSize > extraOffset-mutableDataOffset {
		return corrupt(KindMutable, "data size", "%d, larger than the container of %d",
			dataSize, extraOffset-mutableDataOffset)
	}
	h.dataSize, h.containerSize = int64(dataSize), int64(extraOffset-mutableDataOffset)
	return nil
}

// Mutable is a mutable container as it was when it was opened. Its methods do
// not change it; after a plan has been applied, open it again. It is safe for
// concurrent use if its reader is.
type Mutable struct {
	header *mutableHeader
	slots  func() []record // those in the header; a function, which fmt does not look into
	r      io.ReaderAt
	size   int64
}

// Format writes kind, version and sizes, whatever the verb: there are secrets
// in what fmt would find.
func (c Mutable) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprintf(state, "[mutable container v%d, %d bytes of data, %d in all]", c.header.version, c.header.dataSize, c.size)
}

// OpenMutable reads the header of a container; size is that of the file. The
// extra leases are not read until they are asked for: damage there does not
// make the data unreadable. Errors: *UnknownVersionError, *CorruptError, what r
// answers.
func OpenMutable(r io.ReaderAt, size int64) (*Mutable, error) {
	b := make([]byte, min(max(size, 0), mutableDataOffset))
	if err := readFull(r, b, 0); err != nil {
		return nil, err
	}
	h, err := parseMutableHeader(b)
	if err != nil {
		return nil, err
	}
	slots := parseSlots(b)
	return &Mutable{header: h, slots: func() []record { return slots }, r: r, size: size}, nil
}

// Version of the container.
func (c *Mutable) Version() Version { return c.header.version }

// NodeID is the server that recorded the write enabler.
func (c *Mutable) NodeID() grid.TubID { return c.header.nodeID }

// DataSize is the number of bytes of share data according to the header.
func (c *Mutable) DataSize() int64 { return c.header.dataSize }

// Data reads the share data. Reads beyond its end are cut short with io.EOF,
// as those of 1.20's readv; so are reads beyond the end of a truncated file.
func (c *Mutable) Data() *io.SectionReader {
	available := max(c.size-mutableDataOffset, 0)
	return io.NewSectionReader(c.r, mutableDataOffset, min(c.header.dataSize, available))
}

// CheckWriteEnabler answers a *BadWriteEnablerError if the caller may not write
// this share. It takes the same time for right and wrong ones.
func (c *Mutable) CheckWriteEnabler(s secret.WriteEnabler) error {
	if !c.header.writeEnabler.Equal(s) {
		return &BadWriteEnablerError{NodeID: c.header.nodeID}
	}
	return nil
}

// TestVector is a condition on share data: the Length bytes at Offset, cut at
// the end of the data, are equal to Specimen.
type TestVector struct {
	Offset, Length int64
	Operator       string // "eq" is the only one
	Specimen       []byte
}

// OperatorEqual is the operator that 1.20 knows; it is also the only one that
// its Foolscap interface ever had a client for.
const OperatorEqual = "eq"

func (v TestVector) check() error {
	if v.Offset < 0 || v.Length < 0 {
		return argumentError("test vector", "%d bytes at offset %d", v.Length, v.Offset)
	}
	if v.Operator != OperatorEqual {
		return argumentError("test vector", "unknown operator %.20q, want \"eq\"", v.Operator)
	}
	return nil
}

// Test reports whether all vectors hold. Errors: *ArgumentError, what the
// reader answers. 1.20.0: mutable.py check_testv.
func (c *Mutable) Test(vectors []TestVector) (bool, error) {
	return test(c.Data(), vectors)
}

// TestAbsent is Test for a share that does not exist: all reads are empty.
// 1.20.0: mutable.py EmptyShare.
func TestAbsent(vectors []TestVector) (bool, error) {
	return test(io.NewSectionReader(nil, 0, 0), vectors)
}

func test(data *io.SectionReader, vectors []TestVector) (bool, error) {
	for _, v := range vectors {
		if err := v.check(); err != nil {
			return false, err
		}
		length := min(v.Length, max(data.Size()-v.Offset, 0))
		if length != int64(len(v.Specimen)) {
			return false, nil
		}
		same, err := equalData(data, v.Offset, v.Specimen)
		if !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// compareSize is how much share data a test vector reads at a time.
const compareSize = 32 << 10

// equalData compares without holding all of the data in memory.
func equalData(data *io.SectionReader, offset int64, specimen []byte) (bool, error) {
	buf := make([]byte, min(len(specimen), compareSize))
	for len(specimen) > 0 {
		n := min(len(specimen), len(buf))
		if err := readFull(data, buf[:n], offset); err != nil {
			return false, err
		}
		if !bytes.Equal(buf[:n], specimen[:n]) {
			return false, nil
		}
		specimen, offset = specimen[n:], offset+int64(n)
	}
	return true, nil
}

// Leases lists the leases in the order of the slots. After an error the
// listing ends.
func (c *Mutable) Leases() iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		err := c.scan(func(r *record) bool {
			return r.owner == 0 || yield(r.lease(c.header.version), nil)
		})
		if err != nil {
			yield(Lease{}, err)
		}
	}
}

// scan calls f with every slot, empty ones too, until it answers false. The
// record is valid during the call only.
func (c *Mutable) scan(f func(r *record) bool) error {
	for _, r := range c.slots() {
		if !f(&r) {
			return nil
		}
	}
	numExtra, present, err := c.numExtra()
	if err != nil {
		return err
	}
	var buf [leasesPerRead * MutableLeaseSize]byte
	for first := int64(0); first < numExtra; first += leasesPerRead {
		n := min(numExtra-first, leasesPerRead)
		clear(buf[:]) // a slot cut off by the end of the file is empty
		whole := min(n, present-first)
		if err := readFull(c.r, buf[:whole*MutableLeaseSize], c.extraOffset(first)); err != nil {
			return err
		}
		for i := range n {
			r := parseMutableRecord((*[MutableLeaseSize]byte)(buf[i*MutableLeaseSize:]))
			if !f(&r) {
				return nil
			}
		}
	}
	return nil
}

func (c *Mutable) extraOffset(i int64) int64 { return c.header.extraOffset(i) }

// extraOffset is where the i-th extra lease stands.
func (h *mutableHeader) extraOffset(i int64) int64 {
	return mutableDataOffset + h.containerSize + extraCountSize + i*MutableLeaseSize
}

// numExtra reads the number of extra lease slots and how many of them are
// wholly in the file: all, or all but the last.
func (c *Mutable) numExtra() (count, present int64, err error) {
	rest := c.size - c.extraOffset(0)
	if rest < 0 {
		return 0, 0, corrupt(KindMutable, "extra lease offset", "%d, beyond the end of a file of %d bytes",
			mutableDataOffset+c.header.containerSize, c.size)
	}
	var b [extraCountSize]byte
	if err := readFull(c.r, b[:], c.extraOffset(0)-extraCountSize); err != nil {
		return 0, 0, err
	}
	count = int64(binary.BigEndian.Uint32(b[:]))
	present = min(count, rest/MutableLeaseSize)
	if count > present+1 {
		return 0, 0, corrupt(KindMutable, "extra lease count", "%d, but the file has room for %d", count, present)
	}
	return count, present, nil
}
