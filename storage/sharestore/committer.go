package sharestore

import (
	"errors"
	"sync"

	"github.com/besn0847/arm-tahoe/storage/sharefs"
)

// committer makes names in directories durable, for many at a time: whoever
// comes while a batch is being synced shares the next one. Safe for concurrent
// use. Use newCommitter.
type committer struct {
	fs      sharefs.FS
	syncing sync.Mutex // held while a batch is being synced

	mu    sync.Mutex // guards next and what is in it
	next  *batch
	doubt bool // a sync failed, so that older names may not be durable
}

// batch is what is synced together.
type batch struct {
	dirs map[string]struct{}
	done chan struct{}
	err  error // valid after done
}

func newCommitter(fs sharefs.FS) *committer { return &committer{fs: fs} }

// sync returns when the names in all dirs are durable.
func (c *committer) sync(dirs ...string) error {
	b, leads := c.join(dirs)
	if !leads {
		<-b.done
		return b.err
	}
	c.syncing.Lock()
	defer c.syncing.Unlock()
	c.mu.Lock()
	c.next = nil
	doubt := c.doubt
	c.doubt = false
	c.mu.Unlock()
	if b.err = c.syncBatch(b, doubt); b.err != nil {
		c.distrust()
	}
	close(b.done)
	return b.err
}

func (c *committer) join(dirs []string) (b *batch, leads bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = &batch{dirs: map[string]struct{}{}, done: make(chan struct{})}
		leads = true
	}
	for _, dir := range dirs {
		c.next.dirs[dir] = struct{}{}
	}
	return c.next, leads
}

// parallelSyncs is how many directories are synced at once.
const parallelSyncs = 8

// syncBatch syncs the directories, some at a time. With a journal the first
// waits for a commit of all that was done before, and the others find nothing
// left to do; on a file system without one each writes its own blocks, but what
// runs side by side shares the flush of the disk's cache. One sync of the whole
// file system would also wait for the data of large shares that are still being
// uploaded.
func (c *committer) syncBatch(b *batch, doubt bool) error {
	if doubt {
		return c.fs.SyncAll()
	}
	dirs := make(chan string, len(b.dirs))
	for dir := range b.dirs {
		dirs <- dir
	}
	close(dirs)
	errs := make([]error, min(parallelSyncs, len(b.dirs)))
	var workers sync.WaitGroup
	for i := range errs {
		workers.Go(func() {
			for dir := range dirs {
				errs[i] = errors.Join(errs[i], c.fs.SyncDir(dir))
			}
		})
	}
	workers.Wait()
	return errors.Join(errs...)
}

// distrust says that names may not be durable that others rely on: the next
// sync is one of everything.
func (c *committer) distrust() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doubt = true
}
