package mutablelayout

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// smallFile is a file of small.json: what 1.20 made of it step by step, with
// MDMF segments of 12 bytes.
type smallFile struct {
	Name  string
	Cap   string
	Steps []struct {
		How       string
		Plaintext string
		Shares    map[string]string `json:"shares_hex"`
	}
}

func readSmall(t testing.TB, name string) (v vector, steps []*slot, how []string) {
	t.Helper()
	var all struct{ Files []smallFile }
	readJSON(t, "small.json", &all)
	for _, f := range all.Files {
		if f.Name != name {
			continue
		}
		v.setCap(t, f.Cap)
		for _, step := range f.Steps {
			s := &slot{keys: testKeys(t), shares: map[int][]byte{}, want: []byte(step.Plaintext)}
			for number, share := range step.Shares {
				shnum, err := strconv.Atoi(number)
				require.NoError(t, err)
				s.shares[shnum] = unhex(t, share)
			}
			steps, how = append(steps, s), append(how, step.How)
		}
	}
	require.NotEmpty(t, steps)
	require.Equal(t, v.fingerprint, testKeys(t).Fingerprint())
	return v, steps, how
}

func TestSmallFilesOfTahoe(t *testing.T) {
	for _, name := range []string{"mdmf", "sdmf"} {
		_, steps, how := readSmall(t, name)
		for i, s := range steps {
			t.Run(fmt.Sprintf("%s %d %s", name, i, how[i]), func(t *testing.T) {
				s.check(t)
				require.EqualValues(t, i+1, s.head(t).Seqnum)
			})
		}
	}
}

// TestWholeWritesOfTahoeAreMadeAgain builds the versions that were written as a
// whole. The shares of 1.20 keep what a longer version left behind their end.
func TestWholeWritesOfTahoeAreMadeAgain(t *testing.T) {
	rows := []struct {
		file     string
		steps    []int
		leftover []int // bytes behind the end
	}{
		{"mdmf", []int{0, 4}, []int{0, 449}},
		{"sdmf", []int{0, 1, 2}, []int{0, 11, 18}},
	}
	for _, row := range rows {
		_, steps, _ := readSmall(t, row.file)
		for i, step := range row.steps {
			t.Run(fmt.Sprintf("%s %d", row.file, step), func(t *testing.T) {
				s := steps[step]
				old := mustParseShare(t, s.shares[0])
				h := old.Header
				h.RootHash, h.Salt = [32]byte{}, Salt{}
				got := buildWith(t, s, h, io.MultiReader(bytes.NewReader(salts(old)), rand.Reader))
				for shnum, want := range s.shares {
					end := old.Areas.EOF(old.Format)
					require.Equal(t, int(end)+row.leftover[i], len(want))
					require.Equal(t, withoutSignature(t, want[:end]), withoutSignature(t, got[shnum]))
				}
			})
		}
	}
}

// buildWith makes the shares of a version with any header.
func buildWith(t *testing.T, s *slot, h Header, random io.Reader) [][]byte {
	t.Helper()
	b, err := newBuilder(s.keys, h, random)
	require.NoError(t, err)
	shares := make([][]byte, h.N)
	head, err := b.head()
	require.NoError(t, err)
	for i := range shares {
		shares[i] = make([]byte, head.Areas.EOF(h.Format))
		b.leaves[i] = make([]byte, h.NumSegments()*HashSize)
	}
	require.NoError(t, b.addAll(s.want, shares))
	v, err := b.Finish()
	require.NoError(t, err)
	for i := range shares {
		v.AppendFront(shares[i][:0], i)
		v.AppendBack(shares[i][:v.BackOffset()], i)
	}
	return shares
}

// TestUpdatesOfTahoeAreMadeAgain does to each version what 1.20 did to it, with
// the salts that it drew, and compares all bytes but the signature.
func TestUpdatesOfTahoeAreMadeAgain(t *testing.T) {
	rows := []struct {
		step, offset, size int
		encoded            []int64
	}{
		{1, 10, 6, []int64{0, 1}},
		{2, 30, 27, []int64{2, 3, 4}},
		{3, 24, 13, []int64{2, 3}},
	}
	_, steps, how := readSmall(t, "mdmf")
	for _, row := range rows {
		t.Run(how[row.step], func(t *testing.T) {
			s, after := steps[row.step-1], steps[row.step]
			next := mustParseShare(t, after.shares[0])
			var drawn []byte
			for _, seg := range row.encoded {
				drawn = append(drawn, next.Block(seg)[:SaltSize]...)
			}
			random := io.MultiReader(bytes.NewReader(drawn), rand.Reader)
			u, err := NewUpdate(s.keys, s.head(t), next.Seqnum, int64(row.offset), int64(row.size), random)
			require.NoError(t, err)
			encoded, _ := s.run(t, u, after.want[row.offset:row.offset+row.size])
			require.Equal(t, row.encoded, encoded)
			for shnum, want := range after.shares {
				require.Equal(t, withoutSignature(t, want), withoutSignature(t, s.shares[shnum]))
			}
		})
		_, steps, _ = readSmall(t, "mdmf") // the run has changed the old version
	}
}
