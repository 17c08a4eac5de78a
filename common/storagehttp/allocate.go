package storagehttp

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// allocate serves POST immutable/SI. The upload secret is for the uploads that
// it begins; those of others in progress go on with theirs.
func (h *Handler) allocate(c *call) error {
	body, free, err := h.body(c, MaxAllocateSize)
	defer free()
	if err != nil {
		return err
	}
	shares, size, err := parseAllocate(body)
	if err != nil {
		return badBody(err)
	}
	have, allocated, err := h.core.AllocateUploads(c.ctx(), c.at.si, c.secrets.lease(), c.secrets.upload, shares, size)
	if err != nil {
		return err
	}
	return c.cbor(http.StatusOK, appendAllocated(nil, have, allocated))
}

// appendAllocate appends {"share-numbers": set, "allocated-size": uint}.
func appendAllocate(dst []byte, shares []grid.ShareNum, size int64) []byte {
	dst = appendHead(dst, majorMap, 2)
	dst = appendShareSet(appendText(dst, "share-numbers"), shares)
	return appendEntry(dst, "allocated-size", size)
}

func parseAllocate(body []byte) (shares []grid.ShareNum, size int64, err error) {
	var m struct {
		Shares shareSet `cbor:"share-numbers"`
		Size   number   `cbor:"allocated-size"`
	}
	if err := decodeTags.Unmarshal(body, &m); err != nil {
		return nil, 0, err
	}
	if err := missing("share-numbers", m.Shares.present); err != nil {
		return nil, 0, err
	}
	return m.Shares.shares, m.Size.position(), missing("allocated-size", m.Size.present)
}

// appendAllocated appends {"already-have": set, "allocated": set}.
func appendAllocated(dst []byte, have, allocated []grid.ShareNum) []byte {
	dst = appendHead(dst, majorMap, 2)
	dst = appendShareSet(appendText(dst, "already-have"), have)
	return appendShareSet(appendText(dst, "allocated"), allocated)
}

func parseAllocated(body []byte) (have, allocated []grid.ShareNum, err error) {
	var m struct {
		Have      shareSet `cbor:"already-have"`
		Allocated shareSet `cbor:"allocated"`
	}
	if err := decodeTags.Unmarshal(body, &m); err != nil {
		return nil, nil, err
	}
	if err := missing("already-have", m.Have.present); err != nil {
		return nil, nil, err
	}
	return m.Have.shares, m.Allocated.shares, missing("allocated", m.Allocated.present)
}

// AllocateBuckets implements grid.StorageServer. A mutable slot, and no space
// for another lease, are a *StatusError.
func (c *Client) AllocateBuckets(ctx context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets, shares []grid.ShareNum, size int64) (grid.Allocation, error) {
	asked, err := checkAllocate(shares, size)
	if err != nil {
		return grid.Allocation{}, err
	}
	upload, err := c.uploadSecret()
	if err != nil {
		return grid.Allocation{}, err
	}
	q := &request{
		method: http.MethodPost, at: place{end: endAllocate, kind: grid.Immutable, si: si},
		secrets: requestSecrets{renew: secrets.Renewal, cancel: secrets.Cancel, upload: upload},
		body:    appendAllocate(nil, asked, size), cbor: true,
	}
	_, body, err := c.small(ctx, q, maxSmallAnswer)
	if err != nil {
		return grid.Allocation{}, err
	}
	have, allocated, err := parseAllocated(body)
	if err != nil {
		return grid.Allocation{}, q.broken(err.Error())
	}
	writers := make(map[grid.ShareNum]grid.BucketWriter, len(allocated))
	for _, n := range allocated {
		if _, found := slices.BinarySearch(asked, n); !found {
			return grid.Allocation{}, q.broken(fmt.Sprintf("share %d is allocated, which was not asked for", n))
		}
		writers[n] = newWriter(c, si, n, upload, size)
	}
	return grid.Allocation{AlreadyHave: have, Writers: writers}, nil
}

// checkAllocate returns the shares ascending, each once.
func checkAllocate(shares []grid.ShareNum, size int64) ([]grid.ShareNum, error) {
	if size < 0 {
		return nil, &grid.ArgumentError{Field: "size", Reason: "is negative"}
	}
	for _, n := range shares {
		if err := checkShareNum(n); err != nil {
			return nil, err
		}
	}
	shares = slices.Clone(shares)
	slices.Sort(shares)
	return slices.Compact(shares), nil
}

func checkShareNum(n grid.ShareNum) error {
	if !n.Valid() {
		return &grid.ArgumentError{Field: "share number", Reason: fmt.Sprintf("%d is not from 0 to %d", n, grid.MaxShares-1)}
	}
	return nil
}
