package grid

import (
	"context"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// StorageCore is the storage server under the protocols: what clients can do,
// and what a server's half of Foolscap or HTTPS needs beyond that. Clients in
// the same process use it as a StorageServer.
//
// A Foolscap server keeps the writers of AllocateBuckets with the connection
// and aborts them when it is lost. An HTTPS server keeps nothing: it allocates
// with AllocateUploads and finds an upload again by FindUpload.
type StorageCore interface {
	StorageServer

	// AllocateUploads is AllocateBuckets for uploads that are found by their
	// number and an upload secret, and do not end with a connection. It
	// answers the shares held and those allocated, both ascending.
	AllocateUploads(ctx context.Context, si StorageIndex, secrets LeaseSecrets, upload secret.UploadSecret, shares []ShareNum, size int64) (alreadyHave, allocated []ShareNum, err error)

	// FindUpload returns an upload in progress that AllocateUploads made.
	// Errors: ErrNoUpload, ErrBadUploadSecret.
	FindUpload(ctx context.Context, si StorageIndex, n ShareNum, upload secret.UploadSecret) (Upload, error)

	// ListShares returns the numbers of the complete shares of a storage
	// index, ascending. Listing immutable shares of a mutable slot is an
	// *UnknownContainerVersionError; listing mutable shares does not look
	// into the files and lists shares of either kind (1.20.0: server.py
	// enumerate_mutable_shares).
	ListShares(ctx context.Context, kind ShareKind, si StorageIndex) ([]ShareNum, error)

	// OpenShare finds one complete share. Errors: ErrNoShare,
	// *UnknownContainerVersionError if it is of the other kind.
	OpenShare(ctx context.Context, kind ShareKind, si StorageIndex, n ShareNum) (ShareReader, error)

	// LeaseShares is AddLease, and counts the shares that have the lease now.
	LeaseShares(ctx context.Context, si StorageIndex, secrets LeaseSecrets) (numShares int, err error)
}

// Upload is a BucketWriter that knows what it still needs.
type Upload interface {
	BucketWriter

	// Required returns the ranges not written yet, ascending, in a slice of
	// the caller's own. The upload is complete, and can be closed, when there
	// are none.
	Required() []Range
}

// ShareReader is a BucketReader that knows the size.
type ShareReader interface {
	BucketReader

	// Size is the number of bytes of share data when the share was opened. A
	// mutable share may have changed since.
	Size() int64
}

// Range is a half-open range of share data, in bytes.
type Range struct {
	Begin, End int64
}
