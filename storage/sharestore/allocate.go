package sharestore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
)

// AllocateBuckets prepares to store immutable shares; see grid.StorageServer.
func (s *Store) AllocateBuckets(_ context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets, shares []grid.ShareNum, size int64) (grid.Allocation, error) {
	alreadyHave, uploads, err := s.allocate(si, secrets, secret.UploadSecret{}, shares, size)
	if err != nil {
		return grid.Allocation{}, err
	}
	writers := make(map[grid.ShareNum]grid.BucketWriter, len(uploads))
	for _, u := range uploads {
		writers[u.key.n] = u
	}
	return grid.Allocation{AlreadyHave: alreadyHave, Writers: writers}, nil
}

// AllocateUploads prepares to store immutable shares; see grid.StorageCore.
func (s *Store) AllocateUploads(_ context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets, upload secret.UploadSecret, shares []grid.ShareNum, size int64) (alreadyHave, allocated []grid.ShareNum, err error) {
	if upload.IsZero() || upload.Len() == 0 {
		return nil, nil, &grid.ArgumentError{Field: "upload secret", Reason: "empty"}
	}
	alreadyHave, uploads, err := s.allocate(si, secrets, upload, shares, size)
	if err != nil {
		return nil, nil, err
	}
	for _, u := range uploads {
		allocated = append(allocated, u.key.n)
	}
	slices.Sort(allocated)
	return alreadyHave, allocated, nil
}

func (s *Store) allocate(si grid.StorageIndex, secrets grid.LeaseSecrets, upload secret.UploadSecret, shares []grid.ShareNum, size int64) ([]grid.ShareNum, []*upload, error) {
	defer s.observe("allocate", time.Now())
	if err := checkAllocation(shares, size); err != nil {
		return nil, nil, err
	}
	lease, err := s.newLease(secrets, 0)
	if err != nil {
		return nil, nil, err
	}
	lock := s.locks.of(si)
	lock.Lock()
	defer lock.Unlock()
	held, err := s.list(si)
	if err != nil {
		return nil, nil, err
	}
	if err := s.leaseHeld(si, held, lease, grid.Immutable); err != nil {
		return nil, nil, err
	}
	uploads, err := s.begin(si, without(shares, held), size, lease, upload)
	return held, uploads, err
}

// checkAllocation refuses what no server takes. Sizes beyond any disk are not
// refused: they do not fit.
func checkAllocation(shares []grid.ShareNum, size int64) error {
	if size < 0 {
		return &grid.ArgumentError{Field: "allocated size", Reason: fmt.Sprintf("negative: %d", size)}
	}
	for _, n := range shares {
		if !n.Valid() {
			return &grid.ArgumentError{Field: "share number", Reason: fmt.Sprintf("%d, must be from 0 to %d", n, grid.MaxShares-1)}
		}
	}
	return nil
}

// without returns the numbers that are not in held, each once, in order.
func without(shares, held []grid.ShareNum) []grid.ShareNum {
	wanted := slices.Clone(shares)
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	return slices.DeleteFunc(wanted, func(n grid.ShareNum) bool {
		_, found := slices.BinarySearch(held, n)
		return found
	})
}

// begin starts an upload of each share for which there is space. After an
// error nothing is left of them. Nobody can use one before all are begun: their
// mutexes are held until then, and taken before anybody could find them.
func (s *Store) begin(si grid.StorageIndex, shares []grid.ShareNum, size int64, lease sharecontainer.NewLease, secret secret.UploadSecret) (begun []*upload, err error) {
	available, err := s.Available()
	if err != nil || size > sharecontainer.MaxImmutableDataSize {
		return nil, err
	}
	defer func() {
		for _, u := range begun {
			u.mu.Unlock()
		}
		if err != nil {
			begun = nil
		}
	}()
	for _, n := range shares {
		u := newUpload(s, shareKey{si, n}, size, secret)
		u.mu.Lock()
		if !s.uploads.reserve(u, available) {
			continue
		}
		begun = append(begun, u)
		if err := u.create(lease); err != nil {
			for _, u := range begun {
				u.drop()
			}
			return begun, fmt.Errorf("begin upload: %w", diskError(err))
		}
	}
	return begun, nil
}

// list returns the numbers of all shares of a storage index, ascending. The
// lock is held.
func (s *Store) list(si grid.StorageIndex) ([]grid.ShareNum, error) {
	names, err := s.cfg.FS.ReadDir(bucketDir(si))
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list shares: %w", err)
	}
	var shares []grid.ShareNum
	for _, name := range names {
		if n, ok := sharecontainer.ParseShareName(name); ok {
			shares = append(shares, n)
		}
	}
	slices.Sort(shares)
	return shares, nil
}
