package sharestore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"path"
	"strconv"
	"syscall"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
)

// share is a container of either kind, with the file it is in.
type share struct {
	immutable *sharecontainer.Immutable // one of them is nil
	mutable   *sharecontainer.Mutable
	fileSize  int64
}

// readShare reads the header of a share file. Errors: *UnknownVersionError,
// *CorruptError and ErrNotShare of package sharecontainer; those of the file.
func readShare(f sharefs.File) (share, error) {
	size, err := f.Size()
	if err != nil {
		return share{}, err
	}
	header := make([]byte, min(size, sharecontainer.DetectSize))
	if err := readFull(f, header, 0); err != nil {
		return share{}, err
	}
	kind, err := sharecontainer.Detect(header)
	if err != nil {
		return share{}, err
	}
	s := share{fileSize: size}
	if kind == sharecontainer.KindMutable {
		s.mutable, err = sharecontainer.OpenMutable(f, size)
		return s, err
	}
	s.immutable, err = openImmutable(f, size)
	return s, err
}

// openImmutable opens an immutable container. If the power went while a lease
// was being added, there is a beginning of it behind the leases that are
// counted, by which 1.20 would move the end of the share data. What the header
// says about the size tells, for shares below 4 GiB.
func openImmutable(f sharefs.File, size int64) (*sharecontainer.Immutable, error) {
	c, err := sharecontainer.OpenImmutable(f, size)
	if err != nil {
		return nil, err
	}
	recorded := int64(c.Header().RecordedSize)
	surplus := c.DataSize() - recorded
	if recorded == math.MaxUint32 || surplus <= 0 || surplus > sharecontainer.ImmutableLeaseSize {
		return c, nil
	}
	return sharecontainer.OpenImmutable(f, size-surplus)
}

func (s share) kind() sharecontainer.Kind {
	if s.mutable != nil {
		return sharecontainer.KindMutable
	}
	return sharecontainer.KindImmutable
}

func (s share) data() *io.SectionReader {
	if s.mutable != nil {
		return s.mutable.Data()
	}
	return s.immutable.Data()
}

func (s share) leases() iter.Seq2[sharecontainer.Lease, error] {
	if s.mutable != nil {
		return s.mutable.Leases()
	}
	return s.immutable.Leases()
}

// readFull fills b.
func readFull(r io.ReaderAt, b []byte, offset int64) error {
	n, err := r.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// readUpTo reads from the offset and stops at the end without an error.
func readUpTo(r io.ReaderAt, b []byte, offset int64) (int, error) {
	n, err := r.ReadAt(b, offset)
	if err == io.EOF {
		err = nil
	}
	return n, err
}

func bucketDir(si grid.StorageIndex) string {
	return sharecontainer.SharesDir + "/" + sharecontainer.BucketPath(si)
}

func shareFile(dir string, n grid.ShareNum) string { return dir + "/" + strconv.Itoa(int(n)) }

func prefixDir(si grid.StorageIndex) string { return path.Dir(bucketDir(si)) }

// incomingFile is where a share is while it is being uploaded: see doc.go.
func incomingFile(key shareKey) string {
	return sharecontainer.IncomingDir + "/" + key.si.String() + "." + strconv.Itoa(int(key.n))
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// unknownVersion is the error for a share that is not of the kind wanted.
func unknownVersion(wanted grid.ShareKind, key shareKey, version string) error {
	return &grid.UnknownContainerVersionError{
		Wanted: wanted, StorageIndex: key.si, ShareNum: key.n, Version: version,
	}
}

// versionOf shows what 1.20 would have found in place of a version it knows.
func versionOf(f sharefs.File, wanted grid.ShareKind) string {
	b := make([]byte, sharecontainer.DetectSize)
	if wanted == grid.Immutable {
		b = b[:4]
	}
	n, err := readUpTo(f, b, 0)
	switch {
	case err != nil:
		return "(" + err.Error() + ")"
	case wanted == grid.Immutable && n == 4:
		return strconv.FormatUint(uint64(b[0])<<24|uint64(b[1])<<16|uint64(b[2])<<8|uint64(b[3]), 10)
	}
	// 1.20 shows 32 bytes here, which in an immutable share may be the
	// client's ciphertext: harmless, but no use to anybody.
	return fmt.Sprintf("%q", b[:min(n, 12)])
}

// translate turns errors of package sharecontainer into those of package grid.
func translate(err error) error {
	var enabler *sharecontainer.BadWriteEnablerError
	var tooLarge *sharecontainer.DataTooLargeError
	var argument *sharecontainer.ArgumentError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &enabler):
		return &grid.BadWriteEnablerError{NodeID: enabler.NodeID}
	case errors.As(err, &tooLarge):
		return (*grid.DataTooLargeError)(tooLarge)
	case errors.As(err, &argument):
		return (*grid.ArgumentError)(argument)
	case errors.Is(err, sharecontainer.ErrNoSpace), errors.Is(err, sharecontainer.ErrTooManyLeases):
		return fmt.Errorf("%w: %w", grid.ErrNoSpace, err)
	}
	return err
}

// diskError tells a full disk from other failures.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", grid.ErrNoSpace, err)
	}
	return err
}
