package download

import (
	"log/slog"
	"sync/atomic"

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
)

// Downloader opens files. Safe for concurrent use.
type Downloader struct {
	servers broker.Servers
	log     *slog.Logger
	ahead   atomic.Int64 // bytes that are fetched ahead, or were and are not yet read
}

// New returns a downloader. A nil logger logs nothing.
func New(servers broker.Servers, log *slog.Logger) *Downloader {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Downloader{servers: servers, log: log}
}

// Open returns the file of a read cap. It asks nobody yet. The error is an
// erasure.ParamsError for a cap of impossible numbers. Close the file.
func (d *Downloader) Open(c uri.CHK) (*File, error) {
	decrypt, err := immutable.Decrypter(c.Key)
	if err != nil {
		return nil, err
	}
	return d.open(c.Verify(), decrypt)
}

// OpenCiphertext returns the ciphertext of the file of a verify cap, for whoever
// repairs it.
func (d *Downloader) OpenCiphertext(c uri.CHKVerify) (*File, error) {
	return d.open(c, func([]byte, int64) {})
}

func (d *Downloader) open(c uri.CHKVerify, decrypt func([]byte, int64)) (*File, error) {
	v, err := immutable.NewVerifier(c)
	if err != nil {
		return nil, err
	}
	return newFile(d, v, decrypt), nil
}

// reserve takes memory for reading ahead, if there is any left.
func (d *Downloader) reserve(bytes int64) bool {
	if d.ahead.Add(bytes) <= AheadMemory {
		return true
	}
	d.ahead.Add(-bytes)
	return false
}
