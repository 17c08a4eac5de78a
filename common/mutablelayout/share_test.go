package mutablelayout

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// eachVector runs a test for every file of the vectors.
func eachVector(t *testing.T, test func(t *testing.T, v vector)) {
	t.Helper()
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) { test(t, v) })
	}
}

func TestSharesOfTahoeAreReadAndVerified(t *testing.T) {
	eachVector(t, func(t *testing.T, v vector) {
		var first Header
		for i, shnum := range v.shnums() {
			s := mustParseShare(t, v.shares[shnum])
			require.Equal(t, v.format, s.Format)
			require.NoError(t, s.Verify(shnum, v.fingerprint))
			require.Equal(t, v.shares[shnum], s.Append(nil), "what parses re-encodes to the same bytes")
			if i == 0 {
				first = s.Header
			}
			require.Equal(t, first, s.Header, "all shares of a version have one header")
		}
	})
}

func TestSharesOfTahoeAreDecodedFromAnyK(t *testing.T) {
	eachVector(t, func(t *testing.T, v vector) {
		k := mustParseShare(t, v.shares[0]).K
		choices := subsets(v.shnums(), k)
		require.NotEmpty(t, choices)
		for _, shnums := range choices {
			plaintext := decode(t, v.keys(t), v.shares, shnums)
			if v.plaintext != nil {
				require.Equal(t, v.plaintext, plaintext, "from shares %v", shnums)
			}
			if v.plaintextSum != "" {
				require.Equal(t, v.plaintextSum, fmt.Sprintf("%x", sha256.Sum256(plaintext)))
			}
		}
	})
}

func TestKeysOfTahoe(t *testing.T) {
	eachVector(t, func(t *testing.T, v vector) {
		keys := v.keys(t)
		if v.privateKey != nil {
			require.Equal(t, v.privateKey, keys.PrivateKey().DER())
		}
		require.True(t, keys.WriteKey().Equal(v.writeKey))
		require.True(t, keys.ReadKey().Equal(v.readKey()))
		require.Equal(t, v.fingerprint, keys.Fingerprint())
		require.Equal(t, v.storageIndex, keys.StorageIndex().String())
		require.Equal(t, v.storageIndex, StorageIndex(v.readKey()).String())
		for _, share := range v.shares {
			s := mustParseShare(t, share)
			require.Equal(t, keys.EncryptedPrivateKey(), s.PrivateKey)
			require.Equal(t, keys.PrivateKey().Public().DER(), s.PublicKey)
		}
	})
}

// TestSharesOfTahoeAreMadeAgain builds the versions of the vectors from their
// plaintext and salts. Everything but the signature, which is random, must have
// the same bytes.
func TestSharesOfTahoeAreMadeAgain(t *testing.T) {
	eachVector(t, func(t *testing.T, v vector) {
		old := mustParseShare(t, v.shares[v.shnums()[0]])
		plaintext := v.plaintext
		if plaintext == nil { // the table of a directory
			plaintext = decode(t, v.keys(t), v.shares, v.shnums()[:old.K])
		}
		p := Params{Format: v.format, Seqnum: old.Seqnum, K: old.K, N: old.N}
		shares, err := BuildShares(v.keys(t), p, plaintext, io.MultiReader(bytes.NewReader(salts(old)), rand.Reader))
		require.NoError(t, err)
		for shnum, want := range v.shares {
			got := shares[shnum]
			require.NoError(t, mustParseShare(t, got).Verify(shnum, v.fingerprint))
			require.Equal(t, withoutSignature(t, want), withoutSignature(t, got))
			require.NotEqual(t, want, got, "no two signatures are the same")
		}
	})
}

// salts returns the salts of a share in the order in which they were drawn.
func salts(s Share) (all []byte) {
	if s.Format == SDMF {
		return s.Salt[:]
	}
	for seg := range s.NumSegments() {
		all = append(all, s.Block(seg)[:SaltSize]...)
	}
	return all
}

func withoutSignature(t *testing.T, share []byte) []byte {
	t.Helper()
	share = bytes.Clone(share)
	clear(mustParseShare(t, share).Signature)
	return share
}

// TestEveryFlippedBitIsRefused walks all bytes of small shares, and all bits of
// two of them. Bits that Verify does not cover are listed by the name of their
// area.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	sdmfOnlyKey := []string{"encrypted private key", "EOF offset"}
	rows := []struct {
		vector  string
		shnum   int
		allBits bool
		onlyKey []string // areas that DecryptKeys alone covers
		ignored []string // areas that belong to nothing
	}{
		{"sdmf", 0, true, sdmfOnlyKey, nil},
		{"sdmf", 3, false, sdmfOnlyKey, nil},
		{"sdmf_empty", 1, false, sdmfOnlyKey, nil},
		{"sdmf-1000", 9, false, sdmfOnlyKey, nil},
		{"dir2", 8, false, sdmfOnlyKey, nil},
		{"mdmf", 2, true, []string{"encrypted private key"}, []string{"gap"}},
		{"mdmf_empty", 3, false, []string{"encrypted private key"}, []string{"gap"}},
		{"mdmf-1000", 0, false, []string{"encrypted private key"}, []string{"gap"}},
	}
	for _, row := range rows {
		t.Run(fmt.Sprintf("%s share %d", row.vector, row.shnum), func(t *testing.T) {
			v := vectorNamed(t, row.vector)
			share := bytes.Clone(v.shares[row.shnum])
			areaOf := areaNames(mustParseShare(t, share).Head)
			seen := map[string]bool{}
			for i := range 8 * len(share) {
				if at := i / 8; !row.allBits && i%8 != at%8 {
					continue
				}
				area := areaOf(i / 8)
				seen[area] = true
				share[i/8] ^= 1 << (i % 8)
				shareErr, keyErr := check(v, share, row.shnum, slices.Contains(row.onlyKey, area))
				if refused := shareErr != nil || keyErr != nil; refused == slices.Contains(row.ignored, area) {
					t.Fatalf("bit %d in %s: refused %v", i, area, refused)
				}
				share[i/8] ^= 1 << (i % 8)
			}
			for _, area := range append(row.onlyKey, row.ignored...) {
				require.True(t, seen[area], area)
			}
		})
	}
}

// check verifies a share as a reader does or its private key as a writer does.
// The signature is known to be good as long as nothing of it has changed, which
// saves minutes on a Pi.
func check(v vector, b []byte, shnum int, key bool) (shareErr, keyErr error) {
	s, err := ParseShare(b)
	if err != nil {
		return err, err
	}
	if key {
		_, err := DecryptKeys(s.PrivateKey, v.writeKey)
		return nil, err
	}
	good, err := ParseShare(v.shares[shnum])
	if err != nil {
		return err, nil
	}
	if s.Header != good.Header || !bytes.Equal(s.PublicKey, good.PublicKey) || !bytes.Equal(s.Signature, good.Signature) {
		if err := s.VerifySignature(v.fingerprint); err != nil {
			return err, nil
		}
	}
	return s.VerifyHashes(shnum), nil
}

// areaNames returns a function that names what stands at an offset.
func areaNames(h Head) func(offset int) string {
	return func(at int) string {
		offset := int64(at)
		if h.Format == SDMF && offset >= SDMFHeadSize-8 && offset < SDMFHeadSize {
			return "EOF offset"
		}
		for _, named := range []struct {
			name string
			area Area
		}{
			{"head", Area{0, int64(h.HeadSize())}},
			{"public key", h.Areas.PublicKey},
			{"signature", h.Areas.Signature},
			{"share hash chain", h.Areas.ShareHashChain},
			{"block hash tree", h.Areas.BlockHashTree},
			{"share data", h.Areas.ShareData},
			{"encrypted private key", h.Areas.PrivateKey},
		} {
			if offset >= named.area.Offset && offset < named.area.End() {
				return named.name
			}
		}
		return "gap"
	}
}

func TestShareInTheWrongPlaceIsRefused(t *testing.T) {
	v := vectorNamed(t, "sdmf")
	s := mustParseShare(t, v.shares[1])
	require.ErrorAs(t, s.Verify(0, v.fingerprint), new(*CorruptError))
	require.ErrorAs(t, s.Verify(4, v.fingerprint), new(*LayoutError))
	require.ErrorAs(t, s.Verify(-1, v.fingerprint), new(*LayoutError))
	requireCorrupt(t, PartPublicKey, s.Verify(1, vectorNamed(t, "mdmf").fingerprint))
}

func requireCorrupt(t *testing.T, part Part, err error) {
	t.Helper()
	var corrupt *CorruptError
	require.ErrorAs(t, err, &corrupt)
	require.Equal(t, part, corrupt.Part)
	require.Contains(t, corrupt.Error(), part.String())
}

// TestCorruptPartsAreNamed changes one byte in each area.
func TestCorruptPartsAreNamed(t *testing.T) {
	for _, name := range []string{"sdmf", "mdmf", "mdmf-131073"} {
		t.Run(name, func(t *testing.T) {
			v := vectorNamed(t, name)
			a := mustParseShare(t, v.shares[0]).Areas
			rows := []struct {
				part Part
				at   int64
			}{
				{PartSignature, 1}, // sequence number
				{PartPublicKey, a.PublicKey.Offset + 100},
				{PartSignature, a.Signature.Offset + 100},
				{PartShareHashChain, a.ShareHashChain.Offset + 10},
				{PartShareHashChain, a.BlockHashTree.Offset},
				{PartBlock, a.ShareData.Offset},
				{PartBlock, a.ShareData.End() - 1},
			}
			if a.BlockHashTree.Size > HashSize {
				rows = append(rows, struct {
					part Part
					at   int64
				}{PartBlockHashTree, a.BlockHashTree.End() - 1})
			}
			for _, row := range rows {
				share := bytes.Clone(v.shares[0])
				share[row.at] ^= 0x80
				requireCorrupt(t, row.part, mustParseShare(t, share).Verify(0, v.fingerprint))
			}
		})
	}
}

func TestDecryptKeysRefuses(t *testing.T) {
	v := vectorNamed(t, "sdmf")
	encrypted := bytes.Clone(v.keys(t).EncryptedPrivateKey())
	_, err := DecryptKeys(encrypted, vectorNamed(t, "mdmf").writeKey)
	requireCorrupt(t, PartPrivateKey, err)
	_, err = DecryptKeys(nil, v.writeKey)
	requireCorrupt(t, PartPrivateKey, err)
	_, err = DecryptKeys(make([]byte, MaxPrivateKeySize+1), v.writeKey)
	require.ErrorAs(t, err, new(*LayoutError))
	for _, bit := range []int{0, 4000, 8*len(encrypted) - 1} {
		encrypted[bit/8] ^= 1 << (bit % 8)
		_, err = DecryptKeys(encrypted, v.writeKey)
		requireCorrupt(t, PartPrivateKey, err)
		encrypted[bit/8] ^= 1 << (bit % 8)
	}
}

func TestBytesBehindTheShareAreIgnored(t *testing.T) {
	eachVector(t, func(t *testing.T, v vector) {
		shnum := v.shnums()[0]
		longer := append(bytes.Clone(v.shares[shnum]), "left by a longer version"...)
		s := mustParseShare(t, longer)
		require.NoError(t, s.Verify(shnum, v.fingerprint))
		require.Equal(t, v.shares[shnum], s.Append(nil))
	})
}

func TestTruncatedSharesAreRefused(t *testing.T) {
	for _, name := range []string{"sdmf", "mdmf", "sdmf_empty", "mdmf_empty"} {
		t.Run(name, func(t *testing.T) {
			share := vectorNamed(t, name).shares[0]
			for size := range share {
				_, err := ParseShare(share[:size])
				require.ErrorAs(t, err, new(*LayoutError), "%d bytes", size)
			}
		})
	}
}

func TestParseHeadRefuses(t *testing.T) {
	sdmf, mdmf := vectorNamed(t, "sdmf").shares[0], vectorNamed(t, "mdmf").shares[0]
	set := func(share []byte, at int, value ...byte) []byte {
		share = bytes.Clone(share)
		copy(share[at:], value)
		return share
	}
	set64 := func(share []byte, at int, value uint64) []byte {
		return set(share, at, binary.BigEndian.AppendUint64(nil, value)...)
	}
	rows := []struct {
		name   string
		share  []byte
		reason string
	}{
		{"no bytes", nil, "header: no bytes"},
		{"SDMF header cut", sdmf[:74], "header: only 74 bytes"},
		{"MDMF header cut", mdmf[:58], "header: only 58 bytes"},
		{"SDMF offsets cut", sdmf[:106], "offsets: only 106 bytes"},
		{"MDMF offsets cut", mdmf[:122], "offsets: only 122 bytes"},
		{"no shares", set(sdmf, 57, 0, 0), "total shares: 0"},
		{"nothing needed", set(sdmf, 57, 0, 4), "needed shares: 0"},
		{"more needed than there are", set(mdmf, 41, 5, 4), "needed shares: 5"},
		{"SDMF segment size", set64(sdmf, 59, 18), "segment size: 18, must be 16"},
		{"SDMF segment size odd", set64(sdmf, 59, 17), "no multiple of 2"},
		{"MDMF without segment size", set64(mdmf, 43, 0), "segment size: 0"},
		{"MDMF segment too large", set64(mdmf, 43, MaxSegmentSize+2), "segment size: 268435458"},
		{"segment size negative", set64(mdmf, 43, 1<<63), "segment size: 9223372036854775808"},
		{"data length negative", set64(mdmf, 51, 1<<63), "data length: 9223372036854775808"},
		{"data length huge", set64(mdmf, 51, 1<<63-1), "data length: 9223372036854775807"},
		{"too many segments", set64(mdmf, 51, MDMFSegmentSize*MaxSegments+1), "segments, at most"},
		{"SDMF signature in the head", set(sdmf, 75, 0, 0, 0, 106), "an area from 107 ends at 106"},
		{"SDMF areas out of order", set(sdmf, 79, 0, 0, 0, 200), "ends at 200"},
		{"SDMF end before key", set64(sdmf, 99, 700), "ends at 700"},
		{"SDMF end beyond 2^63", set64(sdmf, 99, 1<<63), "beyond 2^63"},
		{"SDMF long key", set64(sdmf, 99, 1<<40), "encrypted private key: "},
		{"SDMF long public key", set(sdmf, 75, 0, 0x10), "ends at"},
		{"MDMF key elsewhere", set64(mdmf, 59, 124), "is at 124, must be at 123"},
		{"MDMF public key ends before it begins", set64(mdmf, 91, 1662), "ends at 1662"},
		{"MDMF data in the public key", set64(mdmf, 99, 1900), "ends at 1900"},
		{"MDMF data size", set64(mdmf, 99, 2166), "share data: 25 bytes, must be 24"},
		{"MDMF hash tree moved", set64(mdmf, 107, 2192), "block hash tree: 31 bytes, 1 segments need 32"},
		{"MDMF hash tree size", set64(mdmf, 115, 2224), "block hash tree: 33 bytes, 1 segments need 32"},
		{"MDMF chain size", set64(mdmf, 75, 1408), "share hash chain: 69 bytes, no multiple"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := ParseHead(row.share)
			var refusal *LayoutError
			require.ErrorAs(t, err, &refusal)
			require.ErrorContains(t, err, row.reason)
		})
	}
}

func TestUnknownVersionIsNamed(t *testing.T) {
	for _, share := range [][]byte{{2}, {255, 0, 0}, bytes.Repeat([]byte{7}, 200)} {
		var unknown *FormatError
		_, err := ParseShare(share)
		require.ErrorAs(t, err, &unknown)
		require.Equal(t, share[0], unknown.Version)
		require.Contains(t, err.Error(), fmt.Sprint(share[0]))
	}
}

func TestShareHashChainRefuses(t *testing.T) {
	v := vectorNamed(t, "sdmf")
	s := mustParseShare(t, v.shares[0])
	root := [HashSize]byte(s.BlockHashTree)
	twice := append(bytes.Clone(s.ShareHashChain), s.ShareHashChain[:shareHashSize]...)
	_, err := NewVerifier(s.Header, 0, twice, root)
	require.ErrorContains(t, err, "is there twice")
	_, err = NewVerifier(s.Header, 0, twice[:50], root)
	require.ErrorContains(t, err, "50 bytes")
	_, err = NewVerifier(s.Header, 0, make([]byte, MaxShareHashChainSize+shareHashSize), root)
	require.ErrorAs(t, err, new(*LayoutError))
	_, err = NewVerifier(s.Header, 0, s.ShareHashChain[:shareHashSize], root)
	requireCorrupt(t, PartShareHashChain, err)
	_, err = NewVerifier(s.Header, 0, nil, root)
	requireCorrupt(t, PartShareHashChain, err)

	// An entry for the share's own leaf, as other writers may add it, is fine.
	leaf := binary.BigEndian.AppendUint16(nil, 3)
	_, err = NewVerifier(s.Header, 0, append(append(bytes.Clone(s.ShareHashChain), leaf...), root[:]...), root)
	require.NoError(t, err)
}
