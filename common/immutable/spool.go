package immutable

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// spoolPattern is how files of plaintext that wait for their upload are named.
// They have a name for a moment only.
const spoolPattern = "upload-spool-*.tmp"

// RemoveSpools removes files that a crash left in the directory between the
// moment when they are made and that when they lose their name, which is all
// there can be. They hold nothing that can be read. Call it once, before any
// upload.
func RemoveSpools(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, spoolPattern))
	if err != nil {
		return fmt.Errorf("look for old spool files: %w", err)
	}
	var errs []error
	for _, name := range names {
		errs = append(errs, os.Remove(name))
	}
	return errors.Join(errs...)
}

// NamelessFile makes a file in the directory which is gone when it is closed, or when
// the process ends; what a crash in the wrong moment leaves RemoveSpools finds. It is
// for ciphertext: other processes of the user can read it.
func NamelessFile(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, spoolPattern)
	if err != nil {
		return nil, fmt.Errorf("keep plaintext in a temporary file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("hide a temporary file: %w", err)
	}
	return file, nil
}

// spool is a nameless file that keeps plaintext, encrypted with a key that is in
// memory only.
type spool struct {
	file *os.File
	key  secret.ImmutableKey
	size int64
}

func newSpool(dir string, random io.Reader) (*spool, error) {
	key, err := RandomKey(random)
	if err != nil {
		return nil, err
	}
	file, err := NamelessFile(dir)
	if err != nil {
		return nil, err
	}
	return &spool{file: file, key: key}, nil
}

// fill copies all of r to the file.
func (s *spool) fill(ctx context.Context, r io.Reader) (int64, error) {
	stream, err := newStream(s.key)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, hashChunk)
	for {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		n, err := io.ReadFull(r, buf)
		stream.XORKeyStream(buf[:n], buf[:n])
		if _, err := s.file.Write(buf[:n]); err != nil {
			return 0, fmt.Errorf("keep plaintext in a temporary file: %w", err)
		}
		s.size += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return s.size, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read plaintext: %w", err)
		}
	}
}

// open returns the plaintext from its beginning.
func (s *spool) open() (io.Reader, error) {
	stream, err := newStream(s.key)
	if err != nil {
		return nil, err
	}
	return cipher.StreamReader{S: stream, R: io.NewSectionReader(s.file, 0, s.size)}, nil
}

// close lets the file go.
func (s *spool) close() { _ = s.file.Close() }

// convergenceWriter hashes what is written to it for a convergent key, or does
// nothing where the key will be random.
type convergenceWriter struct{ hasher *taggedhash.ConvergenceHasher }

func newConvergenceWriter(random bool, convergence secret.ConvergenceSecret, params grid.Params, segSize int64) (convergenceWriter, error) {
	if random {
		return convergenceWriter{}, nil
	}
	hasher, err := taggedhash.NewConvergenceHasher(convergence, params.K, params.N, segSize)
	return convergenceWriter{hasher}, err
}

// Write implements io.Writer.
func (w convergenceWriter) Write(p []byte) (int, error) {
	if w.hasher == nil {
		return len(p), nil
	}
	return w.hasher.Write(p)
}

func (w convergenceWriter) key() secret.ImmutableKey {
	if w.hasher == nil {
		return secret.ImmutableKey{}
	}
	return w.hasher.Key()
}
