package helperrpc

import (
	"math"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/ueb"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// Results are what an upload ended with, or what was found in the grid
// (upload.py HelperUploadResults). What comes from a helper is its word only:
// that the hash is that of the block has been checked, nothing else.
type Results struct {
	// Timings are seconds by name, for people.
	Timings map[string]float64
	// ShareMap has for each share the servers that hold it: those it was pushed
	// to in this upload, or all if the file was in the grid.
	ShareMap map[grid.ShareNum][]grid.ServerID
	// ServerMap is the same for each server; empty if the file was in the grid.
	ServerMap map[grid.ServerID][]grid.ShareNum
	// FileSize and CiphertextFetched, in bytes, are Unknown if the file was in
	// the grid; the second is what was fetched in this upload.
	FileSize, CiphertextFetched int64
	// Preexisting and Pushed count shares.
	Preexisting, Pushed int
	// UEB is the URI extension block in its canonical form, UEBHash its hash.
	UEB     []byte
	UEBHash taggedhash.Hash
}

// Unknown is a size that a helper does not say.
const Unknown = -1

// resultsClass is the class of RESULTS.
const resultsClass = "allmydata.upload.UploadResults.tahoe.allmydata.com"

// Attributes of RESULTS.
const (
	attrTimings     = "timings"
	attrShareMap    = "sharemap"
	attrServerMap   = "servermap"
	attrFileSize    = "file_size"
	attrFetched     = "ciphertext_fetched"
	attrURI         = "uri" // always None
	attrPreexisting = "preexisting_shares"
	attrPushed      = "pushed_shares"
	attrUEBHash     = "uri_extension_hash"
	attrUEB         = "uri_extension_data"
	attrVerifyCap   = "verifycapstr"
)

// encode makes RESULTS, in the order of 1.20's attributes. The error is that of a
// UEB that is none.
func (r *Results) encode() (*foolscap.Copyable, error) {
	block, err := encodeUEB(r.UEB)
	if err != nil {
		return nil, err
	}
	return &foolscap.Copyable{Class: resultsClass, Attributes: []foolscap.Attribute{
		{Name: attrTimings, Value: encodeTimings(r.Timings)},
		{Name: attrShareMap, Value: encodeShareMap(r.ShareMap)},
		{Name: attrServerMap, Value: encodeServerMap(r.ServerMap)},
		{Name: attrFileSize, Value: encodeSize(r.FileSize)},
		{Name: attrFetched, Value: encodeSize(r.CiphertextFetched)},
		{Name: attrURI, Value: banana.None{}},
		{Name: attrPreexisting, Value: banana.Int(r.Preexisting)},
		{Name: attrPushed, Value: banana.Int(r.Pushed)},
		{Name: attrUEBHash, Value: banana.Bytes(r.UEBHash[:])},
		{Name: attrUEB, Value: block},
	}}, nil
}

// encodeWithCap is encode with the verify cap, which only the results of an upload
// have.
func (r *Results) encodeWithCap(si grid.StorageIndex) (banana.Value, error) {
	encoded, err := r.encode()
	if err != nil {
		return nil, err
	}
	block, err := ueb.Parse(r.UEB)
	if err != nil {
		return nil, err
	}
	if k, n, size, ok := block.Claim(); ok {
		verify := uri.CHKVerify{SI: si, UEBHash: r.UEBHash, K: k, N: n, Size: size}
		encoded.Attributes = append(encoded.Attributes, foolscap.Attribute{Name: attrVerifyCap, Value: banana.Bytes(verify.Text())})
	}
	return encoded, nil
}

func encodeSize(size int64) banana.Value {
	if size < 0 {
		return banana.None{}
	}
	return banana.Int(size)
}

// decodeResults reads RESULTS. Unknown attributes are skipped.
func decodeResults(v banana.Value) (*Results, error) {
	c, err := foolscap.AsCopyable(v, resultsClass)
	if err != nil {
		return nil, err
	}
	if len(c.Attributes) > maxAttributes {
		return nil, banana.Violationf("results with more than %d attributes", maxAttributes)
	}
	r := &Results{FileSize: Unknown, CiphertextFetched: Unknown}
	for _, a := range c.Attributes {
		if err := r.set(a); err != nil {
			return nil, banana.Violationf("%s of the results: %v", a.Name, err)
		}
	}
	if r.UEB == nil {
		return nil, banana.Violationf("results without %s", attrUEB)
	}
	if taggedhash.UEBHash(r.UEB) != r.UEBHash {
		return nil, banana.Violationf("%s is not the hash of %s", attrUEBHash, attrUEB)
	}
	return r, nil
}

func (r *Results) set(a foolscap.Attribute) (err error) {
	switch a.Name {
	case attrTimings:
		r.Timings, err = decodeTimings(a.Value)
	case attrShareMap:
		r.ShareMap, err = decodeShareMap(a.Value)
	case attrServerMap:
		r.ServerMap, err = decodeServerMap(a.Value)
	case attrFileSize:
		r.FileSize, err = decodeSize(a.Value)
	case attrFetched:
		r.CiphertextFetched, err = decodeSize(a.Value)
	case attrPreexisting:
		r.Preexisting, err = decodeCount(a.Value)
	case attrPushed:
		r.Pushed, err = decodeCount(a.Value)
	case attrUEBHash:
		var hash []byte
		hash, err = foolscap.AsBytes(a.Value, taggedhash.Size, taggedhash.Size)
		copy(r.UEBHash[:], hash)
	case attrUEB:
		r.UEB, err = decodeUEB(a.Value)
	}
	return err
}

func decodeSize(v banana.Value) (int64, error) {
	if foolscap.IsNone(v) {
		return Unknown, nil
	}
	return foolscap.AsOffset(v)
}

func decodeCount(v banana.Value) (int, error) {
	if foolscap.IsNone(v) {
		return 0, nil
	}
	n, err := foolscap.AsInt(v, 0, math.MaxInt32)
	return int(n), err
}
