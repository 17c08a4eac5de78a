package spool

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"golang.org/x/crypto/chacha20"
)

// File holds parts of a file. It is not safe for concurrent use, except that
// methods that change nothing may run beside one another.
type File struct {
	quota *Quota
	file  *os.File // nil until something is written
	key   [chacha20.KeySize]byte
	parts extents
}

// New returns an empty file. The temporary file is made by the first write.
func New(quota *Quota) *File { return &File{quota: quota} }

// Extents returns the parts that were written, in order and without overlap, in
// a slice of the caller's own.
func (f *File) Extents() []Extent { return slices.Clone([]Extent(f.parts)) }

// NumExtents returns how many parts there are.
func (f *File) NumExtents() int { return len(f.parts) }

// SmallestGap returns the smallest gap between two parts; ok is false if there
// is none.
func (f *File) SmallestGap() (gap Extent, ok bool) { return f.parts.smallestGap() }

// Next returns the first part, or remainder of a part, at or behind offset; ok
// is false if there is none.
func (f *File) Next(offset int64) (part Extent, ok bool) {
	i := f.parts.search(offset, false)
	if i == len(f.parts) {
		return Extent{}, false
	}
	part = f.parts[i]
	if part.Offset < offset {
		part = Extent{offset, part.End() - offset}
	}
	return part, true
}

// WriteAt writes p at an offset, which must not be negative. The error is
// syscall.ENOSPC if the quota is used up, or that of the file system; then what
// was there before is no longer certain.
func (f *File) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.open(); err != nil {
		return 0, err
	}
	part := Extent{offset, int64(len(p))}
	added := part.Size - f.parts.covered(part)
	if err := f.quota.take(added); err != nil {
		return 0, err
	}
	if n, err := f.write(p, offset); err != nil {
		return n, errors.Join(fmt.Errorf("write to the spool: %w", err), f.quota.take(-added))
	}
	f.parts = f.parts.add(part)
	return len(p), nil
}

// write writes p, encrypted.
func (f *File) write(p []byte, offset int64) (n int, err error) {
	buffer := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	for n < len(p) {
		chunk := p[n:min(len(p), n+bufferSize)]
		f.crypt(buffer[:len(chunk)], chunk, offset)
		if _, err := f.file.WriteAt(buffer[:len(chunk)], offset); err != nil {
			return n, err
		}
		n += len(chunk)
		offset += int64(len(chunk))
	}
	return n, nil
}

// ReadAt reads a range that must have been written as a whole.
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.file.ReadAt(p, offset)
	if n < len(p) {
		return n, fmt.Errorf("read from the spool: %w", err)
	}
	f.crypt(p, p, offset)
	return n, nil
}

// Truncate forgets what is at size and behind it.
func (f *File) Truncate(size int64) error {
	var removed int64
	f.parts, removed = f.parts.truncate(size)
	if removed == 0 {
		return nil
	}
	err := f.file.Truncate(size)
	return errors.Join(err, f.quota.take(-removed))
}

// Close forgets everything. The file may be used again, as a new one.
func (f *File) Close() error {
	var held int64
	for _, e := range f.parts {
		held += e.Size
	}
	f.parts = nil
	err := f.quota.take(-held)
	if f.file != nil {
		err = errors.Join(err, f.file.Close())
		f.file = nil
	}
	return err
}

// open makes the temporary file and its key.
func (f *File) open() error {
	if f.file != nil {
		return nil
	}
	file, err := os.CreateTemp(f.quota.dir, "sftp-*.tmp")
	if err != nil {
		return fmt.Errorf("make a spool file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return errors.Join(fmt.Errorf("make a spool file: %w", err), file.Close())
	}
	rand.Read(f.key[:]) // never fails
	f.file = file
	return nil
}

// crypt encrypts or decrypts src, which is at an offset, into dst.
func (f *File) crypt(dst, src []byte, offset int64) {
	const span = 1 << 38 // what the 32-bit counter of 64-byte blocks covers
	for len(src) > 0 {
		n := int(min(int64(len(src)), span-offset%span))
		var nonce [chacha20.NonceSize]byte
		binary.BigEndian.PutUint64(nonce[4:], uint64(offset/span))
		stream, err := chacha20.NewUnauthenticatedCipher(f.key[:], nonce[:])
		if err != nil {
			panic(err) // the sizes are right
		}
		block := offset % span / 64
		stream.SetCounter(uint32(block))
		var skipped [64]byte
		if skip := offset % 64; skip > 0 {
			stream.XORKeyStream(skipped[:skip], skipped[:skip])
		}
		stream.XORKeyStream(dst[:n], src[:n])
		dst, src, offset = dst[n:], src[n:], offset+int64(n)
	}
}

// bufferSize is the size of the buffers for encryption.
const bufferSize = 32 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}
