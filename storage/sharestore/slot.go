package sharestore

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
)

// SlotReadv reads mutable shares; see grid.StorageServer.
func (s *Store) SlotReadv(_ context.Context, si grid.StorageIndex, shares []grid.ShareNum, vectors []grid.ReadVector) (grid.ReadvData, error) {
	defer s.observe("readv", time.Now())
	if err := checkReads(vectors); err != nil {
		return nil, err
	}
	lock := s.locks.of(si)
	lock.RLock()
	defer lock.RUnlock()
	held, err := s.list(si)
	if err != nil {
		return nil, err
	}
	if len(shares) > 0 {
		held = slices.DeleteFunc(held, func(n grid.ShareNum) bool { return !slices.Contains(shares, n) })
	}
	return s.readSlot(si, held, vectors)
}

func checkReads(vectors []grid.ReadVector) error {
	for _, v := range vectors {
		if v.Offset < 0 || v.Length < 0 {
			return &grid.ArgumentError{Field: "read vector", Reason: fmt.Sprintf("%d bytes at offset %d", v.Length, v.Offset)}
		}
	}
	return nil
}

// readSlot reads the same vectors of several shares. The lock is held.
func (s *Store) readSlot(si grid.StorageIndex, shares []grid.ShareNum, vectors []grid.ReadVector) (grid.ReadvData, error) {
	data := make(grid.ReadvData, len(shares))
	left := int64(MaxReadvSize)
	for _, n := range shares {
		err := s.withMutable(shareKey{si, n}, func(c *sharecontainer.Mutable) (err error) {
			data[n], err = readVectors(c, vectors, &left)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}

// withMutable calls f with a mutable share. The lock is held.
func (s *Store) withMutable(key shareKey, f func(*sharecontainer.Mutable) error) error {
	file, err := s.openLocked(grid.Mutable, key)
	if err != nil {
		return err
	}
	defer s.files.release(file)
	return translate(f(file.share.mutable))
}

// readVectors reads, and counts the bytes off left.
func readVectors(c *sharecontainer.Mutable, vectors []grid.ReadVector, left *int64) ([][]byte, error) {
	section := c.Data()
	read := make([][]byte, len(vectors))
	for i, v := range vectors {
		size := max(min(v.Length, section.Size()-v.Offset), 0)
		if *left -= size; *left < 0 {
			return nil, &grid.ReadTooLargeError{MaxSize: MaxReadvSize}
		}
		read[i] = make([]byte, size)
		if size == 0 {
			continue
		}
		n, err := readUpTo(section, read[i], v.Offset)
		if err != nil {
			return nil, fmt.Errorf("read share: %w", err)
		}
		read[i] = read[i][:n]
	}
	return read, nil
}

// SlotTestvAndReadvAndWritev tests, reads and changes mutable shares; see
// grid.StorageServer.
func (s *Store) SlotTestvAndReadvAndWritev(_ context.Context, si grid.StorageIndex, secrets grid.SlotSecrets, writes map[grid.ShareNum]grid.SlotWrite, reads []grid.ReadVector) (grid.TestvResult, error) {
	defer s.observe("writev", time.Now())
	call := &slotCall{store: s, si: si, secrets: secrets, writes: writes}
	if err := call.check(reads); err != nil {
		return grid.TestvResult{}, err
	}
	lock := s.locks.of(si)
	lock.Lock()
	defer lock.Unlock()
	return call.run(reads)
}

// slotCall is one call of SlotTestvAndReadvAndWritev.
type slotCall struct {
	store   *Store
	si      grid.StorageIndex
	secrets grid.SlotSecrets
	writes  map[grid.ShareNum]grid.SlotWrite
	lease   sharecontainer.NewLease
	held    []grid.ShareNum
}

// check refuses what makes no sense, and makes the lease.
func (c *slotCall) check(reads []grid.ReadVector) (err error) {
	if c.secrets.WriteEnabler.IsZero() {
		return &grid.ArgumentError{Field: "write enabler", Reason: "missing"}
	}
	if c.lease, err = c.store.newLease(c.secrets.Lease, leaseOwner); err != nil {
		return err
	}
	for n, w := range c.writes {
		if err := checkWrite(n, w); err != nil {
			return err
		}
	}
	return checkReads(reads)
}

func checkWrite(n grid.ShareNum, w grid.SlotWrite) error {
	if !n.Valid() {
		return &grid.ArgumentError{Field: "share number", Reason: fmt.Sprintf("%d, must be from 0 to %d", n, grid.MaxShares-1)}
	}
	for _, v := range w.Tests {
		if v.Offset < 0 || v.Length < 0 {
			return &grid.ArgumentError{Field: "test vector", Reason: fmt.Sprintf("%d bytes at offset %d", v.Length, v.Offset)}
		}
	}
	for _, v := range w.Writes {
		if v.Offset < 0 {
			return &grid.ArgumentError{Field: "write vector", Reason: fmt.Sprintf("negative offset %d", v.Offset)}
		}
	}
	if w.NewLength != nil && *w.NewLength < 0 {
		return &grid.ArgumentError{Field: "new length", Reason: fmt.Sprintf("negative: %d", *w.NewLength)}
	}
	return nil
}

// run does the call. The lock is held.
func (c *slotCall) run(reads []grid.ReadVector) (result grid.TestvResult, err error) {
	if c.held, err = c.store.list(c.si); err != nil {
		return result, err
	}
	for _, n := range c.held {
		err := c.store.withMutable(shareKey{c.si, n}, func(m *sharecontainer.Mutable) error {
			return m.CheckWriteEnabler(c.secrets.WriteEnabler)
		})
		if err != nil {
			return result, err
		}
	}
	passed, err := c.test()
	if err != nil {
		return result, err
	}
	data, err := c.store.readSlot(c.si, c.held, reads)
	if err == nil && passed {
		err = c.write()
	}
	if err != nil {
		return result, err
	}
	return grid.TestvResult{Passed: passed, Data: data}, nil
}

func (c *slotCall) holds(n grid.ShareNum) bool { return contains(c.held, n) }

// test evaluates the test vectors of all named shares.
func (c *slotCall) test() (bool, error) {
	for n, w := range c.writes {
		passed, err := c.testOne(n, w.Tests)
		if !passed || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (c *slotCall) testOne(n grid.ShareNum, tests []grid.TestVector) (passed bool, err error) {
	if !c.holds(n) { // it reads as empty, and so equals an empty specimen
		return !slices.ContainsFunc(tests, func(t grid.TestVector) bool { return len(t.Specimen) > 0 }), nil
	}
	vectors := make([]sharecontainer.TestVector, len(tests))
	for i, t := range tests {
		vectors[i] = sharecontainer.TestVector{
			Offset: t.Offset, Length: t.Length, Operator: sharecontainer.OperatorEqual, Specimen: t.Specimen,
		}
	}
	err = c.store.withMutable(shareKey{c.si, n}, func(m *sharecontainer.Mutable) error {
		passed, err = m.Test(vectors)
		return err
	})
	return passed, err
}

// write carries out the write vectors: it plans everything, then writes new
// files beside the old ones, and only then puts them into place.
func (c *slotCall) write() error {
	r := &replacement{store: c.store, si: c.si}
	defer r.release()
	available, err := c.store.Available()
	if err != nil {
		return err
	}
	numbers := make([]grid.ShareNum, 0, len(c.writes))
	for n := range c.writes {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		if err := c.planOne(r, n, available); err != nil {
			return translate(err)
		}
	}
	return r.run()
}

// planOne adds the change of one share to a replacement.
func (c *slotCall) planOne(r *replacement, n grid.ShareNum, available int64) error {
	w := c.writes[n]
	if w.NewLength != nil && *w.NewLength == 0 {
		if c.holds(n) {
			r.remove(n)
		}
		return nil
	}
	old, update, err := c.update(n)
	if err != nil {
		return err
	}
	r.hold(old)
	if err := update.Write(writeVectors(w.Writes)); err != nil {
		return err
	}
	if w.NewLength != nil {
		if err := update.Truncate(*w.NewLength); err != nil {
			return err
		}
	}
	if err := update.AddOrRenewLease(available, c.lease); err != nil {
		return err
	}
	r.change(n, old, update.Plan())
	return nil
}

// update begins to change a share, which is created if it is not held: old is
// nil then.
func (c *slotCall) update(n grid.ShareNum) (old *openFile, update *sharecontainer.MutableUpdate, err error) {
	if !c.holds(n) {
		return nil, sharecontainer.CreateMutable(c.store.cfg.NodeID, c.secrets.WriteEnabler), nil
	}
	old, err = c.store.openLocked(grid.Mutable, shareKey{c.si, n})
	if err != nil {
		return nil, nil, err
	}
	update, err = old.share.mutable.Update()
	if err != nil {
		c.store.files.release(old)
		return nil, nil, err
	}
	return old, update, nil
}

func writeVectors(vectors []grid.WriteVector) []sharecontainer.WriteVector {
	converted := make([]sharecontainer.WriteVector, len(vectors))
	for i, v := range vectors {
		converted[i] = sharecontainer.WriteVector(v)
	}
	return converted
}

// growth adds sizes without running over: a client may write one byte at 2^60.
func growth(sum, more int64) int64 {
	if more > 0 && sum > math.MaxInt64-more {
		return math.MaxInt64
	}
	return sum + more
}
