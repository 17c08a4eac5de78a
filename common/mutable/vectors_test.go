package mutable_test

import (
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/storagetest/mutabletest"
	"github.com/besn0847/arm-tahoe/common/uri"
)

//go:embed testdata/mutable.json
var tahoeFiles []byte

// Files of Tahoe-LAFS 1.20.0 are read, changed in place, and written over.
func TestFilesOfTahoe(t *testing.T) {
	var files map[string]struct {
		Cap          string
		PlaintextHex string `json:"plaintext_hex"`
		StorageIndex string `json:"storage_index"`
		Seqnum       uint64
		N            int
		Shares       map[string]struct {
			Data string `json:"share_data_hex"`
		}
	}
	require.NoError(t, json.Unmarshal(tahoeFiles, &files))
	require.Len(t, files, 4)
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			parsed, err := uri.Parse(file.Cap)
			require.NoError(t, err)
			write := parsed.(uri.MutableWrite)
			g := mutabletest.New(2)
			view := g.View()
			f, err := newClient(t, config(view, 2, 1, 4)).Open(write)
			require.NoError(t, err)
			require.Equal(t, file.StorageIndex, f.StorageIndex().String())
			for num, share := range file.Shares {
				n, err := strconv.Atoi(num)
				require.NoError(t, err)
				b, err := hex.DecodeString(share.Data)
				require.NoError(t, err)
				g.Servers[n%2].Put(f.StorageIndex(), grid.ShareNum(n), b)
			}
			want, err := hex.DecodeString(file.PlaintextHex)
			require.NoError(t, err)
			require.Equal(t, string(want), string(read(t, f)))
			s, err := f.Write(t.Context(), int64(len(want)/2), strings.NewReader("changed by arm-tahoe"))
			require.NoError(t, err)
			require.Equal(t, file.Seqnum+1, s.Version().Seqnum)
			want = append(want[:len(want)/2], "changed by arm-tahoe"...)
			require.Equal(t, string(want), string(read(t, other(t, g, f))))
			verifyAll(t, g, f, file.N)
			s, err = f.Overwrite(t.Context(), strings.NewReader("new"))
			require.NoError(t, err)
			require.Equal(t, mutablelayout.Format(write.Layout), s.Version().Format)
			require.Equal(t, "new", string(read(t, other(t, g, f))))
			verifyAll(t, g, f, file.N)
		})
	}
}
