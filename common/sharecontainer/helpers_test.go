package sharecontainer_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"testing"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/stretchr/testify/require"
)

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, v))
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

// memFile is a file in memory. With failAfter it writes that many bytes more
// and then fails.
type memFile struct {
	b         []byte
	limited   bool
	failAfter int
}

func (f *memFile) WriteAt(p []byte, offset int64) (int, error) {
	n := len(p)
	if f.limited {
		n = min(n, f.failAfter)
		f.failAfter -= n
	}
	f.grow(offset + int64(n))
	copy(f.b[offset:], p[:n])
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

func (f *memFile) grow(size int64) {
	if more := size - int64(len(f.b)); more > 0 {
		f.b = append(f.b, make([]byte, more)...)
	}
}

func (f *memFile) Truncate(size int64) error {
	f.grow(size)
	f.b = f.b[:size]
	return nil
}

// apply carries out a plan in every way there is and checks that all of them
// give the same file: in place, by copying, and in place after interruptions.
func apply(t testing.TB, old []byte, plan sharecontainer.Plan) []byte {
	t.Helper()
	require.Equal(t, int64(len(old)), plan.OldSize)
	require.False(t, plan.Remove)
	f := &memFile{b: bytes.Clone(old)}
	require.NoError(t, plan.Apply(f))
	require.Len(t, f.b, int(plan.NewSize))

	copied, err := io.ReadAll(plan.Reader(bytes.NewReader(old)))
	require.NoError(t, err)
	require.True(t, bytes.Equal(f.b, copied), "copying and writing differ")

	total := 0
	for _, e := range plan.Edits {
		total += len(e.Data)
	}
	for _, after := range []int{0, 1, total / 3, total / 2, total - 1} {
		g := &memFile{b: bytes.Clone(old), limited: true, failAfter: max(after, 0)}
		_ = plan.Apply(g)
		g.limited = false
		require.NoError(t, plan.Apply(g))
		require.True(t, bytes.Equal(f.b, g.b), "a repeated plan differs after %d bytes", after)
	}
	return f.b
}

func openMutable(t testing.TB, b []byte) *sharecontainer.Mutable {
	t.Helper()
	c, err := sharecontainer.OpenMutable(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	return c
}

func openImmutable(t testing.TB, b []byte) *sharecontainer.Immutable {
	t.Helper()
	c, err := sharecontainer.OpenImmutable(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	return c
}

func beginUpdate(t testing.TB, b []byte) *sharecontainer.MutableUpdate {
	t.Helper()
	u, err := openMutable(t, b).Update()
	require.NoError(t, err)
	return u
}

// update changes a mutable container with one function.
func update(t testing.TB, b []byte, change func(*sharecontainer.MutableUpdate) error) []byte {
	t.Helper()
	u := beginUpdate(t, b)
	require.NoError(t, change(u))
	return apply(t, b, u.Plan())
}

func repeated(b byte) [32]byte { return [32]byte(bytes.Repeat([]byte{b}, 32)) }

func renewal(b byte) secret.RenewalSecret { return secret.NewRenewalSecret(repeated(b)) }
func cancel(b byte) secret.CancelSecret   { return secret.NewCancelSecret(repeated(b)) }
func enabler(b byte) secret.WriteEnabler  { return secret.NewWriteEnabler(repeated(b)) }

func nodeID(b byte) grid.TubID { return grid.TubID(bytes.Repeat([]byte{b}, 20)) }

func newLease(owner uint32, renew, cancelByte byte, expires sharecontainer.Expiry, node grid.TubID) sharecontainer.NewLease {
	return sharecontainer.NewLease{
		OwnerNum: owner, RenewalSecret: renewal(renew), CancelSecret: cancel(cancelByte), Expires: expires, NodeID: node,
	}
}

// listLeases collects the leases of a container of either kind.
func listLeases(t testing.TB, seq func(func(sharecontainer.Lease, error) bool)) []sharecontainer.Lease {
	t.Helper()
	var leases []sharecontainer.Lease
	for l, err := range seq {
		require.NoError(t, err)
		leases = append(leases, l)
	}
	return leases
}

// pattern is that of testdata/capture.py.
func pattern(first, length int) []byte {
	b := make([]byte, length)
	for i := range b {
		b[i] = byte(first + i)
	}
	return b
}

// emptyMutable is a container without data and leases, of any version.
func emptyMutable(t testing.TB, version sharecontainer.Version) []byte {
	b := apply(t, nil, sharecontainer.CreateMutable(nodeID('N'), enabler('W')).Plan())
	if version == sharecontainer.Version1 {
		copy(b, "Tahoe mutable container v1\n\x75\x09\x44\x03\x8e")
	}
	return b
}
