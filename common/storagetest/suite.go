package storagetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Setup says what kind of server a test needs.
type Setup struct {
	Space    int64 // bytes available; 0 is plenty
	ReadOnly bool
	NodeID   grid.TubID
}

// Suite is a kind of server to be tested.
type Suite struct {
	// New makes an empty server, which ends with the test.
	New func(t *testing.T, s Setup) grid.StorageServer

	// CompleteOnly says that Close works only on shares of which every byte
	// was written, as over HTTPS, where there is no close.
	CompleteOnly bool
	// PlainErrors says that errors about the kind of a share arrive without
	// their type: HTTPS has only a status for them.
	PlainErrors bool
}

// Run runs all tests. They run in parallel.
func Run(t *testing.T, s Suite) {
	tests := []struct {
		name string
		test func(*fixture)
	}{
		{"version", version},
		{"version of a read-only server", versionReadOnly},
		{"upload and read", uploadAndRead},
		{"write past end", writePastEnd},
		{"write conflicting", writeConflicting},
		{"allocate same again while in progress", allocateTwice},
		{"allocate with existing", allocateWithExisting},
		{"close incomplete", closeIncomplete},
		{"write after close", useAfterClose},
		{"abort", abort},
		{"allocate impossible size", impossibleSize},
		{"allocate while space is promised", promisedSpace},
		{"allocate on a read-only server", readOnly},
		{"get_buckets of nothing", noBuckets},
		{"add_lease unknown si", addLeaseUnknown},
		{"add_lease", addLease},
		{"kinds do not mix", kindsDoNotMix},
		{"mutable create and readv", mutableCreate},
		{"bad write enabler", badWriteEnabler},
		{"test vectors", testVectors},
		{"reads come before writes", readsBeforeWrites},
		{"write vectors", writeVectors},
		{"delete", deleteShares},
		{"delete one of two", deleteOneOfTwo},
		{"several shares in one call", severalShares},
		{"readv", readvVectors},
		{"bad arguments", badArguments},
		{"advise_corrupt_share", advise},
		{"many at once", manyAtOnce},
	}
	for _, row := range tests {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.test(&fixture{T: t, suite: s, ctx: t.Context()})
		})
	}
}

// fixture is what every test uses. Its methods end the test on an error.
type fixture struct {
	*testing.T
	suite  Suite
	ctx    context.Context
	server grid.StorageServer
}

func (f *fixture) start(s Setup) {
	f.Helper()
	if s.NodeID == (grid.TubID{}) {
		s.NodeID = NodeID
	}
	f.server = f.suite.New(f.T, s)
}

// NodeID is the node id of servers, unless a test asks for another.
var NodeID = grid.TubID([]byte("node id of 20 bytes."))

// SI is the storage index that most tests use.
var SI = grid.StorageIndex([]byte("storage index 16"))

// Lease returns the lease secrets of a client, which is a letter.
func Lease(client byte) grid.LeaseSecrets {
	return grid.LeaseSecrets{
		Renewal: secret.NewRenewalSecret(fill(client)),
		Cancel:  secret.NewCancelSecret(fill(client + 1)),
	}
}

// Secrets returns the secrets of a client for a mutable slot.
func Secrets(client byte) grid.SlotSecrets {
	return grid.SlotSecrets{WriteEnabler: secret.NewWriteEnabler(fill(client + 2)), Lease: Lease(client)}
}

func fill(b byte) (a [32]byte) {
	for i := range a {
		a[i] = b
	}
	return a
}

// Length is a new length for a grid.SlotWrite.
func Length(n int64) *int64 { return &n }

func (f *fixture) allocate(si grid.StorageIndex, size int64, shares ...grid.ShareNum) grid.Allocation {
	f.Helper()
	a, err := f.server.AllocateBuckets(f.ctx, si, Lease('a'), shares, size)
	require.NoError(f, err)
	return a
}

// store uploads whole shares with the same data.
func (f *fixture) store(si grid.StorageIndex, data string, shares ...grid.ShareNum) {
	f.Helper()
	a := f.allocate(si, int64(len(data)), shares...)
	require.Len(f, a.Writers, len(shares))
	for _, n := range shares {
		require.NoError(f, a.Writers[n].Write(f.ctx, 0, []byte(data)))
		require.NoError(f, a.Writers[n].Close(f.ctx))
	}
}

func (f *fixture) buckets(si grid.StorageIndex) map[grid.ShareNum]grid.BucketReader {
	f.Helper()
	buckets, err := f.server.GetBuckets(f.ctx, si)
	require.NoError(f, err)
	return buckets
}

func (f *fixture) read(r grid.BucketReader, offset int64, length int) string {
	f.Helper()
	b := make([]byte, length)
	n, err := r.Read(f.ctx, b, offset)
	require.NoError(f, err)
	return string(b[:n])
}

// write changes mutable shares, which must work.
func (f *fixture) write(writes map[grid.ShareNum]grid.SlotWrite, reads ...grid.ReadVector) grid.TestvResult {
	f.Helper()
	result, err := f.server.SlotTestvAndReadvAndWritev(f.ctx, SI, Secrets('a'), writes, reads)
	require.NoError(f, err)
	return result
}

// put is a write of data at an offset.
func put(offset int64, data string) grid.SlotWrite {
	return grid.SlotWrite{Writes: []grid.WriteVector{{Offset: offset, Data: []byte(data)}}}
}

// one makes the writes of a call that names one share.
func one(n grid.ShareNum, w grid.SlotWrite) map[grid.ShareNum]grid.SlotWrite {
	return map[grid.ShareNum]grid.SlotWrite{n: w}
}

// slot reads the first 1000 bytes of all mutable shares.
func (f *fixture) slot() map[grid.ShareNum]string {
	f.Helper()
	data, err := f.server.SlotReadv(f.ctx, SI, nil, []grid.ReadVector{{Offset: 0, Length: 1000}})
	require.NoError(f, err)
	read := map[grid.ShareNum]string{}
	for n, vectors := range data {
		require.Len(f, vectors, 1)
		read[n] = string(vectors[0])
	}
	return read
}

// unknownVersion checks the error for a share of the other kind.
func (f *fixture) unknownVersion(err error, wanted grid.ShareKind) {
	f.Helper()
	require.Error(f, err)
	if f.suite.PlainErrors {
		return
	}
	var unknown *grid.UnknownContainerVersionError
	require.ErrorAs(f, err, &unknown)
	require.Equal(f, wanted, unknown.Wanted)
}
