package ueb

import (
	"bytes"
	"fmt"
	"iter"
	"strconv"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/netstring"
)

// MaxSize is the size of the largest UEB that is parsed, in bytes. Real ones
// have 300 to 550; 1.20 takes 2000 or more for corruption.
const MaxSize = 1999

// HashSize is the size of every hash in a UEB.
const HashSize = 32

// codecName is the only erasure code there ever was: zfec's.
const codecName = "crs"

// Keys of the fields, as on the wire.
const (
	keyCodecName          = "codec_name"
	keyCodecParams        = "codec_params"
	keyCiphertextHash     = "crypttext_hash"
	keyCiphertextRootHash = "crypttext_root_hash"
	keyNeededShares       = "needed_shares"
	keyNumSegments        = "num_segments"
	keySegmentSize        = "segment_size"
	keyShareRootHash      = "share_root_hash"
	keySize               = "size"
	keyTailCodecParams    = "tail_codec_params"
	keyTotalShares        = "total_shares"
)

// Error says which field of a UEB is wrong and why.
type Error struct {
	// Key is the field's key, or "" when the UEB as a whole is meant.
	Key string
	// Reason says what is wrong.
	Reason string
}

// Error gives the key and the reason.
func (e *Error) Error() string {
	if e.Key == "" {
		return "URI extension block: " + e.Reason
	}
	return fmt.Sprintf("URI extension block: %s: %s", e.Key, e.Reason)
}

func errorf(key, format string, args ...any) *Error {
	return &Error{Key: key, Reason: fmt.Sprintf(format, args...)}
}

// Hash is a whole tagged hash.
type Hash = [HashSize]byte

// Hashes are the hashes that go into a UEB.
type Hashes struct {
	// Ciphertext is the hash of the whole ciphertext.
	Ciphertext Hash
	// CiphertextRoot is the root of the hash tree over the ciphertext's segments.
	CiphertextRoot Hash
	// ShareRoot is the root of the hash tree over the shares.
	ShareRoot Hash
}

// UEB is a parsed UEB. It is as trustworthy as its bytes: compare their hash
// with the cap first. It is immutable and safe for concurrent use.
type UEB struct {
	fields         []field
	segmentSize    int64
	ciphertextRoot Hash
	shareRoot      Hash
}

// field is one field as on the wire.
type field struct {
	key   string
	value []byte
}

// New returns the UEB that 1.20 writes for a file cut as segs says and encoded
// into n shares. segs and n must be valid (see [erasure.NewSegments]).
func New(segs erasure.Segments, n int, h Hashes) *UEB {
	number := func(v int64) []byte { return strconv.AppendInt(nil, v, 10) }
	params := func(size int64) []byte { return fmt.Appendf(nil, "%d-%d-%d", size, segs.K, n) }
	return &UEB{
		segmentSize:    segs.SegmentSize,
		ciphertextRoot: h.CiphertextRoot,
		shareRoot:      h.ShareRoot,
		fields: []field{
			{keyCodecName, []byte(codecName)},
			{keyCodecParams, params(segs.SegmentSize)},
			{keyCiphertextHash, h.Ciphertext[:]},
			{keyCiphertextRootHash, h.CiphertextRoot[:]},
			{keyNeededShares, number(int64(segs.K))},
			{keyNumSegments, number(segs.NumSegments)},
			{keySegmentSize, number(segs.SegmentSize)},
			{keyShareRootHash, h.ShareRoot[:]},
			{keySize, number(segs.Size)},
			{keyTailCodecParams, params(segs.PaddedTailSize())},
			{keyTotalShares, number(int64(n))},
		},
	}
}

// Size returns the size in bytes of the UEB that [New] makes with these
// parameters, which is known before the hashes are (encode.py,
// get_uri_extension_size).
func Size(segs erasure.Segments, n int) int {
	return len(New(segs, n, Hashes{}).Append(nil))
}

// Append appends the UEB's bytes to dst: those that were parsed, if it was.
func (u *UEB) Append(dst []byte) []byte {
	for _, f := range u.fields {
		dst = append(append(dst, f.key...), ':')
		dst = netstring.Append(dst, f.value)
	}
	return dst
}

// All returns the fields in their order, with values as they stand in the UEB,
// which must not be changed.
func (u *UEB) All() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, f := range u.fields {
			if !yield(f.key, f.value) {
				return
			}
		}
	}
}

// SegmentSize returns the segment size, at least 1. Whether it fits k is for
// [UEB.Check] to say.
func (u *UEB) SegmentSize() int64 { return u.segmentSize }

// CiphertextRootHash returns the root of the hash tree over the ciphertext's
// segments.
func (u *UEB) CiphertextRootHash() Hash { return u.ciphertextRoot }

// ShareRootHash returns the root of the hash tree over the shares.
func (u *UEB) ShareRootHash() Hash { return u.shareRoot }

// CiphertextHash returns the hash of the whole ciphertext. ok is false if the
// UEB has none.
func (u *UEB) CiphertextHash() (h Hash, ok bool) {
	value, ok := u.value(keyCiphertextHash)
	copy(h[:], value)
	return h, ok
}

// Unused returns the keys of fields that are kept but not used, in their order:
// plaintext_hash and plaintext_root_hash of old nodes, and unknown ones.
func (u *UEB) Unused() []string {
	var keys []string
	for _, f := range u.fields {
		if _, known := known[f.key]; !known {
			keys = append(keys, f.key)
		}
	}
	return keys
}

func (u *UEB) value(key string) ([]byte, bool) {
	for _, f := range u.fields {
		if f.key == key {
			return f.value, true
		}
	}
	return nil, false
}

// Parse reads a UEB. It demands the canonical form, which is what every writer
// since pack_extension was written produces: keys of letters, "_" and "-" in
// strictly ascending order, netstrings and numbers without leading zeros. Known
// fields must have values of their kind, and the three required ones must be
// there. The error is an [*Error]. Nothing of b is kept.
func Parse(b []byte) (*UEB, error) {
	if len(b) > MaxSize {
		return nil, errorf("", "has %d bytes, more than %d", len(b), MaxSize)
	}
	u := &UEB{}
	for rest := bytes.Clone(b); len(rest) > 0; {
		f, after, err := parseField(rest)
		if err != nil {
			return nil, err
		}
		if n := len(u.fields); n > 0 && u.fields[n-1].key >= f.key {
			return nil, errorf(f.key, "does not stand in byte order")
		}
		u.fields = append(u.fields, f)
		rest = after
	}
	if err := u.interpret(); err != nil {
		return nil, err
	}
	return u, nil
}

func parseField(b []byte) (f field, rest []byte, err error) {
	colon := bytes.IndexByte(b, ':')
	if colon < 0 {
		return field{}, nil, errorf("", "bytes that are no field at the end")
	}
	if !validKey(b[:colon]) {
		return field{}, nil, errorf("", "a key of other characters than letters, _ and -")
	}
	key := string(b[:colon])
	value, rest, err := netstring.Parse(b[colon+1:], MaxSize)
	if err != nil {
		return field{}, nil, errorf(key, "%v", err)
	}
	return field{key, value}, rest, nil
}

// validKey is the check of pack_extension.
func validKey(key []byte) bool {
	for _, c := range key {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return false
		}
	}
	return len(key) > 0
}

// known says for each known key what its value must be.
var known = map[string]func(value []byte) error{
	keyCodecName:          func([]byte) error { return nil },
	keyCodecParams:        isParams,
	keyCiphertextHash:     isHash,
	keyCiphertextRootHash: isHash,
	keyNeededShares:       isNumber,
	keyNumSegments:        isNumber,
	keySegmentSize:        isNumber,
	keyShareRootHash:      isHash,
	keySize:               isNumber,
	keyTailCodecParams:    isParams,
	keyTotalShares:        isNumber,
}

// interpret checks the values of all known fields and fills in the required ones.
func (u *UEB) interpret() error {
	for _, f := range u.fields {
		if check, ok := known[f.key]; ok {
			if err := check(f.value); err != nil {
				return errorf(f.key, "%v", err)
			}
		}
	}
	var values [3][]byte
	for i, key := range []string{keyCiphertextRootHash, keySegmentSize, keyShareRootHash} {
		value, ok := u.value(key)
		if !ok {
			return errorf(key, "is missing")
		}
		values[i] = value
	}
	u.ciphertextRoot, u.shareRoot = Hash(values[0]), Hash(values[2])
	u.segmentSize, _ = parseNumber(values[1])
	if u.segmentSize < 1 {
		return errorf(keySegmentSize, "must be at least 1")
	}
	return nil
}

func isHash(value []byte) error {
	if len(value) != HashSize {
		return fmt.Errorf("has %d bytes, must have %d", len(value), HashSize)
	}
	return nil
}

func isNumber(value []byte) error {
	_, err := parseNumber(value)
	return err
}

func isParams(value []byte) error {
	_, err := parseParams(value)
	return err
}

// maxDigits is the number of digits of 2^63 - 1.
const maxDigits = 19

// parseNumber reads a decimal number 0..2^63-1 without sign or leading zeros.
func parseNumber(value []byte) (int64, error) {
	if len(value) == 0 || len(value) > maxDigits || (value[0] == '0' && len(value) > 1) {
		return 0, fmt.Errorf("is no number in its shortest form below 2^63")
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("has a character that is no digit")
		}
	}
	return strconv.ParseInt(string(value), 10, 64)
}

// codecParams is the value of codec_params and tail_codec_params (codec.py,
// get_serialized_params).
type codecParams struct {
	dataSize, k, n int64
}

func parseParams(value []byte) (p codecParams, err error) {
	parts := bytes.Split(value, []byte("-"))
	if len(parts) != 3 {
		return p, fmt.Errorf("has %d parts, must be size-k-N", len(parts))
	}
	for i, to := range []*int64{&p.dataSize, &p.k, &p.n} {
		if *to, err = parseNumber(parts[i]); err != nil {
			return codecParams{}, err
		}
	}
	return p, nil
}
