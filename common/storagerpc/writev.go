package storagerpc

import (
	"context"
	"maps"
	"math"
	"slices"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// operatorEqual is the only operator of test vectors. It stays on the wire for
// compatibility (interfaces.py TestVector).
const operatorEqual = "eq"

func serveWritev(s *session, ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	a := r.Args("storage_index", "secrets", "tw_vectors", "r_vector")
	si := storageIndex(a, 0)
	secrets, err := slotSecrets(a.Tuple(1, 3))
	if err != nil {
		a.Fail(err)
	}
	writes, err := slotWrites(a.Dict(2, MaxBuckets))
	if err != nil {
		a.Fail(err)
	}
	reads := readVectorsOf(a, 3)
	if a.Err() != nil {
		return nil, a.Err()
	}
	defer s.inTurn(r, si)()
	taken, err := s.takeForReads(ctx, r, si, 0, reads)
	if err != nil {
		return nil, err
	}
	result, err := s.server.core.SlotTestvAndReadvAndWritev(ctx, si, secrets, writes, reads)
	if err != nil {
		s.giveMemory(taken)
		return nil, err
	}
	return banana.NewTuple(banana.Bool(result.Passed), s.lendData(result.Data, taken)), nil
}

// slotSecrets reads the items of (tuple write_enabler renew cancel); nil, after
// an earlier error, is no error.
func slotSecrets(items []banana.Value) (s grid.SlotSecrets, err error) {
	var b [3][]byte
	for i, item := range items {
		if b[i], err = foolscap.AsBytes(item, secretSize, secretSize); err != nil {
			return s, err
		}
	}
	return grid.SlotSecrets{WriteEnabler: secret.NewWriteEnabler(secretBytes(b[0])), Lease: leaseSecrets(b[1], b[2])}, nil
}

// slotWrites reads (dict shnum (tuple TESTV DATAV NEWLEN)). The data is that of
// the message.
func slotWrites(d *banana.Dict) (map[grid.ShareNum]grid.SlotWrite, error) {
	writes := make(map[grid.ShareNum]grid.SlotWrite, len(d.Pairs))
	for _, p := range d.Pairs {
		n, err := shareNum(p.Key)
		if err != nil {
			return nil, err
		}
		if writes[n], err = slotWrite(p.Value); err != nil {
			return nil, err
		}
	}
	return writes, nil
}

func slotWrite(v banana.Value) (w grid.SlotWrite, err error) {
	t, err := foolscap.AsTuple(v, 3)
	if err != nil {
		return w, err
	}
	if w.Tests, err = testVectors(t[0]); err != nil {
		return w, err
	}
	if w.Writes, err = writeVectors(t[1]); err != nil || foolscap.IsNone(t[2]) {
		return w, err
	}
	length, err := number(t[2], offsetSize)
	w.NewLength = &length
	return w, err
}

// testVectors reads ListOf(TupleOf(Offset, ReadSize, bytes, bytes)).
func testVectors(v banana.Value) ([]grid.TestVector, error) {
	items, err := foolscap.AsList(v, maxVectors)
	if err != nil {
		return nil, err
	}
	tests := make([]grid.TestVector, len(items))
	for i, item := range items {
		if tests[i], err = testVector(item); err != nil {
			return nil, err
		}
	}
	return tests, nil
}

func testVector(v banana.Value) (test grid.TestVector, err error) {
	t, err := foolscap.AsTuple(v, 4)
	if err != nil {
		return test, err
	}
	if test.Offset, err = number(t[0], offsetSize); err != nil {
		return test, err
	}
	if test.Length, err = number(t[1], lengthSize); err != nil {
		return test, err
	}
	operator, err := foolscap.AsBytes(t[2], 0, math.MaxInt32)
	if err != nil {
		return test, err
	}
	if test.Specimen, err = foolscap.AsBytes(t[3], 0, math.MaxInt32); err == nil && string(operator) != operatorEqual {
		err = remoteOperator
	}
	return test, err
}

// writeVectors reads ListOf(TupleOf(Offset, ShareData)).
func writeVectors(v banana.Value) ([]grid.WriteVector, error) {
	items, err := foolscap.AsList(v, maxVectors)
	if err != nil {
		return nil, err
	}
	writes := make([]grid.WriteVector, len(items))
	for i, item := range items {
		t, err := foolscap.AsTuple(item, 2)
		if err != nil {
			return nil, err
		}
		if writes[i].Offset, err = number(t[0], offsetSize); err != nil {
			return nil, err
		}
		if writes[i].Data, err = foolscap.AsBytes(t[1], 0, math.MaxInt32); err != nil {
			return nil, err
		}
	}
	return writes, nil
}

// SlotTestvAndReadvAndWritev changes mutable shares; see grid.StorageServer. All
// of it goes in one call, for which a server may have limits: those of this
// package take 32 MiB unless set otherwise.
func (c *Client) SlotTestvAndReadvAndWritev(ctx context.Context, si grid.StorageIndex, secrets grid.SlotSecrets, writes map[grid.ShareNum]grid.SlotWrite, reads []grid.ReadVector) (result grid.TestvResult, err error) {
	renewal, cancel, err := secretValues(secrets.Lease)
	if err == nil && secrets.WriteEnabler.IsZero() {
		err = &grid.ArgumentError{Field: "write enabler", Reason: "missing"}
	}
	if err == nil {
		err = checkReads(reads)
	}
	if err == nil {
		err = checkWrites(writes)
	}
	if err != nil {
		return result, err
	}
	enabler := secrets.WriteEnabler.Reveal()
	var l loan
	defer l.settle()
	err = call(ctx, c.ref, func(v banana.Value) (err error) {
		result, err = parseTestvResult(v, reads)
		return err
	}, "slot_testv_and_readv_and_writev", banana.Bytes(si[:]), banana.NewTuple(banana.Bytes(enabler[:]), renewal, cancel),
		slotWriteValues(&l, writes), readVectorValues(reads))
	return result, err
}

func checkWrites(writes map[grid.ShareNum]grid.SlotWrite) error {
	for n, w := range writes {
		if err := checkShares([]grid.ShareNum{n}); err != nil {
			return err
		}
		for _, t := range w.Tests {
			if err := checkRange("test vector", t.Offset, t.Length); err != nil {
				return err
			}
		}
		for _, v := range w.Writes {
			if err := checkRange("write vector", v.Offset, int64(len(v.Data))); err != nil {
				return err
			}
		}
		if w.NewLength != nil {
			if err := checkRange("new length", 0, *w.NewLength); err != nil {
				return err
			}
		}
	}
	return nil
}

func slotWriteValues(l *loan, writes map[grid.ShareNum]grid.SlotWrite) *banana.Dict {
	d := banana.NewDict()
	for _, n := range slices.Sorted(maps.Keys(writes)) {
		w := writes[n]
		tests, data := banana.NewList(), banana.NewList()
		for _, t := range w.Tests {
			tests.Items = append(tests.Items, banana.NewTuple(
				banana.Int(t.Offset), banana.Int(t.Length), banana.Bytes(operatorEqual), l.lend(t.Specimen)))
		}
		for _, v := range w.Writes {
			data.Items = append(data.Items, banana.NewTuple(banana.Int(v.Offset), l.lend(v.Data)))
		}
		var length banana.Value = banana.None{}
		if w.NewLength != nil {
			length = banana.Int(*w.NewLength)
		}
		d.Pairs = append(d.Pairs, banana.Pair{Key: banana.Int(n), Value: banana.NewTuple(tests, data, length)})
	}
	return d
}

// parseTestvResult reads (tuple bool (dict shnum (list bytes))).
func parseTestvResult(v banana.Value, reads []grid.ReadVector) (r grid.TestvResult, err error) {
	t, err := foolscap.AsTuple(v, 2)
	if err != nil {
		return r, err
	}
	if r.Passed, err = foolscap.AsBool(t[0]); err != nil {
		return r, err
	}
	r.Data, err = parseData(t[1], reads)
	return r, err
}
