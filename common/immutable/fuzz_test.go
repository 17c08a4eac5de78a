package immutable

import (
	"bytes"
	"errors"
	"testing"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/stretchr/testify/require"
)

// FuzzVerifyShare verifies any bytes against a cap made for them: its UEB hash is
// that of the UEB in the share, so that the fuzzer gets behind the first hash.
// Nothing may panic, refusals are of the known types, and what is accepted can be
// read if it is the only share that is needed.
func FuzzVerifyShare(f *testing.F) {
	for _, v := range chkVectors(f) {
		if v.Shares != nil {
			f.Add(unhex(f, v.Shares[0]), uint8(0), uint8(v.K), uint8(v.N), v.Size)
			f.Add(unhex(f, v.Shares[v.N-1]), uint8(v.N-1), uint8(v.K), uint8(v.N), v.Size)
		}
	}
	for _, v := range gridVectors(f) {
		for _, s := range v.files(f)[:min(1, len(v.files(f)))] {
			f.Add([]byte(s.Source.(memorySource)), uint8(s.Num), uint8(3), uint8(10), v.cap(f).Size)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, num, k, n uint8, size int64) {
		c := uri.CHKVerify{UEBHash: hashOfUEB(b), K: int(k), N: int(n), Size: size}
		v, err := NewVerifier(c)
		if err != nil {
			return
		}
		share := memoryShare(int(num), b)
		if err := v.VerifyShare(t.Context(), share); err != nil {
			var corrupt *CorruptShareError
			var bad *BadUEBError
			require.True(t, errors.As(err, &corrupt) || errors.As(err, &bad), "%v", err)
			return
		}
		require.LessOrEqual(t, size/int64(k), int64(len(b)))
		if k == 1 {
			r, err := NewCiphertextReader(c, []Share{share}, nil)
			require.NoError(t, err)
			_, err = r.ReadAt(t.Context(), make([]byte, size), 0)
			var wrong *BadCiphertextHashError
			require.True(t, err == nil || errors.As(err, &wrong), "%v", err)
		}
	})
}

// hashOfUEB finds the UEB as a reader would.
func hashOfUEB(b []byte) taggedhash.Hash {
	h, err := sharelayout.ParseHeader(b)
	if err != nil || h.UEBOffset > int64(len(b)) {
		return taggedhash.Hash{}
	}
	size, err := h.ParseUEBLength(b[h.UEBOffset:])
	if err != nil || int(h.UEBOffset)+h.FieldSize()+size > len(b) {
		return taggedhash.Hash{}
	}
	return taggedhash.UEBHash(b[int(h.UEBOffset)+h.FieldSize():][:size])
}

// FuzzRead damages up to three of ten good shares and reads a range: it is right
// or refused, and refused only if fewer than k shares are left.
func FuzzRead(f *testing.F) {
	c, plaintext, shares := stored(f, 3000, 3, 10, 300)
	f.Add(uint32(0), uint32(100), uint32(2000), byte(1), uint16(0), uint16(3000), uint8(3))
	f.Add(uint32(3), uint32(3), uint32(3), byte(0x80), uint16(299), uint16(2), uint8(6))
	f.Add(uint32(0x20), uint32(0x1f), uint32(1100), byte(0xff), uint16(2999), uint16(5), uint8(4))
	f.Fuzz(func(t *testing.T, at0, at1, at2 uint32, flip byte, from, length uint16, use uint8) {
		some := append([]Share(nil), shares[:3+int(use)%8]...)
		for i, at := range []uint32{at0, at1, at2} {
			b := bytes.Clone(some[i].Source.(memorySource))
			b[int(at)%len(b)] ^= flip
			some[i].Source = memorySource(b)
		}
		bad := make(map[grid.ShareNum]bool)
		r, err := NewReader(c, some, func(err error) {
			var corrupt *CorruptShareError
			require.ErrorAs(t, err, &corrupt)
			bad[corrupt.ShareNum] = true
		})
		require.NoError(t, err)
		p := make([]byte, length)
		offset := min(int(from), len(plaintext))
		n, err := r.ReadAt(t.Context(), p, int64(offset))
		require.True(t, bytes.Equal(plaintext[offset:offset+n], p[:n]))
		var few *NotEnoughSharesError
		if errors.As(err, &few) {
			require.Less(t, len(some)-len(bad), 3)
		} else if err == nil {
			require.Equal(t, int(length), n)
		} else {
			require.Equal(t, len(plaintext), offset+n)
		}
	})
}
