package storagehttp

import (
	"context"
	"net/http"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// lease serves PUT lease/SI.
func (h *Handler) lease(c *call) error {
	count, err := h.core.LeaseShares(c.ctx(), c.at.si, c.secrets.lease())
	if err != nil {
		return err
	}
	if count == 0 {
		return grid.ErrNoShare
	}
	c.send(http.StatusNoContent, nil, nil)
	return nil
}

func (s requestSecrets) lease() grid.LeaseSecrets {
	return grid.LeaseSecrets{Renewal: s.renew, Cancel: s.cancel}
}

// AddLease implements grid.StorageServer. As in 1.20, 404 is no error: the
// server has no share (storage_client.py _HTTPStorageServer.add_lease).
func (c *Client) AddLease(ctx context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets) error {
	q := &request{
		method: http.MethodPut, at: place{end: endLease, si: si},
		secrets: requestSecrets{renew: secrets.Renewal, cancel: secrets.Cancel},
	}
	_, _, err := c.small(ctx, q, 0)
	if hasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}
