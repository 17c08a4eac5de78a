package storagerpc

import (
	"context"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

func serveBuckets(s *session, ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	a := r.Args("storage_index")
	si := storageIndex(a, 0)
	if a.Err() != nil {
		return nil, a.Err()
	}
	defer s.inOrder(r, si)()
	shares, err := s.server.core.ListShares(ctx, grid.Immutable, si)
	if err != nil {
		return nil, err
	}
	d := banana.NewDict()
	for _, n := range shares {
		reader := foolscap.Object{Referenceable: &bucketReader{session: s, si: si, n: n}}
		d.Pairs = append(d.Pairs, banana.Pair{Key: banana.Int(n), Value: reader})
	}
	return d, nil
}

// GetBuckets finds immutable shares; see grid.StorageServer.
func (c *Client) GetBuckets(ctx context.Context, si grid.StorageIndex) (map[grid.ShareNum]grid.BucketReader, error) {
	var readers map[grid.ShareNum]grid.BucketReader
	err := call(ctx, c.ref, func(v banana.Value) error {
		refs, err := references(v, interfaceReader)
		if err != nil {
			return err
		}
		readers = make(map[grid.ShareNum]grid.BucketReader, len(refs))
		for n, ref := range refs {
			readers[n] = newRemoteReader(ref)
		}
		return nil
	}, "get_buckets", banana.Bytes(si[:]))
	return readers, err
}
