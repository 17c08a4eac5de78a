package sharecontainer

import (
	"encoding/binary"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// WriteVector is share data to be written at an offset.
type WriteVector struct {
	Offset int64
	Data   []byte
}

// MutableUpdate collects changes to one mutable container and turns them into
// a single [Plan]: of a test-and-set call these are the write vectors, the new
// length and the lease. After an error from one of its methods nothing of that
// call has been taken in; the changes before it remain. It is for one
// goroutine.
type MutableUpdate struct {
	header  *mutableHeader // as it will be
	oldSize int64
	edits   []Edit // of the share data, in order

	// table is a function because there are secrets in the slots: fmt follows
	// pointers where a verb does not fit them, but it does not call functions.
	table func() *slotTable

	isNew        bool // everything has to be written
	moved        bool // the extra leases have to be written elsewhere
	sizesChanged bool
	cancelled    bool
}

// Format writes the size, whatever the verb.
func (u MutableUpdate) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprintf(state, "[update of a mutable container of %d bytes]", u.oldSize)
}

// slotTable holds all lease slots of a container, also the empty ones: the
// four in the header and the extra ones.
type slotTable struct {
	records  []record
	dirty    map[int]bool // slots to be written
	oldCount int          // how many were there
}

func newTable(records []record) func() *slotTable {
	t := &slotTable{records: records, dirty: map[int]bool{}, oldCount: len(records)}
	return func() *slotTable { return t }
}

// CreateMutable begins a new container in the newest version, without data and
// leases. 1.20.0: mutable.py create_mutable_sharefile.
func CreateMutable(nodeID grid.TubID, enabler secret.WriteEnabler) *MutableUpdate {
	return &MutableUpdate{
		header: &mutableHeader{
			version:      NewestVersion,
			nodeID:       nodeID,
			writeEnabler: enabler,
		},
		table: newTable(make([]record, numSlots)),
		isNew: true,
	}
}

// Update begins to change the container. It reads the leases. Errors:
// *CorruptError, [ErrTooManyLeases], what the reader answers.
func (c *Mutable) Update() (*MutableUpdate, error) {
	numExtra, _, err := c.numExtra()
	if err != nil {
		return nil, err
	}
	if numExtra > MaxLeases {
		return nil, ErrTooManyLeases
	}
	records := make([]record, 0, numSlots+int(numExtra))
	if err := c.scan(func(r *record) bool { records = append(records, *r); return true }); err != nil {
		return nil, err
	}
	header := *c.header
	return &MutableUpdate{header: &header, oldSize: c.size, table: newTable(records)}, nil
}

// DataSize is the number of bytes of share data with the changes so far.
func (u *MutableUpdate) DataSize() int64 { return u.header.dataSize }

// Write writes vectors one after the other. Data beyond the end extends the
// share, a gap is filled with zeros, and so is the way to a vector without
// bytes that lies beyond the end. The data is borrowed until the plan has been
// applied. Errors: *ArgumentError for a negative offset, *DataTooLargeError
// beyond [MaxMutableDataSize]; then no vector is written. 1.20 discovers the
// latter at the vector in question, the ones before being written, and only
// where the container has to grow.
func (u *MutableUpdate) Write(vectors []WriteVector) error {
	for _, v := range vectors {
		if v.Offset < 0 {
			return argumentError("write vector", "negative offset %d", v.Offset)
		}
		if length := int64(len(v.Data)); v.Offset > MaxMutableDataSize-length {
			return &DataTooLargeError{MaxSize: MaxMutableDataSize, Offset: v.Offset, Length: length}
		}
	}
	for _, v := range vectors {
		u.write(v)
	}
	return nil
}

// write follows mutable.py _write_share_data and _change_container_size. What
// 1.20 does in steps ends in the same bytes: the old place of the extra leases
// is zeroed there, and then covered by zeros, data, or the leases in their new
// place.
func (u *MutableUpdate) write(v WriteVector) {
	end := v.Offset + int64(len(v.Data))
	if end >= u.header.dataSize {
		if end > u.header.containerSize {
			u.header.containerSize, u.moved = end, true
		}
		if gap := v.Offset - u.header.dataSize; gap > 0 {
			u.edits = append(u.edits, Edit{Offset: mutableDataOffset + u.header.dataSize, Zeros: gap})
		}
		u.setDataSize(end)
	}
	if len(v.Data) > 0 {
		u.edits = append(u.edits, Edit{Offset: mutableDataOffset + v.Offset, Data: v.Data})
	}
}

func (u *MutableUpdate) setDataSize(size int64) {
	u.sizesChanged = u.sizesChanged || size != u.header.dataSize
	u.header.dataSize = size
}

// Truncate cuts the share data to size; more than there is changes nothing. It
// is the new_length of a write call, but for 0, which there means to remove the
// share. The container keeps its size. The error is an *ArgumentError for a
// negative size.
func (u *MutableUpdate) Truncate(size int64) error {
	if size < 0 {
		return argumentError("new length", "negative: %d", size)
	}
	if size < u.header.dataSize {
		u.setDataSize(size)
	}
	return nil
}

// NumLeases counts the leases with the changes so far.
func (u *MutableUpdate) NumLeases() int {
	n := 0
	t := u.table()
	for i := range t.records {
		if t.records[i].owner != 0 {
			n++
		}
	}
	return n
}

// AddLease adds a lease in the first empty slot, or in a new one, which takes
// space. Errors: *ArgumentError for owner number 0, which means an empty slot;
// [ErrNoSpace] if a new slot is needed and available, in bytes, is too little;
// [ErrTooManyLeases].
func (u *MutableUpdate) AddLease(available int64, l NewLease) error {
	if l.OwnerNum == 0 {
		return argumentError("lease", "owner number 0 on a mutable share")
	}
	t := u.table()
	r := newRecord(l, u.header.version)
	if i := t.firstEmpty(); i >= 0 {
		t.set(i, r)
		return nil
	}
	if available < MutableLeaseSize {
		return ErrNoSpace
	}
	if len(t.records) >= MaxLeases {
		return ErrTooManyLeases
	}
	t.records = append(t.records, record{})
	t.set(len(t.records)-1, r)
	return nil
}

func (t *slotTable) firstEmpty() int {
	for i := range t.records {
		if t.records[i].owner == 0 {
			return i
		}
	}
	return -1
}

func (t *slotTable) set(i int, r record) {
	t.records[i] = r
	t.dirty[i] = true
}

// RenewLease moves the expiry of the first lease with that secret. An expiry
// that is not later than the present one changes nothing, unless allowBackdate.
// The error is a *NoLeaseError.
func (u *MutableUpdate) RenewLease(s secret.RenewalSecret, expires Expiry, allowBackdate bool) error {
	stored := u.header.version.stored(s.Reveal())
	t := u.table()
	for i, r := range t.records {
		if r.owner == 0 || !equal(r.renew[:], stored[:]) {
			continue
		}
		if allowBackdate || expires > r.expires {
			r.expires = expires
			t.set(i, r)
		}
		return nil
	}
	return u.noLease("renew")
}

func (u *MutableUpdate) noLease(action string) error {
	e := &NoLeaseError{Kind: KindMutable, Action: action}
	seen := map[grid.TubID]bool{}
	for _, r := range u.table().records {
		if r.owner != 0 && !seen[r.nodeID] {
			seen[r.nodeID] = true
			e.NodeIDs = append(e.NodeIDs, r.nodeID)
		}
	}
	return e
}

// AddOrRenewLease renews the lease with the renewal secret of l, or adds l if
// there is none. Errors as of [MutableUpdate.AddLease].
func (u *MutableUpdate) AddOrRenewLease(available int64, l NewLease) error {
	if l.OwnerNum == 0 {
		return argumentError("lease", "owner number 0 on a mutable share")
	}
	err := u.RenewLease(l.RenewalSecret, l.Expires, false)
	if _, missing := err.(*NoLeaseError); missing {
		return u.AddLease(available, l)
	}
	return err
}

// CancelLease empties the slots of all leases with that cancel secret. If no
// lease is left the plan will be to remove the file. The error is a
// *NoLeaseError.
func (u *MutableUpdate) CancelLease(s secret.CancelSecret) error {
	stored := u.header.version.stored(s.Reveal())
	if u.removeLeases(func(r *record) bool { return equal(r.cancel[:], stored[:]) }) == 0 {
		return u.noLease("cancel")
	}
	return nil
}

// RemoveLeases empties the slots of all leases for which remove answers true,
// and counts them; see [Immutable.RemoveLeases]. If leases were removed and
// none is left the plan will be to remove the file.
func (u *MutableUpdate) RemoveLeases(remove func(Lease) bool) int {
	return u.removeLeases(func(r *record) bool { return remove(r.lease(u.header.version)) })
}

func (u *MutableUpdate) removeLeases(remove func(*record) bool) int {
	removed := 0
	t := u.table()
	for i := range t.records {
		if r := &t.records[i]; r.owner != 0 && remove(r) {
			t.set(i, blankRecord(u.header.version))
			removed++
		}
	}
	u.cancelled = u.cancelled || removed > 0
	return removed
}

// Plan returns what has to be written for all changes.
func (u *MutableUpdate) Plan() Plan {
	if u.cancelled && u.NumLeases() == 0 {
		return Plan{OldSize: u.oldSize, Remove: true}
	}
	p := Plan{OldSize: u.oldSize, Edits: u.headerEdits()}
	p.Edits = append(p.Edits, u.edits...)
	p.Edits = append(p.Edits, u.extraEdits()...)
	p.NewSize = u.oldSize
	for _, e := range p.Edits {
		p.NewSize = max(p.NewSize, e.End())
	}
	return p
}

// headerEdits are those before the share data.
func (u *MutableUpdate) headerEdits() []Edit {
	t := u.table()
	if u.isNew {
		return []Edit{{Data: u.header.append(nil, t.records[:numSlots])}}
	}
	var edits []Edit
	if u.sizesChanged || u.moved {
		edits = append(edits, Edit{Offset: mutableDataSizeOffset, Data: u.header.appendSizes(nil)})
	}
	for i := range numSlots {
		edits = t.appendEdit(edits, i, int64(mutableSlotOffset+i*MutableLeaseSize))
	}
	return edits
}

// appendEdit appends the edit of a slot if it has changed.
func (t *slotTable) appendEdit(edits []Edit, i int, offset int64) []Edit {
	if !t.dirty[i] {
		return edits
	}
	return append(edits, Edit{Offset: offset, Data: t.records[i].appendMutable(nil)})
}

// extraEdits are those of the extra leases: all of them if they have moved,
// else the changed ones, and their number if that has changed.
func (u *MutableUpdate) extraEdits() []Edit {
	t := u.table()
	extra := t.records[numSlots:]
	countOffset := u.header.extraOffset(0) - extraCountSize
	count := binary.BigEndian.AppendUint32(nil, uint32(len(extra)))
	if u.isNew || u.moved {
		for i := range extra {
			count = extra[i].appendMutable(count)
		}
		return []Edit{{Offset: countOffset, Data: count}}
	}
	var edits []Edit
	if len(t.records) != t.oldCount {
		edits = append(edits, Edit{Offset: countOffset, Data: count})
	}
	for i := range extra {
		edits = t.appendEdit(edits, numSlots+i, u.header.extraOffset(int64(i)))
	}
	return edits
}
