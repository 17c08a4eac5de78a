package storagerpc

import (
	"context"
	"errors"
	"math"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// Keys of the dictionary of get_version (storage/server.py get_version).
const (
	keyApplication = "application-version"
	keyProtocol    = "http://allmydata.org/tahoe/protocols/storage/v1"

	keyMaxImmutable = "maximum-immutable-share-size"
	keyMaxMutable   = "maximum-mutable-share-size"
	keyAvailable    = "available-space"
	keyOverrun      = "tolerates-immutable-read-overrun"
	keyDelete       = "delete-mutable-shares-with-zero-length-writev"
	keyFillsHoles   = "fills-holes-with-zero-bytes"
	keyPrevents     = "prevents-read-past-end-of-share-data"
)

// maxVersionKeys is how many keys a dictionary may have; 1.20 has seven.
const maxVersionKeys = 100

func serveVersion(s *session, ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	if err := r.Args().Err(); err != nil {
		return nil, err
	}
	v, err := s.server.core.Version(ctx)
	if err != nil {
		return nil, err
	}
	return versionValue(v), nil
}

// versionValue has its keys in order, as Foolscap sorts them.
func versionValue(v grid.ServerVersion) banana.Value {
	return banana.NewDict(
		pair(keyApplication, banana.Bytes(v.ApplicationVersion)),
		pair(keyProtocol, banana.NewDict(
			pair(keyAvailable, banana.Int(v.AvailableSpace)),
			pair(keyDelete, banana.Bool(v.DeleteMutableSharesWithZeroLengthWritev)),
			pair(keyFillsHoles, banana.Bool(v.FillsHolesWithZeroBytes)),
			pair(keyMaxImmutable, banana.Int(v.MaximumImmutableShareSize)),
			pair(keyMaxMutable, banana.Int(v.MaximumMutableShareSize)),
			pair(keyPrevents, banana.Bool(v.PreventsReadPastEndOfShareData)),
			pair(keyOverrun, banana.Bool(v.ToleratesImmutableReadOverrun)),
		)),
	)
}

func pair(key string, v banana.Value) banana.Pair {
	return banana.Pair{Key: banana.Bytes(key), Value: v}
}

// unknownVersion is what clients of 1.20 take for granted of a server that
// cannot tell (storage_client.py NativeStorageServer.VERSION_DEFAULTS).
var unknownVersion = grid.ServerVersion{
	ApplicationVersion:        "unknown: no get_version()",
	MaximumImmutableShareSize: 1<<32 - 1,
	MaximumMutableShareSize:   2 * 1000 * 1000 * 1000,
	AvailableSpace:            1<<32 - 1,
}

// Version asks what the server can do. One that answers with an exception is
// taken for one of long ago, as 1.20 does.
func (c *Client) Version(ctx context.Context) (v grid.ServerVersion, err error) {
	err = call(ctx, c.ref, func(answer banana.Value) (err error) {
		v, err = parseVersion(answer)
		return err
	}, "get_version")
	var refused *foolscap.RemoteError
	if errors.As(err, &refused) {
		return unknownVersion, nil
	}
	return v, err
}

// parseVersion reads the dictionary. What it does not have is not there:
// booleans are false, sizes those of unknownVersion; servers without
// available-space have as much as the largest share may take (storage_client.py
// _available_space_from_version).
func parseVersion(answer banana.Value) (v grid.ServerVersion, err error) {
	all, err := foolscap.AsDict(answer, maxVersionKeys)
	if err != nil {
		return v, err
	}
	d := dictReader{all, nil}
	v.ApplicationVersion = d.text(keyApplication)
	protocol, ok := all.Get(keyProtocol)
	if !ok {
		return v, banana.Violationf("no %s in the version", keyProtocol)
	}
	if d.dict, err = foolscap.AsDict(protocol, maxVersionKeys); err != nil {
		return v, err
	}
	v.MaximumImmutableShareSize = d.size(keyMaxImmutable, unknownVersion.MaximumImmutableShareSize)
	v.MaximumMutableShareSize = d.size(keyMaxMutable, unknownVersion.MaximumMutableShareSize)
	v.AvailableSpace = d.size(keyAvailable, v.MaximumImmutableShareSize)
	v.ToleratesImmutableReadOverrun = d.bool(keyOverrun)
	v.DeleteMutableSharesWithZeroLengthWritev = d.bool(keyDelete)
	v.FillsHolesWithZeroBytes = d.bool(keyFillsHoles)
	v.PreventsReadPastEndOfShareData = d.bool(keyPrevents)
	return v, d.err
}

// dictReader takes values out of a dictionary and keeps the first error.
type dictReader struct {
	dict *banana.Dict
	err  error
}

// maxApplication is the longest version of an application in bytes.
const maxApplication = 1000

func (d *dictReader) text(key string) string {
	return read(d, key, "", func(v banana.Value) (string, error) {
		b, err := foolscap.AsBytes(v, 0, maxApplication)
		return string(b), err
	})
}

// size reads a number of bytes; one of 2**63 and above is cut to 2**63-1.
func (d *dictReader) size(key string, missing int64) int64 {
	return read(d, key, missing, func(v banana.Value) (int64, error) {
		n, err := foolscap.AsBigInt(v)
		switch {
		case err != nil:
			return 0, err
		case n.Sign() < 0:
			return 0, nil // no space at all
		case !n.IsInt64():
			return math.MaxInt64, nil
		}
		return n.Int64(), nil
	})
}

func (d *dictReader) bool(key string) bool { return read(d, key, false, foolscap.AsBool) }

func read[T any](d *dictReader, key string, missing T, as func(banana.Value) (T, error)) T {
	v, ok := d.dict.Get(key)
	if !ok || d.err != nil {
		return missing
	}
	value, err := as(v)
	if err != nil {
		d.err = err
	}
	return value
}
