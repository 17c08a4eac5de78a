package mutable_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/storagetest/mutabletest"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// splice is what a write must come to.
func splice(old []byte, offset int64, data []byte) []byte {
	end := offset + int64(len(data))
	next := append(append([]byte{}, old[:offset]...), data...)
	if end < int64(len(old)) {
		next = append(next, old[end:]...)
	}
	return next
}

func TestWriteEqualsRewrite(t *testing.T) {
	const segment = 131072
	sizes := []int{0, 1, segment - 1, segment, segment + 1, 3*segment + 50, 4 * segment}
	for _, layout := range []uri.Layout{uri.SDMF, uri.MDMF} {
		for _, shape := range []struct{ k, n int }{{1, 3}, {3, 5}} {
			for _, size := range sizes {
				t.Run(fmt.Sprintf("%v %d-of-%d %d bytes", layout, shape.k, shape.n, size), func(t *testing.T) {
					g := mutabletest.New(5)
					f := create(t, newClient(t, config(g.View(), shape.k, 1, shape.n)), layout, text(size))
					want := text(size)
					for i, w := range [][2]int{{0, 1}, {size / 2, 10}, {size, 5}, {max(size-3, 0), 2 * segment}, {segment - 2, 4}, {0, 3 * segment}, {7, 0}} {
						if w[0] > len(want) {
							continue
						}
						data := bytes.Repeat([]byte{byte('a' + i)}, w[1])
						s, err := f.Write(t.Context(), int64(w[0]), bytes.NewReader(data))
						require.NoError(t, err)
						want = splice(want, int64(w[0]), data)
						require.EqualValues(t, len(want), s.Size())
						require.True(t, bytes.Equal(want, read(t, other(t, g, f))), "write %d", i)
					}
					verifyAll(t, g, f, shape.n)
					_, err := f.Write(t.Context(), int64(len(want)+1), bytes.NewReader([]byte("x")))
					require.ErrorAs(t, err, new(*mutable.RangeError))
				})
			}
		}
	}
}

// A small change of a large MDMF file sends little.
func TestWriteInPlace(t *testing.T) {
	g := mutabletest.New(3)
	view := g.View()
	f := create(t, newClient(t, config(view, 1, 1, 3)), uri.MDMF, text(1<<20))
	before := g.Servers[0].Shares(f.StorageIndex())
	_, err := f.Write(t.Context(), 300000, bytes.NewReader([]byte("hello")))
	require.NoError(t, err)
	changed := 0
	for num, old := range before {
		now := g.Servers[0].Shares(f.StorageIndex())[num]
		for i := range now {
			if now[i] != old[i] {
				changed++
			}
		}
	}
	require.Less(t, changed, 135000, "one segment and some hashes")
	require.Equal(t, 6, view.Calls(mutabletest.Writev), "one call to each server for each version")
}

// Where a share is missing or out of date the file is written as a whole.
func TestWriteFallsBack(t *testing.T) {
	g := mutabletest.New(5)
	view := g.View()
	f := create(t, newClient(t, config(view, 2, 1, 5)), uri.MDMF, text(400000))
	want := text(400000)
	view.Leave(0)
	for i := range 2 {
		_, err := f.Write(t.Context(), int64(i*1000), bytes.NewReader([]byte("hello")))
		require.NoError(t, err)
		want = splice(want, int64(i*1000), []byte("hello"))
		require.True(t, bytes.Equal(want, read(t, other(t, g, f))))
		view.Heal()
	}
	_, err := f.Write(t.Context(), 400000, bytes.NewReader([]byte("end")))
	require.NoError(t, err)
	require.True(t, bytes.Equal(splice(want, 400000, []byte("end")), read(t, other(t, g, f))))
}

// Files larger than the memory of a publish are created and written in pieces.
func TestPieces(t *testing.T) {
	g := mutabletest.New(3)
	cfg := config(g.View(), 1, 1, 3)
	cfg.MaxMemory = 1 << 20
	c := newClient(t, cfg)
	data := text(3<<20 + 17)
	f := create(t, c, uri.MDMF, data)
	require.True(t, bytes.Equal(data, read(t, f)))
	_, err := f.Write(t.Context(), 100, bytes.NewReader(data[:2<<20]))
	require.NoError(t, err)
	require.True(t, bytes.Equal(splice(data, 100, data[:2<<20]), read(t, f)))
	verifyAll(t, g, f, 3)
	_, err = f.Overwrite(t.Context(), bytes.NewReader(data))
	require.ErrorAs(t, err, new(*mutable.TooLargeError))
	_, err = c.CreateWithKey(t.Context(), uri.SDMF, key(t, 1), bytes.NewReader(data))
	require.ErrorAs(t, err, new(*mutable.TooLargeError))
}
