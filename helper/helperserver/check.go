package helperserver

import (
	"context"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/helperrpc"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/ueb"
)

const (
	// checkTime is how long a server may take to say what it has; one that does
	// not counts as one that has nothing.
	checkTime = 15 * time.Second
	// maxAsked is how many servers are asked at once.
	maxAsked = 50
)

// holding is what one server has of a file.
type holding struct {
	server grid.ServerID
	shares []grid.ShareNum
	block  []byte // the UEB of one of them
}

// find looks for all shares of a file in the grid, nil if one is missing. Servers
// whose shares are of different files make it nil too: who is right, nobody here
// can know, and an upload of the ciphertext makes a cap that is.
func find(ctx context.Context, servers []*broker.Server, si grid.StorageIndex) (*helperrpc.Results, error) {
	var mu sync.Mutex // guards held
	held := make(map[taggedhash.Hash][]holding)
	var group errgroup.Group
	group.SetLimit(maxAsked)
	for _, server := range servers {
		group.Go(func() error {
			h, ok := ask(ctx, server, si)
			if ok {
				mu.Lock()
				defer mu.Unlock()
				hash := taggedhash.UEBHash(h.block)
				held[hash] = append(held[hash], h)
			}
			return nil
		})
	}
	_ = group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if len(held) != 1 {
		return nil, nil
	}
	for hash, holdings := range held {
		return resultsOf(hash, holdings), nil
	}
	return nil, nil
}

// ask asks a server for its shares, and reads the UEB of one.
func ask(ctx context.Context, server *broker.Server, si grid.StorageIndex) (h holding, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	readers, err := server.Storage.GetBuckets(ctx, si)
	if err != nil || len(readers) == 0 {
		return h, false
	}
	h.server = server.ID
	var one grid.BucketReader
	for n, r := range readers {
		if n.Valid() {
			h.shares = append(h.shares, n)
			one = r
		}
	}
	if one == nil {
		return h, false
	}
	h.block, err = readUEB(ctx, one)
	return h, err == nil
}

// readUEB reads the UEB of a share, in two reads.
func readUEB(ctx context.Context, r grid.BucketReader) ([]byte, error) {
	head := make([]byte, sharelayout.MaxHeaderSize)
	n, err := r.Read(ctx, head, 0)
	if err != nil {
		return nil, err
	}
	header, err := sharelayout.ParseHeader(head[:n])
	if err != nil {
		return nil, err
	}
	tail := make([]byte, header.FieldSize()+sharelayout.MaxUEBSize)
	if n, err = r.Read(ctx, tail, header.UEBOffset); err != nil {
		return nil, err
	}
	if n < header.FieldSize() {
		return nil, io.ErrUnexpectedEOF
	}
	size, err := header.ParseUEBLength(tail[:header.FieldSize()])
	if err != nil {
		return nil, err
	}
	if n < header.FieldSize()+size {
		return nil, io.ErrUnexpectedEOF
	}
	block := tail[header.FieldSize() : header.FieldSize()+size]
	_, err = ueb.Parse(block)
	return block, err
}

// resultsOf returns results if servers with the same UEB have all shares that it
// speaks of.
func resultsOf(hash taggedhash.Hash, holdings []holding) *helperrpc.Results {
	block, err := ueb.Parse(holdings[0].block)
	if err != nil {
		return nil
	}
	k, total, size, ok := block.Claim()
	if !ok {
		return nil
	}
	if _, err := block.Check(k, total, size); err != nil {
		return nil
	}
	shares := make(map[grid.ShareNum][]grid.ServerID)
	for _, h := range holdings {
		for _, n := range h.shares {
			if int(n) < total {
				shares[n] = append(shares[n], h.server)
			}
		}
	}
	if len(shares) < total {
		return nil
	}
	return &helperrpc.Results{
		ShareMap: shares, FileSize: helperrpc.Unknown, CiphertextFetched: helperrpc.Unknown,
		Preexisting: len(shares), UEB: holdings[0].block, UEBHash: hash,
	}
}
