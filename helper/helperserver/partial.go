package helperserver

import (
	"errors"
	"os"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// partial is ciphertext that is being fetched. It is used by one goroutine at a
// time.
type partial struct {
	files   *files
	si      grid.StorageIndex
	file    *os.File
	have    int64 // bytes in the file, which are right
	synced  int64 // bytes that the record vouches for
	resumed bool  // some were there before
}

// prepare cuts off what is not trusted, and records under which start of the
// system the file goes on, before the first byte is written. A record that is
// replaced is synced: it must not come back after a crash.
func (p *partial) prepare(replaced bool) error {
	if err := p.file.Truncate(p.have); err != nil {
		return err
	}
	return p.files.setRecord(p.si, p.synced, replaced)
}

// write appends, and syncs now and then.
func (p *partial) write(data []byte) error {
	n, err := p.file.WriteAt(data, p.have)
	p.have += int64(n)
	if err == nil && p.have-p.synced >= syncSize {
		err = p.sync()
	}
	return err
}

func (p *partial) sync() error {
	if err := p.file.Sync(); err != nil {
		return err
	}
	p.synced = p.have
	return p.files.setRecord(p.si, p.synced, false)
}

// close keeps what there is for another time.
func (p *partial) close() error {
	var err error
	if p.have > p.synced {
		err = p.sync()
	}
	return errors.Join(err, p.file.Close())
}

// finish says that all is there.
func (p *partial) finish() error {
	if err := p.file.Close(); err != nil {
		return err
	}
	return p.files.root.Rename(incoming(p.si), encoding(p.si))
}
