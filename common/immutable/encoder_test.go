package immutable

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/besn0847/arm-tahoe/common/chkencode"
	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/stretchr/testify/require"
)

func TestRandomKey(t *testing.T) {
	a, err := RandomKey(rand.Reader)
	require.NoError(t, err)
	b, err := RandomKey(rand.Reader)
	require.NoError(t, err)
	require.False(t, a.Equal(b))
	fixed, err := RandomKey(bytes.NewReader([]byte("0123456789abcdefgh")))
	require.NoError(t, err)
	require.True(t, fixed.Equal(secret.NewImmutableKey([16]byte([]byte("0123456789abcdef")))))
	_, err = RandomKey(bytes.NewReader(make([]byte, 15)))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// TestRandomKeyEncoding: with a key that has nothing to do with the plaintext the
// file reads back just as well.
func TestRandomKeyEncoding(t *testing.T) {
	plaintext := randomBytes(1, 5000)
	e, err := NewEncoder(Config{Size: 5000, K: 3, N: 5, MaxSegmentSize: 1000})
	require.NoError(t, err)
	key, err := RandomKey(rand.Reader)
	require.NoError(t, err)
	list, sinks := memorySinks(5)
	c, placed, err := e.Encode(t.Context(), key, bytes.NewReader(plaintext), sinks)
	require.NoError(t, err)
	require.Len(t, placed, 5)
	var shares []Share
	for i, s := range list[1:4] {
		shares = append(shares, memoryShare(i+1, s.data))
	}
	require.Equal(t, plaintext, readAll(t, c, shares))
}

func TestEncoderRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"empty file":            {K: 3, N: 10},
		"k of 0":                {Size: 100, N: 10},
		"n below k":             {Size: 100, K: 3, N: 2},
		"negative segment size": {Size: 100, K: 3, N: 10, MaxSegmentSize: -1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewEncoder(cfg)
			var pe *erasure.ParamsError
			require.ErrorAs(t, err, &pe)
			_, err = ComputeCap(t.Context(), cfg, bytes.NewReader(nil), secret.NewConvergenceSecret(nil))
			require.ErrorAs(t, err, &pe)
		})
	}
}

func TestPlaintextFails(t *testing.T) {
	cfg := Config{Size: 1000, K: 3, N: 10, MaxSegmentSize: 300}
	e, err := NewEncoder(cfg)
	require.NoError(t, err)
	none := secret.NewConvergenceSecret(nil)
	broken := errors.New("broken disk")
	var short *chkencode.ShortError

	_, err = e.ConvergentKey(t.Context(), bytes.NewReader(make([]byte, 999)), none)
	require.ErrorAs(t, err, &short)
	require.EqualValues(t, 999, short.Got)
	_, err = e.ConvergentKey(t.Context(), iotest.ErrReader(broken), none)
	require.ErrorIs(t, err, broken)

	key := secret.NewImmutableKey([16]byte{})
	_, _, err = e.Encode(t.Context(), key, bytes.NewReader(make([]byte, 999)), nil)
	require.ErrorAs(t, err, &short)
	require.EqualValues(t, 999, short.Got)
	_, _, err = e.Encode(t.Context(), key, iotest.ErrReader(broken), nil)
	require.ErrorIs(t, err, broken)

	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	_, err = e.ConvergentKey(ctx, bytes.NewReader(make([]byte, 1000)), none)
	require.ErrorIs(t, err, enough)
	_, _, err = e.Encode(ctx, key, bytes.NewReader(make([]byte, 1000)), nil)
	require.ErrorIs(t, err, enough)

	_, err = ComputeCap(t.Context(), cfg, bytes.NewReader(make([]byte, 999)), none)
	require.ErrorAs(t, err, &short)
	for name, seeker := range map[string]*badSeeker{
		"does not say where it is": {fail: 1, err: broken},
		"does not go back":         {fail: 2, err: broken},
	} {
		t.Run(name, func(t *testing.T) {
			seeker.Reader = bytes.NewReader(make([]byte, 1000))
			_, err := ComputeCap(t.Context(), cfg, seeker, none)
			require.ErrorIs(t, err, broken)
		})
	}
}

// badSeeker fails at the given call of Seek.
type badSeeker struct {
	*bytes.Reader
	fail int
	err  error
}

func (s *badSeeker) Seek(offset int64, whence int) (int64, error) {
	if s.fail--; s.fail == 0 {
		return 0, s.err
	}
	return s.Reader.Seek(offset, whence)
}

// TestComputeCapFromTheMiddle: it starts where the plaintext stands and leaves what
// follows alone.
func TestComputeCapFromTheMiddle(t *testing.T) {
	plaintext := randomBytes(3, 1000)
	cfg := Config{Size: 1000, K: 3, N: 10, MaxSegmentSize: 300}
	want, _ := encodeAll(t, cfg, plaintext, []byte("s"))
	r := bytes.NewReader(append(append([]byte("before"), plaintext...), "after"...))
	_, err := r.Seek(6, io.SeekStart)
	require.NoError(t, err)
	got, err := ComputeCap(t.Context(), cfg, r, secret.NewConvergenceSecret([]byte("s")))
	require.NoError(t, err)
	require.True(t, uri.Equal(want, got))
	require.Equal(t, 5, r.Len())
}
