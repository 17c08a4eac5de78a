package mutablelayout

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// vector is a mutable file as a 1.20 grid stored it, with some or all of its
// shares. See testdata/README.md.
type vector struct {
	name         string
	format       Format
	writeKey     secret.WriteKey
	fingerprint  taggedhash.Hash
	storageIndex string
	plaintext    []byte
	plaintextSum string         // hex SHA-256, where plaintext is not known
	privateKey   []byte         // DER, where it is known
	shares       map[int][]byte // without their containers
}

func readJSON(t testing.TB, name string, to any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to))
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	return b
}

// vectors returns all files of testdata that have shares.
func vectors(t testing.TB) []vector {
	t.Helper()
	return append(grabbedVectors(t), gridVectors(t)...)
}

// vectorNamed returns one of them.
func vectorNamed(t testing.TB, name string) vector {
	t.Helper()
	all := vectors(t)
	i := slices.IndexFunc(all, func(v vector) bool { return v.name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return all[i]
}

// grabbedVectors reads mutable.json: 2-of-4, all shares.
func grabbedVectors(t testing.TB) (found []vector) {
	t.Helper()
	type file struct {
		Cap          string
		Plaintext    string `json:"plaintext_hex"`
		StorageIndex string `json:"storage_index"`
		Shares       map[string]struct {
			Data string `json:"share_data_hex"`
		}
	}
	var files map[string]file
	readJSON(t, "mutable.json", &files)
	for _, name := range []string{"sdmf", "sdmf_empty", "mdmf", "mdmf_empty"} {
		f := files[name]
		v := vector{name: name, storageIndex: f.StorageIndex, plaintext: unhex(t, f.Plaintext), shares: map[int][]byte{}}
		v.setCap(t, f.Cap)
		for number, share := range f.Shares {
			shnum, err := strconv.Atoi(number)
			require.NoError(t, err)
			v.shares[shnum] = unhex(t, share.Data)
		}
		require.Len(t, v.shares, 4, name)
		found = append(found, v)
	}
	require.Empty(t, files["mdmf_big"].Shares["0"].Data, "mdmf_big has no share data")
	return found
}

// gridVectors reads grid.json: 3-of-10, three shares of each file.
func gridVectors(t testing.TB) (found []vector) {
	t.Helper()
	var files []struct {
		Name, Cap, Key string
		StorageIndex   string `json:"storage_index"`
		Plaintext      struct {
			Recipe, SHA256 string
			Size           int
		}
		Shares []struct {
			Shnum int
			File  string
			Sum   string `json:"data_sha256"`
		}
	}
	readJSON(t, "grid.json", &files)
	for _, f := range files {
		v := vector{name: f.Name, storageIndex: f.StorageIndex, shares: map[int][]byte{}, plaintextSum: f.Plaintext.SHA256}
		v.setCap(t, f.Cap)
		v.privateKey = readPEM(t, f.Key)
		if f.Plaintext.Recipe != "" {
			v.plaintext = recipe(f.Plaintext.Recipe, f.Plaintext.Size)
		}
		for _, share := range f.Shares {
			data := readContainer(t, share.File)
			require.Equal(t, share.Sum, fmt.Sprintf("%x", sha256.Sum256(data)), share.File)
			v.shares[share.Shnum] = data
		}
		found = append(found, v)
	}
	require.NotEmpty(t, found)
	return found
}

// setCap takes write key and fingerprint from a write cap of any kind.
func (v *vector) setCap(t testing.TB, cap string) {
	t.Helper()
	if strings.Contains(cap, "MDMF") {
		v.format = MDMF
	}
	parts := strings.Split(cap, ":")
	require.Len(t, parts, 4)
	key, err := base32.Decode(parts[2])
	require.NoError(t, err)
	require.NoError(t, v.writeKey.SetBytes(key))
	require.NoError(t, base32.DecodeTo(v.fingerprint[:], parts[3]))
}

func readPEM(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	require.NotNil(t, block, name)
	return block.Bytes
}

// recipe is how the plaintexts of grid.json were made.
func recipe(name string, size int) (plaintext []byte) {
	for i := 0; len(plaintext) < size; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "tahoe-lab:%s:%d", name, i))
		plaintext = append(plaintext, sum[:]...)
	}
	return plaintext[:size]
}

// readContainer returns the share in the file of a server: data of the length at
// byte 84, from byte 468 on.
func readContainer(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	size := binary.BigEndian.Uint64(file[84:])
	require.LessOrEqual(t, size, uint64(len(file)-468))
	return file[468 : 468+size]
}

// shnums returns the numbers of the shares that there are, ascending.
func (v vector) shnums() (numbers []int) {
	for shnum := range v.shares {
		numbers = append(numbers, shnum)
	}
	slices.Sort(numbers)
	return numbers
}

func (v vector) readKey() secret.ReadKey { return taggedhash.ReadKey(v.writeKey) }

// keys decrypts the private key out of a share.
func (v vector) keys(t testing.TB) *Keys {
	t.Helper()
	keys, err := DecryptKeys(mustParseShare(t, v.shares[v.shnums()[0]]).PrivateKey, v.writeKey)
	require.NoError(t, err)
	return keys
}

func mustParseShare(t testing.TB, b []byte) Share {
	t.Helper()
	s, err := ParseShare(b)
	require.NoError(t, err)
	return s
}

// testKeys returns a fixed key of the vectors, to make shares with.
func testKeys(t testing.TB) *Keys {
	t.Helper()
	key, err := rsakey.ParsePrivate(readPEM(t, "keys/mdmf-1.pem"))
	require.NoError(t, err)
	return NewKeys(key)
}

// decode verifies shares and decodes the whole file from K of them.
func decode(t testing.TB, keys *Keys, shares map[int][]byte, shnums []int) []byte {
	t.Helper()
	var parsed []Share
	for _, shnum := range shnums {
		s := mustParseShare(t, shares[shnum])
		require.NoError(t, s.VerifyHashes(shnum), "share %d", shnum)
		parsed = append(parsed, s)
		require.Equal(t, parsed[0].Header, s.Header)
	}
	require.NoError(t, parsed[0].VerifySignature(keys.Fingerprint()))
	d, err := NewDecoder(parsed[0].Header, keys.ReadKey(), shnums)
	require.NoError(t, err)
	plaintext := []byte{}
	for seg := range parsed[0].NumSegments() {
		var blocks [][]byte
		for _, s := range parsed {
			blocks = append(blocks, s.Block(seg))
		}
		piece, err := d.Decode(nil, seg, blocks)
		require.NoError(t, err)
		plaintext = append(plaintext, piece...)
	}
	return plaintext
}

// subsets returns all ways to choose k of the numbers.
func subsets(numbers []int, k int) (all [][]int) {
	if k == 0 {
		return [][]int{nil}
	}
	for i := range numbers {
		for _, rest := range subsets(numbers[i+1:], k-1) {
			all = append(all, append([]int{numbers[i]}, rest...))
		}
	}
	return all
}

// numbers returns 0 to n-1.
func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
