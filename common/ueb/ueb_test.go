package ueb

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/besn0847/arm-tahoe/common/erasure"
	"github.com/besn0847/arm-tahoe/common/netstring"
	"github.com/stretchr/testify/require"
)

type vector struct {
	What        string `json:"what"`
	Size        int64  `json:"size"`
	K           int    `json:"k"`
	N           int    `json:"n"`
	SegmentSize int64  `json:"segment_size"`
	NumSegments int64  `json:"num_segments"`
	Packed      string `json:"uri_extension_packed_hex"`
	Dict        struct {
		CiphertextHash     string `json:"crypttext_hash"`
		CiphertextRootHash string `json:"crypttext_root_hash"`
		ShareRootHash      string `json:"share_root_hash"`
	} `json:"uri_extension"`
}

func loadVectors(t testing.TB) (v []vector) {
	b, err := os.ReadFile("testdata/uebs.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &v))
	require.NotEmpty(t, v)
	return v
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestUEBsOfTahoe(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.What, func(t *testing.T) {
			packed := unhex(t, v.Packed)
			hashes := Hashes{
				Ciphertext:     Hash(unhex(t, v.Dict.CiphertextHash)),
				CiphertextRoot: Hash(unhex(t, v.Dict.CiphertextRootHash)),
				ShareRoot:      Hash(unhex(t, v.Dict.ShareRootHash)),
			}
			u, err := Parse(packed)
			require.NoError(t, err)
			require.Equal(t, v.SegmentSize, u.SegmentSize())
			require.Equal(t, hashes.CiphertextRoot, u.CiphertextRootHash())
			require.Equal(t, hashes.ShareRoot, u.ShareRootHash())
			whole, ok := u.CiphertextHash()
			require.True(t, ok)
			require.Equal(t, hashes.Ciphertext, whole)
			require.Empty(t, u.Unused())
			require.Equal(t, packed, u.Append(nil))

			segs, err := u.Check(v.K, v.N, v.Size)
			require.NoError(t, err)
			require.Equal(t, v.NumSegments, segs.NumSegments)

			made := New(segs, v.N, hashes)
			require.Equal(t, string(packed), string(made.Append(nil)))
			require.Equal(t, u, made)
			require.Equal(t, len(packed), Size(segs, v.N))
		})
	}
}

// sample is the UEB of a file of 250 bytes, 3-of-5, in segments of 96.
func sample(t testing.TB) *UEB {
	segs, err := erasure.NewSegments(250, 3, 96)
	require.NoError(t, err)
	return New(segs, 5, Hashes{Hash{1}, Hash{2}, Hash{3}})
}

// with returns the sample's bytes with one field changed, added or, if value is
// nil, left out.
func with(t testing.TB, key string, value []byte) []byte {
	u := &UEB{}
	add := func(f field) {
		if f.value != nil {
			u.fields = append(u.fields, f)
		}
	}
	done := false
	for _, f := range sample(t).fields {
		if !done && f.key >= key {
			add(field{key, value})
			done = true
		}
		if f.key != key {
			add(f)
		}
	}
	if !done {
		add(field{key, value})
	}
	return u.Append(nil)
}

// TestAll: the fields, put together again, are the UEB.
func TestAll(t *testing.T) {
	segs, err := erasure.NewSegments(100, 2, 100)
	require.NoError(t, err)
	u := New(segs, 4, Hashes{})
	var again []byte
	for key, value := range u.All() {
		again = netstring.Append(append(append(again, key...), ':'), value)
	}
	require.Equal(t, string(u.Append(nil)), string(again))
	for range u.All() {
		break
	}
}

func TestFieldsOfOldNodes(t *testing.T) {
	b := with(t, "plaintext_hash", bytes.Repeat([]byte{7}, 32))
	u, err := Parse(b)
	require.NoError(t, err)
	require.Equal(t, []string{"plaintext_hash"}, u.Unused())
	require.Equal(t, b, u.Append(nil))
	_, err = u.Check(3, 5, 250)
	require.NoError(t, err)

	u, err = Parse(with(t, "some-Future_field", []byte("with any, value:")))
	require.NoError(t, err)
	require.Equal(t, []string{"some-Future_field"}, u.Unused())
}

func TestOptionalFields(t *testing.T) {
	for _, key := range []string{
		"codec_name", "codec_params", "crypttext_hash", "needed_shares", "num_segments",
		"size", "tail_codec_params", "total_shares",
	} {
		t.Run(key, func(t *testing.T) {
			b := with(t, key, nil)
			u, err := Parse(b)
			require.NoError(t, err)
			require.Equal(t, b, u.Append(nil))
			_, err = u.Check(3, 5, 250)
			require.NoError(t, err)
			_, ok := u.CiphertextHash()
			require.Equal(t, key != "crypttext_hash", ok)
		})
	}
}

func TestParseRefused(t *testing.T) {
	good := string(sample(t).Append(nil))
	for _, tc := range []struct {
		name, bytes, key string
	}{
		{"empty", "", "crypttext_root_hash"},
		{"no colon", "nonsense", ""},
		{"empty key", ":3:abc,", ""},
		{"key with a digit", "key1:3:abc,", ""},
		{"key that is not ASCII", "schlüssel:3:abc,", ""},
		{"truncated", good[:len(good)-1], "total_shares"},
		{"no comma", good[:len(good)-1] + ";", "total_shares"},
		{"rubbish at the end", good + "x", ""},
		{"twice the same key", good + "total_shares:1:5,", "total_shares"},
		{"out of order", good + "size:3:250,", "size"},
		{"length with a leading zero", "codec_name:03:crs,", "codec_name"},
		{"length beyond the end", "codec_name:9999999999:crs,", "codec_name"},
		{"without crypttext_root_hash", string(with(t, "crypttext_root_hash", nil)), "crypttext_root_hash"},
		{"without segment_size", string(with(t, "segment_size", nil)), "segment_size"},
		{"without share_root_hash", string(with(t, "share_root_hash", nil)), "share_root_hash"},
		{"short hash", string(with(t, "share_root_hash", make([]byte, 31))), "share_root_hash"},
		{"long hash", string(with(t, "crypttext_hash", make([]byte, 33))), "crypttext_hash"},
		{"segment size 0", string(with(t, "segment_size", []byte("0"))), "segment_size"},
		{"number empty", string(with(t, "size", []byte{})), "size"},
		{"number negative", string(with(t, "size", []byte("-1"))), "size"},
		{"number with a space", string(with(t, "size", []byte(" 1"))), "size"},
		{"number with a leading zero", string(with(t, "size", []byte("01"))), "size"},
		{"number of 2^63", string(with(t, "size", []byte("9223372036854775808"))), "size"},
		{"number of 20 digits", string(with(t, "size", []byte("10000000000000000000"))), "size"},
		{"codec_params in two parts", string(with(t, "codec_params", []byte("96-3"))), "codec_params"},
		{"tail_codec_params no number", string(with(t, "tail_codec_params", []byte("96-x-5"))), "tail_codec_params"},
		{"too long", string(with(t, "zzz", make([]byte, 2000))), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u, err := Parse([]byte(tc.bytes))
			require.Nil(t, u)
			var ue *Error
			require.ErrorAs(t, err, &ue)
			require.Equal(t, tc.key, ue.Key, "%v", err)
			require.Contains(t, err.Error(), ue.Reason)
		})
	}
}

func TestCheckRefused(t *testing.T) {
	for _, tc := range []struct {
		key, value string
	}{
		{"codec_name", "raid"},
		{"codec_params", "99-3-5"},
		{"codec_params", "96-2-5"},
		{"codec_params", "96-3-6"},
		{"tail_codec_params", "58-3-5"},
		{"num_segments", "4"},
		{"size", "251"},
		{"needed_shares", "2"},
		{"total_shares", "6"},
		{"segment_size", "97"},
	} {
		t.Run(tc.key+" "+tc.value, func(t *testing.T) {
			u, err := Parse(with(t, tc.key, []byte(tc.value)))
			require.NoError(t, err)
			_, err = u.Check(3, 5, 250)
			var ue *Error
			require.ErrorAs(t, err, &ue)
			require.Equal(t, tc.key, ue.Key)
		})
	}
	for name, c := range map[string][3]int64{
		"k zero":     {0, 5, 250},
		"n below k":  {3, 2, 250},
		"n too high": {3, 257, 250},
		"empty file": {3, 5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sample(t).Check(int(c[0]), int(c[1]), c[2])
			var pe *erasure.ParamsError
			require.ErrorAs(t, err, &pe)
		})
	}
}

// TestSizeLimit: the largest UEB that we could ever write stays below the limit.
func TestSizeLimit(t *testing.T) {
	segs, err := erasure.NewSegments(1<<62, 255, 255)
	require.NoError(t, err)
	require.Less(t, Size(segs, 256), 600)
	require.LessOrEqual(t, Size(segs, 256), MaxSize)
}

// FuzzParse: whatever parses re-encodes to the same bytes, without exception.
func FuzzParse(f *testing.F) {
	for _, v := range loadVectors(f) {
		f.Add(unhex(f, v.Packed), uint8(v.K), uint8(v.N), v.Size)
	}
	f.Add(with(f, "plaintext_hash", make([]byte, 32)), uint8(3), uint8(5), int64(250))
	f.Add([]byte(strings.Repeat("a:0:,", 3)), uint8(0), uint8(0), int64(-1))
	f.Fuzz(func(t *testing.T, b []byte, k, n uint8, size int64) {
		u, err := Parse(b)
		if err != nil {
			var ue *Error
			require.ErrorAs(t, err, &ue)
			return
		}
		require.Equal(t, string(b), string(u.Append(nil)))
		if segs, err := u.Check(int(k), int(n), size); err == nil {
			require.Equal(t, u.SegmentSize(), segs.SegmentSize)
			require.Equal(t, size, segs.Size)
		}
	})
}
