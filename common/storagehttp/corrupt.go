package storagehttp

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Sizes of reasons in bytes.
const (
	maxReason = 32765 // by the schema of 1.20
	// maxSentReason leaves room for the rest of a body of MaxCorruptSize bytes,
	// which maxReason does not.
	maxSentReason = MaxCorruptSize - 11
)

// corrupt serves POST KIND/SI/N/corrupt. As in 1.20, mutable shares are not
// opened for it.
func (h *Handler) corrupt(c *call) error {
	if err := h.holds(c); err != nil {
		return err
	}
	body, free, err := h.body(c, MaxCorruptSize)
	defer free()
	if err != nil {
		return err
	}
	reason, err := parseCorrupt(body)
	if err != nil {
		return badBody(err)
	}
	if err := h.core.AdviseCorruptShare(c.ctx(), c.at.kind, c.at.si, c.at.n, reason); err != nil {
		return err
	}
	c.send(http.StatusOK, nil, nil)
	return nil
}

// holds returns grid.ErrNoShare if the share is not there.
func (h *Handler) holds(c *call) error {
	shares, err := h.core.ListShares(c.ctx(), c.at.kind, c.at.si)
	if err != nil {
		return err
	}
	for _, n := range shares {
		if n == c.at.n {
			return nil
		}
	}
	return grid.ErrNoShare
}

// appendCorrupt appends {"reason": text}.
func appendCorrupt(dst []byte, reason string) []byte {
	return appendText(appendText(appendHead(dst, majorMap, 1), "reason"), reason)
}

func parseCorrupt(body []byte) (string, error) {
	var m struct {
		Reason string `cbor:"reason"`
	}
	if err := decode.Unmarshal(body, &m); err != nil {
		return "", err
	}
	if len(m.Reason) < 1 || len(m.Reason) > maxReason {
		return "", fmt.Errorf(`"reason" must have 1 to %d bytes`, maxReason)
	}
	return m.Reason, nil
}

// AdviseCorruptShare implements grid.StorageServer. HTTP carries reasons of 1 to
// 32757 bytes of UTF-8: what is longer is cut, and other bytes are replaced.
func (c *Client) AdviseCorruptShare(ctx context.Context, kind grid.ShareKind, si grid.StorageIndex, n grid.ShareNum, reason string) error {
	q := &request{
		method: http.MethodPost, at: place{end: endCorrupt, kind: kind, si: si, n: n},
		body: appendCorrupt(nil, sendableReason(reason)), cbor: true,
	}
	_, _, err := c.small(ctx, q, 0)
	if hasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

func sendableReason(reason string) string {
	reason = strings.ToValidUTF8(reason, "\uFFFD")
	if len(reason) > maxSentReason {
		end := maxSentReason
		for !utf8.RuneStart(reason[end]) {
			end--
		}
		reason = reason[:end]
	}
	if reason == "" {
		return "no reason given"
	}
	return reason
}
