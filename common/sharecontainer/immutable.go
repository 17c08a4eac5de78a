package sharecontainer

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/besn0847/arm-tahoe/common/secret"
)

const (
	immutableHeaderSize     = 12
	immutableNumLeaseOffset = 8
	// MaxImmutableDataSize is the largest share that we make a container for:
	// far beyond any disk, and all arithmetic on offsets stays within int64.
	MaxImmutableDataSize = 1 << 60
)

// ImmutableHeader is the fixed part of an immutable container.
type ImmutableHeader struct {
	Version Version
	// RecordedSize is min(2^32-1, data size) in files of 1.20 and later
	// ignored; only servers before 1.3.0 read it.
	RecordedSize uint32
	NumLeases    uint32
}

// AppendImmutableHeader appends the 12 bytes of h.
func AppendImmutableHeader(dst []byte, h ImmutableHeader) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Version))
	dst = binary.BigEndian.AppendUint32(dst, h.RecordedSize)
	return binary.BigEndian.AppendUint32(dst, h.NumLeases)
}

// ParseImmutableHeader reads the first 12 bytes of a container. Errors:
// *CorruptError (too short), *UnknownVersionError.
func ParseImmutableHeader(b []byte) (ImmutableHeader, error) {
	if len(b) < immutableHeaderSize {
		return ImmutableHeader{}, corrupt(KindImmutable, "header", "%d bytes, want %d", len(b), immutableHeaderSize)
	}
	v := binary.BigEndian.Uint32(b)
	version, known := immutableVersion(v)
	if !known {
		return ImmutableHeader{}, &UnknownVersionError{Kind: KindImmutable, Version: fmt.Sprint(v)}
	}
	return ImmutableHeader{
		Version:      version,
		RecordedSize: binary.BigEndian.Uint32(b[4:]),
		NumLeases:    binary.BigEndian.Uint32(b[8:]),
	}, nil
}

// CreateImmutable plans a new container for dataSize bytes of share data with
// leases, in the newest version. The data area is a hole, to be written at
// [ImmutableOffset]; the leases stand behind it from the start. 1.20.0:
// immutable.py BucketWriter and ShareFile, create.
//
// The error is an *ArgumentError: dataSize not within 0..[MaxImmutableDataSize].
func CreateImmutable(dataSize int64, leases ...NewLease) (Plan, error) {
	if dataSize < 0 || dataSize > MaxImmutableDataSize {
		return Plan{}, argumentError("share size", "%d, want 0 to %d", dataSize, int64(MaxImmutableDataSize))
	}
	edits := []Edit{{Data: AppendImmutableHeader(nil, ImmutableHeader{
		Version:      NewestVersion,
		RecordedSize: uint32(min(dataSize, math.MaxUint32)),
		NumLeases:    uint32(len(leases)),
	})}}
	end := immutableHeaderSize + dataSize
	if len(leases) > 0 {
		var records []byte
		for _, l := range leases {
			r := newRecord(l, NewestVersion)
			records = r.appendImmutable(records)
		}
		edits = append(edits, Edit{Offset: end, Data: records})
		end += int64(len(records))
	}
	return Plan{NewSize: end, Edits: edits}, nil
}

// ImmutableOffset is where in the file share data belongs that a client writes
// at offset into a share of dataSize bytes. Errors: *ArgumentError for a
// negative number, *DataTooLargeError if it would end behind the share.
func ImmutableOffset(dataSize, offset, length int64) (int64, error) {
	if offset < 0 || length < 0 {
		return 0, argumentError("write vector", "%d bytes at offset %d", length, offset)
	}
	if offset > dataSize || length > dataSize-offset {
		return 0, &DataTooLargeError{MaxSize: dataSize, Offset: offset, Length: length}
	}
	return immutableHeaderSize + offset, nil
}

// Immutable is an immutable container as it was when it was opened. Its
// methods do not change it; after a plan has been applied, open it again. It is
// safe for concurrent use if its reader is.
type Immutable struct {
	header   ImmutableHeader
	r        io.ReaderAt
	size     int64
	dataSize int64
}

// Format writes kind, version and sizes, whatever the verb: what it reads from
// may have secrets in memory.
func (c Immutable) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprintf(state, "[immutable container v%d, %d bytes of data, %d in all]", c.header.Version, c.dataSize, c.size)
}

// OpenImmutable reads the header of a container; size is that of the file.
// Errors: *CorruptError (file too short, or too short for its leases),
// *UnknownVersionError, and what r answers.
func OpenImmutable(r io.ReaderAt, size int64) (*Immutable, error) {
	b := make([]byte, min(max(size, 0), immutableHeaderSize))
	if err := readFull(r, b, 0); err != nil {
		return nil, err
	}
	h, err := ParseImmutableHeader(b)
	if err != nil {
		return nil, err
	}
	dataSize := size - immutableHeaderSize - int64(h.NumLeases)*ImmutableLeaseSize
	if dataSize < 0 {
		return nil, corrupt(KindImmutable, "lease count", "%d leases do not fit into a file of %d bytes", h.NumLeases, size)
	}
	return &Immutable{header: h, r: r, size: size, dataSize: dataSize}, nil
}

// Header returns the fixed part.
func (c *Immutable) Header() ImmutableHeader { return c.header }

// DataSize is the number of bytes of share data.
func (c *Immutable) DataSize() int64 { return c.dataSize }

// Data reads the share data. Reads beyond its end are cut short with io.EOF,
// as those of 1.20's read_share_data.
func (c *Immutable) Data() *io.SectionReader {
	return io.NewSectionReader(c.r, immutableHeaderSize, c.dataSize)
}

// Leases lists the leases in order. After an error the listing ends.
func (c *Immutable) Leases() iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		err := c.scan(func(_ int64, r *record) bool { return yield(r.lease(c.header.Version), nil) })
		if err != nil {
			yield(Lease{}, err)
		}
	}
}

func (c *Immutable) leaseOffset(i int64) int64 {
	return immutableHeaderSize + c.dataSize + i*ImmutableLeaseSize
}

// leasesPerRead is how many leases are read at a time.
const leasesPerRead = 64

// scan calls f with every lease until it answers false. The record is valid
// during the call only.
func (c *Immutable) scan(f func(i int64, r *record) bool) error {
	var buf [leasesPerRead * ImmutableLeaseSize]byte
	total := int64(c.header.NumLeases)
	for first := int64(0); first < total; first += leasesPerRead {
		n := min(total-first, leasesPerRead)
		if err := readFull(c.r, buf[:n*ImmutableLeaseSize], c.leaseOffset(first)); err != nil {
			return err
		}
		for i := range n {
			r := parseImmutableRecord((*[ImmutableLeaseSize]byte)(buf[i*ImmutableLeaseSize:]))
			if !f(first+i, &r) {
				return nil
			}
		}
	}
	return nil
}

// plan of edits to this container.
func (c *Immutable) plan(newSize int64, edits ...Edit) Plan {
	return Plan{OldSize: c.size, NewSize: newSize, Edits: edits}
}

func (c *Immutable) countEdit(numLeases uint32) Edit {
	return Edit{Offset: immutableNumLeaseOffset, Data: binary.BigEndian.AppendUint32(nil, numLeases)}
}

// AddLease plans to add a lease at the end, whether there is one like it or
// not. The error is [ErrTooManyLeases].
func (c *Immutable) AddLease(l NewLease) (Plan, error) {
	n := c.header.NumLeases
	if n >= MaxLeases {
		return Plan{}, ErrTooManyLeases
	}
	r := newRecord(l, c.header.Version)
	// The order is that of 1.20. Between the two writes the data seems 72
	// bytes longer than it is; a journal or a copy must cover that.
	return c.plan(c.size+ImmutableLeaseSize,
		Edit{Offset: c.size, Data: r.appendImmutable(nil)},
		c.countEdit(n+1)), nil
}

// RenewLease plans to move the expiry of the first lease with that secret. An
// expiry that is not later than the present one changes nothing, unless
// allowBackdate. The error is a *NoLeaseError, or what the reader answers.
func (c *Immutable) RenewLease(s secret.RenewalSecret, expires Expiry, allowBackdate bool) (Plan, error) {
	stored := c.header.Version.stored(s.Reveal())
	plan, found := c.plan(c.size), false
	err := c.scan(func(i int64, r *record) bool {
		if !equal(r.renew[:], stored[:]) {
			return true
		}
		found = true
		if allowBackdate || expires > r.expires {
			r.expires = expires
			plan.Edits = []Edit{{Offset: c.leaseOffset(i), Data: r.appendImmutable(nil)}}
		}
		return false
	})
	if err == nil && !found {
		err = &NoLeaseError{Kind: KindImmutable, Action: "renew"}
	}
	if err != nil {
		return Plan{}, err
	}
	return plan, nil
}

// AddOrRenewLease plans to renew the lease with the renewal secret of l, or to
// add l if there is none. Errors: [ErrNoSpace] if it would have to add and
// available, in bytes, is too little; [ErrTooManyLeases]; what the reader
// answers.
func (c *Immutable) AddOrRenewLease(available int64, l NewLease) (Plan, error) {
	plan, err := c.RenewLease(l.RenewalSecret, l.Expires, false)
	if _, missing := err.(*NoLeaseError); !missing {
		return plan, err
	}
	if available < ImmutableLeaseSize {
		return Plan{}, ErrNoSpace
	}
	return c.AddLease(l)
}

// CancelLease plans to remove all leases with that cancel secret. If no lease
// is left the plan is to remove the file. Errors: *NoLeaseError,
// [ErrTooManyLeases] (to be held in memory), what the reader answers.
func (c *Immutable) CancelLease(s secret.CancelSecret) (Plan, error) {
	stored := c.header.Version.stored(s.Reveal())
	plan, n, err := c.removeLeases(func(r *record) bool { return equal(r.cancel[:], stored[:]) })
	if err == nil && n == 0 {
		err = &NoLeaseError{Kind: KindImmutable, Action: "cancel"}
	}
	if err != nil {
		return Plan{}, err
	}
	return plan, nil
}

// RemoveLeases plans to remove all leases for which remove answers true, and
// counts them. It is for the server itself (garbage collection), which knows
// no secrets of version 2; 1.20 cancels with a marker that stands for the
// hashed secret and so removes leases with equal cancel secrets together. If
// leases were removed and none is left the plan is to remove the file. Errors:
// [ErrTooManyLeases] (to be held in memory), what the reader answers.
func (c *Immutable) RemoveLeases(remove func(Lease) bool) (Plan, int, error) {
	return c.removeLeases(func(r *record) bool { return remove(r.lease(c.header.Version)) })
}

// removeLeases moves the leases behind removed ones forward.
func (c *Immutable) removeLeases(remove func(*record) bool) (Plan, int, error) {
	if c.header.NumLeases > MaxLeases {
		return Plan{}, 0, ErrTooManyLeases
	}
	var moved []byte // the leases to be kept from the first removed one on
	var first int64
	removed := 0
	err := c.scan(func(i int64, r *record) bool {
		switch {
		case remove(r):
			if removed == 0 {
				first = i
			}
			removed++
		case removed > 0:
			moved = r.appendImmutable(moved)
		}
		return true
	})
	if err != nil || removed == 0 {
		return c.plan(c.size), 0, err
	}
	left := int64(c.header.NumLeases) - int64(removed)
	if left == 0 {
		return Plan{OldSize: c.size, Remove: true}, removed, nil
	}
	plan := c.plan(c.leaseOffset(left))
	if len(moved) > 0 {
		plan.Edits = append(plan.Edits, Edit{Offset: c.leaseOffset(first), Data: moved})
	}
	plan.Edits = append(plan.Edits, c.countEdit(uint32(left)))
	return plan, removed, nil
}
