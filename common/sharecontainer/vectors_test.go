package sharecontainer_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"testing"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/stretchr/testify/require"
)

// formatVectors is testdata/formats.json.
type formatVectors struct {
	Leases struct {
		Input struct {
			OwnerNum       uint32                `json:"owner_num"`
			RenewSecret    hexBytes              `json:"renew_secret"`
			CancelSecret   hexBytes              `json:"cancel_secret"`
			ExpirationTime sharecontainer.Expiry `json:"expiration_time"`
			NodeID         hexBytes              `json:"nodeid"`
		}
		ImmutableV1 hexBytes `json:"immutable_v1"`
		ImmutableV2 hexBytes `json:"immutable_v2"`
		MutableV1   hexBytes `json:"mutable_v1"`
		MutableV2   hexBytes `json:"mutable_v2"`
	}
	MutableContainer struct {
		MagicV1 hexBytes `json:"magic_v1"`
		MagicV2 hexBytes `json:"magic_v2"`
		Steps   []struct {
			What string
			File hexBytes `json:"file_hex"`
		}
	} `json:"mutable_container"`
	ImmutableContainer struct {
		Data   hexBytes
		First  hexBytes `json:"file_after_create_write_and_one_lease_owner0"`
		Second hexBytes `json:"file_after_second_lease_owner1_and_renew_of_R_to_1800000000"`
	} `json:"immutable_container"`
}

func readFormats(t testing.TB) (v formatVectors) {
	readJSON(t, "formats.json", &v)
	return v
}

func TestLeaseVectors(t *testing.T) {
	v := readFormats(t).Leases
	l := sharecontainer.NewLease{
		OwnerNum: v.Input.OwnerNum,
		Expires:  v.Input.ExpirationTime,
		NodeID:   grid.TubID(v.Input.NodeID),
	}
	require.NoError(t, l.RenewalSecret.SetBytes(v.Input.RenewSecret))
	require.NoError(t, l.CancelSecret.SetBytes(v.Input.CancelSecret))
	for version, want := range map[sharecontainer.Version]hexBytes{
		sharecontainer.Version1: v.ImmutableV1, sharecontainer.Version2: v.ImmutableV2,
	} {
		old := sharecontainer.AppendImmutableHeader(nil, sharecontainer.ImmutableHeader{Version: version})
		plan, err := openImmutable(t, old).AddLease(l)
		require.NoError(t, err)
		b := apply(t, old, plan)
		require.Equal(t, []byte(want), b[12:])
		leases := listLeases(t, openImmutable(t, b).Leases())
		require.Len(t, leases, 1)
		requireLease(t, l, leases[0])
	}
	for version, want := range map[sharecontainer.Version]hexBytes{
		sharecontainer.Version1: v.MutableV1, sharecontainer.Version2: v.MutableV2,
	} {
		b := update(t, emptyMutable(t, version), func(u *sharecontainer.MutableUpdate) error { return u.AddLease(0, l) })
		require.Equal(t, []byte(want), b[100:192])
		leases := listLeases(t, openMutable(t, b).Leases())
		require.Len(t, leases, 1)
		requireLease(t, l, leases[0])
		require.Equal(t, l.NodeID, leases[0].NodeID)
		require.Equal(t, version, leases[0].Version)
	}
}

// requireLease checks a listed lease against what was added.
func requireLease(t *testing.T, want sharecontainer.NewLease, got sharecontainer.Lease) {
	t.Helper()
	require.Equal(t, want.OwnerNum, got.OwnerNum)
	require.Equal(t, want.Expires, got.Expires)
	require.True(t, got.IsRenewalSecret(want.RenewalSecret))
	require.True(t, got.IsCancelSecret(want.CancelSecret))
	require.False(t, got.IsRenewalSecret(secret.NewRenewalSecret(want.CancelSecret.Reveal())))
	require.False(t, got.IsCancelSecret(secret.NewCancelSecret(want.RenewalSecret.Reveal())))
}

func TestMutableContainerVectors(t *testing.T) {
	v := readFormats(t).MutableContainer
	node, err := hex.DecodeString("0714212e3b4855626f7c8996a3b0bdcad7e4f1fe")
	require.NoError(t, err)
	id := grid.TubID(node)
	steps := []func(u *sharecontainer.MutableUpdate) error{
		nil, // creation
		func(u *sharecontainer.MutableUpdate) error {
			return u.Write([]sharecontainer.WriteVector{{Data: []byte("hello world")}})
		},
		func(u *sharecontainer.MutableUpdate) error {
			return u.AddLease(0, newLease(1, 'R', 'C', 1700000000, id))
		},
		func(u *sharecontainer.MutableUpdate) error {
			for i := range byte(4) {
				expires := sharecontainer.Expiry(1700000001 + uint32(i))
				if err := u.AddLease(92, newLease(1, i, 100+i, expires, id)); err != nil {
					return err
				}
			}
			return nil
		},
		func(u *sharecontainer.MutableUpdate) error {
			return u.Write([]sharecontainer.WriteVector{{Offset: 20, Data: []byte("tail")}})
		},
		func(u *sharecontainer.MutableUpdate) error { return u.Truncate(5) },
	}
	require.Len(t, v.Steps, len(steps))
	var b []byte
	// Step by step, each from the file before; and all in a single plan.
	whole := sharecontainer.CreateMutable(id, enabler('W'))
	for i, step := range steps {
		u := sharecontainer.CreateMutable(id, enabler('W'))
		if step != nil {
			u = beginUpdate(t, b)
			require.NoError(t, step(u))
			require.NoError(t, step(whole))
		}
		b = apply(t, b, u.Plan())
		require.Equal(t, []byte(v.Steps[i].File), b, v.Steps[i].What)
		require.Equal(t, []byte(v.Steps[i].File), apply(t, nil, whole.Plan()), "in one plan: %s", v.Steps[i].What)
	}
	require.Equal(t, []byte(v.MagicV2), b[:32])
	require.Equal(t, []byte(v.MagicV1), emptyMutable(t, sharecontainer.Version1)[:32])
	c := openMutable(t, b)
	data, err := io.ReadAll(c.Data())
	require.NoError(t, err)
	require.Equal(t, "hello", string(data))
	require.Equal(t, id, c.NodeID())
}

func TestImmutableContainerVectors(t *testing.T) {
	v := readFormats(t).ImmutableContainer
	first := newLease(0, 'R', 'C', 1700000000, grid.TubID{})
	plan, err := sharecontainer.CreateImmutable(int64(len(v.Data)), first)
	require.NoError(t, err)
	b := apply(t, nil, plan)
	offset, err := sharecontainer.ImmutableOffset(int64(len(v.Data)), 0, int64(len(v.Data)))
	require.NoError(t, err)
	copy(b[offset:], v.Data)
	require.Equal(t, []byte(v.First), b)

	second := first
	second.OwnerNum = 1
	plan, err = openImmutable(t, b).AddLease(second)
	require.NoError(t, err)
	b = apply(t, b, plan)
	plan, err = openImmutable(t, b).RenewLease(renewal('R'), 1800000000, false)
	require.NoError(t, err)
	b = apply(t, b, plan)
	require.Equal(t, []byte(v.Second), b)
	require.Equal(t, sharecontainer.ImmutableHeader{Version: 2, RecordedSize: 10, NumLeases: 2}, openImmutable(t, b).Header())
	data, err := io.ReadAll(openImmutable(t, b).Data())
	require.NoError(t, err)
	require.Equal(t, []byte(v.Data), data)
}

// realShare describes a file in testdata/shares, as a server kept it.
type realShare struct {
	File         string
	Mutable      bool
	StorageIndex string `json:"storage_index"`
	DataBytes    int64  `json:"data_bytes"`
	DataSHA256   string `json:"data_sha256"`
	LeaseSecret  string `json:"lease_secret"`
	TubID        string `json:"tub_id"`
	WriteKey     string
}

func readShares(t testing.TB) (shares []realShare) {
	readJSON(t, "shares.json", &shares)
	require.NotEmpty(t, shares)
	return shares
}

func (s realShare) contents(t testing.TB) []byte {
	b, err := os.ReadFile("testdata/shares/" + s.File)
	require.NoError(t, err)
	return b
}

// secrets derives what the client of the grid told the server.
func (s realShare) secrets(t testing.TB) (secret.RenewalSecret, secret.CancelSecret, grid.TubID) {
	si, err := grid.ParseStorageIndex(s.StorageIndex)
	require.NoError(t, err)
	id, err := grid.ParseTubID(s.TubID)
	require.NoError(t, err)
	raw, err := base32.Decode(s.LeaseSecret)
	require.NoError(t, err)
	var lease secret.LeaseSecret
	require.NoError(t, lease.SetBytes(raw))
	renew := taggedhash.RenewalSecret(taggedhash.FileRenewalSecret(taggedhash.ClientRenewalSecret(lease), si), id)
	cancel := taggedhash.CancelSecret(taggedhash.FileCancelSecret(taggedhash.ClientCancelSecret(lease), si), id)
	return renew, cancel, id
}

func TestRealShares(t *testing.T) {
	for _, s := range readShares(t) {
		t.Run(s.File, func(t *testing.T) {
			b := s.contents(t)
			renew, cancel, id := s.secrets(t)
			kind, err := sharecontainer.Detect(b[:sharecontainer.DetectSize])
			require.NoError(t, err)
			var data *io.SectionReader
			var leases []sharecontainer.Lease
			if s.Mutable {
				require.Equal(t, sharecontainer.KindMutable, kind)
				c := openMutable(t, b)
				data, leases = c.Data(), listLeases(t, c.Leases())
				require.Equal(t, id, c.NodeID())
				require.Equal(t, id, leases[0].NodeID)
				s.checkWriteEnabler(t, c, id)
			} else {
				require.Equal(t, sharecontainer.KindImmutable, kind)
				c := openImmutable(t, b)
				data, leases = c.Data(), listLeases(t, c.Leases())
			}
			require.Len(t, leases, 1)
			require.True(t, leases[0].IsRenewalSecret(renew))
			require.True(t, leases[0].IsCancelSecret(cancel))
			require.Equal(t, s.DataBytes, data.Size())
			h := sha256.New()
			_, err = io.Copy(h, data)
			require.NoError(t, err)
			require.Equal(t, s.DataSHA256, hex.EncodeToString(h.Sum(nil)))
		})
	}
}

func (s realShare) checkWriteEnabler(t *testing.T, c *sharecontainer.Mutable, id grid.TubID) {
	raw, err := base32.Decode(s.WriteKey)
	require.NoError(t, err)
	var key secret.WriteKey
	require.NoError(t, key.SetBytes(raw))
	right := taggedhash.WriteEnabler(taggedhash.WriteEnablerMaster(key), id)
	require.NoError(t, c.CheckWriteEnabler(right))
	wrong := right.Reveal()
	wrong[31] ^= 1
	var bad *sharecontainer.BadWriteEnablerError
	require.ErrorAs(t, c.CheckWriteEnabler(secret.NewWriteEnabler(wrong)), &bad)
	require.Equal(t, "The write enabler was recorded by nodeid '"+s.TubID+"'.", bad.Error())
}

// damagedShares are one real share of each kind, for tests that walk all of it.
func damagedShares(t testing.TB) [][]byte {
	return [][]byte{realShare{File: "chk-56-0"}.contents(t), realShare{File: "sdmf-0-0"}.contents(t)}
}

// Whatever bit flips, nothing panics, errors are typed, and what opens still
// re-encodes.
func TestFlippedBitsInRealShares(t *testing.T) {
	for _, b := range damagedShares(t) {
		for _, part := range [][]byte{b[:min(len(b), 468)], b[len(b)-100:]} {
			for i := range part {
				part[i] ^= 1 << (i % 8)
				checkAny(t, b)
				part[i] ^= 1<<(i%8) | 0x80
				checkAny(t, b)
				part[i] ^= 0x80
			}
		}
	}
}

// Cutting a file anywhere gives a typed error or a smaller container.
func TestTruncatedRealShares(t *testing.T) {
	for _, b := range damagedShares(t) {
		for size := range b {
			if size < 600 || size > len(b)-100 {
				checkAny(t, bytes.Clone(b[:size]))
			}
		}
	}
}
