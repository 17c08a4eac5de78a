package sharestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
)

// AdviseCorruptShare files a client's report; see grid.StorageServer. One about
// a share that is not held is dropped, and so is one for which there is no
// space (server.py advise_corrupt_share).
func (s *Store) AdviseCorruptShare(_ context.Context, kind grid.ShareKind, si grid.StorageIndex, n grid.ShareNum, reason string) error {
	lock := s.locks.of(si)
	lock.RLock()
	f, err := s.cfg.FS.Open(shareFile(bucketDir(si), n))
	lock.RUnlock()
	if isMissing(err) || !n.Valid() {
		return nil
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("file a corruption advisory: %w", err)
	}
	s.cfg.Log.Warn("a share is said to be corrupt", "si", si.Abbrev(), "shnum", int(n), "type", kind.String())
	advisory := sharecontainer.Advisory{
		Kind: sharecontainer.Kind(kind), StorageIndex: si, ShareNum: n,
		Reason: reason[:min(len(reason), MaxReasonSize)],
	}
	if err := s.file(advisory); err != nil {
		return fmt.Errorf("file a corruption advisory: %w", err)
	}
	return nil
}

// file writes an advisory. It is for people to read, and a power cut may take
// it: so it is not synced.
func (s *Store) file(a sharecontainer.Advisory) error {
	text := []byte(a.Text())
	if available, err := s.Available(); err != nil || int64(len(text)) > available {
		return err
	}
	s.advising.Lock()
	defer s.advising.Unlock()
	f, err := s.createAdvisory(a)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(text, 0)
	return errors.Join(err, f.Close())
}

// createAdvisory makes the file. If there is one of the same microsecond it
// takes the next.
func (s *Store) createAdvisory(a sharecontainer.Advisory) (f sharefs.File, err error) {
	now := s.cfg.Now()
	for range 100 {
		f, err = s.cfg.FS.Create(sharecontainer.AdvisoriesDir + "/" + a.FileName(now))
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
		now = now.Add(time.Microsecond)
	}
	return nil, err
}
