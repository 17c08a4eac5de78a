package helperserver

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Directories below Config.Dir.
const (
	incomingDir = "CHK_incoming"
	encodingDir = "CHK_encoding"
	syncedDir   = "CHK_synced"
)

// syncSize is after how many bytes a file is synced.
const syncSize = 32 << 20

// maxRecord is the largest file in syncedDir that is read, in bytes.
const maxRecord = 256

// files keeps ciphertext on the disk. Each file belongs to one upload at a time;
// files are safe for concurrent use as far as they are of different storage
// indexes.
type files struct {
	root   *os.Root
	boot   string    // id of the system's start
	booted time.Time // when that was
}

func openFiles(dir string, boot func() (string, time.Time)) (*files, error) {
	for _, sub := range []string{incomingDir, encodingDir, syncedDir} {
		if err := os.MkdirAll(path.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f := &files{root: root}
	f.boot, f.booted = boot()
	return f, nil
}

func (f *files) close() error { return f.root.Close() }

func incoming(si grid.StorageIndex) string { return incomingDir + "/" + si.String() }
func encoding(si grid.StorageIndex) string { return encodingDir + "/" + si.String() }
func synced(si grid.StorageIndex) string   { return syncedDir + "/" + si.String() }

// size returns the size of a file, -1 if there is none. Anything but a file is an
// error: somebody else has put it there.
func (f *files) size(name string) (int64, fs.FileInfo, error) {
	info, err := f.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	if !info.Mode().IsRegular() {
		return 0, nil, fmt.Errorf("%s is not a file; remove it", name)
	}
	return info.Size(), info, nil
}

// trusted returns how many bytes from the beginning of a file are surely what was
// written: all if the system has run ever since, else what was synced. A file
// without a record is Python's, or of a version that kept none.
func (f *files) trusted(si grid.StorageIndex, info fs.FileInfo) int64 {
	boot, synced, ok := f.record(si)
	switch {
	case ok && boot == f.boot && f.boot != "":
		return info.Size()
	case ok:
		return min(synced, info.Size())
	case f.boot != "" && info.ModTime().After(f.booted):
		return info.Size()
	}
	return 0
}

// record reads what was recorded of a file.
func (f *files) record(si grid.StorageIndex) (boot string, size int64, ok bool) {
	file, err := f.root.Open(synced(si))
	if err != nil {
		return "", 0, false
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxRecord))
	if err != nil {
		return "", 0, false
	}
	boot, size = parseRecord(string(text))
	return boot, size, true
}

// parseRecord reads "BOOT SIZE\n". A record that is none vouches for nothing.
func parseRecord(text string) (boot string, size int64) {
	line, rest, ended := strings.Cut(text, "\n")
	boot, number, found := strings.Cut(line, " ")
	size, err := strconv.ParseInt(number, 10, 64)
	if !ended || rest != "" || !found || err != nil || size < 0 {
		return "", 0
	}
	return boot, size
}

func formatRecord(boot string, size int64) string { return fmt.Sprintf("%s %d\n", boot, size) }

// setRecord records that the first size bytes of a file are on the disk, and that
// the rest was written since this start of the system.
func (f *files) setRecord(si grid.StorageIndex, size int64, sync bool) error {
	file, err := f.root.OpenFile(synced(si), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(formatRecord(f.boot, size))
	if err == nil && sync {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// complete says whether all ciphertext of a file of the size is there, to be
// encoded. A file that is not is moved back, to be fetched to its end.
func (f *files) complete(si grid.StorageIndex, size int64) (bool, error) {
	have, info, err := f.size(encoding(si))
	switch {
	case err != nil || have < 0:
		return false, err
	case have == size && f.trusted(si, info) == size:
		return true, nil
	}
	return false, f.root.Rename(encoding(si), incoming(si))
}

// begin opens the ciphertext that there is of a file of the size.
func (f *files) begin(si grid.StorageIndex, size int64) (*partial, error) {
	have, info, err := f.size(incoming(si))
	if err != nil {
		return nil, err
	}
	keep := int64(0)
	if have >= 0 && have <= size { // a longer one is of somebody who said something else
		keep = f.trusted(si, info)
	}
	_, vouched, known := f.record(si)
	file, err := f.root.OpenFile(incoming(si), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	p := &partial{files: f, si: si, file: file, have: keep, synced: min(vouched, keep), resumed: keep > 0}
	if err := p.prepare(known); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return p, nil
}

// remove forgets a file. Its record goes last: without a file it is harmless,
// begin sees to that.
func (f *files) remove(si grid.StorageIndex) error {
	var errs []error
	for _, name := range []string{incoming(si), encoding(si), synced(si)} {
		if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// open opens ciphertext that is complete.
func (f *files) open(si grid.StorageIndex) (io.ReadCloser, error) {
	return f.root.Open(encoding(si))
}

// entry is a file in one of the directories.
type entry struct {
	si      grid.StorageIndex
	size    int64
	changed time.Time
}

// list returns the files of a directory, and skips what is none of ours.
func (f *files) list(dir string) ([]entry, error) {
	d, err := f.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var entries []entry
	for _, name := range names {
		si, err := grid.ParseStorageIndex(name)
		if err != nil {
			continue
		}
		size, info, err := f.size(dir + "/" + name)
		if err != nil || size < 0 {
			continue
		}
		entries = append(entries, entry{si, size, info.ModTime()})
	}
	return entries, nil
}
