package sharecontainer_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/stretchr/testify/require"
)

// put replaces bytes of a copy.
func put(b []byte, offset int, value ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[offset:], value)
	return b
}

func uint64Bytes(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// withLeases is a mutable container with some data and n leases.
func withLeases(t testing.TB, n int) []byte {
	return update(t, emptyMutable(t, sharecontainer.Version2), func(u *sharecontainer.MutableUpdate) error {
		require.NoError(t, u.Write([]sharecontainer.WriteVector{{Data: []byte("hello")}}))
		for i := range n {
			if err := u.AddLease(92, newLease(1, byte(i), byte(i), 1000, nodeID(1))); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestOpenMutableRefuses(t *testing.T) {
	good := withLeases(t, 0)
	for _, test := range []struct {
		name  string
		b     []byte
		field string // "" for an unknown version
	}{
		{"empty", nil, ""},
		{"other magic", put(good, 25, '3'), ""},
		{"immutable", openedImmutable(t), ""},
		{"magic only", good[:32], "header"},
		{"slots cut off", good[:467], "header"},
		{"extra leases inside the header", put(good, 92, uint64Bytes(467)...), "extra lease offset"},
		{"extra leases beyond all disks", put(good, 92, uint64Bytes(1<<62)...), "extra lease offset"},
		{"extra leases, all bits set", put(good, 92, uint64Bytes(^uint64(0))...), "extra lease offset"},
		{"data larger than the container", put(good, 84, uint64Bytes(6)...), "data size"},
		{"data size, all bits set", put(good, 84, uint64Bytes(^uint64(0))...), "data size"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := sharecontainer.OpenMutable(bytes.NewReader(test.b), int64(len(test.b)))
			var corrupt *sharecontainer.CorruptError
			var version *sharecontainer.UnknownVersionError
			if test.field == "" {
				require.ErrorAs(t, err, &version)
				return
			}
			require.ErrorAs(t, err, &corrupt)
			require.Equal(t, test.field, corrupt.Field)
			require.Contains(t, err.Error(), "corrupt mutable container: "+test.field+": ")
		})
	}
}

func openedImmutable(t testing.TB) []byte {
	plan, err := sharecontainer.CreateImmutable(500, newLease(0, 1, 2, 3, grid.TubID{}))
	require.NoError(t, err)
	return apply(t, nil, plan)
}

// Damage among the extra leases keeps nobody from reading the data.
func TestDamagedExtraLeases(t *testing.T) {
	good := withLeases(t, 6) // two extra leases
	for _, test := range []struct {
		name  string
		b     []byte
		field string
	}{
		{"cut off before the count", good[:473], "extra lease offset"},
		{"cut off in the count", good[:475], "extra lease offset"},
		{"both cut off", good[:477], "extra lease count"},
		{"one and a half cut off", good[:477+46], "extra lease count"},
		{"four thousand million", put(good, 473, 255, 255, 255, 255), "extra lease count"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := openMutable(t, test.b)
			data, err := io.ReadAll(c.Data())
			require.NoError(t, err)
			require.Equal(t, "hello", string(data))
			var corrupt *sharecontainer.CorruptError
			_, err = c.Update()
			require.ErrorAs(t, err, &corrupt)
			require.Equal(t, test.field, corrupt.Field)
			var listed int
			for _, err := range c.Leases() {
				if err != nil {
					require.ErrorAs(t, err, &corrupt)
					break
				}
				listed++
			}
			require.Equal(t, 4, listed, "the slots in the header are readable")
		})
	}
}

// 1.20 writes the number of extra leases before the lease; killed in between
// it leaves a container that it can never add a lease to again.
func TestTornLastLeaseIsAnEmptySlot(t *testing.T) {
	good := withLeases(t, 6)
	for _, cut := range []int{1, 46, 92} {
		torn := good[:len(good)-cut]
		require.Len(t, listLeases(t, openMutable(t, torn).Leases()), 5)
		fixed := update(t, torn, func(u *sharecontainer.MutableUpdate) error {
			return u.AddLease(0, newLease(1, 5, 5, 1000, nodeID(1)))
		})
		require.Equal(t, good, fixed)
		moved := update(t, torn, func(u *sharecontainer.MutableUpdate) error {
			return u.Write([]sharecontainer.WriteVector{{Offset: 5, Data: []byte(" world")}})
		})
		require.Len(t, listLeases(t, openMutable(t, moved).Leases()), 5)
	}
}

func TestOpenImmutableRefuses(t *testing.T) {
	good := openedImmutable(t)
	for _, test := range []struct {
		name  string
		b     []byte
		field string
	}{
		{"empty", nil, "header"},
		{"short", good[:11], "header"},
		{"version 3", put(good, 3, 3), ""},
		{"version 0", put(good, 3, 0), ""},
		{"more leases than bytes", put(good, 11, 9), "lease count"},
		{"four thousand million leases", put(good, 8, 255, 255, 255, 255), "lease count"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := sharecontainer.OpenImmutable(bytes.NewReader(test.b), int64(len(test.b)))
			var corrupt *sharecontainer.CorruptError
			var version *sharecontainer.UnknownVersionError
			if test.field == "" {
				require.ErrorAs(t, err, &version)
				require.Contains(t, err.Error(), "immutable container has unexpected version ")
				return
			}
			require.ErrorAs(t, err, &corrupt)
			require.Equal(t, test.field, corrupt.Field)
		})
	}
}

func TestDetectRefuses(t *testing.T) {
	for _, b := range [][]byte{nil, {0, 0, 0}, {0, 0, 0, 3}, []byte("Tahoe mutable container v1\n")} {
		_, err := sharecontainer.Detect(b)
		require.ErrorIs(t, err, sharecontainer.ErrNotShare)
	}
	kind, err := sharecontainer.Detect([]byte{0, 0, 0, 1})
	require.NoError(t, err)
	require.Equal(t, "immutable", kind.String())
	require.Equal(t, "mutable", sharecontainer.KindMutable.String())
}

// brokenReader fails from an offset on.
type brokenReader struct {
	io.ReaderAt
	from int64
}

var errDisk = errors.New("input/output error")

func (r brokenReader) ReadAt(p []byte, offset int64) (int, error) {
	if offset+int64(len(p)) > r.from {
		return 0, errDisk
	}
	return r.ReaderAt.ReadAt(p, offset)
}

func TestDiskErrorsAreReported(t *testing.T) {
	mutable, immutable := withLeases(t, 6), openedImmutable(t)
	open := func(from int64) (*sharecontainer.Mutable, error) {
		return sharecontainer.OpenMutable(brokenReader{bytes.NewReader(mutable), from}, int64(len(mutable)))
	}
	_, err := open(100)
	require.ErrorIs(t, err, errDisk)
	for _, from := range []int64{470, 480} {
		c, err := open(from)
		require.NoError(t, err)
		_, err = c.Update()
		require.ErrorIs(t, err, errDisk)
		if from == 470 {
			_, err = c.Test([]sharecontainer.TestVector{{Length: 5, Operator: "eq", Specimen: []byte("hello")}})
			require.ErrorIs(t, err, errDisk)
		}
	}
	_, err = sharecontainer.OpenImmutable(brokenReader{bytes.NewReader(immutable), 5}, int64(len(immutable)))
	require.ErrorIs(t, err, errDisk)
	c, err := sharecontainer.OpenImmutable(brokenReader{bytes.NewReader(immutable), 500}, int64(len(immutable)))
	require.NoError(t, err)
	_, err = c.AddOrRenewLease(100, newLease(0, 1, 2, 3, grid.TubID{}))
	require.ErrorIs(t, err, errDisk)
	_, err = c.CancelLease(cancel(1))
	require.ErrorIs(t, err, errDisk)
	for _, err := range c.Leases() {
		require.ErrorIs(t, err, errDisk)
	}
	// The file has become shorter than it was said to be.
	_, err = sharecontainer.OpenMutable(bytes.NewReader(mutable[:200]), int64(len(mutable)))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	// Copying reports errors of the old file.
	u := beginUpdate(t, mutable)
	_, err = io.ReadAll(u.Plan().Reader(brokenReader{bytes.NewReader(mutable), 100}))
	require.ErrorIs(t, err, errDisk)
}

func TestApplyReportsErrors(t *testing.T) {
	plan := sharecontainer.CreateMutable(nodeID(1), enabler(1)).Plan()
	require.ErrorIs(t, plan.Apply(&memFile{limited: true, failAfter: 10}), io.ErrShortWrite)
	plan, err := sharecontainer.CreateImmutable(10)
	require.NoError(t, err)
	require.ErrorIs(t, plan.Apply(noTruncate{&memFile{}}), errDisk)
	zeros := sharecontainer.Plan{OldSize: 10, NewSize: 10, Edits: []sharecontainer.Edit{{Zeros: 10}}}
	require.ErrorIs(t, zeros.Apply(&memFile{limited: true, failAfter: 5}), io.ErrShortWrite)
}

type noTruncate struct{ *memFile }

func (noTruncate) Truncate(int64) error { return errDisk }

func TestWriteRefuses(t *testing.T) {
	const most = sharecontainer.MaxMutableDataSize
	for _, test := range []struct {
		name     string
		vector   sharecontainer.WriteVector
		tooLarge bool
	}{
		{"negative offset", sharecontainer.WriteVector{Offset: -1, Data: []byte("x")}, false},
		{"one byte too far", sharecontainer.WriteVector{Offset: most, Data: []byte("x")}, true},
		{"nothing, too far", sharecontainer.WriteVector{Offset: most + 1}, true},
		{"overflow", sharecontainer.WriteVector{Offset: 1<<63 - 1, Data: []byte("x")}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := beginUpdate(t, withLeases(t, 1))
			err := u.Write([]sharecontainer.WriteVector{{Data: []byte("not written either")}, test.vector})
			var argument *sharecontainer.ArgumentError
			var tooLarge *sharecontainer.DataTooLargeError
			if test.tooLarge {
				require.ErrorAs(t, err, &tooLarge)
			} else {
				require.ErrorAs(t, err, &argument)
			}
			require.True(t, u.Plan().IsEmpty())
		})
	}
	u := beginUpdate(t, withLeases(t, 1))
	var argument *sharecontainer.ArgumentError
	require.ErrorAs(t, u.Truncate(-1), &argument)
}

// A byte at an absurd offset costs no memory; the plan says how large the file
// would become, and the server decides.
func TestFarWriteIsPlannedAsAHole(t *testing.T) {
	const far = sharecontainer.MaxMutableDataSize - 1
	u := beginUpdate(t, withLeases(t, 5))
	require.NoError(t, u.Write([]sharecontainer.WriteVector{{Offset: far, Data: []byte("x")}}))
	plan := u.Plan()
	require.Equal(t, int64(468+far+1+4+92), plan.NewSize)
	total := 0
	for _, e := range plan.Edits {
		total += len(e.Data)
	}
	require.Less(t, total, 1000)
}

// Old data that a truncation left in the container is zeroed when the share
// grows over it again, also within one plan.
func TestGrowingZeroesWhatTruncationLeft(t *testing.T) {
	old := update(t, emptyMutable(t, sharecontainer.Version2), func(u *sharecontainer.MutableUpdate) error {
		return u.Write([]sharecontainer.WriteVector{{Data: bytes.Repeat([]byte("s"), 200_000)}})
	})
	for _, begin := range []func() (*sharecontainer.MutableUpdate, []byte){
		func() (*sharecontainer.MutableUpdate, []byte) { return beginUpdate(t, old), old },
		func() (*sharecontainer.MutableUpdate, []byte) {
			u := sharecontainer.CreateMutable(nodeID('N'), enabler('W'))
			require.NoError(t, u.Write([]sharecontainer.WriteVector{{Data: bytes.Repeat([]byte("s"), 200_000)}}))
			return u, nil
		},
	} {
		u, base := begin()
		require.NoError(t, u.Truncate(3))
		require.NoError(t, u.Write([]sharecontainer.WriteVector{{Offset: 300_000, Data: []byte("end")}}))
		data, err := io.ReadAll(openMutable(t, apply(t, base, u.Plan())).Data())
		require.NoError(t, err)
		want := append([]byte("sss"), make([]byte, 299_997)...)
		require.True(t, bytes.Equal(append(want, "end"...), data))
	}
}

func TestTestVectors(t *testing.T) {
	c := openMutable(t, withLeases(t, 0)) // "hello"
	eq := func(offset, length int64, specimen string) sharecontainer.TestVector {
		return sharecontainer.TestVector{Offset: offset, Length: length, Operator: sharecontainer.OperatorEqual, Specimen: []byte(specimen)}
	}
	for _, test := range []struct {
		name          string
		vector        sharecontainer.TestVector
		good, onEmpty bool
	}{
		{"all", eq(0, 5, "hello"), true, false},
		{"part", eq(1, 3, "ell"), true, false},
		{"cut at the end", eq(3, 1000, "lo"), true, false},
		{"huge length", eq(3, 1<<62, "lo"), true, false},
		{"beyond the end", eq(5, 10, ""), true, true},
		{"far beyond the end", eq(1<<62, 1<<62, ""), true, true},
		{"nothing", eq(2, 0, ""), true, true},
		{"other bytes", eq(0, 5, "hullo"), false, false},
		{"specimen too long", eq(0, 5, "hello!"), false, false},
		{"specimen too short", eq(0, 5, "hell"), false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			good, err := c.Test([]sharecontainer.TestVector{eq(0, 1, "h"), test.vector})
			require.NoError(t, err)
			require.Equal(t, test.good, good)
			good, err = sharecontainer.TestAbsent([]sharecontainer.TestVector{test.vector})
			require.NoError(t, err)
			require.Equal(t, test.onEmpty, good)
		})
	}
	for _, bad := range []sharecontainer.TestVector{
		{Operator: "ne"}, {Operator: ""}, {Offset: -1, Operator: "eq"}, {Length: -1, Operator: "eq"},
	} {
		var argument *sharecontainer.ArgumentError
		_, err := c.Test([]sharecontainer.TestVector{bad})
		require.ErrorAs(t, err, &argument)
		_, err = sharecontainer.TestAbsent([]sharecontainer.TestVector{bad})
		require.ErrorAs(t, err, &argument)
	}
	// More than is read at a time.
	long := bytes.Repeat([]byte("0123456789"), 10_000)
	b := update(t, withLeases(t, 0), func(u *sharecontainer.MutableUpdate) error {
		return u.Write([]sharecontainer.WriteVector{{Data: long}})
	})
	good, err := openMutable(t, b).Test([]sharecontainer.TestVector{eq(0, int64(len(long)), string(long))})
	require.NoError(t, err)
	require.True(t, good)
	long[90_000]++
	good, err = openMutable(t, b).Test([]sharecontainer.TestVector{eq(0, int64(len(long)), string(long))})
	require.NoError(t, err)
	require.False(t, good)
}

func TestNoLeaseErrorNamesTheServersOnce(t *testing.T) {
	u := beginUpdate(t, withLeases(t, 0))
	for i, node := range []byte{2, 1, 2} {
		require.NoError(t, u.AddLease(0, newLease(1, byte(i), byte(i), 1, nodeID(node))))
	}
	err := u.RenewLease(renewal(99), 1, false)
	require.EqualError(t, err, fmt.Sprintf(
		"Unable to renew non-existent lease. I have leases accepted by nodeids: '%s','%s' .", nodeID(2), nodeID(1)))
}

func TestRemoveLeases(t *testing.T) {
	expired := func(l sharecontainer.Lease) bool { return l.Expires <= 1000 }
	u := beginUpdate(t, withLeases(t, 6))
	require.NoError(t, u.AddLease(92, newLease(1, 50, 50, 2000, nodeID(1))))
	require.Equal(t, 6, u.RemoveLeases(expired))
	require.Equal(t, 1, u.NumLeases())
	require.Zero(t, u.RemoveLeases(expired))
	require.Len(t, listLeases(t, openMutable(t, apply(t, withLeases(t, 6), u.Plan())).Leases()), 1)

	u = beginUpdate(t, withLeases(t, 6))
	require.Equal(t, 6, u.RemoveLeases(expired))
	plan := u.Plan()
	require.True(t, plan.Remove)
	require.False(t, plan.IsEmpty())
	require.NoError(t, plan.Apply(&memFile{}))

	b := openedImmutable(t)
	plan, n, err := openImmutable(t, b).RemoveLeases(func(sharecontainer.Lease) bool { return false })
	require.NoError(t, err)
	require.Zero(t, n)
	require.True(t, plan.IsEmpty())
	plan, n, err = openImmutable(t, b).RemoveLeases(expired)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.True(t, plan.Remove)
}

// A container without leases that never had one is no reason to delete it:
// 1.20 creates mutable shares in this state.
func TestNoLeaseIsNoRemoval(t *testing.T) {
	u := beginUpdate(t, withLeases(t, 0))
	require.Zero(t, u.RemoveLeases(func(sharecontainer.Lease) bool { return true }))
	require.False(t, u.Plan().Remove)
}

func TestTooManyLeases(t *testing.T) {
	header := sharecontainer.AppendImmutableHeader(nil, sharecontainer.ImmutableHeader{Version: 2, NumLeases: sharecontainer.MaxLeases + 1})
	b := append(header, make([]byte, (sharecontainer.MaxLeases+1)*sharecontainer.ImmutableLeaseSize)...)
	_, err := openImmutable(t, b).AddLease(newLease(0, 1, 1, 1, grid.TubID{}))
	require.ErrorIs(t, err, sharecontainer.ErrTooManyLeases)
	_, err = openImmutable(t, b).CancelLease(cancel(1))
	require.ErrorIs(t, err, sharecontainer.ErrTooManyLeases)

	const numExtra = sharecontainer.MaxLeases + 1
	b = append(emptyMutable(t, sharecontainer.Version2), make([]byte, numExtra*sharecontainer.MutableLeaseSize)...)
	copy(b[468:], binary.BigEndian.AppendUint32(nil, numExtra))
	_, err = openMutable(t, b).Update()
	require.ErrorIs(t, err, sharecontainer.ErrTooManyLeases)

	u := sharecontainer.CreateMutable(nodeID(1), enabler(1))
	l := newLease(1, 1, 1, 1, nodeID(1))
	for range 5 {
		require.NoError(t, u.AddLease(92, l))
	}
	require.ErrorIs(t, u.AddLease(91, l), sharecontainer.ErrNoSpace)
}

func TestExpiry(t *testing.T) {
	e, err := sharecontainer.NewExpiry(time.Unix(1_700_000_000, 999_999_999))
	require.NoError(t, err)
	require.Equal(t, sharecontainer.Expiry(1_700_000_000+31*86400), e)
	require.Equal(t, time.Unix(1_700_000_000, 0).UTC(), e.Granted())
	for _, now := range []time.Time{time.Unix(1<<32, 0), time.Unix(-32*86400, 0), {}} {
		var argument *sharecontainer.ArgumentError
		_, err := sharecontainer.NewExpiry(now)
		require.ErrorAs(t, err, &argument)
	}
}

// sparse is a file with a few bytes at its ends.
type sparse struct {
	head, tail []byte
	size       int64
}

func (s sparse) ReadAt(p []byte, offset int64) (int, error) {
	clear(p)
	if offset < int64(len(s.head)) {
		copy(p, s.head[offset:])
	}
	if start := s.size - int64(len(s.tail)); offset >= start {
		copy(p, s.tail[offset-start:])
	}
	return len(p), nil
}

// Sizes beyond 4 GiB work where int has 32 bits.
func TestLargeImmutable(t *testing.T) {
	const size = 5 << 30
	plan, err := sharecontainer.CreateImmutable(size, newLease(0, 1, 2, 1000, grid.TubID{}))
	require.NoError(t, err)
	require.Equal(t, int64(12+size+72), plan.NewSize)
	require.Len(t, plan.Edits, 2)
	require.Equal(t, int64(12+size), plan.Edits[1].Offset)
	file := sparse{plan.Edits[0].Data, plan.Edits[1].Data, plan.NewSize}
	c, err := sharecontainer.OpenImmutable(file, plan.NewSize)
	require.NoError(t, err)
	require.Equal(t, int64(size), c.DataSize())
	require.Equal(t, uint32(1<<32-1), c.Header().RecordedSize, "the old field is full")
	plan, err = c.RenewLease(renewal(1), 2000, false)
	require.NoError(t, err)
	require.Equal(t, int64(12+size), plan.Edits[0].Offset)
	offset, err := sharecontainer.ImmutableOffset(size, size-1, 1)
	require.NoError(t, err)
	require.Equal(t, int64(12+size-1), offset)
}

func TestCreateImmutableRefuses(t *testing.T) {
	for _, size := range []int64{-1, sharecontainer.MaxImmutableDataSize + 1} {
		var argument *sharecontainer.ArgumentError
		_, err := sharecontainer.CreateImmutable(size)
		require.ErrorAs(t, err, &argument)
	}
}

func TestImmutableOffsetRefuses(t *testing.T) {
	var argument *sharecontainer.ArgumentError
	var tooLarge *sharecontainer.DataTooLargeError
	for _, v := range [][2]int64{{-1, 1}, {0, -1}} {
		_, err := sharecontainer.ImmutableOffset(10, v[0], v[1])
		require.ErrorAs(t, err, &argument)
	}
	for _, v := range [][2]int64{{10, 1}, {0, 11}, {11, 0}, {1<<63 - 1, 1<<63 - 1}} {
		_, err := sharecontainer.ImmutableOffset(10, v[0], v[1])
		require.ErrorAs(t, err, &tooLarge)
	}
	offset, err := sharecontainer.ImmutableOffset(10, 10, 0)
	require.NoError(t, err)
	require.Equal(t, int64(22), offset)
}

// Secrets of leases and write enablers come out of nothing that is printed.
func TestNothingPrintsSecrets(t *testing.T) {
	const r, c, w = 'Q', 'J', 'X'
	u := sharecontainer.CreateMutable(nodeID(1), enabler(w))
	l := newLease(1, r, c, 1000, nodeID(1))
	require.NoError(t, u.AddLease(0, l))
	b := apply(t, nil, u.Plan())
	copy(b, "Tahoe mutable container v1\n\x75\x09\x44\x03\x8e")
	copy(b[108:], bytes.Repeat([]byte{r}, 32)) // as version 1 keeps them
	copy(b[140:], bytes.Repeat([]byte{c}, 32))
	mutable := openMutable(t, b)
	again := beginUpdate(t, b)
	lease := listLeases(t, mutable.Leases())[0]
	require.True(t, lease.IsRenewalSecret(l.RenewalSecret))
	require.NoError(t, again.Write([]sharecontainer.WriteVector{{Offset: 9, Data: []byte{1}}}))
	require.NoError(t, again.RenewLease(l.RenewalSecret, 2000, false))
	plan := again.Plan()
	wrong := mutable.CheckWriteEnabler(enabler('V'))
	require.Error(t, wrong)
	missing := again.CancelLease(cancel('V'))
	require.Error(t, missing)

	var printed strings.Builder
	nested := struct { // as in a server that keeps files, which hold no bytes
		u *sharecontainer.MutableUpdate
		c *sharecontainer.Mutable
		l []sharecontainer.Lease
	}{again, mutableOn(t, b, onDisk(func() []byte { return b })), []sharecontainer.Lease{lease}}
	for _, v := range []any{nested, &nested, l, lease, &lease, []sharecontainer.Lease{lease}, mutable, *mutable, again, *again, plan,
		plan.Edits, plan.Edits[0], u.Plan(), wrong, missing, map[string]any{"x": plan}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&printed, verb+"\n", v)
		}
		encoded, err := json.Marshal(v)
		require.NoError(t, err)
		printed.Write(encoded)
		slog.New(slog.NewTextHandler(&printed, nil)).Info("m", "k", v)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("m", "k", v)
	}
	require.Contains(t, printed.String(), "[redacted stored lease secrets]")
	for _, secretByte := range []byte{r, c, w, 'V'} {
		for _, leak := range []string{"%c%c%c%c", "%x%x%x%x", "%X%X%X%X", "%d %d %d %d", "%d,%d,%d,%d", "%#x, %#x, %#x"} {
			n := strings.Count(leak, "%")
			args := make([]any, n)
			for i := range args {
				args[i] = secretByte
			}
			text := fmt.Sprintf(leak, args...)
			require.False(t, strings.Contains(printed.String(), text), "%q was printed", text)
		}
	}
}

// onDisk reads bytes that fmt does not find.
type onDisk func() []byte

func (d onDisk) ReadAt(p []byte, offset int64) (int, error) {
	return bytes.NewReader(d()).ReadAt(p, offset)
}

func mutableOn(t testing.TB, b []byte, r io.ReaderAt) *sharecontainer.Mutable {
	c, err := sharecontainer.OpenMutable(r, int64(len(b)))
	require.NoError(t, err)
	return c
}

func BenchmarkListLeases1000(b *testing.B) {
	for _, kind := range []string{"immutable", "mutable"} {
		b.Run(kind, func(b *testing.B) {
			var seq func(func(sharecontainer.Lease, error) bool)
			if kind == "immutable" {
				header := sharecontainer.AppendImmutableHeader(nil, sharecontainer.ImmutableHeader{Version: 2, NumLeases: 1000})
				seq = openImmutable(b, append(header, make([]byte, 72*1000)...)).Leases()
			} else {
				u := sharecontainer.CreateMutable(nodeID(1), enabler(1))
				for i := range 1000 {
					if err := u.AddLease(92, newLease(1, byte(i), byte(i), 1, nodeID(1))); err != nil {
						b.Fatal(err)
					}
				}
				file := &memFile{}
				require.NoError(b, u.Plan().Apply(file))
				seq = openMutable(b, file.b).Leases()
			}
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range seq {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != 1000 {
					b.Fatal(n)
				}
			}
		})
	}
}

// The usual call: one lease there, renewed.
func BenchmarkRenewLease(b *testing.B) {
	plan, err := sharecontainer.CreateImmutable(1<<20, newLease(0, 1, 2, 1000, grid.TubID{}))
	if err != nil {
		b.Fatal(err)
	}
	file := sparse{plan.Edits[0].Data, plan.Edits[1].Data, plan.NewSize}
	l := newLease(1, 1, 2, 2000, grid.TubID{})
	b.ReportAllocs()
	for b.Loop() {
		c, err := sharecontainer.OpenImmutable(file, plan.NewSize)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.AddOrRenewLease(0, l); err != nil {
			b.Fatal(err)
		}
	}
}

// An SDMF share of 10 KiB replaced, as a publish does.
func BenchmarkMutablePublish(b *testing.B) {
	u := sharecontainer.CreateMutable(nodeID(1), enabler(1))
	data := make([]byte, 10<<10)
	l := newLease(1, 1, 2, 2000, nodeID(1))
	if err := errors.Join(u.Write([]sharecontainer.WriteVector{{Data: data}}), u.AddLease(0, l)); err != nil {
		b.Fatal(err)
	}
	file := &memFile{}
	if err := u.Plan().Apply(file); err != nil {
		b.Fatal(err)
	}
	r := bytes.NewReader(file.b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		c, err := sharecontainer.OpenMutable(r, int64(len(file.b)))
		if err != nil {
			b.Fatal(err)
		}
		u, err := c.Update()
		if err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(u.Write([]sharecontainer.WriteVector{{Data: data}}), u.AddOrRenewLease(0, l)); err != nil {
			b.Fatal(err)
		}
		if err := u.Plan().Apply(file); err != nil {
			b.Fatal(err)
		}
	}
}
