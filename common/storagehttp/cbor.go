package storagehttp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Major types of CBOR (RFC 8949), as they stand in the first byte of an item.
const (
	majorUint  = 0 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorArray = 4 << 5
	majorMap   = 5 << 5
	majorTag   = 6 << 5
	majorOther = 7 << 5

	cborFalse = majorOther | 20
	cborTrue  = majorOther | 21
	cborNull  = majorOther | 22

	majorMask  = 7 << 5
	indefinite = 31 // in the other bits: the length is not said in advance
)

// setTag marks an array as a set.
const setTag = 258

// Limits of decoded bodies beside their size.
const (
	maxDepth    = 8
	maxElements = 1 << 16 // of one array
	maxPairs    = grid.MaxShares
)

var (
	errNotUint  = errors.New("not an unsigned integer")
	errNotBytes = errors.New("not a byte string")
	errNotSet   = errors.New("not a set of unsigned integers (tag 258)")
	errNotArray = errors.New("not an array")
	errNotMap   = errors.New("not a map")
	errNotBool  = errors.New("not true or false")
)

// decode reads bodies without tags; decodeTags those with sets in them. Both
// refuse keys that are unknown or come twice, and never keep the input, except
// for octets and raw. Maps are decoded into structs with fields of the types
// below, because for others null, or no entry at all, passes for a zero.
var (
	decode     = newDecoder(cbor.TagsForbidden, cbor.ExtraDecErrorUnknownField)
	decodeTags = newDecoder(cbor.TagsAllowed, cbor.ExtraDecErrorUnknownField)
)

func newDecoder(tags cbor.TagsMode, extra cbor.ExtraDecErrorCond) cbor.DecMode {
	options := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:   maxDepth,
		MaxArrayElements:  maxElements,
		MaxMapPairs:       maxPairs,
		TagsMd:            tags,
		ExtraReturnErrors: extra,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		BignumTag:         cbor.BignumTagForbidden,
	}
	mode, err := options.DecMode()
	if err != nil {
		panic(err) // the options above are wrong
	}
	return mode
}

// appendHead appends the first bytes of an item in the shortest form, which is
// the one that cbor2 writes.
func appendHead(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

// headSize is the number of bytes that appendHead would have to append for an
// item that begins with the byte, if it were one of its own.
func headSize(first byte) int {
	if low := first &^ majorMask; low >= 24 && low <= 27 {
		return 1 + 1<<(low-24)
	}
	return 1
}

func appendText(dst []byte, text string) []byte {
	return append(appendHead(dst, majorText, uint64(len(text))), text...)
}

func appendBytes(dst []byte, b []byte) []byte {
	return append(appendHead(dst, majorBytes, uint64(len(b))), b...)
}

// appendEntry appends a text key and a number.
func appendEntry(dst []byte, key string, n int64) []byte {
	return appendHead(appendText(dst, key), majorUint, uint64(n))
}

// number is an unsigned integer.
type number struct {
	value   uint64
	present bool
}

// UnmarshalCBOR implements cbor.Unmarshaler.
func (n *number) UnmarshalCBOR(item []byte) error {
	if len(item) == 0 || item[0]&majorMask != majorUint {
		return errNotUint
	}
	n.present = true
	return decode.Unmarshal(item, &n.value)
}

// maxPosition bounds offsets and sizes from peers, so that the sum of two does
// not overflow. There is no such share.
const maxPosition = math.MaxInt64 / 2

// position returns the number as an offset or size, cut to maxPosition.
func (n number) position() int64 { return int64(min(n.value, maxPosition)) }

// shareNum returns the number as that of a share.
func (n number) shareNum() (grid.ShareNum, error) {
	if n.value >= grid.MaxShares {
		return 0, fmt.Errorf("share number %d is not below %d", n.value, grid.MaxShares)
	}
	return grid.ShareNum(n.value), nil
}

// octets is a byte string that stays part of the input, unless it came in
// pieces.
type octets struct {
	bytes   []byte
	present bool
}

// UnmarshalCBOR implements cbor.Unmarshaler.
func (o *octets) UnmarshalCBOR(item []byte) error {
	if len(item) == 0 || item[0]&majorMask != majorBytes {
		return errNotBytes
	}
	o.present = true
	if item[0]&^majorMask == indefinite {
		return decode.Unmarshal(item, &o.bytes)
	}
	o.bytes = item[headSize(item[0]):]
	return nil
}

// raw is an item that is decoded later; it stays part of the input.
type raw []byte

// UnmarshalCBOR implements cbor.Unmarshaler.
func (r *raw) UnmarshalCBOR(item []byte) error {
	*r = item
	return nil
}

// elements returns the items of an array.
func (r raw) elements() ([]raw, error) {
	if len(r) == 0 || r[0]&majorMask != majorArray {
		return nil, errNotArray
	}
	var items []raw
	err := decode.Unmarshal(r, &items)
	return items, err
}

// byNumber returns the entries of a map whose keys are numbers.
func (r raw) byNumber() (map[number]raw, error) {
	if len(r) == 0 || r[0]&majorMask != majorMap {
		return nil, errNotMap
	}
	var entries map[number]raw
	err := decode.Unmarshal(r, &entries)
	return entries, err
}

// truth is a bool.
type truth struct {
	value, present bool
}

// UnmarshalCBOR implements cbor.Unmarshaler.
func (b *truth) UnmarshalCBOR(item []byte) error {
	if len(item) != 1 || item[0] != cborTrue && item[0] != cborFalse {
		return errNotBool
	}
	b.value, b.present = item[0] == cborTrue, true
	return nil
}

// shareSet is a set of share numbers, in CBOR an array with tag 258; at most
// grid.MaxShares of them. Decoded, it is ascending and has each number once.
type shareSet struct {
	shares  []grid.ShareNum
	present bool
}

func appendShareSet(dst []byte, shares []grid.ShareNum) []byte {
	dst = appendHead(dst, majorTag, setTag)
	dst = appendHead(dst, majorArray, uint64(len(shares)))
	for _, n := range shares {
		dst = appendHead(dst, majorUint, uint64(n))
	}
	return dst
}

func parseShareSet(body []byte) ([]grid.ShareNum, error) {
	var s shareSet
	err := decodeTags.Unmarshal(body, &s)
	return s.shares, err
}

// UnmarshalCBOR implements cbor.Unmarshaler.
func (s *shareSet) UnmarshalCBOR(item []byte) error {
	var tag cbor.RawTag
	if err := decodeTags.Unmarshal(item, &tag); err != nil || tag.Number != setTag {
		return errNotSet
	}
	var numbers []number
	if err := decode.Unmarshal(tag.Content, &numbers); err != nil || tag.Content[0]&majorMask != majorArray {
		return errNotSet
	}
	if len(numbers) > grid.MaxShares {
		return fmt.Errorf("%d share numbers, more than %d", len(numbers), grid.MaxShares)
	}
	shares := make([]grid.ShareNum, len(numbers))
	for i, n := range numbers {
		var err error
		if shares[i], err = n.shareNum(); err != nil {
			return err
		}
	}
	slices.Sort(shares)
	s.shares, s.present = slices.Compact(shares), true
	return nil
}

// missing returns an error if a key was not in a map.
func missing(key string, present bool) error {
	if present {
		return nil
	}
	return fmt.Errorf("no %q", key)
}
