package storagehttp

import (
	"context"
	"net/http"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// shares serves GET KIND/SI/shares: a set.
func (h *Handler) shares(c *call) error {
	shares, err := h.core.ListShares(c.ctx(), c.at.kind, c.at.si)
	if err != nil {
		return err
	}
	return c.cbor(http.StatusOK, appendShareSet(nil, shares))
}

// listShares asks for the shares of a kind, ascending.
func (c *Client) listShares(ctx context.Context, kind grid.ShareKind, si grid.StorageIndex) ([]grid.ShareNum, error) {
	q := &request{method: http.MethodGet, at: place{end: endShares, kind: kind, si: si}}
	_, body, err := c.small(ctx, q, maxSmallAnswer)
	if err != nil {
		return nil, err
	}
	shares, err := parseShareSet(body)
	if err != nil {
		return nil, q.broken(err.Error())
	}
	return shares, nil
}

// GetBuckets implements grid.StorageServer. A mutable slot is a *StatusError.
func (c *Client) GetBuckets(ctx context.Context, si grid.StorageIndex) (map[grid.ShareNum]grid.BucketReader, error) {
	shares, err := c.listShares(ctx, grid.Immutable, si)
	if err != nil {
		return nil, err
	}
	buckets := make(map[grid.ShareNum]grid.BucketReader, len(shares))
	for _, n := range shares {
		buckets[n] = &reader{client: c, at: place{end: endShare, kind: grid.Immutable, si: si, n: n}}
	}
	return buckets, nil
}
