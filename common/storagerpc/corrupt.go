package storagerpc

import (
	"context"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// maxReason is how many bytes of a reason a client sends: what a server of 1.20
// takes over HTTPS.
const maxReason = 32765

func cutReason(reason string) string { return reason[:min(len(reason), maxReason)] }

// maxKind is longer than the word for either kind of share.
const maxKind = 16

func serveAdvise(s *session, ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	a := r.Args("share_type", "storage_index", "shnum", "reason")
	kind, unknown := grid.ParseShareKind(string(a.Bytes(0, 0, maxKind)))
	si, reason := storageIndex(a, 1), a.Bytes(3, 0, reasonCall)
	if a.Err() != nil {
		return nil, a.Err()
	}
	n, err := shareNum(a.Value(2))
	if err != nil {
		return nil, err
	}
	if unknown != nil { // 1.20 files a report of any type; no share has it
		return nil, nil
	}
	return nil, s.server.core.AdviseCorruptShare(ctx, kind, si, n, string(reason))
}

// AdviseCorruptShare reports damage; see grid.StorageServer. A reason of more
// than 32765 bytes is cut.
func (c *Client) AdviseCorruptShare(ctx context.Context, kind grid.ShareKind, si grid.StorageIndex, n grid.ShareNum, reason string) error {
	return call(ctx, c.ref, noneOf, "advise_corrupt_share",
		banana.Bytes(kind.String()), banana.Bytes(si[:]), banana.Int(n), banana.Bytes(cutReason(reason)))
}
