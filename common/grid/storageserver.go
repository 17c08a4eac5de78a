package grid

import (
	"context"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// StorageServer is a storage server as a client sees it, whatever lies between
// them: Foolscap, HTTPS, or nothing. Semantics are those of the storage server
// of Tahoe-LAFS 1.20.0 (storage/server.py; interfaces.py RIStorageServer); the
// suite in common/storagetest holds implementations to them.
//
// Implementations are safe for concurrent use. Methods block until the server
// has answered or ctx is done; what was asked for may then happen or not.
// Errors of the kinds in this package may be wrapped, and carry no secrets.
// Slices and maps that are passed in are borrowed until the call returns;
// those that come back belong to the caller.
type StorageServer interface {
	// Version says what the server can do and how much space it has.
	Version(ctx context.Context) (ServerVersion, error)

	// AllocateBuckets prepares to store immutable shares of size bytes each.
	// Shares that the server holds, asked for or not, get the lease, and are
	// in AlreadyHave. For each share in shares there is a writer, unless it is
	// held already, being uploaded (by anybody), or does not fit into the
	// space that is left: then it is left out, and this is not an error.
	// Errors: *UnknownContainerVersionError (the slot is mutable),
	// ErrNoSpace (for another lease), *ArgumentError.
	AllocateBuckets(ctx context.Context, si StorageIndex, secrets LeaseSecrets, shares []ShareNum, size int64) (Allocation, error)

	// GetBuckets returns a reader for each complete immutable share; none for
	// an unknown storage index. Readers need not be closed. The error is an
	// *UnknownContainerVersionError if the slot is mutable.
	GetBuckets(ctx context.Context, si StorageIndex) (map[ShareNum]BucketReader, error)

	// AddLease renews the lease with the renewal secret on every share of si,
	// immutable or mutable, or adds one. No share is no error. The error is
	// ErrNoSpace if there is none for a new lease.
	AddLease(ctx context.Context, si StorageIndex, secrets LeaseSecrets) error

	// SlotReadv reads the same ranges of several mutable shares, of all if
	// shares is empty. Shares that are not held are left out; each of the
	// others has one slice per vector, cut at the end of the share, so maybe
	// empty. Errors: *UnknownContainerVersionError (the shares are
	// immutable), *ReadTooLargeError, *ArgumentError.
	SlotReadv(ctx context.Context, si StorageIndex, shares []ShareNum, vectors []ReadVector) (ReadvData, error)

	// SlotTestvAndReadvAndWritev is the one way to change mutable shares. In
	// this order: the write enabler must be that of every share of the slot,
	// named or not; the tests of all named shares are evaluated, a missing
	// share reading as empty; all existing shares are read, named or not; if
	// all tests held, the named shares are changed or created and get the
	// lease. When it returns without an error, each share is durably what it
	// should be. Errors: *BadWriteEnablerError, *UnknownContainerVersionError
	// (the shares are immutable), *DataTooLargeError, ErrNoSpace,
	// *ReadTooLargeError, *ArgumentError; then no share has been changed,
	// unless the disk failed in the middle.
	SlotTestvAndReadvAndWritev(ctx context.Context, si StorageIndex, secrets SlotSecrets, writes map[ShareNum]SlotWrite, reads []ReadVector) (TestvResult, error)

	// AdviseCorruptShare reports that a share is corrupt, in the client's
	// words. The server files it and does nothing else. That the share is not
	// there is no error.
	AdviseCorruptShare(ctx context.Context, kind ShareKind, si StorageIndex, n ShareNum, reason string) error
}

// BucketWriter takes one immutable share. A share that is neither closed nor
// aborted is dropped by the server after 30 minutes without a write; over
// Foolscap also when the connection is lost. Safe for concurrent use.
type BucketWriter interface {
	// Write stores data at an offset. data is borrowed until it returns.
	// Ranges may come in any order; the same bytes may come again. Errors:
	// *ConflictingWriteError, *DataTooLargeError, ErrWriterClosed,
	// *ArgumentError.
	Write(ctx context.Context, offset int64, data []byte) error

	// Close completes the share, which is durable when it returns without an
	// error. Ranges never written read as zeros. After an error the share is
	// not there. Closing twice is ErrWriterClosed.
	Close(ctx context.Context) error

	// Abort drops the share. After Close or Abort it does nothing.
	Abort(ctx context.Context) error
}

// BucketReader reads one share. It holds no resources and need not be closed.
// Safe for concurrent use.
type BucketReader interface {
	// Read fills p from the offset in the share data. It reads less only
	// where the data ends: n < len(p) without an error says so, and n = 0
	// that offset is at the end or beyond. Errors: ErrNoShare if the share
	// was removed meanwhile, *ArgumentError for a negative offset.
	Read(ctx context.Context, p []byte, offset int64) (n int, err error)

	// AdviseCorruptShare is that of the server, for this share.
	AdviseCorruptShare(ctx context.Context, reason string) error
}

// ServerVersion is the answer of a server to get_version. Sizes beyond
// math.MaxInt64 (a server without disk statistics announces 2^64) are cut to
// that.
type ServerVersion struct {
	ApplicationVersion        string // such as "tahoe-lafs/1.20.0"
	MaximumImmutableShareSize int64  // in bytes; 0 for a server that takes no shares
	MaximumMutableShareSize   int64
	AvailableSpace            int64

	// What servers can do since about 2010; clients add them to what an
	// HTTP server says.
	ToleratesImmutableReadOverrun           bool
	DeleteMutableSharesWithZeroLengthWritev bool
	FillsHolesWithZeroBytes                 bool
	PreventsReadPastEndOfShareData          bool
}

// LeaseSecrets are what a lease is made with. They differ for every server
// and storage index.
type LeaseSecrets struct {
	Renewal secret.RenewalSecret
	Cancel  secret.CancelSecret
}

// SlotSecrets are what a mutable share is written with.
type SlotSecrets struct {
	WriteEnabler secret.WriteEnabler
	Lease        LeaseSecrets
}

// Allocation is the answer to AllocateBuckets.
type Allocation struct {
	AlreadyHave []ShareNum // all shares held for the storage index, ascending
	Writers     map[ShareNum]BucketWriter
}

// ReadVector is a range of share data, in bytes.
type ReadVector struct {
	Offset, Length int64
}

// ReadvData has for each share what was read for each ReadVector, in order.
type ReadvData map[ShareNum][][]byte

// TestVector is a condition on share data: the Length bytes at Offset, cut at
// the end of the data, equal Specimen. (The operator that the wire carries is
// always "eq".)
type TestVector struct {
	Offset, Length int64
	Specimen       []byte
}

// WriteVector is share data to be written at an offset.
type WriteVector struct {
	Offset int64
	Data   []byte
}

// SlotWrite is what should happen to one mutable share if all tests of the
// call hold.
type SlotWrite struct {
	Tests  []TestVector
	Writes []WriteVector // done in order; a gap before one reads as zeros
	// NewLength, if not nil, is where the data is cut after the writes; more
	// than there is changes nothing; 0 removes the share, whatever the writes.
	NewLength *int64
}

// TestvResult is the answer to SlotTestvAndReadvAndWritev.
type TestvResult struct {
	Passed bool      // all tests held, and the writes were done
	Data   ReadvData // of all shares that were there before the writes
}
