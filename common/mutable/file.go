package mutable

import (
	"context"
	"errors"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// A File is a mutable file, reached by a cap. Handles of the same file know of
// each other: changes through them are made one after the other. Safe for
// concurrent use.
type File struct {
	client *Client
	shared *shared
	read   uri.MutableRead
	write  *uri.MutableWrite // nil if the cap is for reading only
}

// Cap returns the cap that the file was opened or created with.
func (f *File) Cap() uri.Cap {
	if f.write != nil {
		return *f.write
	}
	return f.read
}

// Writable reports whether the cap permits writing.
func (f *File) Writable() bool { return f.write != nil }

// StorageIndex returns the name of the file on servers.
func (f *File) StorageIndex() grid.StorageIndex { return f.shared.si }

// format returns the format that the cap says.
func (f *File) format() mutablelayout.Format {
	if f.read.Layout == uri.MDMF {
		return mutablelayout.MDMF
	}
	return mutablelayout.SDMF
}

// keys returns the keys of the file, reading the private key from a share if
// that was not done before.
func (f *File) keys(ctx context.Context, m *ServerMap) (*mutablelayout.Keys, error) {
	if f.write == nil {
		return nil, ErrNotWritable
	}
	if keys := f.shared.knownKeys(); keys != nil {
		return keys, nil
	}
	var first error
	for _, s := range m.shares {
		if s.Err != nil {
			continue
		}
		keys, err := f.readKeys(ctx, s)
		if err == nil {
			f.shared.setKeys(keys)
			return keys, nil
		}
		if first == nil {
			first = &shareError{s.Server.ID, s.Num, err}
		}
	}
	if first == nil {
		return nil, m.unrecoverable()
	}
	return nil, first
}

// readKeys takes the private key out of a share. A share with a wrong one is
// reported and otherwise used: its blocks may be good (1.20 does not even
// report it).
func (f *File) readKeys(ctx context.Context, s *Share) (*mutablelayout.Keys, error) {
	areas, err := s.readAreas(ctx, f, s.Head.Areas.PrivateKey)
	if err != nil {
		return nil, err
	}
	keys, err := mutablelayout.DecryptKeys(areas[0], f.write.Key)
	if err == nil && keys.Fingerprint() != f.read.Fingerprint {
		return nil, errors.New("private key is not that of the public key in the cap")
	}
	if isCorrupt(err) {
		(&Share{Server: s.Server, Num: s.Num, Err: err}).advise(ctx, f)
	}
	return keys, err
}

// takeTurn waits until nobody else in this process changes the file. The caller
// calls the function that it returns when it is done.
func (f *File) takeTurn(ctx context.Context) (done func(), err error) {
	select {
	case f.shared.turn <- struct{}{}:
		return func() { <-f.shared.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
