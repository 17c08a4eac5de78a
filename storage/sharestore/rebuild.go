package sharestore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
)

// progressInterval is how often the log tells how far the index is.
const progressInterval = 10 * time.Second

// rebuildIndex looks at every share and puts it into the index, which is
// complete then. Calls of clients go on meanwhile: they put what they change
// into the index themselves, and the lock of a storage index keeps both from
// mixing.
func (s *Store) rebuildIndex(ctx context.Context) {
	start := s.cfg.Now()
	logged := start
	err := s.walk(ctx, 0, func(done float64, si grid.StorageIndex) error {
		s.indexed.Store(int32(100 * done))
		if now := s.cfg.Now(); now.Sub(logged) >= progressInterval {
			logged = now
			totals, _ := s.index.sums()
			s.cfg.Log.Info("making the index of shares", "percent", int(100*done), "buckets", totals.Buckets)
		}
		return s.indexBucket(si)
	})
	switch {
	case errors.Is(err, context.Canceled):
		return // the next start begins again
	case err != nil:
		s.cfg.Log.Error("cannot make the index of shares; the next start tries again", "err", err)
		return
	}
	s.index.complete()
	totals, _ := s.index.sums()
	s.cfg.Log.Info("the index of shares is complete", "buckets", totals.Buckets,
		"shares", totals.ImmutableShares+totals.MutableShares, "bytes", totals.Bytes(), "dur", s.cfg.Now().Sub(start))
}

// walk calls visit with every storage index that has a directory, and how much
// is done, from 0 to 1. It goes around once, beginning at from, which is also
// from 0 to 1. It holds no lock.
func (s *Store) walk(ctx context.Context, from float64, visit func(done float64, si grid.StorageIndex) error) error {
	prefixes, err := s.cfg.FS.ReadDir(sharecontainer.SharesDir)
	if err != nil {
		return err
	}
	prefixes = slices.DeleteFunc(prefixes, func(name string) bool { return !sharecontainer.IsPrefixName(name) })
	slices.Sort(prefixes)
	first := int(from * float64(len(prefixes)))
	prefixes = slices.Concat(prefixes[first:], prefixes[:first])
	for i, prefix := range prefixes {
		names, err := s.cfg.FS.ReadDir(sharecontainer.SharesDir + "/" + prefix)
		if err != nil && !isMissing(err) {
			s.cfg.Log.Warn("a directory of shares cannot be read", "prefix", prefix, "err", err)
			continue
		}
		slices.Sort(names)
		for j, name := range names {
			if err := ctx.Err(); err != nil {
				return err
			}
			si, ok := sharecontainer.ParseBucketName(prefix, name)
			if !ok {
				continue
			}
			done := (float64(i) + float64(j)/float64(len(names))) / float64(len(prefixes))
			if err := visit(done, si); err != nil {
				return err
			}
		}
	}
	return nil
}

// indexBucket puts one storage index into the index as it is on the disk.
func (s *Store) indexBucket(si grid.StorageIndex) error {
	lock := s.locks.of(si)
	lock.Lock()
	defer lock.Unlock()
	held, err := s.list(si)
	if err != nil {
		s.cfg.Log.Warn("shares cannot be listed", "si", si.Abbrev(), "err", err)
		return nil
	}
	var b bucketInfo
	for _, n := range held {
		info, err := s.fileInfo(shareKey{si, n})
		if err != nil {
			s.cfg.Log.Warn("a share cannot be read", "si", si.Abbrev(), "shnum", int(n), "err", err)
			continue
		}
		b = append(b, info)
	}
	s.index.put(si, b)
	return s.index.brokenBy()
}

// fileInfo reads what the index should know of a share. The lock is held.
func (s *Store) fileInfo(key shareKey) (info shareInfo, err error) {
	f, err := s.cfg.FS.Open(shareFile(bucketDir(key.si), key.n))
	if err != nil {
		return shareInfo{}, err
	}
	info, err = infoOf(key.n, f)
	return info, errors.Join(err, f.Close())
}
