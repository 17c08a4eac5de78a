package download

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/immutable"
	"github.com/besn0847/arm-tahoe/common/uri"
)

const (
	// MaxAhead is how many segments are fetched ahead of one reader.
	MaxAhead = 4
	// AheadMemory bounds what is fetched ahead of all readers of a Downloader, in
	// bytes.
	AheadMemory = 32 << 20
	// MaxKept is how many files that nobody has open are remembered: where their
	// shares are and what is proven of them, some KiB for most, 64 bytes for each
	// segment that was read and 1 MiB at most if that was all of a large one.
	MaxKept = 32
	// keepTime is how long. Shares may have moved to better places since.
	keepTime = 5 * time.Minute
)

// Downloader opens files. What it has found out about the last [MaxKept] of them it
// remembers for a while after they were closed. Safe for concurrent use.
type Downloader struct {
	servers broker.Servers
	log     *slog.Logger
	ahead   atomic.Int64 // bytes that are fetched ahead, or were and are not yet read

	mu   sync.Mutex // guards all below
	open map[fileKey]*file
	kept []*file // that nobody has open, the oldest first; they are in open, too
}

// fileKey tells files apart. A storage index follows from the key of the file, so
// that two with the same are the same.
type fileKey struct {
	cap        uri.CHKVerify
	ciphertext bool
}

// New returns a downloader. A nil logger logs nothing. Close it.
func New(servers broker.Servers, log *slog.Logger) *Downloader {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Downloader{servers: servers, log: log, open: make(map[fileKey]*file)}
}

// Close forgets all files that nobody has open.
func (d *Downloader) Close() { d.forget(0, time.Time{}) }

// Open returns the file of a read cap. It asks nobody yet. The error is an
// erasure.ParamsError for a cap of impossible numbers. Close the file.
func (d *Downloader) Open(c uri.CHK) (*File, error) {
	decrypt, err := immutable.Decrypter(c.Key)
	if err != nil {
		return nil, err
	}
	return d.get(fileKey{c.Verify(), false}, decrypt)
}

// OpenCiphertext returns the ciphertext of the file of a verify cap, for whoever
// repairs it.
func (d *Downloader) OpenCiphertext(c uri.CHKVerify) (*File, error) {
	return d.get(fileKey{c, true}, func([]byte, int64) {})
}

// get opens a file, which others may have open.
func (d *Downloader) get(key fileKey, decrypt func([]byte, int64)) (*File, error) {
	d.forget(MaxKept, time.Now().Add(-keepTime))
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.open[key]
	if f == nil {
		v, err := immutable.NewVerifier(key.cap)
		if err != nil {
			return nil, err
		}
		f = newFile(d, v, decrypt)
		f.key = key
		d.open[key] = f
	}
	if f.users == 0 {
		d.kept = slices.DeleteFunc(d.kept, func(other *file) bool { return other == f })
	}
	f.users++
	return &File{file: f}, nil
}

// release takes a file back that somebody has closed.
func (d *Downloader) release(f *file) {
	d.mu.Lock()
	f.users--
	last := f.users == 0
	keep := last && f.worthKeeping()
	if keep {
		f.keptSince = time.Now()
		d.kept = append(d.kept, f)
	} else if last {
		delete(d.open, f.key)
	}
	d.mu.Unlock()
	if last && !keep {
		f.shut()
	}
	d.forget(MaxKept, time.Now().Add(-keepTime))
}

// forget forgets all but some of the files that nobody has open, and those that
// nobody had since a time.
func (d *Downloader) forget(keep int, since time.Time) {
	var gone []*file
	d.mu.Lock()
	for len(d.kept) > keep || len(d.kept) > 0 && d.kept[0].keptSince.Before(since) {
		gone = append(gone, d.kept[0])
		delete(d.open, d.kept[0].key)
		d.kept = slices.Delete(d.kept, 0, 1)
	}
	d.mu.Unlock()
	for _, f := range gone {
		f.shut()
	}
}

// reserve takes memory for reading ahead, if there is any left.
func (d *Downloader) reserve(bytes int64) bool {
	if d.ahead.Add(bytes) <= AheadMemory {
		return true
	}
	d.ahead.Add(-bytes)
	return false
}
