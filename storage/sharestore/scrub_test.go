package sharestore_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/sharecontainer"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

func sharePath(dir string, id shareID) string {
	return filepath.Join(dir, "shares", filepath.FromSlash(sharecontainer.SharePath(id.si, id.n)))
}

func advisories(t *testing.T, dir string) (texts []string) {
	for _, text := range files(t, filepath.Join(dir, sharecontainer.AdvisoriesDir)) {
		texts = append(texts, text)
	}
	return texts
}

func TestScrubFindsNothingInSharesOfPython(t *testing.T) {
	dir, shares := pythonDirectory(t)
	s := open(t, config(disk(t, dir)))
	report, err := s.Scrub(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, len(shares), report.Shares)
	require.Zero(t, report.Corrupt, advisories(t, dir))
	require.Zero(t, report.Unverifiable)
	require.Positive(t, report.Bytes)
	require.Empty(t, advisories(t, dir))
	status, err := s.Status()
	require.NoError(t, err)
	require.Equal(t, report, *status.LastScrub)
}

// Damage that a scrub must find, in a CHK and in an SDMF share of Python. Share
// data begins at 12 and 468 of the file.
func TestScrubFindsDamage(t *testing.T) {
	rows := []struct {
		name, file, want string
		offset           int // of the byte that is changed; -1 cuts the file in half
	}{
		{"CHK, a block", "chk-1000-0", "block 0", 12 + 0x24 + 5},
		{"CHK, version", "chk-1000-0", "", 12 + 3},
		{"CHK, crypttext hash tree", "chk-8197-0", "crypttext hash tree", 0x14},
		{"CHK, block hash tree", "chk-8197-0", "block hash tree", 0x18},
		{"CHK, share hash chain", "chk-1000-0", "share hash chain", 0x1c},
		{"CHK, crypttext_root_hash in the UEB", "chk-1000-0", "crypttext hash tree", 0x20},
		{"CHK, cut off", "chk-8197-0", "", -1},
		{"container of no kind", "chk-1000-0", "not a share file", 0},
		{"SDMF, sequence number", "sdmf-1000-0", "signature", 468 + 8},
		{"SDMF, root hash", "sdmf-1000-0", "signature", 468 + 20},
		{"MDMF, signed header", "mdmf-1000-0", "signature", 468 + 8},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			dir, shares := pythonDirectory(t)
			var damaged pythonShare
			for _, p := range shares {
				if p.File == row.file {
					damaged = p
				}
			}
			path := sharePath(dir, damaged.id(t))
			b := must(os.ReadFile(path))
			switch at := row.offset; {
			case at < 0:
				b = b[:len(b)/2]
			case at >= 0x10 && at <= 0x20: // behind the offset in the header of version 1
				within := 5
				if at == 0x20 {
					within = bytes.Index(b, []byte("crypttext_root_hash:32:")) + 25 - 12 - int(binary.BigEndian.Uint32(b[12+at:]))
				}
				b[12+int(binary.BigEndian.Uint32(b[12+at:]))+within] ^= 1
			default:
				b[at] ^= 0x40
			}
			require.NoError(t, os.WriteFile(path, b, 0o600))
			s := open(t, config(disk(t, dir)))
			for range 2 {
				report, err := s.Scrub(t.Context())
				require.NoError(t, err)
				require.EqualValues(t, 1, report.Corrupt+report.Unverifiable)
				if report.Corrupt == 1 {
					texts := advisories(t, dir)
					require.Len(t, texts, 1, "one advisory, not one in every scrub")
					require.Contains(t, texts[0], "\n\nscrub: ")
					require.Contains(t, texts[0], row.want)
					require.Contains(t, texts[0], damaged.StorageIndex)
				}
			}
			require.FileExists(t, path, "it stays")
		})
	}
}

// Whatever is in a share file, a scrub survives it.
func TestScrubSurvivesAnything(t *testing.T) {
	dir, shares := pythonDirectory(t)
	s := open(t, config(disk(t, dir)))
	for seed := range uint64(15) {
		r := rand.New(rand.NewPCG(seed, 1))
		for _, p := range shares {
			b := must(os.ReadFile(filepath.Join("testdata", "shares", p.File)))
			for range 1 + r.IntN(4) {
				b[12+r.IntN(min(len(b)-12, 900))] = byte(r.Uint32())
			}
			require.NoError(t, os.WriteFile(sharePath(dir, p.id(t)), b, 0o600))
		}
		report, err := s.Scrub(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, len(shares), report.Shares)
	}
}

// The rate holds, and the scrub runs by itself.
func TestScrubRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(sharefs.NewMem(1 << 30))
		cfg.ScrubRate = 1000
		cfg.Now = time.Now // of the bubble
		cfg.BuildDate = time.Time{}
		s, err := sharestore.Open(cfg)
		require.NoError(t, err)
		raw := must(os.ReadFile("testdata/shares/chk-8197-0"))
		data := string(raw[12 : len(raw)-72])
		require.NoError(t, upload(siA, 0, data).run(t, s))
		require.NoError(t, upload(siB, 0, data).run(t, s))
		require.NoError(t, slot(siM, map[grid.ShareNum]string{0: strings.Repeat("not a share", 10)}).run(t, s))
		report, err := s.Scrub(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, report.Corrupt+report.Unverifiable)
		took := report.Finished.Sub(report.Started)
		require.InDelta(t, float64(report.Bytes)/1000, took.Seconds(), 0.3)
		time.Sleep(time.Hour)
		status, err := s.Status()
		require.NoError(t, err)
		require.True(t, status.LastScrub.Started.After(report.Finished), "a second one, in the background")
		require.NoError(t, s.Close())
	})
}
