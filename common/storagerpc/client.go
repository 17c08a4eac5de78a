package storagerpc

import (
	"context"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// Client is the storage server behind a reference. It is a grid.StorageServer:
// safe for concurrent use, and calls may be under way side by side, which the
// server begins in the order sent.
//
// Errors of package grid are recognised, with a *foolscap.RemoteError beside
// them that tells what the server said. All others of the server are such an
// error alone: foolscap.IsRemoteViolation says whether it found the call
// malformed or has no memory for it. Lost connections wrap
// foolscap.ErrDisconnected. An answer that does not follow the protocol wraps a
// *banana.Violation.
//
// Byte slices passed to a method are borrowed until it returns; if its context
// ends first, that can be as late as the connection has sent or dropped them.
type Client struct {
	ref    *foolscap.Reference
	canary foolscap.Object
}

var _ grid.StorageServer = (*Client)(nil)

// NewClient returns a client of the object that a reference refers to, which
// stays the caller's: to be released when the client is no longer used. The
// error says that the object is no storage server.
func NewClient(ref *foolscap.Reference) (*Client, error) {
	if name := ref.RemoteInterface(); name != Interface {
		return nil, fmt.Errorf("not a storage server, but a %.40q, is what tub %s has at this FURL", name, ref.Peer())
	}
	return &Client{ref, foolscap.Object{Referenceable: &canary{}}}, nil
}

// canary stands for the life of the connection: servers abort uploads when they
// lose it. Nobody calls it.
type canary struct{ _ byte } // of a size, so that each is another object

func (*canary) RemoteInterface() string { return "" }

func (*canary) RemoteCall(_ context.Context, r *foolscap.Request) (banana.Value, error) {
	return nil, foolscap.UnknownMethod(r, "canary")
}

// call makes a call and reads its answer. References in the answer are released
// when read returns.
func call(ctx context.Context, ref *foolscap.Reference, read func(banana.Value) error, name string, args ...banana.Value) error {
	v, err := ref.Call(ctx, name, args...)
	if err != nil {
		return recognise(err)
	}
	defer foolscap.ReleaseAll(v)
	if err := read(v); err != nil {
		return fmt.Errorf("answer of %s to %s: %w", ref.Peer(), name, err)
	}
	return nil
}

// checkShares refuses share numbers that no file has.
func checkShares(shares []grid.ShareNum) error {
	for _, n := range shares {
		if !n.Valid() {
			return &grid.ArgumentError{Field: "share number", Reason: fmt.Sprintf("%d, must be from 0 to %d", n, grid.MaxShares-1)}
		}
	}
	return nil
}

// checkRange refuses what 1.20 in part believes.
func checkRange(field string, offset, length int64) error {
	if offset < 0 || length < 0 {
		return &grid.ArgumentError{Field: field, Reason: fmt.Sprintf("%d bytes at offset %d", length, offset)}
	}
	return nil
}
