package sharestore

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
)

// Totals are sums over all complete shares, from the index. Sizes are those of
// the files, in bytes.
type Totals struct {
	Buckets                        int64 // storage indexes
	ImmutableShares, MutableShares int64
	ImmutableBytes, MutableBytes   int64
	Leases                         int64
	// Complete is false while the index is being made: the sums are then
	// those over what was seen so far.
	Complete bool
}

// Bytes is the size of all share files.
func (t Totals) Bytes() int64 { return t.ImmutableBytes + t.MutableBytes }

// shareInfo is what the index knows of a share.
type shareInfo struct {
	n         grid.ShareNum
	kind      sharecontainer.Kind
	size      int64 // of the file
	numLeases uint32
	// Expiry of the lease that ends first, and of that which ends last; 0
	// without leases.
	earliest, latest sharecontainer.Expiry
}

// bucketInfo is what the index knows of a storage index: its shares, in
// ascending order. Nobody changes it after it was put into the index.
type bucketInfo []shareInfo

const shareInfoSize = 1 + 1 + 8 + 4 + 4 + 4

func appendBucketInfo(dst []byte, b bucketInfo) []byte {
	for _, i := range b {
		dst = append(dst, byte(i.n), byte(i.kind))
		dst = binary.BigEndian.AppendUint64(dst, uint64(i.size))
		dst = binary.BigEndian.AppendUint32(dst, i.numLeases)
		dst = binary.BigEndian.AppendUint32(dst, uint32(i.earliest))
		dst = binary.BigEndian.AppendUint32(dst, uint32(i.latest))
	}
	return dst
}

func parseBucketInfo(b []byte) (bucketInfo, error) {
	if len(b)%shareInfoSize != 0 {
		return nil, errIndexDamaged
	}
	infos := make(bucketInfo, 0, len(b)/shareInfoSize)
	for ; len(b) > 0; b = b[shareInfoSize:] {
		infos = append(infos, shareInfo{
			n:         grid.ShareNum(b[0]),
			kind:      sharecontainer.Kind(b[1]),
			size:      int64(binary.BigEndian.Uint64(b[2:])),
			numLeases: binary.BigEndian.Uint32(b[10:]),
			earliest:  sharecontainer.Expiry(binary.BigEndian.Uint32(b[14:])),
			latest:    sharecontainer.Expiry(binary.BigEndian.Uint32(b[18:])),
		})
	}
	return infos, nil
}

// earliest is the expiry of the lease of a bucket that ends first, and whether
// there is one.
func (b bucketInfo) earliest() (first sharecontainer.Expiry, ok bool) {
	for _, i := range b {
		if i.numLeases > 0 && (!ok || i.earliest < first) {
			first, ok = i.earliest, true
		}
	}
	return first, ok
}

// with returns a copy in which info stands for its share.
func (b bucketInfo) with(info shareInfo) bucketInfo {
	return b.replaced(info.n, info)
}

// without returns a copy without a share.
func (b bucketInfo) without(n grid.ShareNum) bucketInfo { return b.replaced(n) }

func (b bucketInfo) replaced(n grid.ShareNum, by ...shareInfo) bucketInfo {
	at, found := slices.BinarySearchFunc(b, n, func(i shareInfo, n grid.ShareNum) int { return int(i.n - n) })
	rest := b[at:]
	if found {
		rest = rest[1:]
	}
	return slices.Concat(b[:at], by, rest)
}

// count adds a bucket to the sums, or takes it away if sign is -1.
func (t *Totals) count(b bucketInfo, sign int64) {
	if len(b) > 0 {
		t.Buckets += sign
	}
	for _, i := range b {
		t.Leases += sign * int64(i.numLeases)
		if i.kind == sharecontainer.KindMutable {
			t.MutableShares += sign
			t.MutableBytes += sign * i.size
			continue
		}
		t.ImmutableShares += sign
		t.ImmutableBytes += sign * i.size
	}
}

// maxPending is after how many changed buckets the index writes them out
// without waiting for the next time. Each is about 200 bytes in memory.
const maxPending = 4096

// errIndexDamaged says that the index cannot be read. It is made again then.
var errIndexDamaged = errors.New("the index of shares is damaged")

// index remembers what is in the share directories, so that sums and expired
// leases can be told without looking there. It is never the truth. Changes are
// held in memory and written out now and then, without a sync; see doc.go.
// Safe for concurrent use.
type index struct {
	log  *slog.Logger
	full chan struct{} // has room for one: written when it is time to flush

	flushing sync.Mutex // held while changes are being written out

	mu      sync.Mutex // guards everything below
	db      *indexDB   // nil: everything stays in pending
	pending map[grid.StorageIndex]bucketInfo
	written map[grid.StorageIndex]bucketInfo // being written out
	totals  Totals
	newest  sharecontainer.Expiry // of all leases ever seen
	broken  error                 // why db is not used any more
}

func newIndex(db *indexDB, log *slog.Logger) *index {
	return &index{log: log, full: make(chan struct{}, 1), db: db, pending: map[grid.StorageIndex]bucketInfo{}}
}

// lookup returns what is known of a bucket. The mutex is held.
func (x *index) lookup(si grid.StorageIndex) bucketInfo {
	if b, ok := x.pending[si]; ok {
		return b
	}
	if b, ok := x.written[si]; ok {
		return b
	}
	if x.db == nil || x.broken != nil {
		return nil
	}
	b, err := x.db.get(si)
	if err != nil {
		x.fail(err)
	}
	return b
}

// fail gives up the file. The mutex is held.
func (x *index) fail(err error) {
	if x.broken == nil {
		x.log.Error("the index of shares cannot be used; sums are incomplete until it is made again", "err", err)
	}
	x.broken = err
	x.totals.Complete = false
}

// put replaces what is known of a bucket; none removes it.
func (x *index) put(si grid.StorageIndex, b bucketInfo) {
	x.change(si, func(bucketInfo) bucketInfo { return b })
}

// change replaces what is known of a bucket by what f makes of it.
func (x *index) change(si grid.StorageIndex, f func(bucketInfo) bucketInfo) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.broken != nil {
		return
	}
	old := x.lookup(si)
	b := f(old)
	x.totals.count(old, -1)
	x.totals.count(b, 1)
	for _, i := range b {
		x.newest = max(x.newest, i.latest)
	}
	x.pending[si] = b
	if x.db == nil && len(b) == 0 {
		delete(x.pending, si)
	}
	if x.db != nil && len(x.pending) >= maxPending {
		select {
		case x.full <- struct{}{}:
		default:
		}
	}
}

// sums returns the totals and the latest expiry of all leases.
func (x *index) sums() (Totals, sharecontainer.Expiry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.totals, x.newest
}

// complete says that all buckets are in the index now.
func (x *index) complete() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.totals.Complete = x.broken == nil
}

// flush writes out what has changed.
func (x *index) flush() {
	x.flushing.Lock()
	defer x.flushing.Unlock()
	x.mu.Lock()
	if x.db == nil || x.broken != nil || len(x.pending) == 0 {
		x.mu.Unlock()
		return
	}
	x.written, x.pending = x.pending, map[grid.StorageIndex]bucketInfo{}
	totals, newest := x.totals, x.newest
	x.mu.Unlock()

	err := x.db.write(x.written, totals, newest)

	x.mu.Lock()
	defer x.mu.Unlock()
	x.written = nil
	if err != nil {
		x.fail(err)
	}
}

// expiring returns buckets with a lease that ends before a time, in the order
// of that, at most limit, from after on, which is the last key of the call
// before.
func (x *index) expiring(before sharecontainer.Expiry, after expiryKey, limit int) ([]expiryKey, error) {
	x.flush()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.broken != nil {
		return nil, x.broken
	}
	if x.db != nil {
		return x.db.expiring(before, after, limit)
	}
	var found []expiryKey
	for si, b := range x.pending {
		if first, ok := b.earliest(); ok && first < before {
			if key := newExpiryKey(first, si); key.compare(after) > 0 {
				found = append(found, key)
			}
		}
	}
	slices.SortFunc(found, expiryKey.compare)
	return found[:min(limit, len(found))], nil
}

// reset begins anew, after the file could not be used.
func (x *index) reset() error {
	x.flushing.Lock()
	defer x.flushing.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pending, x.totals, x.newest = map[grid.StorageIndex]bucketInfo{}, Totals{}, 0
	if x.db == nil {
		return nil
	}
	if err := x.db.reset(); err != nil {
		return err
	}
	x.broken = nil
	return nil
}

// brokenBy returns why the file is not used any more, or nil.
func (x *index) brokenBy() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.broken
}

// close writes everything out. Only a complete index will be believed at the
// next start.
func (x *index) close(epoch string) error {
	x.flush()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.db == nil {
		return nil
	}
	believe := x.totals.Complete && x.broken == nil
	if err := x.db.write(nil, x.totals, x.newest); believe && err != nil {
		return errors.Join(err, x.db.close(false, epoch))
	}
	return x.db.close(believe, epoch)
}
