package storagetest

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

// Limits of a Memory, so that a test which asks for too much fails instead of
// the machine.
const (
	maxMutable = 1 << 30  // bytes of one mutable share
	maxReadv   = 64 << 20 // bytes of one read of mutable shares
)

// Memory is a storage core in memory, which passes Run. It checks leases no
// more than that they are there, and uploads do not time out. Safe for
// concurrent use.
type Memory struct {
	setup Setup

	mu      sync.Mutex // guards all below
	slots   map[grid.StorageIndex]*memorySlot
	uploads map[memoryKey]*memoryUpload
	advice  []string
}

var _ grid.StorageCore = (*Memory)(nil)

type memoryKey struct {
	si grid.StorageIndex
	n  grid.ShareNum
}

type memorySlot struct {
	kind    grid.ShareKind
	enabler secret.WriteEnabler
	shares  map[grid.ShareNum][]byte
}

// NewMemory returns an empty core.
func NewMemory(s Setup) *Memory {
	if s.Space == 0 {
		s.Space = 1 << 40
	}
	if s.ReadOnly {
		s.Space = 0
	}
	return &Memory{setup: s, slots: map[grid.StorageIndex]*memorySlot{}, uploads: map[memoryKey]*memoryUpload{}}
}

// NumUploads returns how many shares are on their way.
func (m *Memory) NumUploads() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.uploads)
}

// Advice returns what was reported about shares, one line each.
func (m *Memory) Advice() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.advice)
}

// Version says what all of them can do.
func (m *Memory) Version(context.Context) (grid.ServerVersion, error) {
	return grid.ServerVersion{
		ApplicationVersion:        "storagetest/1",
		MaximumImmutableShareSize: m.setup.Space,
		MaximumMutableShareSize:   69105000000000000,
		AvailableSpace:            m.setup.Space,

		ToleratesImmutableReadOverrun:           true,
		DeleteMutableSharesWithZeroLengthWritev: true,
		FillsHolesWithZeroBytes:                 true,
		PreventsReadPastEndOfShareData:          true,
	}, nil
}

// slot returns the slot if it is of the kind; nil if there is none.
func (m *Memory) slot(kind grid.ShareKind, si grid.StorageIndex) (*memorySlot, error) {
	s := m.slots[si]
	if s != nil && s.kind != kind {
		return nil, &grid.UnknownContainerVersionError{Wanted: kind, StorageIndex: si, ShareNum: s.held()[0], Version: "1415669871"}
	}
	return s, nil
}

func (s *memorySlot) held() []grid.ShareNum {
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.shares))
}

// AllocateBuckets begins uploads; see grid.StorageServer.
func (m *Memory) AllocateBuckets(ctx context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets, shares []grid.ShareNum, size int64) (grid.Allocation, error) {
	have, allocated, err := m.AllocateUploads(ctx, si, secrets, secret.UploadSecret{}, shares, size)
	if err != nil {
		return grid.Allocation{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a := grid.Allocation{AlreadyHave: have, Writers: map[grid.ShareNum]grid.BucketWriter{}}
	for _, n := range allocated {
		a.Writers[n] = m.uploads[memoryKey{si, n}]
	}
	return a, nil
}

// AllocateUploads begins uploads; see grid.StorageCore.
func (m *Memory) AllocateUploads(_ context.Context, si grid.StorageIndex, _ grid.LeaseSecrets, upload secret.UploadSecret, shares []grid.ShareNum, size int64) (have, allocated []grid.ShareNum, err error) {
	if size < 0 || slices.ContainsFunc(shares, func(n grid.ShareNum) bool { return !n.Valid() }) {
		return nil, nil, &grid.ArgumentError{Field: "allocation", Reason: "impossible"}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.slot(grid.Immutable, si)
	if err != nil {
		return nil, nil, err
	}
	room := m.setup.Space
	for _, u := range m.uploads {
		room -= u.size
	}
	have = s.held()
	for _, n := range shares {
		key := memoryKey{si, n}
		if slices.Contains(have, n) || m.uploads[key] != nil || size > room || m.setup.ReadOnly {
			continue
		}
		room -= size
		m.uploads[key] = &memoryUpload{core: m, key: key, secret: upload, size: size}
		allocated = append(allocated, n)
	}
	slices.Sort(allocated)
	return have, allocated, nil
}

// FindUpload finds an upload; see grid.StorageCore.
func (m *Memory) FindUpload(_ context.Context, si grid.StorageIndex, n grid.ShareNum, upload secret.UploadSecret) (grid.Upload, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.uploads[memoryKey{si, n}]
	switch {
	case u == nil || u.secret.IsZero():
		return nil, grid.ErrNoUpload
	case !u.secret.Equal(upload):
		return nil, grid.ErrBadUploadSecret
	}
	return u, nil
}

// GetBuckets finds immutable shares; see grid.StorageServer.
func (m *Memory) GetBuckets(_ context.Context, si grid.StorageIndex) (map[grid.ShareNum]grid.BucketReader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.slot(grid.Immutable, si)
	readers := map[grid.ShareNum]grid.BucketReader{}
	for _, n := range s.held() {
		readers[n] = &memoryReader{m, grid.Immutable, memoryKey{si, n}, int64(len(s.shares[n]))}
	}
	return readers, err
}

// ListShares lists shares; see grid.StorageCore.
func (m *Memory) ListShares(_ context.Context, kind grid.ShareKind, si grid.StorageIndex) ([]grid.ShareNum, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if kind == grid.Mutable {
		return m.slots[si].held(), nil
	}
	s, err := m.slot(kind, si)
	return s.held(), err
}

// OpenShare finds one share; see grid.StorageCore.
func (m *Memory) OpenShare(_ context.Context, kind grid.ShareKind, si grid.StorageIndex, n grid.ShareNum) (grid.ShareReader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.slot(kind, si)
	if err != nil {
		return nil, err
	}
	if s == nil || s.shares[n] == nil {
		return nil, grid.ErrNoShare
	}
	return &memoryReader{m, kind, memoryKey{si, n}, int64(len(s.shares[n]))}, nil
}

// AddLease does nothing; see grid.StorageServer.
func (m *Memory) AddLease(context.Context, grid.StorageIndex, grid.LeaseSecrets) error { return nil }

// LeaseShares counts shares; see grid.StorageCore.
func (m *Memory) LeaseShares(_ context.Context, si grid.StorageIndex, _ grid.LeaseSecrets) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.slots[si].held()), nil
}

// AdviseCorruptShare notes a report; see Advice.
func (m *Memory) AdviseCorruptShare(_ context.Context, kind grid.ShareKind, si grid.StorageIndex, n grid.ShareNum, reason string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advice = append(m.advice, fmt.Sprintf("%s %s %d %s", kind, si, n, reason))
	return nil
}

// SlotReadv reads mutable shares; see grid.StorageServer.
func (m *Memory) SlotReadv(_ context.Context, si grid.StorageIndex, shares []grid.ShareNum, vectors []grid.ReadVector) (grid.ReadvData, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.slot(grid.Mutable, si)
	if err != nil {
		return nil, err
	}
	return s.read(shares, vectors)
}

// read reads the shares, all if there are none.
func (s *memorySlot) read(shares []grid.ShareNum, vectors []grid.ReadVector) (grid.ReadvData, error) {
	data, left := grid.ReadvData{}, maxReadv
	for _, n := range s.held() {
		if len(shares) > 0 && !slices.Contains(shares, n) {
			continue
		}
		data[n] = make([][]byte, 0, len(vectors))
		for _, v := range vectors {
			if v.Offset < 0 || v.Length < 0 {
				return nil, &grid.ArgumentError{Field: "read vector", Reason: "negative"}
			}
			part := cut(s.shares[n], v.Offset, v.Length)
			if left -= len(part); left < 0 {
				return nil, &grid.ReadTooLargeError{MaxSize: maxReadv}
			}
			data[n] = append(data[n], append([]byte{}, part...))
		}
	}
	for _, v := range vectors { // also where there is nothing to read
		if v.Offset < 0 || v.Length < 0 {
			return nil, &grid.ArgumentError{Field: "read vector", Reason: "negative"}
		}
	}
	return data, nil
}

// cut returns a range of data.
func cut(data []byte, offset, length int64) []byte {
	begin := min(offset, int64(len(data)))
	return data[begin:min(begin+min(length, math.MaxInt64-begin), int64(len(data)))]
}

// SlotTestvAndReadvAndWritev changes mutable shares; see grid.StorageServer.
func (m *Memory) SlotTestvAndReadvAndWritev(_ context.Context, si grid.StorageIndex, secrets grid.SlotSecrets, writes map[grid.ShareNum]grid.SlotWrite, reads []grid.ReadVector) (result grid.TestvResult, err error) {
	if err := checkWrites(writes); err != nil {
		return result, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.slot(grid.Mutable, si)
	if err != nil {
		return result, err
	}
	if s == nil {
		s = &memorySlot{kind: grid.Mutable, enabler: secrets.WriteEnabler}
	}
	if !s.enabler.Equal(secrets.WriteEnabler) {
		return result, &grid.BadWriteEnablerError{NodeID: m.setup.NodeID}
	}
	if result.Data, err = s.read(nil, reads); err != nil {
		return grid.TestvResult{}, err
	}
	result.Passed = s.test(writes)
	if result.Passed {
		m.put(si, s, writes)
	}
	return result, nil
}

// put does writes. A slot without shares is forgotten with its write enabler.
func (m *Memory) put(si grid.StorageIndex, s *memorySlot, writes map[grid.ShareNum]grid.SlotWrite) {
	if s.shares == nil {
		s.shares = map[grid.ShareNum][]byte{}
	}
	for n, w := range writes {
		s.write(n, w)
	}
	delete(m.slots, si)
	if len(s.shares) > 0 {
		m.slots[si] = s
	}
}

func checkWrites(writes map[grid.ShareNum]grid.SlotWrite) error {
	for n, w := range writes {
		bad := !n.Valid() || w.NewLength != nil && *w.NewLength < 0
		for _, t := range w.Tests {
			bad = bad || t.Offset < 0 || t.Length < 0
		}
		for _, v := range w.Writes {
			bad = bad || v.Offset < 0
			if v.Offset > maxMutable-int64(len(v.Data)) {
				return &grid.DataTooLargeError{MaxSize: maxMutable, Offset: v.Offset, Length: int64(len(v.Data))}
			}
		}
		if bad {
			return &grid.ArgumentError{Field: fmt.Sprint("write to share ", n), Reason: "impossible"}
		}
	}
	return nil
}

func (s *memorySlot) test(writes map[grid.ShareNum]grid.SlotWrite) bool {
	for n, w := range writes {
		for _, t := range w.Tests {
			if !bytes.Equal(cut(s.shares[n], t.Offset, t.Length), t.Specimen) {
				return false
			}
		}
	}
	return true
}

func (s *memorySlot) write(n grid.ShareNum, w grid.SlotWrite) {
	data := append([]byte{}, s.shares[n]...)
	for _, v := range w.Writes {
		end := v.Offset + int64(len(v.Data))
		data = append(data, make([]byte, max(0, end-int64(len(data))))...)
		copy(data[v.Offset:], v.Data)
	}
	if w.NewLength != nil {
		data = data[:min(*w.NewLength, int64(len(data)))]
	}
	s.shares[n] = slices.Clip(data) // what was cut off is not seen again
	if w.NewLength != nil && *w.NewLength == 0 {
		delete(s.shares, n)
	}
}

// memoryReader is a grid.ShareReader.
type memoryReader struct {
	core *Memory
	kind grid.ShareKind
	key  memoryKey
	size int64
}

func (r *memoryReader) Size() int64 { return r.size }

func (r *memoryReader) Read(_ context.Context, p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, &grid.ArgumentError{Field: "offset", Reason: "negative"}
	}
	r.core.mu.Lock()
	defer r.core.mu.Unlock()
	s := r.core.slots[r.key.si]
	if s == nil || s.shares[r.key.n] == nil {
		return 0, grid.ErrNoShare
	}
	return copy(p, cut(s.shares[r.key.n], offset, int64(len(p)))), nil
}

func (r *memoryReader) AdviseCorruptShare(ctx context.Context, reason string) error {
	return r.core.AdviseCorruptShare(ctx, r.kind, r.key.si, r.key.n, reason)
}
