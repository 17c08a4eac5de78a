package immutable

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// DefaultMaxSegmentSize is the maximum segment size of 1.20 (interfaces.py,
// DEFAULT_IMMUTABLE_MAX_SEGMENT_SIZE; file-encoding.rst still says 128 KiB).
const DefaultMaxSegmentSize = 1 << 20

// Config says how a file is to be encoded.
type Config struct {
	// Size is the file's size in bytes, at least 1.
	Size int64
	// K of N shares give the file back, 1 <= K <= N <= 256.
	K, N int
	// MaxSegmentSize is the largest segment before rounding up to a multiple of
	// K. 0 means [DefaultMaxSegmentSize].
	MaxSegmentSize int64
	// Version, Workers and Lost are those of [chkencode.Config].
	Version uint32
	Workers int
	Lost    func(*chkencode.SinkError) error
}

// Encoder encodes files of one size in one way. It is safe for concurrent use.
type Encoder struct {
	segs erasure.Segments
	n    int
	chk  *chkencode.Encoder
}

// NewEncoder checks the configuration. The error is an [*erasure.ParamsError] or
// one of those of [chkencode.New].
func NewEncoder(cfg Config) (*Encoder, error) {
	if cfg.MaxSegmentSize == 0 {
		cfg.MaxSegmentSize = DefaultMaxSegmentSize
	}
	segSize, err := erasure.SegmentSize(cfg.Size, cfg.MaxSegmentSize, cfg.K)
	if err != nil {
		return nil, err
	}
	segs, err := erasure.NewSegments(cfg.Size, cfg.K, segSize)
	if err != nil {
		return nil, err
	}
	chk, err := chkencode.New(chkencode.Config{
		Segments: segs, N: cfg.N, Version: cfg.Version, Workers: cfg.Workers, Lost: cfg.Lost,
	})
	if err != nil {
		return nil, err
	}
	return &Encoder{segs: segs, n: cfg.N, chk: chk}, nil
}

// Segments returns how the file is cut.
func (e *Encoder) Segments() erasure.Segments { return e.segs }

// AllocatedSize returns the size in bytes of each share, which is what a server
// is asked to allocate.
func (e *Encoder) AllocatedSize() int64 { return e.chk.AllocatedSize() }

// RandomKey returns a new key from random, normally crypto/rand.Reader.
func RandomKey(random io.Reader) (secret.ImmutableKey, error) {
	var key [secret.Size16]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return secret.ImmutableKey{}, fmt.Errorf("make a random key: %w", err)
	}
	return secret.NewImmutableKey(key), nil
}

// hashChunk is how much is read at a time for a convergent key.
const hashChunk = 128 << 10

// ConvergentKey reads the plaintext, as many bytes as configured, and returns the
// key that follows from it, the convergence secret and the parameters. ctx is
// looked at between reads. The error is that of ctx or plaintext, or a
// [*chkencode.ShortError].
//
// The plaintext must be the same again when it is encoded. If it is not, two
// texts are encrypted with one key, which gives away where and how they differ.
func (e *Encoder) ConvergentKey(ctx context.Context, plaintext io.Reader, convergence secret.ConvergenceSecret) (secret.ImmutableKey, error) {
	return convergentKey(ctx, plaintext, convergence, e.segs, e.n)
}

func convergentKey(ctx context.Context, plaintext io.Reader, convergence secret.ConvergenceSecret, segs erasure.Segments, numShares int) (secret.ImmutableKey, error) {
	hasher, err := taggedhash.NewConvergenceHasher(convergence, segs.K, numShares, segs.SegmentSize)
	if err != nil {
		return secret.ImmutableKey{}, err
	}
	buf := make([]byte, min(hashChunk, segs.Size))
	for left := segs.Size; left > 0; {
		if ctx.Err() != nil {
			return secret.ImmutableKey{}, context.Cause(ctx)
		}
		n, err := io.ReadFull(plaintext, buf[:min(int64(len(buf)), left)])
		left -= int64(n)
		hasher.Write(buf[:n])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return secret.ImmutableKey{}, &chkencode.ShortError{Size: segs.Size, Got: segs.Size - left}
		}
		if err != nil {
			return secret.ImmutableKey{}, fmt.Errorf("read plaintext: %w", err)
		}
	}
	return hasher.Key(), nil
}

// Encode encrypts the plaintext with key, writes the shares into sinks and
// returns the read cap and the shares that were placed. It is
// [chkencode.Encoder.Encode] as to reading, sinks, errors and goroutines.
func (e *Encoder) Encode(ctx context.Context, key secret.ImmutableKey, plaintext io.Reader, sinks map[grid.ShareNum]chkencode.Sink) (uri.CHK, []grid.ShareNum, error) {
	stream, err := newStream(key)
	if err != nil {
		return uri.CHK{}, nil, err
	}
	result, err := e.chk.Encode(ctx, cipher.StreamReader{S: stream, R: plaintext}, sinks)
	if err != nil {
		return uri.CHK{}, nil, err
	}
	readCap := uri.CHK{Key: key, UEBHash: result.UEBHash, K: e.segs.K, N: e.n, Size: e.segs.Size}
	return readCap, result.Placed, nil
}

// newStream returns the key stream from the beginning of the file.
func newStream(key secret.ImmutableKey) (cipher.Stream, error) {
	k := key.Reveal()
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, fmt.Errorf("set up AES: %w", err)
	}
	return cipher.NewCTR(block, make([]byte, aes.BlockSize)), nil
}

// ComputeCap returns the read cap that the plaintext gets with a convergent key,
// without making shares for anybody. It reads plaintext twice, from where it
// stands, cfg.Size bytes each time, and keeps a few segments in memory.
func ComputeCap(ctx context.Context, cfg Config, plaintext io.ReadSeeker, convergence secret.ConvergenceSecret) (uri.CHK, error) {
	e, err := NewEncoder(cfg)
	if err != nil {
		return uri.CHK{}, err
	}
	start, err := plaintext.Seek(0, io.SeekCurrent)
	if err != nil {
		return uri.CHK{}, fmt.Errorf("find the start of the plaintext: %w", err)
	}
	key, err := e.ConvergentKey(ctx, plaintext, convergence)
	if err != nil {
		return uri.CHK{}, err
	}
	if _, err := plaintext.Seek(start, io.SeekStart); err != nil {
		return uri.CHK{}, fmt.Errorf("go back to the start of the plaintext: %w", err)
	}
	readCap, _, err := e.Encode(ctx, key, plaintext, nil)
	return readCap, err
}
