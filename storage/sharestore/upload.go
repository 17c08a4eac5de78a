package sharestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
)

// upload is one immutable share on its way. It is a grid.Upload.
type upload struct {
	store  *Store
	key    shareKey
	size   int64
	secret secret.UploadSecret // zero if it was not begun with one

	mu      sync.Mutex // guards everything below, and is held while writing
	info    shareInfo  // what the index will know of it
	timer   *time.Timer
	closed  bool
	written rangeSet
}

var _ grid.Upload = (*upload)(nil)

func newUpload(s *Store, key shareKey, size int64, secret secret.UploadSecret) *upload {
	return &upload{store: s, key: key, size: size, secret: secret}
}

func (u *upload) path() string { return incomingFile(u.key) }

func (u *upload) fileKey() fileKey { return fileKey{u.key, true} }

// create makes the file, with its lease behind a hole for the data. The lock of
// the storage index is held, and the mutex.
func (u *upload) create(lease sharecontainer.NewLease) error {
	plan, err := sharecontainer.CreateImmutable(u.size, lease)
	if err != nil {
		return translate(err)
	}
	file, err := u.store.files.acquire(u.fileKey(), u.createFile)
	if err != nil {
		return err
	}
	err = plan.Apply(file)
	u.store.files.release(file)
	if err != nil {
		u.remove()
		return err
	}
	u.info = shareInfo{
		n: u.key.n, kind: sharecontainer.KindImmutable, size: plan.NewSize,
		numLeases: 1, earliest: lease.Expires, latest: lease.Expires,
	}
	u.timer = time.AfterFunc(UploadTimeout, u.expire)
	return nil
}

// createFile makes the file in incoming. One that is there is of an upload
// whose file could not be removed.
func (u *upload) createFile() (*openFile, error) {
	f, err := u.store.cfg.FS.Create(u.path())
	if errors.Is(err, fs.ErrExist) {
		if err := u.store.cfg.FS.Remove(u.path()); err != nil {
			return nil, err
		}
		f, err = u.store.cfg.FS.Create(u.path())
	}
	if err != nil {
		return nil, err
	}
	return &openFile{File: f}, nil
}

// file returns the open file; release it after use.
func (u *upload) file() (*openFile, error) {
	return u.store.files.acquire(u.fileKey(), func() (*openFile, error) {
		f, err := u.store.cfg.FS.Edit(u.path())
		if err != nil {
			return nil, err
		}
		return &openFile{File: f}, nil
	})
}

// Write stores data; see grid.BucketWriter.
func (u *upload) Write(_ context.Context, offset int64, data []byte) error {
	defer u.store.observe("write", time.Now())
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return grid.ErrWriterClosed
	}
	u.timer.Reset(UploadTimeout)
	at, err := sharecontainer.ImmutableOffset(u.size, offset, int64(len(data)))
	if err != nil {
		return translate(err)
	}
	file, err := u.file()
	if err != nil {
		return fmt.Errorf("write share: %w", err)
	}
	defer u.store.files.release(file)
	r := grid.Range{Begin: offset, End: offset + int64(len(data))}
	if err := u.checkConflict(file, r, data); err != nil {
		return err
	}
	if !u.store.cfg.DiscardData {
		if _, err := file.WriteAt(data, at); err != nil {
			return fmt.Errorf("write share: %w", diskError(err))
		}
	}
	u.written.add(r)
	return nil
}

// checkConflict compares data with what has been written of r before.
func (u *upload) checkConflict(file *openFile, r grid.Range, data []byte) error {
	if u.store.cfg.DiscardData {
		return nil
	}
	return u.written.overlaps(r, func(part grid.Range) error {
		return u.compare(file, part, data[part.Begin-r.Begin:part.End-r.Begin])
	})
}

// compareSize is how much is compared at a time.
const compareSize = 64 << 10

func (u *upload) compare(file *openFile, part grid.Range, data []byte) error {
	buf := make([]byte, min(len(data), compareSize))
	for at := 0; at < len(data); at += len(buf) {
		buf = buf[:min(len(buf), len(data)-at)]
		offset, err := sharecontainer.ImmutableOffset(u.size, part.Begin+int64(at), int64(len(buf)))
		if err == nil {
			err = readFull(file, buf, offset)
		}
		if err != nil {
			return fmt.Errorf("compare with what was written before: %w", err)
		}
		if !bytes.Equal(buf, data[at:at+len(buf)]) {
			return &grid.ConflictingWriteError{Range: part}
		}
	}
	return nil
}

// Required returns what is missing; see grid.Upload.
func (u *upload) Required() []grid.Range {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.written.missing(u.size)
}

// Close makes the share durable and visible; see grid.BucketWriter.
func (u *upload) Close(context.Context) error {
	defer u.store.observe("close", time.Now())
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return grid.ErrWriterClosed
	}
	u.finish()
	defer u.store.uploads.release(u)
	if err := u.syncData(); err != nil {
		u.remove()
		return fmt.Errorf("close share: %w", diskError(err))
	}
	if err := u.store.publish(u); err != nil {
		return fmt.Errorf("close share: %w", diskError(err))
	}
	u.store.cfg.Count("bytes_added", u.size)
	return nil
}

// finish ends the time in which it can be written. The mutex is held.
func (u *upload) finish() {
	u.closed = true
	if u.timer != nil {
		u.timer.Stop()
	}
	u.written = nil
}

// syncData waits until the bytes are on the disk, without any lock of the
// store: others read and write meanwhile.
func (u *upload) syncData() error {
	file, err := u.file()
	if err != nil {
		return err
	}
	defer u.store.files.release(file)
	return file.Sync()
}

// remove drops the file.
func (u *upload) remove() {
	u.store.files.drop(u.fileKey())
	if err := u.store.cfg.FS.Remove(u.path()); err != nil && !isMissing(err) {
		u.store.cfg.Log.Warn("an unfinished share stays in incoming until the next start", "err", err)
	}
}

// Abort drops the share; see grid.BucketWriter.
func (u *upload) Abort(context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return nil
	}
	u.drop()
	return nil
}

// drop ends the upload without a share. The mutex is held.
func (u *upload) drop() {
	u.finish()
	u.remove() // before anybody can begin it again
	u.store.uploads.release(u)
	u.store.cfg.Count("abort", 1)
}

// expire aborts an upload that nobody writes to.
func (u *upload) expire() {
	u.store.cfg.Log.Info("upload aborted after 30 minutes without a write", "si", u.key.si.Abbrev(), "shnum", int(u.key.n))
	_ = u.Abort(context.Background()) // never fails
}

// publish moves a share whose bytes are durable to its place, and waits until
// its name is durable, too. After an error the share is not there.
func (s *Store) publish(u *upload) error {
	lock := s.locks.of(u.key.si)
	lock.Lock()
	defer lock.Unlock()
	s.files.drop(u.fileKey())
	final := shareFile(bucketDir(u.key.si), u.key.n)
	dirs, made, err := s.makeBucket(u.key.si)
	if err == nil && !made {
		err = s.mustBeFree(final)
	}
	if err == nil {
		err = s.cfg.FS.Rename(u.path(), final)
	}
	if err != nil {
		s.commit.distrust() // the directory may have been made
		u.remove()
		return err
	}
	if err := s.syncNames(dirs); err != nil {
		_ = s.cfg.FS.Remove(final) // it may stay on a broken disk; nobody was told of it
		return err
	}
	s.index.change(u.key.si, func(b bucketInfo) bucketInfo { return b.with(u.info) })
	return nil
}

// mustBeFree refuses to replace a share: a mutable slot with this storage index
// may have been made since the upload began.
func (s *Store) mustBeFree(final string) error {
	f, err := s.cfg.FS.Open(final)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(errors.New("another share has been stored in its place meanwhile"), f.Close())
}

// makeBucket makes the directory of a storage index, unless it is there, and
// returns the directories whose names must be made durable for a file in it to
// be. The lock is held.
func (s *Store) makeBucket(si grid.StorageIndex) (dirs []string, made bool, err error) {
	bucket := bucketDir(si)
	dirs = []string{bucket}
	err = s.cfg.FS.Mkdir(bucket)
	if isMissing(err) {
		if err := s.mkdir(prefixDir(si)); err != nil {
			return nil, false, err
		}
		err = s.cfg.FS.Mkdir(bucket)
	}
	switch {
	case err == nil:
		dirs = append(dirs, prefixDir(si))
	case !errors.Is(err, fs.ErrExist):
		return nil, false, err
	}
	made = err == nil
	s.prefixMu.Lock()
	defer s.prefixMu.Unlock()
	if !s.durablePrefixes[si.Prefix()] {
		dirs = append(dirs, sharecontainer.SharesDir)
	}
	return dirs, made, nil
}

// syncNames makes names durable that makeBucket has asked for. If that fails
// nobody knows which are.
func (s *Store) syncNames(dirs []string) error {
	if err := s.commit.sync(dirs...); err != nil {
		return err
	}
	if dirs[len(dirs)-1] != sharecontainer.SharesDir {
		return nil
	}
	s.prefixMu.Lock()
	defer s.prefixMu.Unlock()
	s.durablePrefixes[prefixOf(dirs[0])] = true
	return nil
}

// prefixOf is PP of "shares/PP/SI".
func prefixOf(bucket string) string { return bucket[len(sharecontainer.SharesDir)+1:][:2] }

// FindUpload finds an upload in progress; see grid.StorageCore.
func (s *Store) FindUpload(_ context.Context, si grid.StorageIndex, n grid.ShareNum, upload secret.UploadSecret) (grid.Upload, error) {
	u := s.uploads.find(shareKey{si, n})
	switch {
	case u == nil || u.secret.IsZero():
		return nil, grid.ErrNoUpload
	case !u.secret.Equal(upload):
		return nil, grid.ErrBadUploadSecret
	}
	return u, nil
}
