package mutablelayout

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// addShares seeds a fuzz target with the small shares of the vectors.
func addShares(f *testing.F, add func(share []byte)) {
	f.Helper()
	for _, v := range vectors(f) {
		for _, shnum := range v.shnums() {
			if len(v.shares[shnum]) < 4000 {
				add(v.shares[shnum])
			}
		}
	}
}

// requireTyped checks that a refusal tells what is wrong.
func requireTyped(t *testing.T, err error) {
	t.Helper()
	var layout *LayoutError
	var format *FormatError
	var corrupt *CorruptError
	require.True(t, errors.As(err, &layout) || errors.As(err, &format) || errors.As(err, &corrupt), "%v", err)
}

func FuzzParseHead(f *testing.F) {
	addShares(f, func(share []byte) { f.Add(share[:MaxHeadSize]) })
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHead(b)
		if err != nil {
			requireTyped(t, err)
			require.Zero(t, h)
			return
		}
		require.Equal(t, b[:h.HeadSize()], h.Append(nil), "what parses re-encodes to the same bytes")
		require.NoError(t, h.Check())
		if n := h.NumSegments(); n > 0 {
			last := h.BlockArea(n - 1)
			require.Equal(t, h.Areas.ShareData.End(), last.End())
		}
	})
}

// FuzzParseShare checks that what parses re-encodes to the same bytes, except
// for bytes behind the end and bytes in the gap of MDMF, which are dropped.
func FuzzParseShare(f *testing.F) {
	addShares(f, func(share []byte) { f.Add(share) })
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseShare(b)
		if err != nil {
			requireTyped(t, err)
			return
		}
		want := bytes.Clone(b[:s.Areas.EOF(s.Format)])
		if s.Format == MDMF {
			clear(want[s.Areas.PublicKey.End():s.Areas.ShareData.Offset])
		}
		require.Equal(t, want, s.Append(nil))
	})
}

// FuzzVerify must not find a share that verifies and is not the one of the
// vectors.
func FuzzVerify(f *testing.F) {
	sdmf, mdmf := vectorNamed(f, "sdmf"), vectorNamed(f, "mdmf")
	for _, v := range []vector{sdmf, mdmf} {
		for shnum, share := range v.shares {
			f.Add(share, shnum)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, shnum int) {
		for _, v := range []vector{sdmf, mdmf} {
			r, err := NewReader(bytes.NewReader(b), shnum, v.fingerprint)
			if err == nil {
				var block []byte
				block, err = r.ReadBlock(nil, 0)
				if err == nil {
					require.Equal(t, mustParseShare(t, v.shares[shnum]).Block(0), block)
					continue
				}
			}
			requireTyped(t, err)
		}
	})
}

func FuzzDecryptKeys(f *testing.F) {
	v := vectorNamed(f, "sdmf")
	f.Add(v.keys(f).EncryptedPrivateKey())
	f.Fuzz(func(t *testing.T, encrypted []byte) {
		keys, err := DecryptKeys(encrypted, v.writeKey)
		if err != nil {
			requireTyped(t, err)
			return
		}
		require.Equal(t, encrypted, keys.EncryptedPrivateKey())
	})
}

// FuzzUpdate writes and cuts a file in turn as the input says and compares with
// the same done in memory.
func FuzzUpdate(f *testing.F) {
	f.Add([]byte{35, 12, 3, 200, 7, 30, 9})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) == 0 || len(ops) > 9 {
			return
		}
		s := newSlot(t, 2, 3, 6, pattern(1, int64(ops[0])))
		for i, op := range ops[1:] {
			at := int64(op) % int64(len(s.want)+1)
			if i%2 == 0 {
				s.write(t, at, pattern(uint64(i), int64(op)/3))
			} else {
				s.truncate(t, at)
			}
			s.check(t)
		}
	})
}

func FuzzAddShare(f *testing.F) {
	s := newSlot(f, 2, 4, 10, pattern(1, 35))
	share := mustParseShare(f, s.shares[0])
	f.Add(0, share.ShareHashChain, share.BlockHashTree)
	f.Fuzz(func(t *testing.T, shnum int, chain, tree []byte) {
		u, err := NewUpdate(s.keys, share.Head, 2, 0, 1, rand.Reader)
		require.NoError(t, err)
		if err := u.AddShare(shnum, chain, tree); err != nil {
			requireTyped(t, err)
			return
		}
		require.Equal(t, mustParseShare(t, s.shares[shnum]).BlockHashTree, tree)
	})
}
