package mutable

import (
	"bytes"
	"context"
	"io"

	"github.com/besn0847/arm-tahoe/common/mutablelayout"
)

// rebuild makes all shares of a version that exists already: with the salts that
// it has, everything but the randomness of the signature comes out the same. A
// version that was cut in another way cannot be made again; the error is a
// *mutablelayout.LayoutError then.
func (f *File) rebuild(ctx context.Context, s *Snapshot) (*content, error) {
	keys, err := f.keys(ctx, s.m)
	if err != nil {
		return nil, err
	}
	v := s.version
	p := mutablelayout.Params{Format: v.Format, Seqnum: v.Seqnum, K: v.K, N: v.N, DataSize: v.DataSize}
	if err := f.checkMemory(p); err != nil {
		return nil, err
	}
	r, err := f.newRetrieval(s.m, v)
	if err != nil {
		return nil, err
	}
	var plain, salts bytes.Buffer
	if v.Format == mutablelayout.SDMF {
		salts.Write(v.Salt[:])
	}
	r.salts = &salts
	if _, err := r.copyRange(ctx, &plain, 0, v.DataSize); err != nil {
		return nil, err
	}
	c, err := f.encode(keys, p, bytes.NewReader(plain.Bytes()), io.MultiReader(&salts, f.client.cfg.Random))
	if err != nil {
		return nil, err
	}
	if c.version.Head().Header != v {
		return nil, &mutablelayout.LayoutError{Field: "version", Reason: "cannot be made again: other segments"}
	}
	return c, nil
}
