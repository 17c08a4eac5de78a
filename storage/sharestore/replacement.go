package sharestore

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
)

// replacement replaces mutable shares of one slot by changed copies. The lock
// of the storage index is held all the time.
type replacement struct {
	store   *Store
	si      grid.StorageIndex
	changes []*change
	removed []grid.ShareNum
	held    []*openFile
}

// change is one share to be replaced.
type change struct {
	n         grid.ShareNum
	old       *openFile // nil for a new share
	plan      sharecontainer.Plan
	temporary string    // the changed copy; "" if there is none, or not any more
	info      shareInfo // of the copy
}

func (r *replacement) remove(n grid.ShareNum) { r.removed = append(r.removed, n) }

// hold keeps a file open until release.
func (r *replacement) hold(f *openFile) {
	if f != nil {
		r.held = append(r.held, f)
	}
}

func (r *replacement) change(n grid.ShareNum, old *openFile, plan sharecontainer.Plan) {
	if !plan.IsEmpty() {
		r.changes = append(r.changes, &change{n: n, old: old, plan: plan})
	}
}

// release removes copies that were not put into place, and gives back files.
func (r *replacement) release() {
	for _, c := range r.changes {
		if c.temporary != "" {
			_ = r.store.cfg.FS.Remove(c.temporary) // the next start does
		}
	}
	for _, f := range r.held {
		r.store.files.release(f)
	}
}

// run makes everything durable. If it fails before the copies are complete
// nothing has changed; later each share is the old or the new one.
func (r *replacement) run() error {
	if len(r.changes)+len(r.removed) == 0 {
		return nil
	}
	if err := r.checkSpace(); err != nil {
		return err
	}
	for _, c := range r.changes {
		if err := r.stage(c); err != nil {
			return fmt.Errorf("write mutable share: %w", diskError(err))
		}
	}
	if err := r.place(); err != nil {
		return fmt.Errorf("replace mutable share: %w", diskError(err))
	}
	return nil
}

func (r *replacement) checkSpace() error {
	var grown, written int64
	for _, c := range r.changes {
		grown = growth(grown, c.plan.NewSize-c.plan.OldSize)
		written = growth(written, c.plan.NewSize)
	}
	if len(r.changes) == 0 {
		return nil
	}
	return r.store.checkMutable(grown, written)
}

// stage writes the changed copy of a share, and makes its bytes durable.
func (r *replacement) stage(c *change) (err error) {
	name := fmt.Sprintf("%s/slot-%d", sharecontainer.IncomingDir, r.store.tempNum.Add(1))
	f, err := r.store.cfg.FS.Create(name)
	if err != nil {
		return err
	}
	c.temporary = name
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := c.write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	c.info, err = infoOf(c.n, f)
	return err
}

func (c *change) write(f sharefs.File) error {
	if c.old == nil {
		return c.plan.Apply(f)
	}
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	_, err := io.CopyBuffer(io.NewOffsetWriter(f, 0), onlyReader{c.plan.Reader(c.old)}, buf[:])
	return err
}

// copySize is how much is copied at a time.
const copySize = 128 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// onlyReader hides io.WriterTo and with it the buffer that it would allocate.
type onlyReader struct{ io.Reader }

// place puts the copies where the shares are, removes shares, and makes this
// durable.
func (r *replacement) place() error {
	dirs, err := r.rename()
	if err == nil {
		dirs, err = r.unlink(dirs)
	}
	if err != nil {
		return err
	}
	return r.store.syncNames(dirs)
}

// rename puts the copies into place. It returns the directories to be synced.
func (r *replacement) rename() (dirs []string, err error) {
	if len(r.changes) == 0 {
		return []string{bucketDir(r.si)}, nil
	}
	dirs, _, err = r.store.makeBucket(r.si)
	if err != nil {
		return nil, err
	}
	for _, c := range r.changes {
		err := r.store.cfg.FS.Rename(c.temporary, shareFile(bucketDir(r.si), c.n))
		r.store.files.drop(fileKey{shareKey{r.si, c.n}, false})
		if err != nil {
			r.store.commit.distrust()
			return nil, err
		}
		c.temporary = ""
		r.store.index.change(r.si, func(b bucketInfo) bucketInfo { return b.with(c.info) })
	}
	return dirs, nil
}

// unlink removes shares, and the directory if nothing is left in it.
func (r *replacement) unlink(dirs []string) ([]string, error) {
	for _, n := range r.removed {
		err := r.store.cfg.FS.Remove(shareFile(bucketDir(r.si), n))
		r.store.files.drop(fileKey{shareKey{r.si, n}, false})
		if err != nil && !isMissing(err) {
			r.store.commit.distrust()
			return nil, err
		}
		r.store.index.change(r.si, func(b bucketInfo) bucketInfo { return b.without(n) })
	}
	if len(r.removed) > 0 && r.store.cfg.FS.Remove(bucketDir(r.si)) == nil {
		return []string{prefixDir(r.si)}, nil
	}
	return dirs, nil
}
