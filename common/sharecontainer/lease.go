package sharecontainer

import (
	"crypto/subtle"
	"encoding/binary"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"golang.org/x/crypto/blake2b"
)

// LeaseDuration is how long a lease lasts after it was made or renewed
// (storage/server.py DEFAULT_RENEWAL_TIME).
const LeaseDuration = 31 * 24 * time.Hour

// MaxLeases bounds the leases of one container. With one lease per client it
// is never met; it bounds the memory that a hostile client can make a server
// spend on one share (6 MiB).
const MaxLeases = 1 << 16

// NewLease is a lease to be added.
type NewLease struct {
	OwnerNum      uint32 // 1 for leases on mutable shares, there must be one; 0 on fresh immutable ones
	RenewalSecret secret.RenewalSecret
	CancelSecret  secret.CancelSecret
	Expires       Expiry
	NodeID        grid.TubID // of this server; immutable containers do not keep it
}

// Expiry is the end of a lease in seconds since 1970, UTC. It ends in 2106.
type Expiry uint32

// NewExpiry is the expiry of a lease that is made or renewed now: after
// [LeaseDuration], cut to seconds. The error is an *ArgumentError: a clock
// before 1970 or after 2106.
func NewExpiry(now time.Time) (Expiry, error) {
	seconds := now.Add(LeaseDuration).Unix()
	if seconds < 0 || seconds > int64(^uint32(0)) {
		return 0, argumentError("lease expiry", "%d seconds after 1970 do not fit into 32 bits", seconds)
	}
	return Expiry(seconds), nil
}

// Time of the expiry.
func (e Expiry) Time() time.Time { return time.Unix(int64(e), 0).UTC() }

// Granted guesses when the lease was made or renewed last, as
// storage/lease.py get_grant_renew_time_time does.
func (e Expiry) Granted() time.Time { return e.Time().Add(-LeaseDuration) }

// Lease is a lease as a container keeps it.
type Lease struct {
	OwnerNum uint32
	Expires  Expiry
	NodeID   grid.TubID // zero in immutable containers
	// Secrets are the 32 bytes kept of the renewal secret and the 32 of the
	// cancel secret: hashes in a container of version 2.
	Secrets secret.StoredLease
	Version Version // of the container
}

// IsRenewalSecret tells in constant time whether s renews this lease.
func (l Lease) IsRenewalSecret(s secret.RenewalSecret) bool {
	stored := l.Version.stored(s.Reveal())
	return equal(stored[:], []byte(l.Secrets.RevealString()[:secretSize]))
}

// IsCancelSecret tells in constant time whether s cancels this lease.
func (l Lease) IsCancelSecret(s secret.CancelSecret) bool {
	stored := l.Version.stored(s.Reveal())
	return equal(stored[:], []byte(l.Secrets.RevealString()[secretSize:]))
}

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

const secretSize = secret.Size32

// stored is what a container of this version keeps of a lease secret
// (storage/lease_schema.py).
func (v Version) stored(s [secretSize]byte) [secretSize]byte {
	if v == Version1 {
		return s
	}
	return blake2b.Sum256(s[:])
}

// Sizes of a lease in bytes.
const (
	ImmutableLeaseSize = 72
	MutableLeaseSize   = 92
)

// record is a lease as bytes in memory. It holds secrets, so it lives only
// behind pointers in unexported fields, where nothing prints it.
type record struct {
	owner   uint32
	expires Expiry
	renew   [secretSize]byte
	cancel  [secretSize]byte
	nodeID  grid.TubID
}

func newRecord(l NewLease, v Version) record {
	return record{
		owner:   l.OwnerNum,
		expires: l.Expires,
		renew:   v.stored(l.RenewalSecret.Reveal()),
		cancel:  v.stored(l.CancelSecret.Reveal()),
		nodeID:  l.NodeID,
	}
}

// blankRecord is what 1.20 writes over a cancelled lease: secrets of 32 zero
// bytes, which a container of version 2 hashes like any others.
func blankRecord(v Version) record {
	zero := v.stored([secretSize]byte{})
	return record{renew: zero, cancel: zero}
}

func (r *record) lease(v Version) Lease {
	secrets := make([]byte, 0, 2*secretSize)
	secrets = append(append(secrets, r.renew[:]...), r.cancel[:]...)
	return Lease{
		OwnerNum: r.owner,
		Expires:  r.expires,
		NodeID:   r.nodeID,
		Secrets:  secret.NewStoredLease(secrets),
		Version:  v,
	}
}

// appendImmutable writes the 72 bytes of an immutable container.
func (r *record) appendImmutable(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, r.owner)
	dst = append(dst, r.renew[:]...)
	dst = append(dst, r.cancel[:]...)
	return binary.BigEndian.AppendUint32(dst, uint32(r.expires))
}

func parseImmutableRecord(b *[ImmutableLeaseSize]byte) record {
	return record{
		owner:   binary.BigEndian.Uint32(b[:]),
		renew:   [secretSize]byte(b[4:]),
		cancel:  [secretSize]byte(b[36:]),
		expires: Expiry(binary.BigEndian.Uint32(b[68:])),
	}
}

// appendMutable writes the 92 bytes of a mutable container.
func (r *record) appendMutable(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, r.owner)
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.expires))
	dst = append(dst, r.renew[:]...)
	dst = append(dst, r.cancel[:]...)
	return append(dst, r.nodeID[:]...)
}

func parseMutableRecord(b *[MutableLeaseSize]byte) record {
	return record{
		owner:   binary.BigEndian.Uint32(b[:]),
		expires: Expiry(binary.BigEndian.Uint32(b[4:])),
		renew:   [secretSize]byte(b[8:]),
		cancel:  [secretSize]byte(b[40:]),
		nodeID:  grid.TubID(b[72:]),
	}
}
