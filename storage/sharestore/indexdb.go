package sharestore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
)

// maxIndexSize bounds the file: on a 32-bit board all of it is mapped into the
// address space of the process. A share needs about 130 bytes, so that it
// holds nearly two million.
const maxIndexSize = 240 << 20

// Names of the buckets (of bbolt) in the index.
var (
	sharesBucket = []byte("shares") // storage index -> bucketInfo
	expiryBucket = []byte("expiry") // expiryKey -> nothing; one for each storage index with a lease
	metaBucket   = []byte("meta")
	totalsKey    = []byte("totals")
)

// indexFormat changes with the layout of the index. An index of another format
// is made again.
const indexFormat = 1

// expiryKey is the earliest expiry of a bucket and its storage index.
type expiryKey [4 + grid.StorageIndexSize]byte

func newExpiryKey(e sharecontainer.Expiry, si grid.StorageIndex) (key expiryKey) {
	binary.BigEndian.PutUint32(key[:], uint32(e))
	copy(key[4:], si[:])
	return key
}

func (k expiryKey) si() grid.StorageIndex { return grid.StorageIndex(k[4:]) }

func (k expiryKey) compare(other expiryKey) int { return bytes.Compare(k[:], other[:]) }

// indexDB is the file of an index. bbolt is told never to sync, so after a
// crash the file is worth nothing, and it must not even be opened: pages that
// make no sense end in a panic. So a second file, written when everything is on
// the disk, says that the first is whole; it is removed before anything is
// changed. It is for one goroutine at a time, but for get.
type indexDB struct {
	path string
	db   *bbolt.DB
}

// openIndexDB opens an index, or begins a new one if that which is there is
// not of this epoch or not whole; why says so.
func openIndexDB(path, epoch string) (d *indexDB, why string, err error) {
	d = &indexDB{path: path}
	why = d.distrust(epoch)
	if err := d.unmark(); err != nil {
		return nil, "", err
	}
	if why == "" {
		err := d.open()
		if err == nil || errors.Is(err, berrors.ErrTimeout) {
			return d, "", err
		}
		why = "damaged: " + err.Error()
	}
	return d, why, d.reset()
}

// distrust returns why the file must not be opened, or "".
func (d *indexDB) distrust(epoch string) string {
	mark, err := readMark(d.markPath())
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(d.path); err == nil {
			return "not closed properly"
		}
		return "missing"
	}
	sum, sumErr := sumOf(d.path)
	switch {
	case err != nil || sumErr != nil:
		return "unreadable"
	case !bytes.HasPrefix(mark, markFor(sum, "")):
		return "damaged, or of another version"
	case !bytes.Equal(mark, markFor(sum, epoch)):
		return "older than what another program did in this directory"
	}
	return ""
}

// maxMarkSize is more than any mark has.
const maxMarkSize = 1024

func readMark(path string) (mark []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, maxMarkSize))
}

// fileSum tells a file from a damaged one.
type fileSum struct {
	size int64
	crc  uint32 // CRC-32C of all bytes
}

// sumOf reads a file. bbolt makes pointers of what it finds in a damaged page,
// and the program can end by that (guard cannot help: "found bad pointer in Go
// heap"), so a file is read and compared before bbolt sees it. Price: on a Pi and
// its card some 30 MB, the index of 200,000 shares, take a second at the start;
// at the end the bytes are in memory still.
func sumOf(path string) (s fileSum, err error) {
	f, err := os.Open(path)
	if err != nil {
		return fileSum{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	crc := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	s.size, err = io.Copy(crc, f)
	s.crc = crc.Sum32()
	return s, err
}

func (d *indexDB) markPath() string { return d.path + ".clean" }

// markFor is the content of the mark. The epoch is a secret (api_auth_token),
// so only a hash is kept.
func markFor(sum fileSum, epoch string) []byte {
	mark := fmt.Appendf(nil, "index of shares, format %d, %d bytes, CRC-32C %08x, epoch ", indexFormat, sum.size, sum.crc)
	if epoch != "" {
		hash := sha256.Sum256([]byte("arm-tahoe index epoch:" + epoch))
		mark = append(hex.AppendEncode(mark, hash[:]), '\n')
	}
	return mark
}

func (d *indexDB) unmark() error {
	if err := os.Remove(d.markPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.syncDir()
}

func (d *indexDB) syncDir() error {
	dir, err := os.Open(filepath.Dir(d.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (d *indexDB) open() error {
	return guard(func() (err error) {
		d.db, err = bbolt.Open(d.path, 0o600, &bbolt.Options{
			Timeout:        time.Second, // for the lock: another process has it open
			NoGrowSync:     true,
			NoSync:         true,
			FreelistType:   bbolt.FreelistMapType,
			MaxSize:        maxIndexSize,
			NoStatistics:   true,
			NoFreelistSync: false, // opening would read everything
		})
		if err != nil {
			return err
		}
		return d.db.Update(func(tx *bbolt.Tx) error {
			for _, name := range [][]byte{sharesBucket, expiryBucket, metaBucket} {
				if _, err := tx.CreateBucketIfNotExists(name); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// guard runs f, which uses bbolt. A file that is damaged while it is open makes
// it panic, or reads from a mapping where the file has an end.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errIndexDamaged, r)
		}
	}()
	return f()
}

// reset removes the file and begins a new one.
func (d *indexDB) reset() error {
	if d.db != nil {
		_ = guard(d.db.Close) // what is in it does not matter any more
		d.db = nil
	}
	if err := os.Remove(d.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.open()
}

// get returns what is known of a bucket.
func (d *indexDB) get(si grid.StorageIndex) (b bucketInfo, err error) {
	err = guard(func() error {
		return d.db.View(func(tx *bbolt.Tx) error {
			b, err = parseBucketInfo(tx.Bucket(sharesBucket).Get(si[:]))
			return err
		})
	})
	return b, err
}

// write puts changes into the file, in the order of the keys, which makes the
// fewest pages.
func (d *indexDB) write(changes map[grid.StorageIndex]bucketInfo, t Totals, newest sharecontainer.Expiry) error {
	keys := make([]grid.StorageIndex, 0, len(changes))
	for si := range changes {
		keys = append(keys, si)
	}
	slices.SortFunc(keys, func(a, b grid.StorageIndex) int { return bytes.Compare(a[:], b[:]) })
	return guard(func() error {
		return d.db.Update(func(tx *bbolt.Tx) error {
			for _, si := range keys {
				if err := writeBucketInfo(tx, si, changes[si]); err != nil {
					return err
				}
			}
			return tx.Bucket(metaBucket).Put(totalsKey, appendTotals(t, newest))
		})
	})
}

func writeBucketInfo(tx *bbolt.Tx, si grid.StorageIndex, b bucketInfo) error {
	shares, expiry := tx.Bucket(sharesBucket), tx.Bucket(expiryBucket)
	old, err := parseBucketInfo(shares.Get(si[:]))
	if err != nil {
		return err
	}
	before, had := old.earliest()
	after, has := b.earliest()
	if had && (!has || before != after) {
		key := newExpiryKey(before, si)
		if err := expiry.Delete(key[:]); err != nil {
			return err
		}
	}
	if has && (!had || before != after) {
		key := newExpiryKey(after, si)
		if err := expiry.Put(key[:], nil); err != nil {
			return err
		}
	}
	if len(b) == 0 {
		return shares.Delete(si[:])
	}
	return shares.Put(si[:], appendBucketInfo(nil, b))
}

// totals reads the sums.
func (d *indexDB) totals() (t Totals, newest sharecontainer.Expiry, err error) {
	err = guard(func() error {
		return d.db.View(func(tx *bbolt.Tx) error {
			t, newest, err = parseTotals(tx.Bucket(metaBucket).Get(totalsKey))
			return err
		})
	})
	return t, newest, err
}

func appendTotals(t Totals, newest sharecontainer.Expiry) (b []byte) {
	for _, n := range []int64{t.Buckets, t.ImmutableShares, t.MutableShares, t.ImmutableBytes, t.MutableBytes, t.Leases, int64(newest)} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func parseTotals(b []byte) (t Totals, newest sharecontainer.Expiry, err error) {
	var n [7]int64
	if len(b) != 8*len(n) {
		return Totals{}, 0, errIndexDamaged
	}
	for i := range n {
		n[i] = int64(binary.BigEndian.Uint64(b[8*i:]))
	}
	return Totals{
		Buckets: n[0], ImmutableShares: n[1], MutableShares: n[2],
		ImmutableBytes: n[3], MutableBytes: n[4], Leases: n[5],
	}, sharecontainer.Expiry(n[6]), nil
}

// expiring is that of index.
func (d *indexDB) expiring(before sharecontainer.Expiry, after expiryKey, limit int) (found []expiryKey, err error) {
	err = guard(func() error {
		return d.db.View(func(tx *bbolt.Tx) error {
			c := tx.Bucket(expiryBucket).Cursor()
			end := newExpiryKey(before, grid.StorageIndex{})
			for k, _ := c.Seek(after[:]); k != nil && len(found) < limit; k, _ = c.Next() {
				if len(k) != len(end) {
					return errIndexDamaged
				}
				key := expiryKey(k)
				if key.compare(end) >= 0 {
					return nil
				}
				if key != after {
					found = append(found, key)
				}
			}
			return nil
		})
	})
	return found, err
}

// close closes the file. If believe, it will be used again at the next start,
// provided that the epoch is the same.
func (d *indexDB) close(believe bool, epoch string) error {
	if d.db == nil {
		return nil
	}
	var syncErr error
	if believe {
		syncErr = guard(d.db.Sync)
	}
	if err := errors.Join(syncErr, guard(d.db.Close)); err != nil || !believe || epoch == "" {
		return err
	}
	return d.mark(epoch)
}

// mark says that the file is whole.
func (d *indexDB) mark(epoch string) error {
	sum, err := sumOf(d.path)
	if err != nil {
		return err
	}
	temporary := d.markPath() + ".new"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(markFor(sum, epoch))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, d.markPath()); err != nil {
		return err
	}
	return d.syncDir()
}
