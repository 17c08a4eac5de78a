package storagerpc

import (
	"context"
	"maps"
	"slices"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

func serveReadv(s *session, ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	a := r.Args("storage_index", "shares", "readv")
	si := storageIndex(a, 0)
	shares, err := shareNums(a.List(1, maxReadList), shareNum)
	if err != nil {
		a.Fail(err)
	}
	vectors := readVectorsOf(a, 2)
	if a.Err() != nil {
		return nil, a.Err()
	}
	defer s.inOrder(r, si)()
	taken, err := s.takeForReads(ctx, r, si, len(shares), vectors)
	if err != nil {
		return nil, err
	}
	data, err := s.server.core.SlotReadv(ctx, si, shares, vectors)
	if err != nil {
		s.giveMemory(taken)
		return nil, err
	}
	return s.lendData(data, taken), nil
}

// readVectorsOf returns argument i.
func readVectorsOf(a *foolscap.Args, i int) []grid.ReadVector {
	vectors, err := readVectors(a.List(i, MaxReadVectors))
	if err != nil {
		a.Fail(err)
	}
	return vectors
}

// vectorCost is what each range that is read takes in memory beside its bytes.
const vectorCost = 128

// takeForReads takes memory for reading the vectors of so many shares, of all
// if that is 0: what they can take at most, up to MaxRead. The core refuses to
// read more than it wants to hold.
func (s *session) takeForReads(ctx context.Context, r *foolscap.Request, si grid.StorageIndex, shares int, vectors []grid.ReadVector) (taken int64, err error) {
	most := s.server.options.MaxRead
	if len(vectors) > 0 && shares == 0 {
		held, err := s.server.core.ListShares(ctx, grid.Mutable, si)
		if err != nil {
			return 0, err
		}
		shares = len(held)
	}
	if int64(shares)*int64(len(vectors))*vectorCost > most {
		return 0, &grid.ReadTooLargeError{MaxSize: most}
	}
	each := int64(0)
	for _, v := range vectors {
		each += min(max(v.Length, 0), most) + vectorCost // at most 1024 times MaxRead: no overflow
	}
	taken = min(int64(shares)*each, most)
	return taken, s.takeMemory(ctx, r, taken)
}

// lendData makes an answer of what was read. The memory that was taken goes back
// when its last byte string has left.
func (s *session) lendData(data grid.ReadvData, taken int64) *banana.Dict {
	lent := int64(0)
	d := banana.NewDict()
	for _, n := range slices.Sorted(maps.Keys(data)) {
		list := &banana.List{Items: make([]banana.Value, len(data[n]))}
		for i, b := range data[n] {
			size := min(int64(len(b)), taken-lent)
			if size < lentSize { // it is copied at once
				list.Items[i] = banana.Bytes(b)
				continue
			}
			lent += size
			list.Items[i] = &banana.Lent{Data: b, Done: func() { s.giveMemory(size) }}
		}
		d.Pairs = append(d.Pairs, banana.Pair{Key: banana.Int(n), Value: list})
	}
	s.giveMemory(taken - lent)
	return d
}

// SlotReadv reads mutable shares; see grid.StorageServer. All of it comes in one
// answer, which the Tub's Limits.Message bounds, and a server its own.
func (c *Client) SlotReadv(ctx context.Context, si grid.StorageIndex, shares []grid.ShareNum, vectors []grid.ReadVector) (grid.ReadvData, error) {
	if err := checkReads(vectors); err != nil {
		return nil, err
	}
	var data grid.ReadvData
	err := call(ctx, c.ref, func(v banana.Value) (err error) {
		data, err = parseData(v, vectors)
		return err
	}, "slot_readv", banana.Bytes(si[:]), banana.NewList(shareValues(shares)...), readVectorValues(vectors))
	return data, err
}

func checkReads(vectors []grid.ReadVector) error {
	for _, v := range vectors {
		if err := checkRange("read vector", v.Offset, v.Length); err != nil {
			return err
		}
	}
	return nil
}

// parseData reads (dict shnum (list bytes)), what vectors asked for.
func parseData(v banana.Value, vectors []grid.ReadVector) (grid.ReadvData, error) {
	d, err := foolscap.AsDict(v, MaxBuckets)
	if err != nil {
		return nil, err
	}
	data := make(grid.ReadvData, len(d.Pairs))
	for _, p := range d.Pairs {
		n, err := heldShare(p.Key)
		if err != nil {
			return nil, err
		}
		if data[n], err = parseShareData(p.Value, vectors); err != nil {
			return nil, err
		}
	}
	return data, nil
}

func parseShareData(v banana.Value, vectors []grid.ReadVector) ([][]byte, error) {
	items, err := foolscap.AsList(v, len(vectors))
	if err != nil {
		return nil, err
	}
	if len(items) < len(vectors) {
		return nil, banana.Violationf("%d ranges were read, %d asked for", len(items), len(vectors))
	}
	data := make([][]byte, len(items))
	for i, item := range items {
		if data[i], err = foolscap.AsBytes(item, 0, int(min(vectors[i].Length, maxVectors))); err != nil {
			return nil, err
		}
	}
	return data, nil
}
