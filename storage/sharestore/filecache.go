package sharestore

import (
	"container/list"
	"sync"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
)

// shareKey names a share.
type shareKey struct {
	si grid.StorageIndex
	n  grid.ShareNum
}

// fileKey names a share file: complete or still coming in.
type fileKey struct {
	shareKey
	incoming bool
}

// fileCache keeps the files used last open, at most MaxOpenFiles besides those
// in use. Safe for concurrent use. Use newFileCache.
type fileCache struct {
	mu    sync.Mutex // guards everything below, and refs and dropped of each file
	files map[fileKey]*openFile
	idle  *list.List // of *openFile without users, that used last in front
}

// openFile is a share file with what was read from its header.
type openFile struct {
	sharefs.File
	share share // zero for incoming ones

	key     fileKey
	refs    int
	dropped bool
	element *list.Element // in idle; nil while in use
}

func newFileCache() *fileCache {
	return &fileCache{files: map[fileKey]*openFile{}, idle: list.New()}
}

// acquire returns the file, which open opens if it is not open. Release it
// after use. The caller holds the lock of the storage index, so that the file
// is not replaced meanwhile.
func (c *fileCache) acquire(key fileKey, open func() (*openFile, error)) (*openFile, error) {
	if f := c.lookup(key); f != nil {
		return f, nil
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	f.key = key
	return c.insert(f), nil
}

func (c *fileCache) lookup(key fileKey) *openFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.files[key]
	if f == nil {
		return nil
	}
	c.use(f)
	return f
}

// use counts a user. The mutex is held.
func (c *fileCache) use(f *openFile) {
	f.refs++
	if f.element != nil {
		c.idle.Remove(f.element)
		f.element = nil
	}
}

// insert takes in a file that was opened just now, unless somebody else was
// faster.
func (c *fileCache) insert(f *openFile) *openFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.files[f.key]; other != nil {
		_ = f.Close() // nothing was written
		c.use(other)
		return other
	}
	c.files[f.key] = f
	f.refs = 1
	return f
}

// release ends a use.
func (c *fileCache) release(f *openFile) {
	var surplus *openFile
	c.mu.Lock()
	f.refs--
	switch {
	case f.refs > 0:
	case f.dropped:
		surplus = f
	default:
		f.element = c.idle.PushFront(f)
		if c.idle.Len() > MaxOpenFiles {
			surplus = c.idle.Remove(c.idle.Back()).(*openFile)
			delete(c.files, surplus.key)
		}
	}
	c.mu.Unlock()
	if surplus != nil {
		_ = surplus.Close() // whatever had to be durable was synced
	}
}

// drop forgets a file that was removed, renamed or replaced. It is closed when
// nobody uses it any more.
func (c *fileCache) drop(key fileKey) {
	c.mu.Lock()
	f := c.files[key]
	delete(c.files, key)
	idle := f != nil && f.refs == 0
	if f != nil {
		f.dropped = true
	}
	if idle {
		c.idle.Remove(f.element)
	}
	c.mu.Unlock()
	if idle {
		_ = f.Close()
	}
}

// close closes all files that nobody uses.
func (c *fileCache) close() {
	c.mu.Lock()
	keys := make([]fileKey, 0, len(c.files))
	for key := range c.files {
		keys = append(keys, key)
	}
	c.mu.Unlock()
	for _, key := range keys {
		c.drop(key)
	}
}
