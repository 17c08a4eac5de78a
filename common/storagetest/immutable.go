package storagetest

import (
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
)

func version(f *fixture) {
	f.start(Setup{Space: 1 << 20})
	v, err := f.server.Version(f.ctx)
	require.NoError(f, err)
	require.NotEmpty(f, v.ApplicationVersion)
	v.ApplicationVersion = ""
	require.Equal(f, grid.ServerVersion{
		MaximumImmutableShareSize: 1 << 20,
		MaximumMutableShareSize:   69105000000000000,
		AvailableSpace:            1 << 20,

		ToleratesImmutableReadOverrun:           true,
		DeleteMutableSharesWithZeroLengthWritev: true,
		FillsHolesWithZeroBytes:                 true,
		PreventsReadPastEndOfShareData:          true,
	}, v)
}

func versionReadOnly(f *fixture) {
	f.start(Setup{ReadOnly: true})
	v, err := f.server.Version(f.ctx)
	require.NoError(f, err)
	require.Zero(f, v.MaximumImmutableShareSize)
	require.Zero(f, v.AvailableSpace)
}

func uploadAndRead(f *fixture) {
	f.start(Setup{})
	a := f.allocate(SI, 20, 0, 255)
	require.Empty(f, a.AlreadyHave)
	require.Len(f, a.Writers, 2)
	require.Empty(f, f.buckets(SI), "shares in progress are not shown")
	w := a.Writers[255]
	require.NoError(f, w.Write(f.ctx, 10, []byte("bbbbbbbbbb")))
	require.NoError(f, w.Write(f.ctx, 0, []byte("aaaaaaaaaa")), "any order")
	require.NoError(f, w.Close(f.ctx))
	buckets := f.buckets(SI)
	require.Len(f, buckets, 1)
	rows := []struct {
		offset int64
		length int
		want   string
	}{
		{0, 20, "aaaaaaaaaabbbbbbbbbb"}, {5, 10, "aaaaabbbbb"}, {0, 0, ""},
		{15, 100, "bbbbb"}, {20, 5, ""}, {1 << 40, 5, ""},
	}
	for _, row := range rows {
		require.Equal(f, row.want, f.read(buckets[255], row.offset, row.length), row)
	}
}

func writePastEnd(f *fixture) {
	f.start(Setup{})
	w := f.allocate(SI, 20, 0).Writers[0]
	for _, row := range []struct {
		offset int64
		length int
	}{{15, 10}, {0, 21}, {20, 1}, {1 << 50, 1}} {
		err := w.Write(f.ctx, row.offset, make([]byte, row.length))
		if f.suite.PlainErrors {
			require.Error(f, err)
			continue
		}
		var tooLarge *grid.DataTooLargeError
		require.ErrorAs(f, err, &tooLarge, row)
		require.Equal(f, grid.DataTooLargeError{MaxSize: 20, Offset: row.offset, Length: int64(row.length)}, *tooLarge)
	}
	require.NoError(f, w.Write(f.ctx, 0, make([]byte, 20)))
	require.NoError(f, w.Close(f.ctx))
}

func writeConflicting(f *fixture) {
	f.start(Setup{})
	w := f.allocate(SI, 20, 0).Writers[0]
	require.NoError(f, w.Write(f.ctx, 0, []byte("0123456789")))
	require.NoError(f, w.Write(f.ctx, 0, []byte("0123456789")), "the same again")
	var conflict *grid.ConflictingWriteError
	require.ErrorAs(f, w.Write(f.ctx, 0, []byte("X123456789")), &conflict)
	require.ErrorAs(f, w.Write(f.ctx, 9, []byte("Xabcdefgh")), &conflict)
	require.NoError(f, w.Write(f.ctx, 5, []byte("56789abcdefghij")), "an overlap with equal bytes")
	require.NoError(f, w.Close(f.ctx))
	require.Equal(f, "0123456789abcdefghij", f.read(f.buckets(SI)[0], 0, 100))
}

func allocateTwice(f *fixture) {
	f.start(Setup{})
	first := f.allocate(SI, 20, 0, 1)
	second := f.allocate(SI, 20, 0, 1, 2)
	require.Empty(f, second.AlreadyHave, "shares in progress are in neither")
	require.Len(f, second.Writers, 1)
	require.Contains(f, second.Writers, grid.ShareNum(2))
	require.NoError(f, first.Writers[0].Abort(f.ctx))
	require.Contains(f, f.allocate(SI, 20, 0).Writers, grid.ShareNum(0), "free again")
}

func allocateWithExisting(f *fixture) {
	f.start(Setup{})
	f.store(SI, "data", 1, 3)
	a := f.allocate(SI, 4, 1, 2)
	require.Equal(f, []grid.ShareNum{1, 3}, a.AlreadyHave, "also those not asked for")
	require.Len(f, a.Writers, 1)
	require.Contains(f, a.Writers, grid.ShareNum(2))
	none := f.allocate(SI, 4)
	require.Equal(f, []grid.ShareNum{1, 3}, none.AlreadyHave)
	require.Empty(f, none.Writers)
}

func closeIncomplete(f *fixture) {
	f.start(Setup{})
	w := f.allocate(SI, 20, 0).Writers[0]
	require.NoError(f, w.Write(f.ctx, 0, []byte("0123456789")))
	if f.suite.CompleteOnly {
		require.Error(f, w.Close(f.ctx))
		return
	}
	require.NoError(f, w.Close(f.ctx))
	require.Equal(f, "56789\x00\x00\x00\x00\x00", f.read(f.buckets(SI)[0], 5, 10))
	require.Equal(f, "\x00\x00\x00\x00\x00", f.read(f.buckets(SI)[0], 15, 10))
}

func useAfterClose(f *fixture) {
	f.start(Setup{})
	w := f.allocate(SI, 4, 0).Writers[0]
	require.NoError(f, w.Write(f.ctx, 0, []byte("data")))
	require.NoError(f, w.Close(f.ctx))
	require.ErrorIs(f, w.Write(f.ctx, 0, []byte("data")), grid.ErrWriterClosed)
	require.ErrorIs(f, w.Close(f.ctx), grid.ErrWriterClosed)
	require.NoError(f, w.Abort(f.ctx))
	require.Equal(f, "data", f.read(f.buckets(SI)[0], 0, 4), "an abort after close does nothing")
}

func abort(f *fixture) {
	f.start(Setup{})
	w := f.allocate(SI, 4, 0).Writers[0]
	require.NoError(f, w.Write(f.ctx, 0, []byte("da")))
	require.NoError(f, w.Abort(f.ctx))
	require.NoError(f, w.Abort(f.ctx))
	require.ErrorIs(f, w.Write(f.ctx, 0, []byte("da")), grid.ErrWriterClosed)
	require.Empty(f, f.buckets(SI))
	f.store(SI, "data", 0)
}

func impossibleSize(f *fixture) {
	f.start(Setup{Space: 1 << 20})
	for _, size := range []int64{1<<20 + 1, 1 << 40, 1 << 62} {
		a := f.allocate(SI, size, 0)
		require.Empty(f, a.AlreadyHave)
		require.Empty(f, a.Writers)
	}
	require.Len(f, f.allocate(SI, 1<<20, 0).Writers, 1)
}

func promisedSpace(f *fixture) {
	f.start(Setup{Space: 1000})
	first := f.allocate(SI, 400, 0, 1, 2)
	require.Len(f, first.Writers, 2)
	other := grid.StorageIndex{1}
	require.Empty(f, f.allocate(other, 300, 0).Writers)
	for _, w := range first.Writers {
		require.NoError(f, w.Abort(f.ctx))
	}
	require.Len(f, f.allocate(other, 300, 0, 1, 2).Writers, 3)
}

func readOnly(f *fixture) {
	f.start(Setup{ReadOnly: true})
	a := f.allocate(SI, 4, 0)
	require.Empty(f, a.AlreadyHave)
	require.Empty(f, a.Writers)
}

func noBuckets(f *fixture) {
	f.start(Setup{})
	require.Empty(f, f.buckets(SI))
}

func addLeaseUnknown(f *fixture) {
	f.start(Setup{})
	require.NoError(f, f.server.AddLease(f.ctx, SI, Lease('a')))
}

func addLease(f *fixture) {
	f.start(Setup{})
	f.store(SI, "data", 0, 5)
	for _, client := range []byte("aabca") {
		require.NoError(f, f.server.AddLease(f.ctx, SI, Lease(client)))
		for _, r := range f.buckets(SI) {
			require.Equal(f, "data", f.read(r, 0, 100), "leases are no share data")
		}
	}
}

func kindsDoNotMix(f *fixture) {
	f.start(Setup{})
	f.write(one(0, put(0, "mutable")))
	_, err := f.server.GetBuckets(f.ctx, SI)
	f.unknownVersion(err, grid.Immutable)
	_, err = f.server.AllocateBuckets(f.ctx, SI, Lease('a'), []grid.ShareNum{1}, 10)
	f.unknownVersion(err, grid.Immutable)

	immutable := grid.StorageIndex{2}
	f.store(immutable, "immutable", 0)
	_, err = f.server.SlotTestvAndReadvAndWritev(f.ctx, immutable, Secrets('a'), one(0, put(0, "x")), nil)
	f.unknownVersion(err, grid.Mutable)
	_, err = f.server.SlotReadv(f.ctx, immutable, nil, []grid.ReadVector{{Offset: 0, Length: 1}})
	f.unknownVersion(err, grid.Mutable)
	require.Equal(f, "immutable", f.read(f.buckets(immutable)[0], 0, 100))
}

func badArguments(f *fixture) {
	f.start(Setup{})
	_, err := f.server.AllocateBuckets(f.ctx, SI, Lease('a'), []grid.ShareNum{0}, -1)
	require.Error(f, err)
	for _, n := range []grid.ShareNum{-1, 256} {
		_, err = f.server.AllocateBuckets(f.ctx, SI, Lease('a'), []grid.ShareNum{n}, 1)
		require.Error(f, err)
	}
	w := f.allocate(SI, 10, 0).Writers[0]
	require.Error(f, w.Write(f.ctx, -1, []byte("x")))
	require.NoError(f, w.Abort(f.ctx))
	for _, v := range []grid.ReadVector{{Offset: -1, Length: 1}, {Offset: 0, Length: -1}} {
		_, err = f.server.SlotReadv(f.ctx, SI, nil, []grid.ReadVector{v})
		require.Error(f, err)
	}
	for _, w := range []grid.SlotWrite{put(-1, "x"), {NewLength: Length(-1)}, {Tests: []grid.TestVector{{Offset: -1}}}} {
		_, err = f.server.SlotTestvAndReadvAndWritev(f.ctx, SI, Secrets('a'), one(0, w), nil)
		require.Error(f, err)
	}
	require.Empty(f, f.slot())
}

func advise(f *fixture) {
	f.start(Setup{})
	f.store(SI, "data", 0)
	for _, n := range []grid.ShareNum{0, 7} {
		require.NoError(f, f.server.AdviseCorruptShare(f.ctx, grid.Immutable, SI, n, "bogus"))
	}
	require.NoError(f, f.server.AdviseCorruptShare(f.ctx, grid.Mutable, grid.StorageIndex{9}, 0, strings.Repeat("long ", 100)))
	require.NoError(f, f.buckets(SI)[0].AdviseCorruptShare(f.ctx, "bogus"))
}
