package mutable_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/storagetest/mutabletest"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// damage changes a share; b is a copy.
type damage func(t *testing.T, b []byte) []byte

// flip flips a bit at a fixed place.
func flip(offset int) damage {
	return func(_ *testing.T, b []byte) []byte {
		b[offset] ^= 1
		return b
	}
}

// flipIn flips a bit inside an area, at its beginning and at its end.
func flipIn(area func(mutablelayout.Areas) mutablelayout.Area) damage {
	return func(t *testing.T, b []byte) []byte {
		head, err := mutablelayout.ParseHead(b)
		require.NoError(t, err)
		a := area(head.Areas)
		b[a.Offset] ^= 1
		b[a.End()-1] ^= 0x80
		return b
	}
}

func cutTo(size int) damage {
	return func(_ *testing.T, b []byte) []byte { return b[:min(size, len(b))] }
}

// corruptions are those of Tahoe-LAFS's tests (test/mutable/util.py corrupt,
// test_problems.py, test_roundtrip.py) and some more.
var corruptions = []struct {
	name string
	do   damage
	// reading says that the share still serves readers.
	reading bool
	// only is the format that it is for, unless it is for all.
	only mutablelayout.Format
	all  bool
}{
	{name: "version number", do: flip(0), all: true},
	{name: "version number of the future", do: func(_ *testing.T, b []byte) []byte { b[0] = 9; return b }, all: true},
	{name: "sequence number", do: flip(8), all: true},
	{name: "high byte of the sequence number", do: flip(1), all: true},
	{name: "root hash", do: flip(9), all: true},
	{name: "end of the root hash", do: flip(40), all: true},
	{name: "salt", do: flip(41), only: mutablelayout.SDMF},
	{name: "k of SDMF", do: flip(57), only: mutablelayout.SDMF},
	{name: "N of SDMF", do: flip(58), only: mutablelayout.SDMF},
	{name: "segment size of SDMF", do: flip(66), only: mutablelayout.SDMF},
	{name: "data length of SDMF", do: flip(74), only: mutablelayout.SDMF},
	{name: "k of MDMF", do: flip(41), only: mutablelayout.MDMF},
	{name: "N of MDMF", do: flip(42), only: mutablelayout.MDMF},
	{name: "segment size of MDMF", do: flip(50), only: mutablelayout.MDMF},
	{name: "data length of MDMF", do: flip(58), only: mutablelayout.MDMF},
	{name: "offset of the signature", do: flip(78), only: mutablelayout.SDMF},
	{name: "offset of the share hash chain", do: flip(82), only: mutablelayout.SDMF},
	{name: "offset of the block hash tree", do: flip(86), only: mutablelayout.SDMF},
	{name: "offset of the share data", do: flip(90), only: mutablelayout.SDMF},
	{name: "offset of the share hash chain in MDMF", do: flip(74), only: mutablelayout.MDMF},
	{name: "offset of the signature in MDMF", do: flip(82), only: mutablelayout.MDMF},
	{name: "offset of the public key in MDMF", do: flip(90), only: mutablelayout.MDMF},
	{name: "huge offset of the share data in MDMF", do: flip(99), only: mutablelayout.MDMF},
	{name: "public key", do: flipIn(func(a mutablelayout.Areas) mutablelayout.Area { return a.PublicKey }), all: true},
	{name: "signature", do: flipIn(func(a mutablelayout.Areas) mutablelayout.Area { return a.Signature }), all: true},
	{name: "share hash chain", do: flipIn(func(a mutablelayout.Areas) mutablelayout.Area { return a.ShareHashChain }), all: true},
	{name: "block hash tree", do: flipIn(func(a mutablelayout.Areas) mutablelayout.Area { return a.BlockHashTree }), all: true},
	{name: "share data", do: flipIn(func(a mutablelayout.Areas) mutablelayout.Area { return a.ShareData }), all: true},
	{name: "private key", do: flipIn(func(a mutablelayout.Areas) mutablelayout.Area { return a.PrivateKey }), reading: true, all: true},
	{name: "empty", do: cutTo(0), all: true},
	{name: "cut in the header", do: cutTo(40), all: true},
	{name: "cut in the offsets", do: cutTo(100), all: true},
	{name: "cut in the share data", do: cutTo(20000), all: true},
	{name: "zeros", do: func(_ *testing.T, b []byte) []byte { return make([]byte, len(b)) }, all: true},
}

func TestCorruptShares(t *testing.T) {
	for _, layout := range []uri.Layout{uri.SDMF, uri.MDMF} {
		for _, c := range corruptions {
			if !c.all && c.only != mutablelayout.Format(layout) {
				continue
			}
			t.Run(layout.String()+" "+c.name, func(t *testing.T) { corruptShares(t, layout, c.do, c.reading) })
		}
	}
}

func corruptShares(t *testing.T, layout uri.Layout, do damage, reading bool) {
	data := text(150000)
	g := mutabletest.New(10)
	f := create(t, newClient(t, config(g.View(), 3, 1, 10)), layout, data)
	si := f.StorageIndex()
	for _, server := range g.Servers[:7] {
		for num, b := range server.Shares(si) {
			server.Put(si, num, do(t, b))
		}
	}
	reader := other(t, g, f)
	require.True(t, bytes.Equal(data, read(t, reader)), "three good shares are left")

	writer := other(t, g, f)
	_, err := writer.Overwrite(t.Context(), bytes.NewReader(data[:70000]))
	require.NoError(t, err)
	verifyAll(t, g, f, 10) // what was corrupt was written over
	require.True(t, bytes.Equal(data[:70000], read(t, reader)))

	for _, server := range g.Servers {
		for num, b := range server.Shares(si) {
			server.Put(si, num, do(t, b))
		}
	}
	last := other(t, g, f)
	var b bytes.Buffer
	_, err = last.Read(t.Context(), &b, 0, -1)
	if reading {
		require.NoError(t, err)
		_, err = last.Overwrite(t.Context(), bytes.NewReader(data))
		require.ErrorContains(t, err, "private key")
		return
	}
	if err == nil { // an offset that nobody needs may be wrong in all shares
		require.True(t, bytes.Equal(data[:70000], b.Bytes()))
		return
	}
	require.ErrorAs(t, err, new(*mutable.UnrecoverableError))
	require.Zero(t, b.Len(), "nothing that was not verified")
	require.NotEmpty(t, advice(g), "servers are told")
}

func advice(g *mutabletest.Grid) (all []string) {
	for _, server := range g.Servers {
		all = append(all, server.Advice()...)
	}
	return all
}

// Servers that swap shares, hand out those of other files, or go back to older
// versions.
func TestLyingServers(t *testing.T) {
	data := text(5000)
	for _, layout := range []uri.Layout{uri.SDMF, uri.MDMF} {
		g := mutabletest.New(10)
		f := create(t, newClient(t, config(g.View(), 3, 1, 10)), layout, data)
		foreign, err := newClient(t, config(g.View(), 3, 1, 10)).CreateWithKey(t.Context(), layout, key(t, 1), bytes.NewReader(text(5001)))
		require.NoError(t, err)
		si := f.StorageIndex()
		old := make([]map[grid.ShareNum][]byte, len(g.Servers))
		for i, server := range g.Servers {
			old[i] = server.Shares(si)
		}
		next := text(6000)
		_, err = f.Overwrite(t.Context(), bytes.NewReader(next))
		require.NoError(t, err)
		for i, server := range g.Servers[:6] {
			for num, b := range server.Shares(si) {
				switch i {
				case 0, 1: // an older version
					server.Put(si, num, old[i][num])
				case 2: // another number
					server.Put(si, num, nil)
					server.Put(si, (num+1)%10, b)
				case 3: // another file
					for _, foreign := range server.Shares(foreign.StorageIndex()) {
						server.Put(si, num, foreign)
					}
				case 4: // numbers that there are not
					server.Put(si, 10, b)
					server.Put(si, 255, b)
				case 5: // gone
					server.Put(si, num, nil)
				}
			}
		}
		require.True(t, bytes.Equal(next, read(t, other(t, g, f))))
		_, err = other(t, g, f).Overwrite(t.Context(), bytes.NewReader(data))
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, read(t, f)))
	}
}
