package immutable

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// Pusher stores ciphertext: an *upload.Uploader, or the client of a helper.
type Pusher interface {
	Upload(ctx context.Context, req upload.Request) (*upload.Result, error)
}

// UploaderConfig is what all uploads of a node have in common.
type UploaderConfig struct {
	// Pusher stores the ciphertext.
	Pusher Pusher
	// Params are shares.needed, shares.happy and shares.total.
	Params grid.Params
	// MaxSegmentSize is as in [Config]. Files of up to so many bytes that cannot
	// be read twice are kept in memory, larger ones go through TempDir.
	MaxSegmentSize int64
	// Convergence is the convergence secret.
	Convergence secret.ConvergenceSecret
	// TempDir is where what cannot be read twice is kept meanwhile, encrypted
	// with a key that is nowhere else. See RemoveSpools.
	TempDir string
	// Random is where keys come from; nil is crypto/rand.
	Random io.Reader
}

// Uploader makes files of plaintext. Safe for concurrent use.
type Uploader struct {
	cfg UploaderConfig
}

// NewUploader checks the configuration. The error is a *grid.ParamsError or an
// [*erasure.ParamsError].
func NewUploader(cfg UploaderConfig) (*Uploader, error) {
	if err := cfg.Params.Validate(); err != nil {
		return nil, err
	}
	if cfg.MaxSegmentSize == 0 {
		cfg.MaxSegmentSize = DefaultMaxSegmentSize
	}
	if _, err := erasure.SegmentSize(1, cfg.MaxSegmentSize, cfg.Params.K); err != nil {
		return nil, err
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	return &Uploader{cfg: cfg}, nil
}

// Upload is one file to be made.
type Upload struct {
	// Plaintext is read from where it stands. If it is an io.Seeker that can
	// seek it is read twice, which for a convergent key saves a copy, and must be
	// the same both times.
	Plaintext io.Reader
	// Size is how many bytes are to be read, UnknownSize all there are.
	Size int64
	// RandomKey makes a file that has nothing in common with others of the same
	// content.
	RandomKey bool
	// Params are those of this file; nil for those of the uploader.
	Params *grid.Params
	// Progress is as in upload.Request.
	Progress func(ciphertext int64)
}

// UnknownSize is the size of plaintext that has to be read to know it.
const UnknownSize = -1

// Upload stores a file and returns its read cap: a uri.Literal for up to
// [uri.MaxLiteralSize] bytes, for which the result is empty, else a uri.CHK.
// Memory is that of package upload, and a segment; it does not depend on the
// file's size.
//
// Errors are those of the pusher and the plaintext, that of ctx, and a
// [*chkencode.ShortError] if there is less plaintext than announced. Where
// plaintext is spooled, those of the disk.
func (u *Uploader) Upload(ctx context.Context, in Upload) (uri.Cap, *upload.Result, error) {
	params := u.cfg.Params
	if in.Params != nil {
		params = *in.Params
		if err := params.Validate(); err != nil {
			return nil, nil, err
		}
	}
	text, err := u.take(ctx, in, params)
	if err != nil {
		return nil, nil, err
	}
	defer text.close()
	if text.size <= uri.MaxLiteralSize {
		return literal(text)
	}
	return u.store(ctx, text, in, params)
}

// literal makes a cap of all of the plaintext.
func literal(text *plaintext) (uri.Cap, *upload.Result, error) {
	r, err := text.open()
	if err != nil {
		return nil, nil, err
	}
	data := make([]byte, text.size)
	if n, err := io.ReadFull(r, data); err != nil {
		return nil, nil, plaintextError(err, text.size, int64(n))
	}
	return uri.NewLiteral(data), &upload.Result{Size: text.size}, nil
}

// plaintextError is the error for plaintext that ended at got, or was broken.
func plaintextError(err error, size, got int64) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &chkencode.ShortError{Size: size, Got: got}
	}
	return fmt.Errorf("read plaintext: %w", err)
}

// store encrypts the plaintext and pushes it.
func (u *Uploader) store(ctx context.Context, text *plaintext, in Upload, params grid.Params) (uri.Cap, *upload.Result, error) {
	segSize, err := erasure.SegmentSize(text.size, u.cfg.MaxSegmentSize, params.K)
	if err != nil {
		return nil, nil, err
	}
	segs, err := erasure.NewSegments(text.size, params.K, segSize)
	if err != nil {
		return nil, nil, err
	}
	key, err := u.key(ctx, text, in.RandomKey, segs, params.N)
	if err != nil {
		return nil, nil, err
	}
	result, err := u.cfg.Pusher.Upload(ctx, upload.Request{
		SI:     taggedhash.StorageIndex(key),
		Params: params, Segments: segs, Progress: in.Progress,
		Ciphertext: &ciphertext{text, key},
	})
	if err != nil {
		return nil, nil, err
	}
	return uri.CHK{Key: key, UEBHash: result.UEBHash, K: params.K, N: params.N, Size: text.size}, result, nil
}

// key makes the file's key, reading the plaintext if that was not done yet.
func (u *Uploader) key(ctx context.Context, text *plaintext, random bool, segs erasure.Segments, n int) (secret.ImmutableKey, error) {
	if random {
		return RandomKey(u.cfg.Random)
	}
	if !text.key.IsZero() {
		return text.key, nil
	}
	r, err := text.open()
	if err != nil {
		return secret.ImmutableKey{}, err
	}
	return convergentKey(ctx, r, u.cfg.Convergence, segs, n)
}

// ciphertext is an upload.Source that encrypts.
type ciphertext struct {
	text *plaintext
	key  secret.ImmutableKey
}

// Open implements upload.Source.
func (c *ciphertext) Open() (io.ReadCloser, error) {
	r, err := c.text.open()
	if err != nil {
		return nil, err
	}
	stream, err := newStream(c.key)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(cipher.StreamReader{S: stream, R: r}), nil
}
