package storagehttp

import (
	"context"
	"math"
	"net/http"

	"github.com/fxamacker/cbor/v2"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Keys of the version, which are byte strings.
const (
	keyProtocol     = "http://allmydata.org/tahoe/protocols/storage/v1"
	keyMaxImmutable = "maximum-immutable-share-size"
	keyMaxMutable   = "maximum-mutable-share-size"
	keySpace        = "available-space"
	keyApplication  = "application-version"
)

// version serves GET version.
func (h *Handler) version(c *call) error {
	v, err := h.core.Version(c.ctx())
	if err != nil {
		return err
	}
	return c.cbor(http.StatusOK, appendVersion(nil, v))
}

// appendVersion appends just the keys that clients of 1.20 allow
// (http_server.py HTTPServer._get_version).
func appendVersion(dst []byte, v grid.ServerVersion) []byte {
	entry := func(key string, n int64) {
		dst = appendHead(appendBytes(dst, []byte(key)), majorUint, uint64(max(n, 0)))
	}
	dst = appendHead(dst, majorMap, 2)
	dst = appendBytes(dst, []byte(keyProtocol))
	dst = appendHead(dst, majorMap, 3)
	entry(keyMaxImmutable, v.MaximumImmutableShareSize)
	entry(keyMaxMutable, v.MaximumMutableShareSize)
	entry(keySpace, v.AvailableSpace)
	dst = appendBytes(dst, []byte(keyApplication))
	return appendBytes(dst, []byte(v.ApplicationVersion))
}

// parseVersion reads what appendVersion writes, and lets keys pass that it does
// not know. What every HTTP server can do it adds (http_client.py _get_version).
func parseVersion(body []byte) (v grid.ServerVersion, err error) {
	var top map[cbor.ByteString]raw
	if err := decode.Unmarshal(body, &top); err != nil {
		return v, err
	}
	var sizes map[cbor.ByteString]number
	if err := missing(keyProtocol, top[keyProtocol] != nil); err != nil {
		return v, err
	}
	if err := decode.Unmarshal(top[keyProtocol], &sizes); err != nil {
		return v, err
	}
	for key, into := range map[cbor.ByteString]*int64{
		keyMaxImmutable: &v.MaximumImmutableShareSize, keyMaxMutable: &v.MaximumMutableShareSize, keySpace: &v.AvailableSpace,
	} {
		if err := missing(string(key), sizes[key].present); err != nil {
			return v, err
		}
		*into = int64(min(sizes[key].value, math.MaxInt64))
	}
	var application octets
	if err := missing(keyApplication, top[keyApplication] != nil); err != nil {
		return v, err
	}
	err = decode.Unmarshal(top[keyApplication], &application)
	v.ApplicationVersion = string(application.bytes)
	v.ToleratesImmutableReadOverrun = true
	v.DeleteMutableSharesWithZeroLengthWritev = true
	v.FillsHolesWithZeroBytes = true
	v.PreventsReadPastEndOfShareData = true
	return v, err
}

// Version implements grid.StorageServer.
func (c *Client) Version(ctx context.Context) (grid.ServerVersion, error) {
	q := &request{method: http.MethodGet, at: place{end: endVersion}}
	_, body, err := c.small(ctx, q, maxSmallAnswer)
	if err != nil {
		return grid.ServerVersion{}, err
	}
	v, err := parseVersion(body)
	if err != nil {
		return grid.ServerVersion{}, q.broken(err.Error())
	}
	return v, nil
}
