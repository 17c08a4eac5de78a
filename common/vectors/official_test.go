// Package vectors holds facts that need several layers at once to reproduce.
package vectors

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/immutable"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// officialCaps are capability vectors of Tahoe-LAFS itself. They are not ours to
// commit; whoever has the project's shared folder has them beside the checkout.
const officialCaps = "../../../shared/vectors/official-caps.json"

// official is one vector: what a node answers to a put of the sample.
type official struct {
	Convergence []byte
	Expected    string
	Format      struct {
		Kind   string // "chk" or "ssk"
		Params struct {
			Format string // "sdmf" or "mdmf"
			Key    string // PEM
		}
	}
	Sample struct {
		Seed   []byte
		Length int64
	}
	Zfec struct {
		Required, Total int
		SegmentSize     int64
	}
}

// TestOfficialCaps reproduces the cap of every official vector.
func TestOfficialCaps(t *testing.T) {
	text, err := os.ReadFile(officialCaps)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("not run: no shared/vectors/official-caps.json beside this checkout")
	}
	require.NoError(t, err)
	var vectors struct{ Vector []official }
	require.NoError(t, json.Unmarshal(text, &vectors))
	require.NotEmpty(t, vectors.Vector)
	count := map[string]int{}
	for _, v := range vectors.Vector {
		c, kind := v.cap(t)
		require.Equal(t, v.Expected, c.Text(), "%s, %d bytes, %+v", kind, v.Sample.Length, v.Zfec)
		count[kind]++
	}
	t.Logf("%d official vectors reproduced: %d CHK, %d SDMF, %d MDMF",
		len(vectors.Vector), count["chk"], count["sdmf"], count["mdmf"])
}

// cap computes the cap of a vector, and says of which kind it is.
func (v *official) cap(t *testing.T) (uri.Cap, string) {
	t.Helper()
	if v.Format.Kind == "chk" {
		return v.immutable(t), "chk"
	}
	return v.mutable(t), v.Format.Params.Format
}

func (v *official) immutable(t *testing.T) uri.Cap {
	t.Helper()
	c, err := immutable.ComputeCap(t.Context(), immutable.Config{
		Size: v.Sample.Length, K: v.Zfec.Required, N: v.Zfec.Total, MaxSegmentSize: v.Zfec.SegmentSize,
	}, v.plaintext(), secret.NewConvergenceSecret(v.Convergence))
	require.NoError(t, err)
	return c
}

// plaintext is the seed, repeated and cut.
func (v *official) plaintext() io.ReadSeeker {
	repeats := int(v.Sample.Length)/len(v.Sample.Seed) + 1
	return bytes.NewReader(bytes.Repeat(v.Sample.Seed, repeats)[:v.Sample.Length])
}

// mutable is made from the key alone: what is stored does not matter.
func (v *official) mutable(t *testing.T) uri.Cap {
	t.Helper()
	block, _ := pem.Decode([]byte(v.Format.Params.Key))
	require.NotNil(t, block)
	key, err := rsakey.Import(block.Bytes)
	require.NoError(t, err)
	layout := map[string]uri.Layout{"sdmf": uri.SDMF, "mdmf": uri.MDMF}[v.Format.Params.Format]
	keys := mutablelayout.NewKeys(key)
	return uri.MutableWrite{Layout: layout, Key: keys.WriteKey(), Fingerprint: keys.Fingerprint()}
}
