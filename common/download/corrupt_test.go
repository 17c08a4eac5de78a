package download

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/gridtest"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
)

// The ways in which Tahoe-LAFS 1.20.0 damages immutable shares in its own tests
// (allmydata/test/common.py), as facts: which field of which part. A share of
// version 1 stands in a container with a header of 12 bytes.
const container = 12

// scramble changes a field of a share file: half of the time one bit, else all of
// it, but never into itself.
func scramble(file []byte, offset, size int) {
	field := file[container+offset:][:size]
	if rand.IntN(2) == 0 {
		field[rand.IntN(size)] ^= 1 << rand.IntN(8)
		return
	}
	before := slices.Clone(field)
	for bytes.Equal(before, field) {
		for i := range field {
			field[i] = byte(rand.Uint32())
		}
	}
}

// field damages a field of the share.
func field(offset, size int) func([]byte) {
	return func(file []byte) { scramble(file, offset, size) }
}

func header(file []byte) sharelayout.Header {
	h, err := sharelayout.ParseHeader(file[container:])
	if err != nil {
		panic(err)
	}
	return h
}

// corruptions are damages, and what becomes of a file all of whose shares have
// them.
var corruptions = []struct {
	name   string
	damage func(file []byte)
	reads  bool // it makes no difference; if maybe, it depends on the value
	maybe  bool
}{
	{name: "nothing", damage: func([]byte) {}, reads: true},
	{name: "container version", damage: func(f []byte) { scramble(f, 0-container, 4) }, maybe: true},
	{name: "container version of another kind", damage: func(f []byte) { copy(f, "\x00\x00\x00\x63") }, maybe: true}, // the store may know the file
	{name: "container size", damage: func(f []byte) { scramble(f, 4-container, 4) }, maybe: true},
	{name: "share version", damage: field(0, 4), maybe: true},
	{name: "share version plausible", damage: func(f []byte) { f[container+3] = 3 - f[container+3] }},
	{name: "block size", damage: field(4, 4), reads: true},
	{name: "share data size", damage: field(8, 4), reads: true},
	{name: "offset of share data", damage: field(0x0c, 4)},
	{name: "offset of plaintext hash tree", damage: field(0x10, 4), reads: true},
	{name: "offset of crypttext hash tree", damage: field(0x14, 4)},
	{name: "offset of block hashes", damage: field(0x18, 4)},
	{name: "offset of block hashes to truncate the crypttext hashes", damage: func(f []byte) {
		at := f[container+0x18:]
		old := binary.BigEndian.Uint32(at)
		binary.BigEndian.PutUint32(at, rand.Uint32N(max(1, old/32/2))*32)
	}},
	{name: "offset of share hashes", damage: field(0x1c, 4)},
	{name: "offset of UEB", damage: field(0x20, 4)},
	{name: "offset of UEB for a short read", damage: func(f []byte) {
		size := binary.BigEndian.Uint32(f[4:])
		binary.BigEndian.PutUint32(f[container+0x20:], size-3)
	}},
	{name: "share data", damage: func(f []byte) {
		h := header(f)
		scramble(f, int(h.DataOffset), int(h.DataSize))
	}, maybe: true}, // of each segment enough blocks may be good
	{name: "share data's last byte", damage: func(f []byte) {
		h := header(f)
		f[container+int(h.DataOffset)+int(h.DataSize)-1] ^= 0xff
	}},
	{name: "crypttext hash tree", damage: func(f []byte) {
		h := header(f)
		scramble(f, int(h.CiphertextHashTreeOffset), int(h.BlockHashTreeOffset-h.CiphertextHashTreeOffset))
	}, maybe: true}, // its root is not looked at
	{name: "byte 0x221", damage: func(f []byte) { f[container+0x221] ^= 2 }, maybe: true},
	{name: "block hashes", damage: func(f []byte) {
		h := header(f)
		scramble(f, int(h.BlockHashTreeOffset), int(h.ShareHashesOffset-h.BlockHashTreeOffset))
	}, maybe: true},
	{name: "share hashes", damage: func(f []byte) {
		h := header(f)
		scramble(f, int(h.ShareHashesOffset), int(h.UEBOffset-h.ShareHashesOffset))
	}, maybe: true}, // other shares give the same nodes
	{name: "length of UEB", damage: func(f []byte) { scramble(f, int(header(f).UEBOffset), 4) }},
	{name: "UEB", damage: func(f []byte) { scramble(f, int(header(f).UEBOffset)+4, 300) }},
}

// TestCorruptions damages all shares but k, and all: the file reads or fails, and
// never gives wrong bytes.
func TestCorruptions(t *testing.T) {
	require.Len(t, corruptions, 24)
	for _, row := range corruptions {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, size := range []int{1000, 30_000, 1_000_000} {
					g := gridtest.New(t, 6)
					data := randomBytes(size, 13)
					c := put(t, g, 2, 6, int64(size)/5, data)
					damage := func(from, to grid.ShareNum) {
						for n, servers := range g.Shares(si(c)) {
							if n >= from && n < to {
								servers[0].DamageFile(t, si(c), n, row.damage)
							}
						}
					}
					damage(0, 4)
					f, err := newDownloader(t, g).Open(c)
					require.NoError(t, err)
					requireGet(t, f, data)
					f.Close()

					damage(4, 6)
					f, err = newDownloader(t, g).Open(c)
					require.NoError(t, err)
					got, err := get(t, f)
					f.Close()
					require.True(t, bytes.HasPrefix(data, got), "wrong bytes")
					if err == nil {
						require.Len(t, got, size)
					}
					if !row.maybe {
						require.Equal(t, row.reads, err == nil, "%v", err)
					}
					var few *NotEnoughSharesError
					if err != nil {
						require.ErrorAs(t, err, &few)
					}
				}
			})
		})
	}
}
