package sharefs

import "io"

// FS is a directory with files. Errors are as those of package os: they wrap
// fs.ErrNotExist, fs.ErrExist, syscall.ENOSPC and so on, and carry paths below
// the directory only. It is safe for concurrent use.
type FS interface {
	// Open opens a regular file to read; Edit to read and write.
	Open(name string) (File, error)
	Edit(name string) (File, error)
	// Create makes a file to read and write. It must not be there.
	Create(name string) (File, error)
	// Rename moves a file. One of the new name is replaced.
	Rename(from, to string) error
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// Mkdir makes a directory in one that is there.
	Mkdir(name string) error
	// ReadDir returns the names in a directory, in no order.
	ReadDir(name string) ([]string, error)
	// SyncDir waits until the names in a directory are durable.
	SyncDir(name string) error
	// SyncAll waits until everything done before is durable.
	SyncAll() error
	// Space says how much the disk holds.
	Space() (Space, error)
}

// File is an open file. Concurrent reads and writes are allowed.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Truncate sets the size. New bytes are zero.
	Truncate(size int64) error
	// Size is the number of bytes in the file.
	Size() (int64, error)
	// Sync waits until the bytes and the size are durable. After an error
	// they may be lost even if a later Sync succeeds.
	Sync() error
}

// Space says how much a disk holds, in bytes.
type Space struct {
	Total          int64
	FreeForRoot    int64
	FreeForNonRoot int64 // what a store counts on
}
