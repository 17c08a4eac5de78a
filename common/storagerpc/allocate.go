package storagerpc

import (
	"context"
	"maps"
	"slices"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

func serveAllocate(s *session, ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	a := r.Args("storage_index", "renew_secret", "cancel_secret", "sharenums", "allocated_size", "canary")
	si := storageIndex(a, 0)
	secrets := leaseSecrets(a.Bytes(1, secretSize, secretSize), a.Bytes(2, secretSize, secretSize))
	shares, err := shareNums(a.Set(3, MaxBuckets), shareNum)
	if err != nil {
		a.Fail(err)
	}
	size := argument(a, 4, offsetSize)
	// The canary is an object of the caller's, so it is lost when the
	// connection is, of which the session knows.
	a.Reference(5, "")
	if a.Err() != nil {
		return nil, a.Err()
	}
	defer s.inOrder(r, si)()
	// Beyond the room of the connection shares are left out, as those are that
	// do not fit. It is exact only if none asked for is held; near the limit
	// that does not matter.
	shares = shares[:min(len(shares), s.room())]
	allocated, err := s.server.core.AllocateBuckets(ctx, si, secrets, shares, size)
	if err != nil {
		return nil, err
	}
	return banana.NewTuple(banana.NewSet(shareValues(allocated.AlreadyHave)...), s.writerValues(si, allocated.Writers)), nil
}

// writerValues makes remote objects of writers, which then end with the session.
func (s *session) writerValues(si grid.StorageIndex, writers map[grid.ShareNum]grid.BucketWriter) *banana.Dict {
	d := banana.NewDict()
	for _, n := range slices.Sorted(maps.Keys(writers)) {
		w := &bucketWriter{session: s, si: si, core: writers[n]}
		if !s.add(w) {
			w.drop() // nobody will see the answer either
		}
		d.Pairs = append(d.Pairs, banana.Pair{Key: banana.Int(n), Value: foolscap.Object{Referenceable: w}})
	}
	return d
}

// AllocateBuckets prepares to store shares; see grid.StorageServer. Each writer
// is to be closed or aborted.
func (c *Client) AllocateBuckets(ctx context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets, shares []grid.ShareNum, size int64) (grid.Allocation, error) {
	renewal, cancel, err := secretValues(secrets)
	if err == nil {
		err = checkRange("allocated size", 0, size)
	}
	if err == nil {
		err = checkShares(shares)
	}
	if err != nil {
		return grid.Allocation{}, err
	}
	wanted := slices.Compact(slices.Sorted(slices.Values(shares)))
	var allocated grid.Allocation
	err = call(ctx, c.ref, func(v banana.Value) (err error) {
		allocated, err = parseAllocation(v, wanted)
		return err
	}, "allocate_buckets", banana.Bytes(si[:]), renewal, cancel, banana.NewSet(shareValues(wanted)...), banana.Int(size), c.canary)
	return allocated, err
}

// parseAllocation reads (tuple (set already_have) (dict shnum RIBucketWriter)).
func parseAllocation(v banana.Value, wanted []grid.ShareNum) (a grid.Allocation, err error) {
	t, err := foolscap.AsTuple(v, 2)
	if err != nil {
		return a, err
	}
	have, err := foolscap.AsSet(t[0], MaxBuckets)
	if err != nil {
		return a, err
	}
	refs, err := references(t[1], interfaceWriter)
	if err != nil {
		return a, err
	}
	if a.AlreadyHave, err = shareNums(have, heldShare); err != nil {
		return grid.Allocation{}, err
	}
	slices.Sort(a.AlreadyHave)
	a.Writers = make(map[grid.ShareNum]grid.BucketWriter, len(refs))
	for n := range refs {
		if _, asked := slices.BinarySearch(wanted, n); !asked {
			return grid.Allocation{}, banana.Violationf("a writer for share %d, which was not asked for", n)
		}
	}
	for n, ref := range refs {
		a.Writers[n] = newRemoteWriter(ref)
	}
	return a, nil
}

// references reads (dict shnum my-reference). They are released with the answer.
func references(v banana.Value, name string) (map[grid.ShareNum]*foolscap.Reference, error) {
	d, err := foolscap.AsDict(v, MaxBuckets)
	if err != nil {
		return nil, err
	}
	refs := make(map[grid.ShareNum]*foolscap.Reference, len(d.Pairs))
	for _, p := range d.Pairs {
		n, err := heldShare(p.Key)
		if err != nil {
			return nil, err
		}
		if refs[n], err = foolscap.AsReference(p.Value, name); err != nil {
			return nil, err
		}
	}
	return refs, nil
}
