package storagetest

import (
	"fmt"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
)

func mutableCreate(f *fixture) {
	f.start(Setup{})
	w := put(0, "hello")
	w.Tests = []grid.TestVector{{Offset: 0, Length: 1, Specimen: nil}} // must not exist
	result := f.write(one(0, w), grid.ReadVector{Offset: 0, Length: 5})
	require.True(f, result.Passed)
	require.Empty(f, result.Data, "a share made by the call does not appear")

	result = f.write(nil, grid.ReadVector{Offset: 0, Length: 5})
	require.True(f, result.Passed, "no writes is a plain read")
	require.Equal(f, "hello", string(result.Data[0][0]))

	result = f.write(one(0, w), grid.ReadVector{Offset: 1, Length: 2})
	require.False(f, result.Passed, "now it exists")
	require.Equal(f, "el", string(result.Data[0][0]))

	data, err := f.server.SlotReadv(f.ctx, SI, nil, []grid.ReadVector{{Offset: 0, Length: 2}, {Offset: 3, Length: 9}})
	require.NoError(f, err)
	require.Equal(f, grid.ReadvData{0: {[]byte("he"), []byte("lo")}}, data)
}

func badWriteEnabler(f *fixture) {
	node := grid.TubID([]byte("another node's id..."))
	f.start(Setup{NodeID: node})
	f.write(one(0, put(0, "hello")))
	for _, writes := range []map[grid.ShareNum]grid.SlotWrite{
		one(0, put(0, "HELLO")), one(1, put(0, "new")), nil, // also for other shares, also to read
	} {
		_, err := f.server.SlotTestvAndReadvAndWritev(f.ctx, SI, Secrets('x'), writes, []grid.ReadVector{{Offset: 0, Length: 1}})
		var bad *grid.BadWriteEnablerError
		require.ErrorAs(f, err, &bad)
		if !f.suite.PlainErrors {
			require.Equal(f, node, bad.NodeID)
		}
	}
	require.Equal(f, map[grid.ShareNum]string{0: "hello"}, f.slot())
}

func testVectors(f *fixture) {
	f.start(Setup{})
	f.write(one(0, put(0, "hello")))
	rows := []struct {
		name   string
		share  grid.ShareNum
		tests  []grid.TestVector
		passed bool
	}{
		{"equal", 0, []grid.TestVector{{Offset: 0, Length: 5, Specimen: []byte("hello")}}, true},
		{"inside", 0, []grid.TestVector{{Offset: 1, Length: 3, Specimen: []byte("ell")}}, true},
		{"other bytes", 0, []grid.TestVector{{Offset: 0, Length: 5, Specimen: []byte("HELLO")}}, false},
		{"cut at the end", 0, []grid.TestVector{{Offset: 3, Length: 100, Specimen: []byte("lo")}}, true},
		{"beyond the end", 0, []grid.TestVector{{Offset: 5, Length: 1, Specimen: nil}}, true},
		{"specimen longer than length", 0, []grid.TestVector{{Offset: 0, Length: 1, Specimen: []byte("he")}}, false},
		{"all must hold", 0, []grid.TestVector{
			{Offset: 0, Length: 1, Specimen: []byte("h")}, {Offset: 1, Length: 1, Specimen: []byte("x")}}, false},
		{"none", 0, nil, true},
		{"missing share reads as empty", 1, []grid.TestVector{{Offset: 0, Length: 1, Specimen: nil}}, true},
		{"missing share has no bytes", 1, []grid.TestVector{{Offset: 0, Length: 1, Specimen: []byte("h")}}, false},
	}
	for _, row := range rows {
		// The write is one of nothing, so that all rows see the same share; it
		// does create a missing one, which is deleted in the same call.
		w := grid.SlotWrite{Tests: row.tests}
		if row.share != 0 {
			w.NewLength = Length(0)
		}
		require.Equal(f, row.passed, f.write(one(row.share, w)).Passed, row.name)
	}
	require.Equal(f, map[grid.ShareNum]string{0: "hello"}, f.slot())
	both := map[grid.ShareNum]grid.SlotWrite{0: put(0, "J"), 1: put(0, "new")}
	w := both[1]
	w.Tests = []grid.TestVector{{Offset: 0, Length: 1, Specimen: []byte("x")}}
	both[1] = w
	require.False(f, f.write(both).Passed, "one failing test stops all writes")
	require.Equal(f, map[grid.ShareNum]string{0: "hello"}, f.slot())
}

func readsBeforeWrites(f *fixture) {
	f.start(Setup{})
	f.write(map[grid.ShareNum]grid.SlotWrite{0: put(0, "zero"), 4: put(0, "four")})
	result := f.write(one(4, put(0, "FOUR")), grid.ReadVector{Offset: 0, Length: 10}, grid.ReadVector{Offset: 2, Length: 1})
	require.Equal(f, grid.ReadvData{
		0: {[]byte("zero"), []byte("r")}, 4: {[]byte("four"), []byte("u")},
	}, result.Data, "all shares, as they were")
	require.Equal(f, map[grid.ShareNum]string{0: "zero", 4: "FOUR"}, f.slot())
}

func writeVectors(f *fixture) {
	f.start(Setup{})
	f.write(one(3, put(0, "hello world")))
	rows := []struct {
		name  string
		write grid.SlotWrite
		want  string
	}{
		{"inside", put(0, "HELLO"), "HELLO world"},
		{"filling a hole", put(15, "Z"), "HELLO world\x00\x00\x00\x00Z"},
		{"truncating", grid.SlotWrite{NewLength: Length(7)}, "HELLO w"},
		{"truncating to more", grid.SlotWrite{NewLength: Length(100)}, "HELLO w"},
		{"what was cut off is zero", put(9, "!"), "HELLO w\x00\x00!"},
		{"in order", grid.SlotWrite{Writes: []grid.WriteVector{
			{Offset: 0, Data: []byte("aaaa")}, {Offset: 1, Data: []byte("bb")}}}, "abbaO w\x00\x00!"},
		{"writing, then truncating", grid.SlotWrite{
			Writes: []grid.WriteVector{{Offset: 3, Data: []byte("cdef")}}, NewLength: Length(5)}, "abbcd"},
		{"nothing", grid.SlotWrite{}, "abbcd"},
	}
	for _, row := range rows {
		require.True(f, f.write(one(3, row.write)).Passed, row.name)
		require.Equal(f, map[grid.ShareNum]string{3: row.want}, f.slot(), row.name)
	}
	f.write(one(5, grid.SlotWrite{}))
	require.Equal(f, "", f.slot()[5], "a share without data")
	require.Len(f, f.slot(), 2)
}

func deleteShares(f *fixture) {
	f.start(Setup{})
	f.write(one(0, put(0, "hello")))
	w := put(0, "ignored")
	w.NewLength = Length(0)
	result := f.write(one(0, w), grid.ReadVector{Offset: 0, Length: 10})
	require.True(f, result.Passed)
	require.Equal(f, "hello", string(result.Data[0][0]))
	require.Empty(f, f.slot())
	require.True(f, f.write(one(0, w)).Passed, "deleting what is not there")
	result, err := f.server.SlotTestvAndReadvAndWritev(f.ctx, SI, Secrets('x'), one(0, put(0, "again")), nil)
	require.NoError(f, err, "a write enabler is forgotten with its share")
	require.True(f, result.Passed)
	require.Equal(f, map[grid.ShareNum]string{0: "again"}, f.slot())
}

func deleteOneOfTwo(f *fixture) {
	f.start(Setup{})
	f.write(map[grid.ShareNum]grid.SlotWrite{0: put(0, "zero"), 1: put(0, "one")})
	f.write(map[grid.ShareNum]grid.SlotWrite{0: {NewLength: Length(0)}, 2: put(0, "two")})
	require.Equal(f, map[grid.ShareNum]string{1: "one", 2: "two"}, f.slot())
}

func severalShares(f *fixture) {
	f.start(Setup{})
	writes, want := map[grid.ShareNum]grid.SlotWrite{}, map[grid.ShareNum]string{}
	for n := range grid.ShareNum(20) {
		want[n] = fmt.Sprint("share ", n)
		writes[n] = put(0, want[n])
	}
	f.write(writes)
	require.Equal(f, want, f.slot())
}

func readvVectors(f *fixture) {
	f.start(Setup{})
	f.write(map[grid.ShareNum]grid.SlotWrite{0: put(0, "zero"), 1: put(0, "one")})
	rows := []struct {
		name    string
		shares  []grid.ShareNum
		vectors []grid.ReadVector
		want    grid.ReadvData
	}{
		{"all", nil, []grid.ReadVector{{Offset: 1, Length: 2}}, grid.ReadvData{0: {[]byte("er")}, 1: {[]byte("ne")}}},
		{"one", []grid.ShareNum{1}, []grid.ReadVector{{Offset: 0, Length: 1}}, grid.ReadvData{1: {[]byte("o")}}},
		{"missing", []grid.ShareNum{7}, []grid.ReadVector{{Offset: 0, Length: 1}}, grid.ReadvData{}},
		{"one missing", []grid.ShareNum{0, 7}, []grid.ReadVector{{Offset: 0, Length: 1}}, grid.ReadvData{0: {[]byte("z")}}},
		{"past the end", []grid.ShareNum{0}, []grid.ReadVector{{Offset: 3, Length: 50}, {Offset: 4, Length: 1}, {Offset: 1 << 40, Length: 1}},
			grid.ReadvData{0: {[]byte("o"), {}, {}}}},
		{"more than there can be", []grid.ShareNum{0}, []grid.ReadVector{{Offset: 0, Length: 1 << 60}}, grid.ReadvData{0: {[]byte("zero")}}},
	}
	for _, row := range rows {
		data, err := f.server.SlotReadv(f.ctx, SI, row.shares, row.vectors)
		require.NoError(f, err, row.name)
		require.Equal(f, row.want, data, row.name)
	}
	data, err := f.server.SlotReadv(f.ctx, grid.StorageIndex{8}, nil, []grid.ReadVector{{Offset: 0, Length: 1}})
	require.NoError(f, err)
	require.Empty(f, data, "unknown storage index")
}

// manyAtOnce uploads, reads, edits and leases in parallel.
func manyAtOnce(f *fixture) {
	f.start(Setup{})
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			si := grid.StorageIndex{byte(i / 2), 0xff} // two for each
			data := strings.Repeat(fmt.Sprint(i), 5000)
			a, err := f.server.AllocateBuckets(f.ctx, si, Lease(byte(i)), []grid.ShareNum{grid.ShareNum(i)}, int64(len(data)))
			f.ok(err)
			for _, w := range a.Writers {
				f.ok(w.Write(f.ctx, 0, []byte(data)))
				f.ok(w.Close(f.ctx))
			}
			f.ok(f.server.AddLease(f.ctx, si, Lease(byte(i))))
		})
		wait.Go(func() {
			for n := range 5 {
				_, err := f.server.SlotTestvAndReadvAndWritev(f.ctx, SI, Secrets('a'),
					one(grid.ShareNum(i), put(0, fmt.Sprint("version ", n))), nil)
				f.ok(err)
			}
		})
	}
	wait.Wait()
	for i := range 8 {
		buckets := f.buckets(grid.StorageIndex{byte(i / 2), 0xff})
		require.Equal(f, strings.Repeat(fmt.Sprint(i), 5000), f.read(buckets[grid.ShareNum(i)], 0, 9999))
		require.Equal(f, "version 4", f.slot()[grid.ShareNum(i)])
	}
}

// ok is require.NoError for goroutines.
func (f *fixture) ok(err error) {
	if err != nil {
		f.Error(err)
	}
}
