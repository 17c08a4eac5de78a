package nodeconf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Modes of files in a base directory. 1.20 leaves most files in private/ to the
// umask and relies on the directory's mode; here they are their owner's alone.
const (
	publicMode  fs.FileMode = 0o644
	privateMode fs.FileMode = 0o600
	dirMode     fs.FileMode = 0o755
	privateDir  fs.FileMode = 0o700
)

// maxLineFile bounds files that hold one line, in bytes.
const maxLineFile = 64 << 10

// WriteFile replaces a file as a whole: after a power cut it is the old or the
// new one. It is on disk when WriteFile returns.
func WriteFile(path string, data []byte, mode fs.FileMode) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(data)
	err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a directory's entries durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
