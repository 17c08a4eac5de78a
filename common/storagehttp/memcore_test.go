package storagehttp

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// memCore is a storage core in memory. It counts leases but does not keep them.
type memCore struct {
	version grid.ServerVersion // available space counts no shares

	mu       sync.Mutex // guards all below
	slots    map[grid.StorageIndex]*memSlot
	uploads  map[memKey]*memUpload
	advice   []string
	uploaded int // bytes
}

type memKey struct {
	si grid.StorageIndex
	n  grid.ShareNum
}

type memSlot struct {
	kind    grid.ShareKind
	enabler secret.WriteEnabler
	shares  map[grid.ShareNum][]byte
}

func newMemCore() *memCore {
	return &memCore{
		version: grid.ServerVersion{
			ApplicationVersion:        "tahoe-lafs/1.20.0",
			MaximumImmutableShareSize: 0x120da58600, MaximumMutableShareSize: 69105000000000000, AvailableSpace: 0x120da58600,
			ToleratesImmutableReadOverrun: true, DeleteMutableSharesWithZeroLengthWritev: true,
			FillsHolesWithZeroBytes: true, PreventsReadPastEndOfShareData: true,
		},
		slots: map[grid.StorageIndex]*memSlot{}, uploads: map[memKey]*memUpload{},
	}
}

func (m *memCore) Version(context.Context) (grid.ServerVersion, error) { return m.version, nil }

// slot returns the slot if it is of the kind; nil if there is none.
func (m *memCore) slot(kind grid.ShareKind, si grid.StorageIndex) (*memSlot, error) {
	s := m.slots[si]
	if s != nil && s.kind != kind {
		return nil, &grid.UnknownContainerVersionError{Wanted: kind, StorageIndex: si, Version: "other"}
	}
	return s, nil
}

func (s *memSlot) held() []grid.ShareNum {
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.shares))
}

func (m *memCore) AllocateBuckets(context.Context, grid.StorageIndex, grid.LeaseSecrets, []grid.ShareNum, int64) (grid.Allocation, error) {
	panic("the handler uses AllocateUploads")
}

func (m *memCore) GetBuckets(context.Context, grid.StorageIndex) (map[grid.ShareNum]grid.BucketReader, error) {
	panic("the handler uses OpenShare")
}

func (m *memCore) AddLease(context.Context, grid.StorageIndex, grid.LeaseSecrets) error {
	panic("the handler uses LeaseShares")
}

func (m *memCore) AllocateUploads(_ context.Context, si grid.StorageIndex, _ grid.LeaseSecrets, upload secret.UploadSecret, shares []grid.ShareNum, size int64) (have, allocated []grid.ShareNum, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.slot(grid.Immutable, si)
	if err != nil {
		return nil, nil, err
	}
	have = s.held()
	room := m.version.AvailableSpace
	for _, u := range m.uploads {
		room -= int64(len(u.data))
	}
	for _, n := range shares {
		key := memKey{si, n}
		if slices.Contains(have, n) || m.uploads[key] != nil || size > room || m.version.MaximumImmutableShareSize == 0 {
			continue
		}
		room -= size
		m.uploads[key] = &memUpload{core: m, key: key, secret: upload, data: make([]byte, size), required: []grid.Range{{End: size}}}
		allocated = append(allocated, n)
	}
	slices.Sort(allocated)
	return have, allocated, nil
}

func (m *memCore) FindUpload(_ context.Context, si grid.StorageIndex, n grid.ShareNum, upload secret.UploadSecret) (grid.Upload, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.uploads[memKey{si, n}]
	if u == nil {
		return nil, grid.ErrNoUpload
	}
	if !u.secret.Equal(upload) {
		return nil, grid.ErrBadUploadSecret
	}
	return u, nil
}

func (m *memCore) ListShares(_ context.Context, kind grid.ShareKind, si grid.StorageIndex) ([]grid.ShareNum, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if kind == grid.Mutable {
		return m.slots[si].held(), nil
	}
	s, err := m.slot(kind, si)
	return s.held(), err
}

func (m *memCore) OpenShare(_ context.Context, kind grid.ShareKind, si grid.StorageIndex, n grid.ShareNum) (grid.ShareReader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.slot(kind, si)
	if err != nil {
		return nil, err
	}
	if s == nil || s.shares[n] == nil {
		return nil, grid.ErrNoShare
	}
	return &memReader{m, kind, memKey{si, n}, int64(len(s.shares[n]))}, nil
}

func (m *memCore) LeaseShares(_ context.Context, si grid.StorageIndex, _ grid.LeaseSecrets) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.slots[si].held()), nil
}

func (m *memCore) AdviseCorruptShare(_ context.Context, kind grid.ShareKind, si grid.StorageIndex, n grid.ShareNum, reason string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advice = append(m.advice, fmt.Sprintf("%s %s %d %s", kind, si, n, reason))
	return nil
}

func (m *memCore) SlotReadv(context.Context, grid.StorageIndex, []grid.ShareNum, []grid.ReadVector) (grid.ReadvData, error) {
	panic("the handler uses OpenShare")
}

func (m *memCore) SlotTestvAndReadvAndWritev(_ context.Context, si grid.StorageIndex, secrets grid.SlotSecrets, writes map[grid.ShareNum]grid.SlotWrite, reads []grid.ReadVector) (result grid.TestvResult, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.slot(grid.Mutable, si)
	if err != nil {
		return result, err
	}
	if s == nil {
		s = &memSlot{kind: grid.Mutable, enabler: secrets.WriteEnabler, shares: map[grid.ShareNum][]byte{}}
	}
	if !s.enabler.Equal(secrets.WriteEnabler) {
		return result, &grid.BadWriteEnablerError{}
	}
	result = grid.TestvResult{Passed: true, Data: grid.ReadvData{}}
	for n, w := range writes {
		for _, t := range w.Tests {
			result.Passed = result.Passed && bytes.Equal(cut(s.shares[n], t.Offset, t.Length), t.Specimen)
		}
	}
	for n, data := range s.shares {
		result.Data[n] = make([][]byte, 0, len(reads))
		for _, r := range reads {
			result.Data[n] = append(result.Data[n], bytes.Clone(cut(data, r.Offset, r.Length)))
		}
	}
	if result.Passed {
		if err := s.apply(writes); err != nil {
			return result, err
		}
		m.slots[si] = s
	}
	if len(s.shares) == 0 {
		delete(m.slots, si) // and with it the write enabler
	}
	return result, nil
}

func cut(data []byte, offset, length int64) []byte {
	begin := min(offset, int64(len(data)))
	return data[begin:min(begin+min(length, math.MaxInt64-begin), int64(len(data)))]
}

// apply does the writes.
func (s *memSlot) apply(writes map[grid.ShareNum]grid.SlotWrite) error {
	for n, w := range writes {
		data := append([]byte{}, s.shares[n]...)
		for _, v := range w.Writes {
			end := v.Offset + int64(len(v.Data))
			if end > 1<<30 {
				return &grid.DataTooLargeError{MaxSize: 1 << 30, Offset: v.Offset, Length: int64(len(v.Data))}
			}
			data = append(data, make([]byte, max(0, end-int64(len(data))))...)
			copy(data[v.Offset:], v.Data)
		}
		if w.NewLength != nil {
			data = data[:min(*w.NewLength, int64(len(data)))]
		}
		s.shares[n] = data
		if w.NewLength != nil && *w.NewLength == 0 {
			delete(s.shares, n)
		}
	}
	return nil
}

// memUpload is an upload; its core's mutex guards it.
type memUpload struct {
	core     *memCore
	key      memKey
	secret   secret.UploadSecret
	data     []byte
	required []grid.Range
}

func (u *memUpload) open() bool { return u.core.uploads[u.key] == u }

func (u *memUpload) Write(_ context.Context, offset int64, data []byte) error {
	u.core.mu.Lock()
	defer u.core.mu.Unlock()
	r := grid.Range{Begin: offset, End: offset + int64(len(data))}
	if !u.open() {
		return grid.ErrWriterClosed
	}
	if r.End > int64(len(u.data)) {
		return &grid.DataTooLargeError{MaxSize: int64(len(u.data)), Offset: offset, Length: int64(len(data))}
	}
	for i, b := range data {
		at := offset + int64(i)
		if !slices.ContainsFunc(u.required, func(r grid.Range) bool { return r.Begin <= at && at < r.End }) && u.data[at] != b {
			return &grid.ConflictingWriteError{Range: r}
		}
	}
	copy(u.data[offset:], data)
	u.core.uploaded += len(data)
	u.required = intersect(u.required, []grid.Range{{Begin: 0, End: r.Begin}, {Begin: r.End, End: int64(len(u.data))}})
	return nil
}

func (u *memUpload) Required() []grid.Range {
	u.core.mu.Lock()
	defer u.core.mu.Unlock()
	return slices.Clone(u.required)
}

func (u *memUpload) Close(context.Context) error {
	u.core.mu.Lock()
	defer u.core.mu.Unlock()
	if !u.open() {
		return grid.ErrWriterClosed
	}
	delete(u.core.uploads, u.key)
	s := u.core.slots[u.key.si]
	if s == nil {
		s = &memSlot{kind: grid.Immutable, shares: map[grid.ShareNum][]byte{}}
		u.core.slots[u.key.si] = s
	}
	s.shares[u.key.n] = u.data
	return nil
}

func (u *memUpload) Abort(context.Context) error {
	u.core.mu.Lock()
	defer u.core.mu.Unlock()
	if u.open() {
		delete(u.core.uploads, u.key)
	}
	return nil
}

type memReader struct {
	core *memCore
	kind grid.ShareKind
	key  memKey
	size int64
}

func (r *memReader) Size() int64 { return r.size }

func (r *memReader) Read(_ context.Context, p []byte, offset int64) (int, error) {
	r.core.mu.Lock()
	defer r.core.mu.Unlock()
	s := r.core.slots[r.key.si]
	if s == nil || s.shares[r.key.n] == nil {
		return 0, grid.ErrNoShare
	}
	return copy(p, cut(s.shares[r.key.n], offset, int64(len(p)))), nil
}

func (r *memReader) AdviseCorruptShare(ctx context.Context, reason string) error {
	return r.core.AdviseCorruptShare(ctx, r.kind, r.key.si, r.key.n, reason)
}
