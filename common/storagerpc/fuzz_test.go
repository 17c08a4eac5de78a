package storagerpc

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/storagetest"
)

// listBytes is a message of values, for seeds.
func listBytes(t testing.TB, values ...banana.Value) []byte {
	t.Helper()
	w := banana.NewWriter(banana.VocabTable(1))
	n := w.Open("list")
	for _, v := range values {
		require.NoError(t, w.Value(v))
	}
	w.Close(n)
	var out bytes.Buffer
	_, err := w.Take().WriteTo(&out)
	require.NoError(t, err)
	return out.Bytes()
}

// readValues reads such a message.
func readValues(raw []byte) ([]banana.Value, bool) {
	r := banana.NewReader(bytes.NewReader(raw), banana.VocabTable(1))
	r.Limits = banana.Limits{Message: 1 << 20, String: 1 << 20, Depth: 20}
	m, err := r.Next()
	if err != nil || m.Violation != nil {
		return nil, false
	}
	return m.Items, true
}

// plainCalls are calls whose arguments are values, as seeds.
func plainCalls() map[string][]banana.Value {
	vectors := readVectorValues([]grid.ReadVector{{Offset: 3, Length: 4}})
	writes := slotWriteValues(&loan{}, map[grid.ShareNum]grid.SlotWrite{
		1: {Tests: []grid.TestVector{{Length: 1}}, Writes: []grid.WriteVector{{Offset: 5, Data: []byte("x")}}, NewLength: storagetest.Length(3)},
		2: {Writes: []grid.WriteVector{{Offset: 1 << 40, Data: []byte("x")}}}})
	return map[string][]banana.Value{
		"get_version":                     nil,
		"get_buckets":                     {siValue},
		"add_lease":                       {siValue, secret32, secret32},
		"allocate_buckets":                {siValue, secret32, secret32, banana.NewSet(banana.Int(0)), banana.Int(10), banana.None{}},
		"slot_readv":                      {siValue, banana.NewList(banana.Int(1)), vectors},
		"slot_testv_and_readv_and_writev": {siValue, slotSecretValue('w'), writes, vectors},
		"advise_corrupt_share":            {banana.Bytes("mutable"), siValue, banana.Int(0), banana.Bytes("x")},
		"write":                           {banana.Int(0), banana.Bytes("x")},
		"read":                            {banana.Int(1), banana.Int(2)},
		"close":                           nil,
	}
}

// FuzzCalls: whatever a peer calls, it gets an answer or an exception that is
// meant for it.
func FuzzCalls(f *testing.F) {
	for method, args := range plainCalls() {
		f.Add(method, listBytes(f, args...))
	}
	f.Fuzz(func(t *testing.T, method string, raw []byte) {
		args, ok := readValues(raw)
		if !ok {
			return
		}
		core := storagetest.NewMemory(storagetest.Setup{})
		store(t, core, []byte("some share data"))
		server := NewServer(core, ServerOptions{MaxRead: 1 << 20})
		s := server.session(&foolscap.Request{})
		a, err := core.AllocateBuckets(t.Context(), storagetest.SI, storagetest.Lease('a'), []grid.ShareNum{1}, 20)
		require.NoError(t, err)
		for _, object := range []foolscap.Referenceable{
			server, &bucketWriter{s, storagetest.SI, a.Writers[1]}, &bucketReader{session: s, si: storagetest.SI},
		} {
			answer, err := object.RemoteCall(context.Background(), &foolscap.Request{Method: method, Positional: args})
			var violation *banana.Violation
			var exception *foolscap.RemoteError
			if err != nil {
				require.True(t, errors.As(err, &violation) || errors.As(err, &exception), "%v", err)
			}
			banana.GiveBack(answer)
		}
		require.True(t, server.reading.TryAcquire(DefaultReadMemory), "memory was not given back")
	})
}

// FuzzAnswers: whatever a server answers, the client reads it or refuses it, and
// what it reads means the same when it is written again.
func FuzzAnswers(f *testing.F) {
	f.Add(listBytes(f, versionValue(unknownVersion)))
	f.Add(listBytes(f, banana.NewTuple(banana.NewSet(banana.Int(3)), banana.NewDict())))
	f.Add(listBytes(f, banana.NewTuple(banana.Bool(true), banana.NewDict(banana.Pair{Key: banana.Int(1), Value: banana.NewList(banana.Bytes("ab"))}))))
	f.Add(listBytes(f, plainCalls()["slot_testv_and_readv_and_writev"]...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		values, ok := readValues(raw)
		if !ok {
			return
		}
		vectors := []grid.ReadVector{{Length: 4}}
		for _, v := range values {
			if version, err := parseVersion(v); err == nil {
				again, err := parseVersion(versionValue(version))
				require.NoError(t, err)
				require.Equal(t, version, again)
			}
			_, _ = parseAllocation(v, nil)
			if data, err := parseData(v, vectors); err == nil {
				for _, read := range data {
					require.Len(t, read, len(vectors))
					require.LessOrEqual(t, len(read[0]), 4)
				}
			}
			_, _ = parseTestvResult(v, vectors)
			if d, err := foolscap.AsDict(v, MaxBuckets); err == nil {
				sameWrites(t, d)
			}
		}
	})
}

func sameWrites(t *testing.T, d *banana.Dict) {
	t.Helper()
	writes, err := slotWrites(d)
	if err != nil {
		return
	}
	again, err := slotWrites(slotWriteValues(&loan{}, writes))
	if err == nil { // data of 4 KiB and more is lent, which only a Writer takes
		require.Equal(t, writes, again)
	}
}
