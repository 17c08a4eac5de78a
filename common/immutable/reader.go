package immutable

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// Reader reads the plaintext of a file, any range of it: a [CiphertextReader]
// that decrypts. Not safe for concurrent use.
type Reader struct {
	ciphertext *CiphertextReader
	// The key is kept in functions only: into those fmt does not look, whatever
	// the verb and however deep the Reader is inside of what is printed.
	streamAt func(offset int64) keyStream
	stream   keyStream // at position; nil before the first use
	position int64
}

// keyStream encrypts or decrypts what follows: cipher.Stream's XORKeyStream.
type keyStream func(dst, src []byte)

// NewReader returns a reader for the file of the cap; the rest is as for
// [NewCiphertextReader].
func NewReader(c uri.CHK, shares []Share, bad func(error)) (*Reader, error) {
	ciphertext, err := NewCiphertextReader(c.Verify(), shares, bad)
	if err != nil {
		return nil, err
	}
	streamAt, err := streams(c.Key)
	if err != nil {
		return nil, err
	}
	return &Reader{ciphertext: ciphertext, streamAt: streamAt}, nil
}

// streams returns what makes the key stream from an offset on.
func streams(key secret.ImmutableKey) (func(offset int64) keyStream, error) {
	k := key.Reveal()
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, fmt.Errorf("set up AES: %w", err)
	}
	return func(offset int64) keyStream { return streamAt(block, offset).XORKeyStream }, nil
}

// Decrypter returns a function that decrypts p in place, which stands at offset
// in the file with the key. It is safe for concurrent use. It is a function and
// not a key, so that fmt does not look into it.
func Decrypter(key secret.ImmutableKey) (func(p []byte, offset int64), error) {
	at, err := streams(key)
	if err != nil {
		return nil, err
	}
	return func(p []byte, offset int64) { at(offset)(p, p) }, nil
}

// Size returns the file's size.
func (r *Reader) Size() int64 { return r.ciphertext.Size() }

// ReadAt reads len(p) bytes of plaintext from offset on. It is
// [CiphertextReader.ReadAt] in all else.
func (r *Reader) ReadAt(ctx context.Context, p []byte, offset int64) (int, error) {
	n, err := r.ciphertext.ReadAt(ctx, p, offset)
	if n > 0 {
		r.decrypt(p[:n], offset)
	}
	return n, err
}

// decrypt decrypts p, which stands at offset. The key stream goes on where it
// was if it can.
func (r *Reader) decrypt(p []byte, offset int64) {
	if r.stream == nil || r.position != offset {
		r.stream = r.streamAt(offset)
	}
	r.stream(p, p)
	r.position = offset + int64(len(p))
}

// streamAt returns the key stream from offset on. The counter starts at 0 and
// counts blocks as a 128-bit number.
func streamAt(block cipher.Block, offset int64) cipher.Stream {
	var iv, skip [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[8:], uint64(offset/aes.BlockSize))
	stream := cipher.NewCTR(block, iv[:])
	within := skip[:offset%aes.BlockSize]
	stream.XORKeyStream(within, within)
	return stream
}

// copyChunk is how much plaintext is handed on at a time.
const copyChunk = 64 << 10

// WriteRange writes length bytes of plaintext from offset on to w, fewer if the
// file ends before; a negative length means to the end. It returns how many
// bytes were written. Nothing that was not proven is written. The error is that
// of w or of [Reader.ReadAt], but never io.EOF.
func (r *Reader) WriteRange(ctx context.Context, w io.Writer, offset, length int64) (written int64, err error) {
	if offset < 0 || offset > r.Size() {
		return 0, &RangeError{"offset", offset, r.Size()}
	}
	if left := r.Size() - offset; length < 0 || length > left {
		length = left
	}
	buf := make([]byte, min(copyChunk, length))
	for written < length {
		n, err := r.ReadAt(ctx, buf[:min(int64(len(buf)), length-written)], offset+written)
		if err != nil && !errors.Is(err, io.EOF) {
			return written, err
		}
		m, err := w.Write(buf[:n])
		written += int64(m)
		if err != nil {
			return written, fmt.Errorf("hand on plaintext: %w", err)
		}
	}
	return written, nil
}
