package storagerpc

import (
	"context"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

func serveLease(s *session, ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	a := r.Args("storage_index", "renew_secret", "cancel_secret")
	si := storageIndex(a, 0)
	secrets := leaseSecrets(a.Bytes(1, secretSize, secretSize), a.Bytes(2, secretSize, secretSize))
	if a.Err() != nil {
		return nil, a.Err()
	}
	defer s.inOrder(r, si)()
	return nil, s.server.core.AddLease(ctx, si, secrets)
}

// AddLease renews or adds a lease; see grid.StorageServer.
func (c *Client) AddLease(ctx context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets) error {
	renewal, cancel, err := secretValues(secrets)
	if err != nil {
		return err
	}
	return call(ctx, c.ref, noneOf, "add_lease", banana.Bytes(si[:]), renewal, cancel)
}
