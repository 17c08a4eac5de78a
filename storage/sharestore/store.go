package sharestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
)

// Store is the shares in one storage directory. It is a grid.StorageCore. Use
// Open. Nobody else may change the directory while it is open. Safe for
// concurrent use.
type Store struct {
	cfg    Config
	locks  lockTable
	files  *fileCache
	commit *committer
	index  *index

	uploads  uploadTable
	tempNum  atomic.Uint64 // for names of temporary files
	advising sync.Mutex    // held while an advisory is written, so that no two have one name

	prefixMu sync.Mutex // guards durablePrefixes
	// durablePrefixes are directories in shares/ whose names are durable.
	durablePrefixes map[string]bool

	indexed   atomic.Int32                  // per cent of the index that is being made
	collected atomic.Pointer[CollectReport] // the last
	scrubbed  atomic.Pointer[ScrubReport]
	scrubbing sync.Mutex        // held by Scrub
	reported  map[shareKey]bool // corrupt shares that have an advisory; guarded by scrubbing

	stop       context.CancelFunc
	background sync.WaitGroup
}

var _ grid.StorageCore = (*Store)(nil)

// Open opens a storage directory, which may be empty or that of a Tahoe-LAFS
// node, and removes what was left of unfinished uploads. It does not look at
// the shares; an index that is missing or not to be trusted is made in the
// background. Close the store after use.
func Open(cfg Config) (*Store, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Store{
		cfg:             cfg,
		files:           newFileCache(),
		commit:          newCommitter(cfg.FS),
		durablePrefixes: map[string]bool{},
		reported:        map[shareKey]bool{},
	}
	s.uploads.init()
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("prepare the storage directory: %w", err)
	}
	rebuild, err := s.openIndex()
	if err != nil {
		return nil, fmt.Errorf("open the index of shares at %s: %w", cfg.IndexPath, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.start(ctx, rebuild)
	return s, nil
}

// prepare makes the directories, empties incoming, and makes everything
// durable that is there: a process that was killed may have left names that
// are on the disk only in part.
func (s *Store) prepare() error {
	for _, dir := range []string{sharecontainer.SharesDir, sharecontainer.AdvisoriesDir} {
		if err := s.mkdir(dir); err != nil {
			return err
		}
	}
	if err := s.removeTree(sharecontainer.IncomingDir); err != nil {
		return err
	}
	if err := s.mkdir(sharecontainer.IncomingDir); err != nil {
		return err
	}
	if err := s.cfg.FS.SyncAll(); err != nil {
		return err
	}
	names, err := s.cfg.FS.ReadDir(sharecontainer.SharesDir)
	for _, name := range names {
		if sharecontainer.IsPrefixName(name) {
			s.durablePrefixes[name] = true
		}
	}
	return err
}

// mkdir makes a directory unless it is there.
func (s *Store) mkdir(dir string) error {
	if err := s.cfg.FS.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// removeTree removes a directory and all that is in it. It is no error if it is
// not there.
func (s *Store) removeTree(dir string) error {
	err := s.cfg.FS.Remove(dir)
	if err == nil || isMissing(err) {
		return nil
	}
	names, readErr := s.cfg.FS.ReadDir(dir)
	if readErr != nil {
		return err // a file that cannot be removed
	}
	for _, name := range names {
		if err := s.removeTree(dir + "/" + name); err != nil {
			return err
		}
	}
	return s.cfg.FS.Remove(dir)
}

// openIndex opens the index and says whether it has to be made again.
func (s *Store) openIndex() (rebuild bool, err error) {
	if s.cfg.IndexPath == "" {
		s.index = newIndex(nil, s.cfg.Log)
		return true, nil
	}
	db, why, err := openIndexDB(s.cfg.IndexPath, s.cfg.Epoch)
	if err != nil {
		return false, err
	}
	s.index = newIndex(db, s.cfg.Log)
	if why != "" {
		s.cfg.Log.Info("the index of shares is made again", "why", why)
		return true, nil
	}
	totals, newest, err := db.totals()
	if err != nil {
		return true, db.reset()
	}
	totals.Complete = true
	s.index.totals, s.index.newest = totals, newest
	return false, nil
}

// indexFlushInterval is how often the index is written out. What is lost in a
// crash is not missed: the index is made again then.
const indexFlushInterval = 5 * time.Second

// start starts what runs in the background.
func (s *Store) start(ctx context.Context, rebuild bool) {
	s.background.Go(func() { s.keepIndex(ctx, rebuild) })
	if s.cfg.Expire.Enabled {
		s.background.Go(func() { s.collectForever(ctx) })
	}
	if s.cfg.ScrubRate > 0 {
		s.background.Go(func() { s.scrubForever(ctx) })
	}
}

// keepIndex makes the index, if needed, and writes it out now and then.
func (s *Store) keepIndex(ctx context.Context, rebuild bool) {
	ticker := time.NewTicker(indexFlushInterval)
	defer ticker.Stop()
	for {
		if rebuild {
			s.rebuildIndex(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.index.full:
		}
		s.index.flush()
		rebuild = s.mendIndex()
	}
}

// mendIndex begins a new index if the old one was found damaged. One that is
// as large as it may be stays as it is: the next would be, too.
func (s *Store) mendIndex() (rebuild bool) {
	if err := s.index.brokenBy(); err == nil || !errors.Is(err, errIndexDamaged) {
		return false
	}
	if err := s.index.reset(); err != nil {
		s.cfg.Log.Error("the index of shares cannot be made again", "path", s.cfg.IndexPath, "err", err)
		return false
	}
	return true
}

// Close ends all uploads and what runs in the background, and writes out the
// index. Calls in progress should have ended before; what they have answered is
// safe in any case.
func (s *Store) Close() error {
	s.stop()
	s.background.Wait()
	for _, u := range s.uploads.all() {
		_ = u.Abort(context.Background()) // incoming is emptied at the next start
	}
	s.files.close()
	s.emptyIncoming()
	if err := s.index.close(s.cfg.NextEpoch); err != nil {
		return fmt.Errorf("close the index of shares: %w", err)
	}
	return nil
}

// emptyIncoming leaves nothing behind. If it cannot, the next start does.
func (s *Store) emptyIncoming() {
	names, err := s.cfg.FS.ReadDir(sharecontainer.IncomingDir)
	for _, name := range names {
		err = errors.Join(err, s.removeTree(sharecontainer.IncomingDir+"/"+name))
	}
	if err != nil {
		s.cfg.Log.Warn("incoming is not empty; the next start empties it", "err", err)
	}
}

// Version says what the server can do.
func (s *Store) Version(context.Context) (grid.ServerVersion, error) {
	available, err := s.Available()
	if err != nil {
		return grid.ServerVersion{}, err
	}
	return grid.ServerVersion{
		ApplicationVersion:        s.cfg.ApplicationVersion,
		MaximumImmutableShareSize: available,
		MaximumMutableShareSize:   sharecontainer.MaxMutableDataSize,
		AvailableSpace:            available,

		ToleratesImmutableReadOverrun:           true,
		DeleteMutableSharesWithZeroLengthWritev: true,
		FillsHolesWithZeroBytes:                 true,
		PreventsReadPastEndOfShareData:          true,
	}, nil
}

// observe tells how long an operation took that began at start:
//
//	defer s.observe("read", time.Now())
func (s *Store) observe(op string, start time.Time) { s.cfg.Observe(op, time.Since(start)) }

// Totals are the sums over all shares.
func (s *Store) Totals() Totals {
	totals, _ := s.index.sums()
	return totals
}
