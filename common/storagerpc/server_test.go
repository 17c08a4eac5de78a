package storagerpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/storagetest"
)

// TestHostileCalls makes calls that no client makes. Each gets an exception, and
// the connection goes on.
func TestHostileCalls(t *testing.T) {
	var log logged
	core := storagetest.NewMemory(storagetest.Setup{})
	ref := dial(t, publish(t, NewServer(core, ServerOptions{Logger: log.logger()})))
	writer := rawAllocate(t, ref, 100, 0).Items[1].(*banana.Dict).Pairs[0].Value.(*foolscap.Reference)
	fill := rawAllocate(t, ref, 100, 1).Items[1].(*banana.Dict).Pairs[0].Value.(*foolscap.Reference)
	_, err := fill.Call(t.Context(), "close")
	require.NoError(t, err)
	v, err := ref.Call(t.Context(), "get_buckets", siValue)
	require.NoError(t, err)
	reader := v.(*banana.Dict).Pairs[0].Value.(*foolscap.Reference)

	const violation = foolscap.TypeViolation
	const writev = "slot_testv_and_readv_and_writev"
	huge := banana.BigInt{Int: new(big.Int).Lsh(big.NewInt(1), 100)}
	pair := func(a, b banana.Value) banana.Value { return banana.NewTuple(a, b) }
	list, dict, slot := banana.NewList, banana.NewDict, banana.Bytes("another slot 016")
	good := slotSecretValue('w')
	share := func(n, w banana.Value) banana.Value { return dict(banana.Pair{Key: n, Value: w}) }
	write := func(tests, writes, length banana.Value) banana.Value {
		return share(banana.Int(0), banana.NewTuple(tests, writes, length))
	}
	none := banana.None{}
	many := func(n int) *banana.List {
		l := list()
		for range n {
			l.Items = append(l.Items, pair(banana.Int(0), banana.Int(1)))
		}
		return l
	}
	numbers := func(n int) []banana.Value {
		var all []banana.Value
		for i := range n {
			all = append(all, banana.Int(i))
		}
		return all
	}
	allocate := func(i int, v banana.Value) []banana.Value {
		args := allocateArgs(20, 0)
		args[i] = v
		return args
	}
	for _, row := range []struct {
		name   string
		on     *foolscap.Reference
		method string
		args   []banana.Value
		kind   string
	}{
		{"unknown method", ref, "renew_lease", []banana.Value{siValue, secret32}, violation},
		{"method of Python", ref, "__init__", nil, violation},
		{"argument of get_version", ref, "get_version", []banana.Value{none}, violation},
		{"long storage index", ref, "get_buckets", []banana.Value{make(banana.Bytes, 17)}, violation},
		{"short storage index", ref, "get_buckets", []banana.Value{make(banana.Bytes, 15)}, violation},
		{"text for a storage index", ref, "get_buckets", []banana.Value{banana.Text("storage index 16")}, violation},
		{"large get_buckets", ref, "get_buckets", []banana.Value{make(banana.Bytes, 1<<20)}, violation},
		{"short secret", ref, "add_lease", []banana.Value{siValue, secret32[:31], secret32}, violation},
		{"missing secret", ref, "add_lease", []banana.Value{siValue, secret32}, violation},

		{"negative size", ref, "allocate_buckets", allocate(4, banana.Int(-1)), typeAssertion},
		{"very negative size", ref, "allocate_buckets", allocate(4, banana.BigInt{Int: new(big.Int).Neg(new(big.Int).SetUint64(math.MaxUint64))}), typeAssertion},
		{"size of more than 8 bytes", ref, "allocate_buckets", allocate(4, huge), violation},
		{"size as a float", ref, "allocate_buckets", allocate(4, banana.Float(1)), violation},
		{"no canary", ref, "allocate_buckets", allocate(5, none), violation},
		{"no canary at all", ref, "allocate_buckets", allocateArgs(20, 0)[:5], violation},
		{"list of shares", ref, "allocate_buckets", allocate(3, list(banana.Int(0))), violation},
		{"share -1", ref, "allocate_buckets", allocate(3, banana.NewSet(banana.Int(-1))), typeAssertion},
		{"share 256", ref, "allocate_buckets", allocate(3, banana.NewSet(banana.Int(256))), typeAssertion},
		{"share 2**32", ref, "allocate_buckets", allocate(3, banana.NewSet(banana.Int(1<<32))), violation},
		{"share as text", ref, "allocate_buckets", allocate(3, banana.NewSet(banana.Text("0"))), violation},
		{"257 shares", ref, "allocate_buckets", allocate(3, banana.NewSet(numbers(257)...)), violation},
		{"5000 shares", ref, "allocate_buckets", allocate(3, banana.NewSet(numbers(5000)...)), violation},

		{"write at -1", writer, "write", []banana.Value{banana.Int(-1), banana.Bytes("x")}, typeAssertion},
		{"write at -2**64", writer, "write", []banana.Value{banana.BigInt{Int: new(big.Int).Neg(new(big.Int).SetUint64(math.MaxUint64))}, banana.Bytes("x")}, typeAssertion},
		{"write at 2**63-1", writer, "write", []banana.Value{banana.Int(math.MaxInt64), banana.Bytes("x")}, typeDataTooLarge},
		{"write at 2**64-1", writer, "write", []banana.Value{banana.Uint(math.MaxUint64), banana.Bytes("x")}, typeDataTooLarge},
		{"write at 2**100", writer, "write", []banana.Value{huge, banana.Bytes("x")}, violation},
		{"write of text", writer, "write", []banana.Value{banana.Int(0), banana.Text("x")}, violation},
		{"write of nothing", writer, "write", []banana.Value{banana.Int(0)}, violation},
		{"write of too much for the Tub", writer, "write", []banana.Value{banana.Int(0), make(banana.Bytes, 33<<20)}, violation},
		{"close with argument", writer, "close", []banana.Value{none}, violation},
		{"large close", writer, "close", []banana.Value{make(banana.Bytes, 1<<20)}, violation},
		{"read of a writer", writer, "read", []banana.Value{banana.Int(0), banana.Int(1)}, violation},

		{"read at -1", reader, "read", []banana.Value{banana.Int(-1), banana.Int(1)}, typeAssertion},
		{"read of -1", reader, "read", []banana.Value{banana.Int(0), banana.Int(-1)}, typeAssertion},
		{"read at 2**100", reader, "read", []banana.Value{huge, banana.Int(1)}, violation},
		{"read of a list", reader, "read", []banana.Value{banana.Int(0), list()}, violation},
		{"write to a reader", reader, "write", []banana.Value{banana.Int(0), banana.Bytes("x")}, violation},
		{"advice of text", reader, "advise_corrupt_share", []banana.Value{banana.Text("x")}, violation},
		{"long advice", reader, "advise_corrupt_share", []banana.Value{make(banana.Bytes, 1<<20)}, violation},

		{"readv at -1", ref, "slot_readv", []banana.Value{slot, list(), list(pair(banana.Int(-1), banana.Int(1)))}, typeAssertion},
		{"readv of -1", ref, "slot_readv", []banana.Value{slot, list(), list(pair(banana.Int(0), banana.Int(-1)))}, typeAssertion},
		{"readv of lists", ref, "slot_readv", []banana.Value{slot, list(), list(list(banana.Int(0), banana.Int(1)))}, violation},
		{"readv of triples", ref, "slot_readv", []banana.Value{slot, list(), list(banana.NewTuple(banana.Int(0), banana.Int(1), banana.Int(1)))}, violation},
		{"readv of 1025 ranges", ref, "slot_readv", []banana.Value{slot, list(), many(1025)}, violation},
		{"readv of 1025 shares", ref, "slot_readv", []banana.Value{slot, list(numbers(1025)...), many(1)}, violation},
		{"readv of 1024 ranges of 1024 shares", ref, "slot_readv", []banana.Value{slot, list(numbers(1024)...), many(1024)}, typeMemory},
		{"readv of no list", ref, "slot_readv", []banana.Value{slot, banana.NewTuple(), list()}, violation},

		{"two secrets", ref, writev, []banana.Value{slot, pair(secret32, secret32), dict(), list()}, violation},
		{"secrets in a list", ref, writev, []banana.Value{slot, list(secret32, secret32, secret32), dict(), list()}, violation},
		{"short write enabler", ref, writev, []banana.Value{slot, banana.NewTuple(secret32[:31], secret32, secret32), dict(), list()}, violation},
		{"writev of no dict", ref, writev, []banana.Value{slot, good, list(), list()}, violation},
		{"writev of share -1", ref, writev, []banana.Value{slot, good, share(banana.Int(-1), banana.NewTuple(list(), list(), none)), list()}, typeAssertion},
		{"writev of share 300", ref, writev, []banana.Value{slot, good, share(banana.Int(300), banana.NewTuple(list(), list(), none)), list()}, typeAssertion},
		{"writev of share b'0'", ref, writev, []banana.Value{slot, good, share(banana.Bytes("0"), banana.NewTuple(list(), list(), none)), list()}, violation},
		{"writev without length", ref, writev, []banana.Value{slot, good, share(banana.Int(0), pair(list(), list())), list()}, violation},
		{"test of three", ref, writev, []banana.Value{slot, good, write(list(banana.NewTuple(banana.Int(0), banana.Int(1), banana.Bytes(""))), list(), none), list()}, violation},
		{"test at -1", ref, writev, []banana.Value{slot, good, write(list(banana.NewTuple(banana.Int(-1), banana.Int(1), banana.Bytes("eq"), banana.Bytes(""))), list(), none), list()}, typeAssertion},
		{"operator None", ref, writev, []banana.Value{slot, good, write(list(banana.NewTuple(banana.Int(0), banana.Int(1), none, banana.Bytes(""))), list(), none), list()}, violation},
		{"operator ne", ref, writev, []banana.Value{slot, good, write(list(banana.NewTuple(banana.Int(0), banana.Int(1), banana.Bytes("ne"), banana.Bytes(""))), list(), none), list()}, typeAssertion},
		{"writev at -1", ref, writev, []banana.Value{slot, good, write(list(), list(pair(banana.Int(-1), banana.Bytes("x"))), none), list()}, typeAssertion},
		{"writev at 2**63-1", ref, writev, []banana.Value{slot, good, write(list(), list(pair(banana.Int(math.MaxInt64), banana.Bytes("x"))), none), list()}, typeDataTooLarge},
		{"writev of ints", ref, writev, []banana.Value{slot, good, write(list(), list(pair(banana.Int(0), banana.Int(0))), none), list()}, violation},
		{"new length -1", ref, writev, []banana.Value{slot, good, write(list(), list(), banana.Int(-1)), list()}, typeAssertion},
		{"new length b'1'", ref, writev, []banana.Value{slot, good, write(list(), list(), banana.Bytes("1")), list()}, violation},

		{"advice of a long type", ref, "advise_corrupt_share", []banana.Value{make(banana.Bytes, 17), siValue, banana.Int(0), banana.Bytes("x")}, violation},
		{"advice of type text", ref, "advise_corrupt_share", []banana.Value{banana.Text("mutable"), siValue, banana.Int(0), banana.Bytes("x")}, violation},
		{"advice on share 2**40", ref, "advise_corrupt_share", []banana.Value{banana.Bytes("mutable"), siValue, banana.Int(1 << 40), banana.Bytes("x")}, violation},
	} {
		_, err := row.on.Call(t.Context(), row.method, row.args...)
		require.Error(t, err, row.name)
		require.Equal(t, row.kind, remoteOf(t, err).Type, "%s: %v", row.name, err)
	}
	_, err = writer.Call(t.Context(), "write", banana.Int(0), make(banana.Bytes, 100))
	require.NoError(t, err)
	data, err := ref.Call(t.Context(), "slot_readv", slot, list(), many(1))
	require.NoError(t, err)
	require.Empty(t, data.(*banana.Dict).Pairs, "nothing was written")
	require.Empty(t, log.String())
}

// TestOddButFine makes calls that clients of 1.20 do not make, but may.
func TestOddButFine(t *testing.T) {
	ref := dial(t, publish(t, NewServer(storagetest.NewMemory(storagetest.Setup{}), ServerOptions{})))
	ctx := t.Context()
	v, err := ref.Call(ctx, "slot_testv_and_readv_and_writev",
		foolscap.Named{Name: "r_vector", Value: banana.NewList()},
		foolscap.Named{Name: "storage_index", Value: siValue},
		foolscap.Named{Name: "secrets", Value: slotSecretValue('w')},
		foolscap.Named{Name: "tw_vectors", Value: slotWriteValues(&loan{}, map[grid.ShareNum]grid.SlotWrite{
			3: {Writes: []grid.WriteVector{{Offset: 0, Data: []byte("0123456789")}, {Offset: 2, Data: []byte("xxxx")}, {Offset: 4, Data: []byte("yy")}}},
		})})
	require.NoError(t, err, "keyword arguments, overlapping writes")
	require.Equal(t, "(True, {})", python(v))
	beyond := banana.BigInt{Int: new(big.Int).Lsh(big.NewInt(1), 8000)}
	v, err = ref.Call(ctx, "slot_readv", siValue, banana.NewList(banana.Int(3), banana.Int(3), banana.Int(-7)), banana.NewList(
		banana.NewTuple(banana.Int(0), beyond), banana.NewTuple(banana.Uint(math.MaxUint64), banana.Int(1))))
	require.NoError(t, err)
	require.Equal(t, "{3: [b'01xxyy6789', b'']}", python(v))
	v, err = ref.Call(ctx, "allocate_buckets", []banana.Value{
		banana.Bytes("another SI of 16"), secret32, secret32, &banana.Set{Items: []banana.Value{banana.Int(0)}, Frozen: true},
		banana.Uint(math.MaxUint64), foolscap.Object{Referenceable: &canary{}}}...)
	require.NoError(t, err)
	require.Equal(t, "(set(), {})", python(v))
	v, err = ref.Call(ctx, "advise_corrupt_share", banana.Bytes("strange"), siValue, banana.Int(0), banana.Bytes("x"))
	require.NoError(t, err)
	require.Equal(t, "None", python(v))
}

// TestUploadsEndWithTheirConnection and no others.
func TestUploadsEndWithTheirConnection(t *testing.T) {
	core := storagetest.NewMemory(storagetest.Setup{})
	address := publish(t, NewServer(core, ServerOptions{}))
	first, second := dial(t, address), dial(t, address)
	a := rawAllocate(t, first, 100, 0, 1, 2).Items[1].(*banana.Dict)
	rawAllocate(t, second, 100, 3)
	_, err := a.Pairs[0].Value.(*foolscap.Reference).Call(t.Context(), "close")
	require.NoError(t, err)
	require.Equal(t, 3, core.NumUploads())
	first.Drop()
	require.Eventually(t, func() bool { return core.NumUploads() == 1 }, waitLimit, time.Millisecond)
	shares, err := core.ListShares(t.Context(), grid.Immutable, storagetest.SI)
	require.NoError(t, err)
	require.Equal(t, []grid.ShareNum{0}, shares, "what was closed stays")
	second.Drop()
	require.Eventually(t, func() bool { return core.NumUploads() == 0 }, waitLimit, time.Millisecond)
}

// blockingCore waits in some calls until the test lets it go on.
type blockingCore struct {
	*storagetest.Memory
	entered, goOn chan struct{} // of AllocateBuckets and Close
}

func newBlockingCore() *blockingCore {
	return &blockingCore{storagetest.NewMemory(storagetest.Setup{}), make(chan struct{}, 100), make(chan struct{})}
}

func (c *blockingCore) block() {
	c.entered <- struct{}{}
	<-c.goOn
}

func (c *blockingCore) AllocateBuckets(ctx context.Context, si grid.StorageIndex, secrets grid.LeaseSecrets, shares []grid.ShareNum, size int64) (grid.Allocation, error) {
	a, err := c.Memory.AllocateBuckets(ctx, si, secrets, shares, size)
	for n, w := range a.Writers {
		a.Writers[n] = blockingWriter{w, c}
	}
	if size == 7 {
		c.block()
	}
	return a, err
}

type blockingWriter struct {
	grid.BucketWriter
	core *blockingCore
}

func (w blockingWriter) Close(ctx context.Context) error {
	w.core.block()
	return w.BucketWriter.Close(ctx)
}

// TestConnectionLostWhileAllocating: the uploads end nevertheless.
func TestConnectionLostWhileAllocating(t *testing.T) {
	core := newBlockingCore()
	ref := dial(t, publish(t, NewServer(core, ServerOptions{})))
	done := make(chan error, 1)
	go func() {
		_, err := ref.Call(t.Context(), "allocate_buckets", allocateArgs(7, 0, 1)...)
		done <- err
	}()
	<-core.entered
	require.Equal(t, 2, core.NumUploads())
	ref.Drop()
	require.ErrorIs(t, <-done, foolscap.ErrDisconnected)
	close(core.goOn)
	require.Eventually(t, func() bool { return core.NumUploads() == 0 }, waitLimit, time.Millisecond)
}

// TestOrder: while a share is being closed, calls about other storage indexes
// go on, and those about its own wait.
func TestOrder(t *testing.T) {
	core := newBlockingCore()
	client := newClient(t, NewServer(core, ServerOptions{}))
	ctx := t.Context()
	a, err := client.AllocateBuckets(ctx, storagetest.SI, storagetest.Lease('a'), []grid.ShareNum{0, 1}, 4)
	require.NoError(t, err)
	closed := make(chan error, 2)
	go func() { closed <- a.Writers[0].Close(ctx) }()
	<-core.entered

	require.NoError(t, client.AddLease(ctx, grid.StorageIndex{1}, storagetest.Lease('a')))
	found := make(chan int, 1)
	go func() {
		shares, err := client.GetBuckets(ctx, storagetest.SI)
		if err != nil {
			t.Error(err)
		}
		found <- len(shares)
	}()
	_, err = client.GetBuckets(ctx, grid.StorageIndex{1})
	require.NoError(t, err)
	select {
	case <-found:
		t.Fatal("did not wait for the close before it")
	default:
	}
	close(core.goOn)
	require.NoError(t, <-closed)
	require.Equal(t, 1, <-found)
}

// TestManyWriters: a connection has so many uploads and no more, as if there
// were no space.
func TestManyWriters(t *testing.T) {
	core := storagetest.NewMemory(storagetest.Setup{})
	address := publish(t, NewServer(core, ServerOptions{MaxWriters: 3}))
	first, second := dial(t, address), dial(t, address)
	require.Len(t, rawAllocate(t, first, 10, 0, 1).Items[1].(*banana.Dict).Pairs, 2)
	answer := rawAllocate(t, first, 10, 2, 3, 4).Items[1].(*banana.Dict)
	require.Len(t, answer.Pairs, 1)
	require.Empty(t, rawAllocate(t, first, 10, 5).Items[1].(*banana.Dict).Pairs)
	require.Len(t, rawAllocate(t, second, 10, 6).Items[1].(*banana.Dict).Pairs, 1, "another connection")
	for i, method := range []string{"close", "abort"} {
		_, err := answer.Pairs[0].Value.(*foolscap.Reference).Call(t.Context(), method)
		require.NoError(t, err)
		answer = rawAllocate(t, first, 10, grid.ShareNum(7+i)).Items[1].(*banana.Dict)
		require.Len(t, answer.Pairs, 1, "after "+method)
	}
}

// TestIdleWritersMakeRoom: the core has ended them, though nobody says so.
func TestIdleWritersMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewServer(storagetest.NewMemory(storagetest.Setup{}), ServerOptions{MaxWriters: 2})
		s := server.session(&foolscap.Request{})
		add := func(n grid.ShareNum) *bucketWriter {
			a, err := server.core.AllocateBuckets(t.Context(), storagetest.SI, storagetest.Lease('a'), []grid.ShareNum{n}, 10)
			require.NoError(t, err)
			w := &bucketWriter{s, storagetest.SI, a.Writers[n]}
			require.True(t, s.add(w))
			return w
		}
		used := add(0)
		add(1)
		time.Sleep(20 * time.Minute)
		s.used(used)
		require.Zero(t, s.room())
		time.Sleep(20 * time.Minute)
		require.Equal(t, 1, s.room())
		require.Equal(t, 1, server.core.(*storagetest.Memory).NumUploads())
		s.end()
		require.Zero(t, server.core.(*storagetest.Memory).NumUploads())
		require.False(t, s.add(used))
	})
}

// store puts a share into a core.
func store(t testing.TB, core grid.StorageCore, data []byte) {
	t.Helper()
	a, err := core.AllocateBuckets(t.Context(), storagetest.SI, storagetest.Lease('a'), []grid.ShareNum{0}, int64(len(data)))
	require.NoError(t, err)
	require.NoError(t, a.Writers[0].Write(t.Context(), 0, data))
	require.NoError(t, a.Writers[0].Close(t.Context()))
}

// TestReadMemory: answers take memory until they have left, calls wait for it
// without holding up others, and one call for too much is refused.
func TestReadMemory(t *testing.T) {
	core := storagetest.NewMemory(storagetest.Setup{})
	server := NewServer(core, ServerOptions{MaxRead: 100_000, ReadMemory: 150_000})
	data := bytes.Repeat([]byte("share data"), 20_000)
	store(t, core, data)
	client := newClient(t, server)
	ctx := t.Context()
	buckets, err := client.GetBuckets(ctx, storagetest.SI)
	require.NoError(t, err)
	p := make([]byte, len(data))
	_, err = buckets[0].Read(ctx, p, 0)
	var tooLarge *grid.ReadTooLargeError
	require.ErrorAs(t, err, &tooLarge)
	require.EqualValues(t, 100_000, tooLarge.MaxSize)

	slot := grid.StorageIndex{1}
	_, err = client.SlotTestvAndReadvAndWritev(ctx, slot, storagetest.Secrets('a'), map[grid.ShareNum]grid.SlotWrite{
		0: put(0, string(data[:60_000])), 1: put(0, "small")}, nil)
	require.NoError(t, err)
	for range 20 {
		n, err := buckets[0].Read(ctx, p[:100_000], 50_000)
		require.NoError(t, err)
		require.Equal(t, 100_000, n)
		require.True(t, bytes.Equal(data[50_000:150_000], p[:n]))
		read, err := client.SlotReadv(ctx, slot, nil, []grid.ReadVector{{Length: 1 << 40}, {Offset: 3, Length: 50}})
		require.NoError(t, err)
		require.Len(t, read[0][0], 60_000)
		result, err := client.SlotTestvAndReadvAndWritev(ctx, slot, storagetest.Secrets('a'), nil, []grid.ReadVector{{Length: 70_000}})
		require.NoError(t, err)
		require.Len(t, result.Data[0][0], 60_000)
	}
	requireAllBack(t, server, 150_000)

	require.True(t, server.reading.TryAcquire(100_000), "somebody does not read")
	done := make(chan error, 1)
	go func() {
		_, err := buckets[0].Read(ctx, make([]byte, 90_000), 0)
		done <- err
	}()
	for range 10 {
		_, err = client.Version(ctx)
		require.NoError(t, err)
	}
	server.reading.Release(100_000)
	require.NoError(t, <-done)
	requireAllBack(t, server, 150_000)
}

func requireAllBack(t *testing.T, server *Server, all int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		if !server.reading.TryAcquire(all) {
			return false
		}
		server.reading.Release(all)
		return true
	}, waitLimit, time.Millisecond)
}

// failingCore fails as a disk does, with words that are for the log.
type failingCore struct{ *storagetest.Memory }

var errDisk = errors.New("input/output error at /secret/place")

func (failingCore) AddLease(context.Context, grid.StorageIndex, grid.LeaseSecrets) error {
	return fmt.Errorf("lease: %w", errDisk)
}

// TestDiskErrors are logged, and clients learn that there was one.
func TestDiskErrors(t *testing.T) {
	var log logged
	client := newClient(t, NewServer(failingCore{storagetest.NewMemory(storagetest.Setup{})}, ServerOptions{Logger: log.logger()}))
	err := client.AddLease(t.Context(), storagetest.SI, storagetest.Lease('a'))
	require.Equal(t, foolscap.TypeException, remoteOf(t, err).Type)
	require.NotContains(t, err.Error(), "place")
	require.Contains(t, log.String(), "op=add_lease")
	require.Contains(t, log.String(), "place")
}

// TestErrorsBothWays: what a core returns is what a client gets.
func TestErrorsBothWays(t *testing.T) {
	for name, want := range map[string]error{
		typeDataTooLarge:     &grid.DataTooLargeError{MaxSize: 20, Offset: 15, Length: 10},
		typeConflictingWrite: &grid.ConflictingWriteError{Range: grid.Range{Begin: 3, End: 1 << 40}},
		typeBadWriteEnabler:  &grid.BadWriteEnablerError{NodeID: directNode},
		typeNoSpace:          grid.ErrNoSpace,
		typeFileNotFound:     grid.ErrNoShare,
		typeAlreadyCancelled: grid.ErrWriterClosed,
		typeMemory:           &grid.ReadTooLargeError{MaxSize: 77},
		typeUnknownImmutable: &grid.UnknownContainerVersionError{Wanted: grid.Immutable, StorageIndex: directSI, ShareNum: 200, Version: "1415669871"},
		typeUnknownMutable:   &grid.UnknownContainerVersionError{Wanted: grid.Mutable, StorageIndex: directSI, Version: "unknown"},
	} {
		sent := exception(fmt.Errorf("wrapped: %w", want))
		e := remoteOf(t, sent)
		require.Equal(t, name, e.Type)
		require.Equal(t, name, e.Parents[0])
		require.Equal(t, "builtins.object", e.Parents[len(e.Parents)-1])
		got := recognise(fmt.Errorf("call x: %w", e))
		require.ErrorIs(t, got, &foolscap.RemoteError{Type: name}, "what was said stays at hand")
		var r *refusal
		require.ErrorAs(t, got, &r)
		require.Equal(t, want, r.meaning)
	}
	var argument *grid.ArgumentError
	require.ErrorAs(t, recognise(exception(&grid.ArgumentError{Field: "x", Reason: "y"}).(*foolscap.RemoteError)), &argument)
	for _, odd := range []string{"", "(1, 2)", "(99999999999999999999, 1, 1)", "\x00", "Chunk 1-2", "'''"} {
		for _, name := range []string{typeDataTooLarge, typeConflictingWrite, typeBadWriteEnabler, typeUnknownImmutable, typeUnknownMutable, typeMemory, typeAlreadyCalled} {
			var r *refusal
			require.ErrorAs(t, recognise(&foolscap.RemoteError{Type: name, Value: odd}), &r, "%s %q", name, odd)
		}
	}
	plain := errors.New("plain")
	require.Equal(t, plain, recognise(plain))
	unknown := &foolscap.RemoteError{Type: "builtins.ValueError"}
	require.Equal(t, error(unknown), recognise(unknown))
	require.NoError(t, exception(plain))
}
