package sharestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
)

// reader reads one share. It is a grid.ShareReader.
type reader struct {
	store *Store
	kind  grid.ShareKind
	key   shareKey
	size  int64
}

var _ grid.ShareReader = (*reader)(nil)

// Size is the number of bytes of share data; see grid.ShareReader.
func (r *reader) Size() int64 { return r.size }

// Read reads share data; see grid.BucketReader.
func (r *reader) Read(_ context.Context, p []byte, offset int64) (int, error) {
	defer r.store.observe("read", time.Now())
	if offset < 0 {
		return 0, &grid.ArgumentError{Field: "offset", Reason: fmt.Sprintf("negative: %d", offset)}
	}
	f, err := r.store.openKind(r.kind, r.key)
	if err != nil {
		return 0, err
	}
	defer r.store.files.release(f)
	n, err := readUpTo(f.share.data(), p, offset)
	if err != nil {
		return n, fmt.Errorf("read share: %w", err)
	}
	return n, nil
}

// AdviseCorruptShare reports damage; see grid.BucketReader.
func (r *reader) AdviseCorruptShare(ctx context.Context, reason string) error {
	return r.store.AdviseCorruptShare(ctx, r.kind, r.key.si, r.key.n, reason)
}

// openKind opens a share for reading; release it after use. It takes the lock:
// a share that is just being stored or replaced is waited for.
func (s *Store) openKind(kind grid.ShareKind, key shareKey) (*openFile, error) {
	lock := s.locks.of(key.si)
	lock.RLock()
	defer lock.RUnlock()
	return s.openLocked(kind, key)
}

// openLocked opens a share. The lock is held. Errors: ErrNoShare,
// *UnknownContainerVersionError of package grid.
func (s *Store) openLocked(kind grid.ShareKind, key shareKey) (*openFile, error) {
	f, err := s.files.acquire(fileKey{key, false}, func() (*openFile, error) { return s.openShare(kind, key) })
	if err != nil {
		return nil, err
	}
	if (f.share.mutable != nil) != (kind == grid.Mutable) {
		defer s.files.release(f)
		return nil, unknownVersion(kind, key, versionOf(f, kind))
	}
	return f, nil
}

func (s *Store) openShare(kind grid.ShareKind, key shareKey) (*openFile, error) {
	f, err := s.cfg.FS.Open(shareFile(bucketDir(key.si), key.n))
	if isMissing(err) {
		return nil, grid.ErrNoShare
	}
	if err != nil {
		return nil, fmt.Errorf("open share: %w", err)
	}
	sh, err := readShare(f)
	if err != nil {
		if errors.Is(err, sharecontainer.ErrNotShare) {
			err = unknownVersion(kind, key, versionOf(f, kind))
		}
		return nil, errors.Join(err, f.Close())
	}
	return &openFile{File: f, share: sh}, nil
}

// OpenShare finds one share; see grid.StorageCore.
func (s *Store) OpenShare(_ context.Context, kind grid.ShareKind, si grid.StorageIndex, n grid.ShareNum) (grid.ShareReader, error) {
	if !n.Valid() {
		return nil, grid.ErrNoShare
	}
	key := shareKey{si, n}
	f, err := s.openKind(kind, key)
	if err != nil {
		return nil, err
	}
	defer s.files.release(f)
	return &reader{s, kind, key, f.share.data().Size()}, nil
}

// ListShares lists complete shares; see grid.StorageCore.
func (s *Store) ListShares(_ context.Context, kind grid.ShareKind, si grid.StorageIndex) ([]grid.ShareNum, error) {
	if kind == grid.Immutable {
		readers, err := s.readers(si)
		shares := make([]grid.ShareNum, len(readers))
		for i, r := range readers {
			shares[i] = r.key.n
		}
		return shares, err
	}
	lock := s.locks.of(si)
	lock.RLock()
	defer lock.RUnlock()
	return s.list(si)
}

// GetBuckets returns readers of all immutable shares; see grid.StorageServer.
func (s *Store) GetBuckets(_ context.Context, si grid.StorageIndex) (map[grid.ShareNum]grid.BucketReader, error) {
	readers, err := s.readers(si)
	if err != nil {
		return nil, err
	}
	buckets := make(map[grid.ShareNum]grid.BucketReader, len(readers))
	for _, r := range readers {
		buckets[r.key.n] = r
	}
	return buckets, nil
}

// readers opens all immutable shares in the order of their numbers.
func (s *Store) readers(si grid.StorageIndex) ([]*reader, error) {
	defer s.observe("get", time.Now())
	lock := s.locks.of(si)
	lock.RLock()
	defer lock.RUnlock()
	held, err := s.list(si)
	if err != nil {
		return nil, err
	}
	readers := make([]*reader, 0, len(held))
	for _, n := range held {
		f, err := s.openLocked(grid.Immutable, shareKey{si, n})
		var damaged *sharecontainer.CorruptError
		if errors.As(err, &damaged) { // 1.20 would serve some of it
			s.cfg.Log.Warn("a damaged share is not served", "si", si.Abbrev(), "shnum", int(n), "err", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		readers = append(readers, &reader{s, grid.Immutable, shareKey{si, n}, f.share.data().Size()})
		s.files.release(f)
	}
	return readers, nil
}
