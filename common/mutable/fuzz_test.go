package mutable_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/storagetest/mutabletest"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// FuzzShare gives one of two servers any bytes for a share. Readers get the
// content, or none, and never something else; writers get over it.
func FuzzShare(f *testing.F) {
	want := text(3000)
	for _, layout := range []uri.Layout{uri.SDMF, uri.MDMF} {
		g := mutabletest.New(1)
		file := create(f, mutable.New(config(g.View(), 1, 1, 1)), layout, want)
		for _, share := range g.Servers[0].Shares(file.StorageIndex()) {
			f.Add(layout == uri.MDMF, share, uint8(0))
			f.Add(layout == uri.MDMF, share[:len(share)-1], uint8(1))
			f.Add(layout == uri.MDMF, share[:200], uint8(7))
		}
	}
	key(f, 0)
	f.Fuzz(func(t *testing.T, mdmf bool, share []byte, num uint8) {
		layout := uri.SDMF
		if mdmf {
			layout = uri.MDMF
		}
		g := mutabletest.New(2)
		file := create(t, newClient(t, config(g.View(), 1, 1, 2)), layout, want)
		for old := range g.Servers[0].Shares(file.StorageIndex()) {
			g.Servers[0].Put(file.StorageIndex(), old, nil)
		}
		g.Servers[0].Put(file.StorageIndex(), grid.ShareNum(num), append([]byte{}, share...))
		var b bytes.Buffer
		_, err := other(t, g, file).Read(t.Context(), &b, 0, -1)
		require.NoError(t, err, "the other server has a good share")
		require.True(t, bytes.Equal(want, b.Bytes()))
		_, err = other(t, g, file).Overwrite(t.Context(), bytes.NewReader(want[:10]))
		if err != nil && !errors.As(err, new(*mutable.NoMajorityError)) {
			require.NoError(t, err)
		}
	})
}
