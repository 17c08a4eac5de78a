package sharecontainer_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/stretchr/testify/require"
)

// sequence is a row of operations on one container, done by 1.20.0.
type sequence struct {
	Version sharecontainer.Version
	Steps   []step
	Leases  [][]any // owner number, expiry, node id, both secrets as 1.20 presents them
}

type step struct {
	Op       []json.RawMessage
	Error    string
	Size     int
	SHA256   string
	Removed  bool
	Data     []hexBytes // of a read
	Specimen hexBytes
	Test     bool
}

type tahoeVectors struct {
	Mutable    []sequence
	Immutable  []sequence
	Advisories []struct {
		UnixMicro int64 `json:"unix_micro"`
		Name      string
		Text      string
	}
}

// arg reads the i-th part of the operation; 0 is its name.
func arg[T any](t testing.TB, s step, i int) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(s.Op[i], &v))
	return v
}

// lease reads five numbers from the i-th part on.
func (s step) lease(t testing.TB, i int) sharecontainer.NewLease {
	return newLease(arg[uint32](t, s, i), arg[byte](t, s, i+1), arg[byte](t, s, i+2),
		arg[sharecontainer.Expiry](t, s, i+3), nodeID(arg[byte](t, s, i+4)))
}

func TestMutableAgainstTahoe(t *testing.T) {
	var v tahoeVectors
	readJSON(t, "tahoe-1.20.json", &v)
	require.Len(t, v.Mutable, 40)
	for i, s := range v.Mutable {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			b := emptyMutable(t, s.Version)
			for n, step := range s.Steps {
				b = mutableStep(t, b, step)
				require.False(t, t.Failed(), "step %d: %s", n, step.Op)
				if b == nil {
					return
				}
			}
			requireLeases(t, s, listLeases(t, openMutable(t, b).Leases()))
		})
	}
}

// mutableStep repeats one operation and checks the outcome; nil if the file
// is gone.
func mutableStep(t *testing.T, b []byte, s step) []byte {
	u := beginUpdate(t, b)
	var err error
	switch name := arg[string](t, s, 0); name {
	case "create":
	case "read":
		checkRead(t, openMutable(t, b), s)
		return b
	case "write":
		err = writeStep(t, u, s)
	case "add":
		err = u.AddLease(arg[int64](t, s, 1), s.lease(t, 2))
	case "add-or-renew":
		err = u.AddOrRenewLease(arg[int64](t, s, 1), s.lease(t, 2))
	case "renew":
		err = u.RenewLease(renewal(arg[byte](t, s, 1)), arg[sharecontainer.Expiry](t, s, 2), arg[bool](t, s, 3))
	case "cancel":
		err = u.CancelLease(cancel(arg[byte](t, s, 1)))
	default:
		t.Fatal("unknown operation " + name)
	}
	requireError(t, s.Error, err)
	plan := u.Plan()
	if err != nil {
		require.True(t, plan.IsEmpty())
	}
	return finish(t, b, s, plan)
}

// finish applies the plan of a step and compares the file.
func finish(t *testing.T, b []byte, s step, plan sharecontainer.Plan) []byte {
	require.Equal(t, s.Removed, plan.Remove)
	if plan.Remove {
		return nil
	}
	b = apply(t, b, plan)
	require.Len(t, b, s.Size, "%s", s.Op)
	sum := sha256.Sum256(b)
	require.Equal(t, s.SHA256, hex.EncodeToString(sum[:]), "%s", s.Op)
	return b
}

func writeStep(t *testing.T, u *sharecontainer.MutableUpdate, s step) error {
	var vectors []sharecontainer.WriteVector
	for _, v := range arg[[][3]int64](t, s, 1) {
		vectors = append(vectors, sharecontainer.WriteVector{Offset: v[0], Data: pattern(int(v[1]), int(v[2]))})
	}
	if err := u.Write(vectors); err != nil {
		return err
	}
	if newLength := arg[*int64](t, s, 2); newLength != nil {
		return u.Truncate(*newLength)
	}
	return nil
}

func checkRead(t *testing.T, c *sharecontainer.Mutable, s step) {
	vectors := arg[[][2]int64](t, s, 1)
	for i, v := range vectors {
		buf := make([]byte, v[1])
		n, err := c.Data().ReadAt(buf, v[0])
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
		}
		require.Equal(t, []byte(s.Data[i]), buf[:n])
	}
	good, err := c.Test([]sharecontainer.TestVector{
		{Offset: vectors[0][0], Length: vectors[0][1], Operator: "eq", Specimen: s.Specimen},
		{Offset: vectors[0][0], Length: vectors[0][1], Operator: "eq", Specimen: s.Data[0]},
	})
	require.NoError(t, err)
	require.Equal(t, s.Test, good)
}

func TestImmutableAgainstTahoe(t *testing.T) {
	var v tahoeVectors
	readJSON(t, "tahoe-1.20.json", &v)
	require.Len(t, v.Immutable, 40)
	for i, s := range v.Immutable {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			b := createStep(t, s)
			for n, step := range s.Steps[1:] {
				b = immutableStep(t, b, step)
				require.False(t, t.Failed(), "step %d: %s", n+1, step.Op)
				if b == nil {
					return
				}
			}
			requireLeases(t, s, listLeases(t, openImmutable(t, b).Leases()))
		})
	}
}

func createStep(t *testing.T, s sequence) []byte {
	create := s.Steps[0]
	size := arg[int](t, create, 1)
	args := arg[[]json.RawMessage](t, create, 3)
	plan, err := sharecontainer.CreateImmutable(int64(size))
	require.NoError(t, err)
	b := apply(t, nil, plan)
	require.NoError(t, (&memFile{b: b}).Truncate(int64(len(b))))
	copy(b[12:], pattern(arg[int](t, create, 2), size))
	b[3] = byte(s.Version) // we create the newest only
	plan, err = openImmutable(t, b).AddLease(step{Op: args}.lease(t, 0))
	require.NoError(t, err)
	return finish(t, b, create, plan)
}

func immutableStep(t *testing.T, b []byte, s step) []byte {
	c := openImmutable(t, b)
	plan := sharecontainer.Plan{OldSize: int64(len(b)), NewSize: int64(len(b))}
	var next sharecontainer.Plan
	var err error
	switch name := arg[string](t, s, 0); name {
	case "add":
		next, err = c.AddLease(s.lease(t, 2))
	case "add-or-renew":
		next, err = c.AddOrRenewLease(arg[int64](t, s, 1), s.lease(t, 2))
	case "renew":
		next, err = c.RenewLease(renewal(arg[byte](t, s, 1)), arg[sharecontainer.Expiry](t, s, 2), arg[bool](t, s, 3))
	case "cancel":
		next, err = c.CancelLease(cancel(arg[byte](t, s, 1)))
	default:
		t.Fatal("unknown operation " + name)
	}
	requireError(t, s.Error, err)
	if err == nil {
		plan = next
	}
	return finish(t, b, s, plan)
}

// requireError compares an error with the name of an exception of 1.20, and
// for IndexError its text.
func requireError(t *testing.T, want string, err error) {
	t.Helper()
	exception, text, _ := strings.Cut(want, ": ")
	var noLease *sharecontainer.NoLeaseError
	var tooLarge *sharecontainer.DataTooLargeError
	var argument *sharecontainer.ArgumentError
	switch exception {
	case "":
		require.NoError(t, err)
	case "IndexError":
		require.ErrorAs(t, err, &noLease)
		require.Equal(t, words(text), words(err.Error()))
	case "NoSpace":
		require.ErrorIs(t, err, sharecontainer.ErrNoSpace)
	case "DataTooLargeError":
		require.ErrorAs(t, err, &tooLarge)
	case "AssertionError": // owner number 0
		require.ErrorAs(t, err, &argument)
	default:
		t.Fatal("unknown exception " + want)
	}
}

// words splits a text that lists node ids in the order of a Python set.
func words(text string) []string {
	w := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })
	slices.Sort(w)
	return w
}

func requireLeases(t *testing.T, s sequence, got []sharecontainer.Lease) {
	t.Helper()
	require.Len(t, got, len(s.Leases))
	for i, want := range s.Leases {
		require.EqualValues(t, want[0], got[i].OwnerNum)
		require.EqualValues(t, want[1], got[i].Expires)
		node := ""
		if got[i].NodeID != (grid.TubID{}) {
			node = hex.EncodeToString(got[i].NodeID[:])
		}
		require.Equal(t, want[2], node)
		stored := []byte(got[i].Secrets.RevealString())
		prefix := ""
		if s.Version == sharecontainer.Version2 {
			prefix = "hash:"
		}
		require.Equal(t, want[3], prefix+base32.Encode(stored[:32]))
		require.Equal(t, want[4], prefix+base32.Encode(stored[32:]))
	}
}

func TestAdvisoryAgainstTahoe(t *testing.T) {
	var v tahoeVectors
	readJSON(t, "tahoe-1.20.json", &v)
	require.Len(t, v.Advisories, 3)
	a := sharecontainer.Advisory{
		Kind: sharecontainer.KindImmutable, StorageIndex: grid.StorageIndex(pattern(0, 16)),
		ShareNum: 7, Reason: "h\u00e9 {x}\nline",
	}
	for _, want := range v.Advisories {
		require.Equal(t, want.Name, a.FileName(time.UnixMicro(want.UnixMicro).In(time.FixedZone("", 7200))))
		require.Equal(t, want.Text, a.Text())
	}
	a.Reason = "\xff"
	require.Contains(t, a.Text(), "\n\n\uFFFD\n\n")
}
