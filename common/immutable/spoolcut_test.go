package immutable

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/upload"
)

// noPusher is never asked.
type noPusher struct{}

func (noPusher) Upload(context.Context, upload.Request) (*upload.Result, error) {
	panic("a file that was cut short is uploaded")
}

// TestPlaintextThatIsCutShort: a body whose connection was lost is no file.
func TestPlaintextThatIsCutShort(t *testing.T) {
	uploader, err := NewUploader(UploaderConfig{
		Pusher: noPusher{}, Params: grid.Params{K: 1, Happy: 1, N: 1}, TempDir: t.TempDir(),
		Convergence: secret.NewConvergenceSecret([]byte("c")),
	})
	require.NoError(t, err)
	cut := io.MultiReader(bytes.NewReader(make([]byte, 100_000)), iotest.ErrReader(io.ErrUnexpectedEOF))
	_, _, err = uploader.Upload(t.Context(), Upload{Plaintext: cut, Size: UnknownSize})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
