package helperrpc

import (
	"context"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// UploadInterface is the name of the remote interface of one upload, whose class
// is called RICHKUploadHelper.
const UploadInterface = "RIUploadHelper.tahoe.allmydata.com"

const (
	methodUpload = "upload"

	keyUploadV1 = "http://allmydata.org/tahoe/protocols/helper/chk-upload/v1"
)

// chkUpload is the server adapter of one upload. There may be many for one
// storage index; they hold nothing.
type chkUpload struct {
	*service
	si grid.StorageIndex
}

// RemoteInterface implements foolscap.Referenceable.
func (*chkUpload) RemoteInterface() string { return UploadInterface }

// RemoteCall implements foolscap.Referenceable.
func (u *chkUpload) RemoteCall(ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	switch r.Method {
	case methodVersion:
		return encodeVersion(u.application, keyUploadV1), r.Args().Err()
	case methodUpload:
		return u.upload(ctx, r)
	}
	return nil, foolscap.UnknownMethod(r, UploadInterface)
}

func (u *chkUpload) upload(ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	args := r.Args("reader")
	reader := args.Reference(0, ReaderInterface)
	if err := args.Err(); err != nil {
		return nil, err
	}
	r.Unblock()
	results, err := u.Upload(ctx, u.si, Reader{reader})
	if err != nil {
		return nil, err
	}
	return results.encodeWithCap(u.si)
}

// Upload calls one upload at a helper. Its owner releases it.
type Upload struct{ Reference *foolscap.Reference }

// Release gives the upload back.
func (u *Upload) Release() { u.Reference.Release() }

// Upload lets the helper read the ciphertext from an object of NewReader, and
// waits until the shares are stored.
func (u *Upload) Upload(ctx context.Context, reader foolscap.Referenceable) (*Results, error) {
	v, err := u.Reference.CallLimited(ctx, maxResults, methodUpload, foolscap.Object{Referenceable: reader})
	if err != nil {
		return nil, fmt.Errorf("upload through the helper: %w", err)
	}
	defer foolscap.ReleaseAll(v)
	results, err := decodeResults(v)
	if err != nil {
		return nil, fmt.Errorf("upload through the helper: %w", err)
	}
	return results, nil
}
