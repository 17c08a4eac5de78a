package sharestore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
)

// Owner numbers that 1.20 writes into leases.
const (
	allocateOwner = 0 // server.py allocate_buckets
	leaseOwner    = 1 // server.py add_lease, _make_lease_info
)

// newLease is a lease that is made or renewed now. While the clock shows a time
// before this program was built, it is taken for that: else the lease would
// look expired as soon as the clock is right.
func (s *Store) newLease(secrets grid.LeaseSecrets, owner uint32) (sharecontainer.NewLease, error) {
	if secrets.Renewal.IsZero() || secrets.Cancel.IsZero() {
		return sharecontainer.NewLease{}, &grid.ArgumentError{Field: "lease secrets", Reason: "missing"}
	}
	now := s.cfg.Now()
	if now.Before(s.cfg.BuildDate) {
		now = s.cfg.BuildDate
	}
	expires, err := sharecontainer.NewExpiry(now)
	if err != nil {
		return sharecontainer.NewLease{}, fmt.Errorf("the clock of this server is wrong: %w", err)
	}
	return sharecontainer.NewLease{
		OwnerNum: owner, RenewalSecret: secrets.Renewal, CancelSecret: secrets.Cancel,
		Expires: expires, NodeID: s.cfg.NodeID,
	}, nil
}

// AddLease renews or adds a lease on every share; see grid.StorageServer.
func (s *Store) AddLease(ctx context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets) error {
	_, err := s.LeaseShares(ctx, si, secrets)
	return err
}

// LeaseShares is AddLease and counts the shares; see grid.StorageCore.
func (s *Store) LeaseShares(_ context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets) (int, error) {
	defer s.observe("add-lease", time.Now())
	lease, err := s.newLease(secrets, leaseOwner)
	if err != nil {
		return 0, err
	}
	lock := s.locks.of(si)
	lock.Lock()
	defer lock.Unlock()
	held, err := s.list(si)
	if err != nil {
		return 0, err
	}
	return len(held), s.leaseHeld(si, held, lease, 0)
}

// leaseHeld puts a lease on shares of the kind wanted, 0 being any. The lock is
// held. 1.20 passes over what is no share file at all if any kind will do
// (server.py _iter_share_files).
func (s *Store) leaseHeld(si grid.StorageIndex, held []grid.ShareNum, lease sharecontainer.NewLease, wanted grid.ShareKind) error {
	for _, n := range held {
		err := s.leaseOne(shareKey{si, n}, lease, wanted)
		if wanted == 0 && errors.Is(err, sharecontainer.ErrNotShare) {
			continue
		}
		if err != nil {
			return fmt.Errorf("add lease: %w", translate(err))
		}
	}
	return nil
}

func (s *Store) leaseOne(key shareKey, lease sharecontainer.NewLease, wanted grid.ShareKind) (err error) {
	f, err := s.cfg.FS.Edit(shareFile(bucketDir(key.si), key.n))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sh, err := readShare(f)
	if wanted == grid.Immutable && (sh.mutable != nil || errors.Is(err, sharecontainer.ErrNotShare)) {
		return unknownVersion(wanted, key, versionOf(f, wanted))
	}
	if err != nil {
		return err
	}
	available, err := s.Available()
	if err != nil {
		return err
	}
	plan, renewal, err := planLease(sh, available, lease)
	if err != nil || plan.IsEmpty() {
		return err
	}
	err = changeLeases(f, plan, renewal)
	s.files.drop(fileKey{key, false}) // what is cached knows the old size
	if err != nil {
		return diskError(err)
	}
	return s.noteFile(key, f)
}

// planLease plans to renew or add a lease, and says which.
func planLease(sh share, available int64, lease sharecontainer.NewLease) (plan sharecontainer.Plan, renewal bool, err error) {
	if sh.immutable != nil {
		plan, err = sh.immutable.AddOrRenewLease(available, lease)
		return plan, plan.NewSize == plan.OldSize, err
	}
	update, err := sh.mutable.Update()
	if err != nil {
		return plan, false, err
	}
	before := update.NumLeases()
	if err := update.AddOrRenewLease(available, lease); err != nil {
		return plan, false, err
	}
	return update.Plan(), update.NumLeases() == before, nil
}

// changeLeases writes a plan that changes leases only, in place: a copy of the
// file would cost as much as storing the share again. A power cut must not move
// the end of the share data, which follows from the size of the file and the
// number of leases; so the new lease is made durable before the number that
// counts it. What is left if the power goes in between openImmutable knows.
//
// A renewal changes four bytes and is not synced: the kernel writes it within
// half a minute, and if it is lost the lease ends when it would have without
// it. A client that renews the leases of a whole grid is spared one sync per
// share by that.
func changeLeases(f sharefs.File, plan sharecontainer.Plan, renewal bool) error {
	edits := slices.Clone(plan.Edits)
	slices.SortStableFunc(edits, func(a, b sharecontainer.Edit) int { return cmp.Compare(b.Offset, a.Offset) })
	for _, e := range edits {
		if _, err := f.WriteAt(e.Data, e.Offset); err != nil {
			return err
		}
		if renewal {
			continue
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// noteFile tells the index about a share file.
func (s *Store) noteFile(key shareKey, f sharefs.File) error {
	info, err := infoOf(key.n, f)
	if err != nil {
		return err
	}
	s.index.change(key.si, func(b bucketInfo) bucketInfo { return b.with(info) })
	return nil
}

// infoOf reads what the index should know of a share.
func infoOf(n grid.ShareNum, f sharefs.File) (shareInfo, error) {
	sh, err := readShare(f)
	if err != nil {
		return shareInfo{}, err
	}
	info := shareInfo{n: n, kind: sh.kind(), size: sh.fileSize}
	for lease, err := range sh.leases() {
		if err != nil {
			return shareInfo{}, err
		}
		if info.numLeases == 0 || lease.Expires < info.earliest {
			info.earliest = lease.Expires
		}
		info.latest = max(info.latest, lease.Expires)
		info.numLeases++
	}
	return info, nil
}
