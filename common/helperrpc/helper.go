package helperrpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// HelperInterface is the name of the helper's remote interface.
const HelperInterface = "RIHelper.tahoe.allmydata.com"

const (
	methodVersion = "get_version"
	methodCHK     = "upload_chk"

	keyHelperV1    = "http://allmydata.org/tahoe/protocols/helper/v1"
	keyApplication = "application-version"
)

// ErrNoV1 says that a helper does not speak the protocol of this package.
var ErrNoV1 = errors.New("the helper does not speak version 1 of the protocol")

// Service is what a helper does. Its methods are called concurrently.
type Service interface {
	// UploadCHK looks whether all shares of a file are stored. The results say
	// so; without them the client is to upload. It may wait for peers. Errors
	// reach the client with their text.
	UploadCHK(ctx context.Context, si grid.StorageIndex) (*Results, error)
	// Upload fetches ciphertext, stores its shares and returns when that is
	// done. ctx ends with the client's connection, and the reader is released
	// when Upload returns.
	Upload(ctx context.Context, si grid.StorageIndex, reader Reader) (*Results, error)
}

// service is the server adapter.
type service struct {
	Service
	application string
}

// NewService returns the object that clients call, which calls s. The
// application is what get_version says, as in "tahoe-lafs/1.20.0".
func NewService(s Service, application string) foolscap.Referenceable {
	return &service{s, application}
}

// RemoteInterface implements foolscap.Referenceable.
func (*service) RemoteInterface() string { return HelperInterface }

// MethodLimits implements foolscap.MethodLimiter.
func (*service) MethodLimits(_ string, limits *banana.Limits) error {
	lower(limits)
	return nil
}

// RemoteCall implements foolscap.Referenceable.
func (s *service) RemoteCall(ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	switch r.Method {
	case methodVersion:
		return encodeVersion(s.application, keyHelperV1), r.Args().Err()
	case methodCHK:
		return s.uploadCHK(ctx, r)
	}
	return nil, foolscap.UnknownMethod(r, HelperInterface)
}

func (s *service) uploadCHK(ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	args := r.Args("si")
	var si grid.StorageIndex
	copy(si[:], args.Bytes(0, grid.StorageIndexSize, grid.StorageIndexSize))
	if err := args.Err(); err != nil {
		return nil, err
	}
	r.Unblock()
	results, err := s.UploadCHK(ctx, si)
	if err != nil {
		return nil, err
	}
	if results == nil {
		return banana.NewTuple(banana.None{}, foolscap.Object{Referenceable: &chkUpload{s, si}}), nil
	}
	encoded, err := results.encode()
	if err != nil {
		return nil, err
	}
	return banana.NewTuple(encoded, banana.None{}), nil
}

// Helper calls a helper. It does not own the reference.
type Helper struct{ Reference *foolscap.Reference }

// Version returns the application-version of the helper. The error wraps ErrNoV1
// if it does not speak the protocol.
func (h Helper) Version(ctx context.Context) (string, error) {
	v, err := h.Reference.CallLimited(ctx, maxSmallAnswer, methodVersion)
	if err != nil {
		return "", fmt.Errorf("ask for the version: %w", err)
	}
	return decodeVersion(v, keyHelperV1)
}

// UploadCHK asks whether a file needs uploading: there are either the results of
// its having been uploaded before, or an upload, which the caller releases.
func (h Helper) UploadCHK(ctx context.Context, si grid.StorageIndex) (*Results, *Upload, error) {
	v, err := h.Reference.CallLimited(ctx, maxResults, methodCHK, banana.Bytes(si[:]))
	if err != nil {
		return nil, nil, fmt.Errorf("ask the helper for the file: %w", err)
	}
	results, upload, err := decodeAnswer(v)
	if err != nil {
		foolscap.ReleaseAll(v)
		return nil, nil, fmt.Errorf("ask the helper for the file: %w", err)
	}
	return results, upload, nil
}

func decodeAnswer(v banana.Value) (*Results, *Upload, error) {
	items, err := foolscap.AsTuple(v, 2)
	if err != nil {
		return nil, nil, err
	}
	if foolscap.IsNone(items[1]) {
		results, err := decodeResults(items[0])
		return results, nil, err
	}
	if !foolscap.IsNone(items[0]) {
		return nil, nil, banana.Violationf("both results and an upload")
	}
	ref, err := foolscap.AsReference(items[1], UploadInterface)
	if err != nil {
		return nil, nil, err
	}
	return nil, &Upload{ref}, nil
}

func encodeVersion(application, protocol string) banana.Value {
	return banana.NewDict(
		banana.Pair{Key: banana.Bytes(keyApplication), Value: banana.Bytes(application)},
		banana.Pair{Key: banana.Bytes(protocol), Value: banana.NewDict()},
	)
}

func decodeVersion(v banana.Value, protocol string) (string, error) {
	dict, err := foolscap.AsDict(v, maxVersionKeys)
	if err != nil {
		return "", fmt.Errorf("ask for the version: %w", err)
	}
	if _, ok := dict.Get(protocol); !ok {
		return "", ErrNoV1
	}
	application, _ := dict.Get(keyApplication)
	text, ok := application.(banana.Bytes)
	if !ok {
		return "?", nil
	}
	return string(text[:min(len(text), maxVersion)]), nil
}
