package sharecontainer_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/stretchr/testify/require"
)

// requireTyped accepts the errors that a damaged file may lead to.
func requireTyped(t testing.TB, err error) {
	var corrupt *sharecontainer.CorruptError
	var version *sharecontainer.UnknownVersionError
	if errors.As(err, &corrupt) || errors.As(err, &version) || errors.Is(err, sharecontainer.ErrTooManyLeases) {
		return
	}
	require.NoError(t, err)
}

// checkAny does everything to any bytes that can be done to a container.
func checkAny(t testing.TB, b []byte) {
	_, err := sharecontainer.Detect(b[:min(len(b), sharecontainer.DetectSize)])
	if err != nil {
		require.ErrorIs(t, err, sharecontainer.ErrNotShare)
	}
	checkMutable(t, b)
	checkImmutable(t, b)
}

func checkImmutable(t testing.TB, b []byte) {
	c, err := sharecontainer.OpenImmutable(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		requireTyped(t, err)
		return
	}
	// What parses re-encodes to the same bytes: header, data, and leases when
	// all of them are taken away and put back one by one.
	require.Equal(t, b[:12], sharecontainer.AppendImmutableHeader(nil, c.Header()))
	data, err := io.ReadAll(c.Data())
	require.NoError(t, err)
	require.Equal(t, b[12:12+c.DataSize()], data)
	leases := listLeases(t, c.Leases())
	require.Len(t, leases, int(c.Header().NumLeases))

	plan, err := c.AddOrRenewLease(1000, newLease(1, 200, 201, 5, nodeID(1)))
	require.NoError(t, err)
	added := apply(t, b, plan)
	after := openImmutable(t, added)
	require.Equal(t, c.DataSize(), after.DataSize())
	plan, n, err := after.RemoveLeases(func(l sharecontainer.Lease) bool {
		return l.IsRenewalSecret(renewal(200)) && l.IsCancelSecret(cancel(201))
	})
	require.NoError(t, err)
	if n == 1 && len(leases) > 0 && len(added) > len(b) {
		require.Equal(t, b, apply(t, added, plan))
	}
}

func checkMutable(t testing.TB, b []byte) {
	c, err := sharecontainer.OpenMutable(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		requireTyped(t, err)
		return
	}
	_, err = io.ReadAll(c.Data())
	require.NoError(t, err)
	_ = c.CheckWriteEnabler(enabler('W'))
	for _, err := range c.Leases() {
		requireTyped(t, err)
	}
	u, err := c.Update()
	if err != nil {
		requireTyped(t, err)
		return
	}
	require.True(t, u.Plan().IsEmpty())
	before := listLeases(t, c.Leases())
	require.Len(t, before, u.NumLeases())
	checkRewrite(t, b, c)
	checkMutableChange(t, b, c, u)
}

// checkRewrite moves the leases to a place behind the file, which writes them
// anew, and compares them: what parses re-encodes to the same bytes.
func checkRewrite(t testing.TB, b []byte, c *sharecontainer.Mutable) {
	if c.DataSize() > 1<<20 {
		return
	}
	u, err := c.Update()
	require.NoError(t, err)
	far := int64(len(b))
	require.NoError(t, u.Write([]sharecontainer.WriteVector{{Offset: far, Data: []byte{1}}}))
	moved := apply(t, b, u.Plan())
	require.Equal(t, b[:84], moved[:84])
	require.Equal(t, b[100:468], moved[100:468])
	extra := moved[468+far+1:]
	old := b[int64(len(b))-min(int64(len(b)), int64(len(extra))):]
	if bytes.HasSuffix(old, extra) { // no rubbish behind the leases and none missing
		require.Equal(t, old, extra)
	}
	requireSameLeases(t, listLeases(t, c.Leases()), listLeases(t, openMutable(t, moved).Leases()))
}

func requireSameLeases(t testing.TB, want, got []sharecontainer.Lease) {
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i].Secrets.RevealString(), got[i].Secrets.RevealString())
		require.Equal(t, want[i].OwnerNum, got[i].OwnerNum)
		require.Equal(t, want[i].Expires, got[i].Expires)
		require.Equal(t, want[i].NodeID, got[i].NodeID)
	}
}

func checkMutableChange(t testing.TB, b []byte, c *sharecontainer.Mutable, u *sharecontainer.MutableUpdate) {
	require.NoError(t, u.Write([]sharecontainer.WriteVector{{Offset: 3, Data: []byte("xyz")}, {Offset: 40, Data: []byte("end")}}))
	require.NoError(t, u.Truncate(100))
	require.NoError(t, u.AddOrRenewLease(1000, newLease(1, 200, 201, 5, nodeID(1))))
	plan := u.Plan()
	if plan.NewSize > 1<<20 {
		return
	}
	after := openMutable(t, apply(t, b, plan))
	require.Equal(t, u.DataSize(), after.DataSize())
	good, err := after.Test([]sharecontainer.TestVector{{Offset: 40, Length: 3, Operator: "eq", Specimen: []byte("end")}})
	require.NoError(t, err)
	require.True(t, good)
	require.Len(t, listLeases(t, after.Leases()), u.NumLeases())
}

func FuzzContainer(f *testing.F) {
	for _, s := range readShares(f) {
		f.Add(s.contents(f))
	}
	v := readFormats(f)
	for _, step := range v.MutableContainer.Steps {
		f.Add([]byte(step.File))
	}
	f.Add([]byte(v.ImmutableContainer.First))
	f.Add([]byte(v.ImmutableContainer.Second))
	f.Fuzz(func(t *testing.T, b []byte) { checkAny(t, b) })
}

// FuzzLease reads 92 bytes as the only lease of each kind of container.
func FuzzLease(f *testing.F) {
	v := readFormats(f).Leases
	for _, b := range [][]byte{v.MutableV1, v.MutableV2, append(v.ImmutableV2, make([]byte, 20)...)} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != sharecontainer.MutableLeaseSize {
			return
		}
		mutable := emptyMutable(t, sharecontainer.Version2)
		copy(mutable[100:], b)
		checkAny(t, mutable)
		immutable := sharecontainer.AppendImmutableHeader(nil, sharecontainer.ImmutableHeader{Version: 2, NumLeases: 1})
		checkAny(t, append(immutable, b[:sharecontainer.ImmutableLeaseSize]...))
	})
}
