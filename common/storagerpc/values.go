package storagerpc

import (
	"math"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Bounds of what calls and answers are made of. 1.20 has none but the first.
const (
	// MaxBuckets is how many share numbers one call allocates (interfaces.py
	// MAX_BUCKETS), or names in other calls.
	MaxBuckets = grid.MaxShares
	// MaxReadVectors is how many ranges one call reads of each share.
	MaxReadVectors = 1024
	// maxVectors is a bound of the vectors of one share that only keeps the
	// number in an int: memory bounds it earlier.
	maxVectors = math.MaxInt32
	// maxReadList is how long a list of shares to read may be. It may name
	// shares twice.
	maxReadList = 4 * MaxBuckets
)

// Sizes in bytes of the largest integers that 1.20's schemas take
// (interfaces.py Offset, ReadSize).
const (
	offsetSize = 8
	lengthSize = 1024
)

// secretSize is the size of lease secrets and write enablers (interfaces.py
// Hash).
const secretSize = secret.Size32

// storageIndex returns argument i.
func storageIndex(a *foolscap.Args, i int) (si grid.StorageIndex) {
	copy(si[:], a.Bytes(i, grid.StorageIndexSize, grid.StorageIndexSize))
	return si
}

// number returns an integer of at most so many bytes. One beyond 64 bits is cut
// to what these hold, which is as far beyond the end of any share.
func number(v banana.Value, size int) (int64, error) {
	big, ok := v.(banana.BigInt)
	if !ok {
		return foolscap.AsInt(v, math.MinInt64, math.MaxInt64)
	}
	if n := (big.BitLen() + 7) / 8; n > size {
		return 0, banana.Violationf("LONGINT token too large: %d>%d", n, size)
	}
	if big.Sign() < 0 {
		return math.MinInt64, nil
	}
	return math.MaxInt64, nil
}

// argument returns argument i as a number.
func argument(a *foolscap.Args, i, size int) int64 {
	if !a.Has(i) {
		return 0
	}
	n, err := number(a.Value(i), size)
	if err != nil {
		a.Fail(err)
	}
	return n
}

// shareNum returns a number that may be that of a share. Whether it is valid is
// the core's to say.
func shareNum(v banana.Value) (grid.ShareNum, error) {
	n, err := foolscap.AsInt(v, math.MinInt32, math.MaxInt32)
	return grid.ShareNum(n), err
}

// heldShare returns the number of a share that a server says it has.
func heldShare(v banana.Value) (grid.ShareNum, error) {
	n, err := foolscap.AsInt(v, 0, grid.MaxShares-1)
	return grid.ShareNum(n), err
}

// shareNums returns share numbers by way of one of the above.
func shareNums(items []banana.Value, one func(banana.Value) (grid.ShareNum, error)) ([]grid.ShareNum, error) {
	shares := make([]grid.ShareNum, len(items))
	for i, item := range items {
		n, err := one(item)
		if err != nil {
			return nil, err
		}
		shares[i] = n
	}
	return shares, nil
}

func shareValues(shares []grid.ShareNum) []banana.Value {
	values := make([]banana.Value, len(shares))
	for i, n := range shares {
		values[i] = banana.Int(n)
	}
	return values
}

// readVectors reads ListOf(TupleOf(Offset, ReadSize)).
func readVectors(items []banana.Value) ([]grid.ReadVector, error) {
	vectors := make([]grid.ReadVector, len(items))
	for i, item := range items {
		t, err := foolscap.AsTuple(item, 2)
		if err != nil {
			return nil, err
		}
		if vectors[i].Offset, err = number(t[0], offsetSize); err != nil {
			return nil, err
		}
		if vectors[i].Length, err = number(t[1], lengthSize); err != nil {
			return nil, err
		}
	}
	return vectors, nil
}

func readVectorValues(vectors []grid.ReadVector) *banana.List {
	list := banana.NewList()
	for _, v := range vectors {
		list.Items = append(list.Items, banana.NewTuple(banana.Int(v.Offset), banana.Int(v.Length)))
	}
	return list
}

// leaseSecrets makes secrets of 32 bytes each; of zeros if an argument was not
// acceptable, when nobody uses them.
func leaseSecrets(renewal, cancel []byte) grid.LeaseSecrets {
	return grid.LeaseSecrets{
		Renewal: secret.NewRenewalSecret(secretBytes(renewal)),
		Cancel:  secret.NewCancelSecret(secretBytes(cancel)),
	}
}

func secretBytes(b []byte) (a [secretSize]byte) {
	copy(a[:], b)
	return a
}

// secretValues returns the secrets of a lease as arguments.
func secretValues(s grid.LeaseSecrets) (renewal, cancel banana.Value, err error) {
	if s.Renewal.IsZero() || s.Cancel.IsZero() {
		return nil, nil, &grid.ArgumentError{Field: "lease secrets", Reason: "missing"}
	}
	r, c := s.Renewal.Reveal(), s.Cancel.Reveal()
	return banana.Bytes(r[:]), banana.Bytes(c[:]), nil
}

// noneOf reads an answer that says nothing, which may be anything (1.20.0:
// add_lease "returns None now, but future versions might change").
func noneOf(banana.Value) error { return nil }
