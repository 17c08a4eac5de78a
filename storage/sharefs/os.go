package sharefs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// Modes of what OS makes. Containers hold write enablers in plain, so that
// nobody else should read them; 1.20 leaves this to the umask.
const (
	fileMode = 0o600
	dirMode  = 0o700
)

// OS is a directory of the operating system. Use NewOS.
type OS struct {
	root *os.Root
	dir  *os.File
}

// NewOS opens a directory, which is made if it is missing. Close it after use.
func NewOS(dir string) (*OS, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	opened, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &OS{root: root, dir: opened}, nil
}

// Close closes the directory. Open files stay open.
func (o *OS) Close() error { return errors.Join(o.dir.Close(), o.root.Close()) }

// Open opens a regular file to read.
func (o *OS) Open(name string) (File, error) { return o.open(name, os.O_RDONLY) }

// Edit opens a regular file to read and write.
func (o *OS) Edit(name string) (File, error) { return o.open(name, os.O_RDWR) }

// Create makes a file.
func (o *OS) Create(name string) (File, error) { return o.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL) }

// open does not wait for a fifo that somebody left in the directory, and
// refuses whatever else is not a file.
func (o *OS) open(name string, flags int) (File, error) {
	f, err := o.root.OpenFile(filepath.FromSlash(name), flags|unix.O_NONBLOCK, fileMode)
	if err != nil {
		return nil, err
	}
	if flags&os.O_CREATE != 0 {
		return osFile{f}, nil
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return osFile{f}, nil
}

// Rename moves a file.
func (o *OS) Rename(from, to string) error {
	return o.root.Rename(filepath.FromSlash(from), filepath.FromSlash(to))
}

// Remove removes a file or an empty directory.
func (o *OS) Remove(name string) error { return o.root.Remove(filepath.FromSlash(name)) }

// Mkdir makes a directory.
func (o *OS) Mkdir(name string) error { return o.root.Mkdir(filepath.FromSlash(name), dirMode) }

// ReadDir returns the names in a directory.
func (o *OS) ReadDir(name string) ([]string, error) {
	dir, err := o.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	return names, errors.Join(err, dir.Close())
}

// SyncDir waits until the names in a directory are durable.
func (o *OS) SyncDir(name string) error {
	dir, err := o.root.Open(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// SyncAll writes out the whole file system.
func (o *OS) SyncAll() error {
	err := unix.Syncfs(int(o.dir.Fd()))
	runtime.KeepAlive(o.dir)
	if err != nil {
		return fmt.Errorf("syncfs: %w", err)
	}
	return nil
}

// Space asks the file system.
func (o *OS) Space() (Space, error) {
	var s unix.Statfs_t
	err := unix.Fstatfs(int(o.dir.Fd()), &s)
	runtime.KeepAlive(o.dir)
	if err != nil {
		return Space{}, fmt.Errorf("statfs: %w", err)
	}
	unit := uint64(s.Frsize)
	return Space{
		Total:          bytes(s.Blocks, unit),
		FreeForRoot:    bytes(s.Bfree, unit),
		FreeForNonRoot: bytes(s.Bavail, unit),
	}, nil
}

// bytes multiplies; what is more than an int64 holds is cut to that. Network
// file systems announce absurd numbers.
func bytes(blocks, unit uint64) int64 {
	const most = 1<<63 - 1
	if unit != 0 && blocks > most/unit {
		return most
	}
	return int64(blocks * unit)
}

// osFile is an *os.File.
type osFile struct{ *os.File }

// Size asks for the size.
func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
