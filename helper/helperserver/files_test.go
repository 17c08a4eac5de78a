package helperserver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// bootOf is a system that started then.
func bootOf(id string, at time.Time) func(*Config) {
	return func(c *Config) { c.Boot = func() (string, time.Time) { return id, at } }
}

// TestResumed: what of a partial file is used, by who wrote it and whether the
// machine has run since.
func TestResumed(t *testing.T) {
	const size, half = 1 << 20, 1 << 19
	now := time.Now()
	for name, row := range map[string]struct {
		where   string
		have    int    // bytes of the file that are there
		record  string // "" for none
		changed time.Time
		booted  time.Time
		want    int64 // offset of the first read; -1 for none
	}{
		"the same start of the system":           {incomingDir, half, "boot 0\n", now, now, half},
		"before a crash of the machine":          {incomingDir, half, "other 1000\n", now, now, 1000},
		"a crash before anything was synced":     {incomingDir, half, "other 0\n", now, now, 0},
		"a crash that cost synced bytes":         {incomingDir, 500, "other 1000\n", now, now, 500},
		"a crash that cost the record":           {incomingDir, half, "oth", now, now, 0},
		"an empty record":                        {incomingDir, half, "\n", now, now, 0},
		"Python's, since the machine started":    {incomingDir, half, "", now, now.Add(-time.Hour), half},
		"Python's, of an earlier start":          {incomingDir, half, "", now.Add(-2 * time.Hour), now.Add(-time.Hour), 0},
		"longer than the client says":            {incomingDir, size + 1, "boot 0\n", now, now, 0},
		"as long as the client says":             {incomingDir, size, "boot 0\n", now, now, -1},
		"nothing":                                {incomingDir, 0, "", now, now.Add(-time.Hour), 0},
		"complete":                               {encodingDir, size, "boot 0\n", now, now, -1},
		"complete, and synced before a crash":    {encodingDir, size, "other 1048576\n", now, now, -1},
		"complete, but synced in part":           {encodingDir, size, "other 1000\n", now, now, 1000},
		"complete, but lost in a crash":          {encodingDir, 0, "other 1000\n", now, now, 0},
		"complete, Python's":                     {encodingDir, size, "", now, now.Add(-time.Hour), -1},
		"complete, but not what the client says": {encodingDir, size - 1, "boot 0\n", now, now, size - 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 4, nil)
			require.NoError(t, f.helper.Close())
			file := newFile(t, size, someParams, 1<<20, 7)
			si := file.si.String()
			data := append(append([]byte{}, file.data...), 0)[:row.have]
			path := filepath.Join(f.dir, row.where, si)
			require.NoError(t, os.WriteFile(path, data, 0o600))
			require.NoError(t, os.Chtimes(path, row.changed, row.changed))
			if row.record != "" {
				require.NoError(t, os.WriteFile(filepath.Join(f.dir, syncedDir, si), []byte(row.record), 0o600))
			}
			f.start(t, bootOf("boot", row.booted))
			r, err := file.upload(t.Context(), dial(t, f.address))
			require.NoError(t, err)
			require.Equal(t, file.result(t).UEBHash, r.UEBHash)
			require.Equal(t, row.want, file.first)
		})
	}
}

// TestSynced: what is recorded while a file comes in survives the machine.
func TestSynced(t *testing.T) {
	dir := t.TempDir()
	boot := func(id string) func() (string, time.Time) {
		return func() (string, time.Time) { return id, time.Now() }
	}
	si := grid.StorageIndex{1}
	f, err := openFiles(dir, boot("one"))
	require.NoError(t, err)
	p, err := f.begin(si, 10*syncSize)
	require.NoError(t, err)
	chunk := make([]byte, syncSize/4)
	for range 9 {
		require.NoError(t, p.write(chunk))
	}
	require.EqualValues(t, 2*syncSize, p.synced)
	require.NoError(t, f.close())

	f, err = openFiles(dir, boot("two"))
	require.NoError(t, err)
	p, err = f.begin(si, 10*syncSize)
	require.NoError(t, err)
	require.EqualValues(t, 2*syncSize, p.have)
	require.True(t, p.resumed)
	require.NoError(t, p.write(chunk))
	require.NoError(t, p.close())

	f, err = openFiles(dir, boot("three"))
	require.NoError(t, err)
	p, err = f.begin(si, 10*syncSize)
	require.NoError(t, err)
	require.EqualValues(t, 2*syncSize+syncSize/4, p.have, "closing syncs")
	require.NoError(t, p.close())
	require.NoError(t, f.remove(si))
	p, err = f.begin(si, 10*syncSize)
	require.NoError(t, err)
	require.Zero(t, p.have)
	require.NoError(t, p.close())
	require.NoError(t, f.close())
}

// TestStrangers: what is not ours is left alone, and never followed.
func TestStrangers(t *testing.T) {
	f := newFixture(t, 4, nil)
	file := newFile(t, 1000, someParams, 1<<20, 8)
	outside := filepath.Join(t.TempDir(), "precious")
	require.NoError(t, os.WriteFile(outside, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(f.dir, incomingDir, file.si.String())))
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, incomingDir, "README"), []byte("x"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(f.dir, encodingDir, grid.StorageIndex{9}.String()), 0o700))
	_, err := file.upload(t.Context(), dial(t, f.address))
	require.ErrorContains(t, err, "its log says how")
	require.NotContains(t, err.Error(), f.dir)
	f.helper.sweep(time.Now().Add(1000 * time.Hour))
	text, err := os.ReadFile(outside)
	require.NoError(t, err)
	require.Equal(t, "precious", string(text))
	require.Len(t, f.files(t, incomingDir), 2)
	require.Len(t, f.files(t, encodingDir), 1)
	stats, err := f.helper.Stats()
	require.NoError(t, err)
	require.Zero(t, stats.IncomingCount)
}

// TestSweep: old files go, and the oldest of too many; so do records of nothing.
func TestSweep(t *testing.T) {
	f := newFixture(t, 4, func(c *Config) { c.MaxFiles = 3 })
	now := time.Now()
	write := func(dir string, n byte, age time.Duration) string {
		si := grid.StorageIndex{n}.String()
		path := filepath.Join(f.dir, dir, si)
		require.NoError(t, os.WriteFile(path, []byte("12345"), 0o600))
		require.NoError(t, os.Chtimes(path, now.Add(-age), now.Add(-age)))
		return si
	}
	write(incomingDir, 1, DefaultMaxAge+time.Hour)
	write(syncedDir, 1, 0)
	write(encodingDir, 2, DefaultMaxAge+time.Hour)
	write(incomingDir, 3, 60*time.Hour)
	kept := []string{write(incomingDir, 4, 50*time.Hour), write(incomingDir, 5, 5*time.Hour)}
	encoding := write(encodingDir, 6, 50*time.Hour)
	write(syncedDir, 7, 0)
	record := write(syncedDir, 4, 0)
	f.helper.sweep(now)
	require.ElementsMatch(t, kept, f.files(t, incomingDir))
	require.Equal(t, []string{encoding}, f.files(t, encodingDir))
	require.Equal(t, []string{record}, f.files(t, syncedDir))
	stats, err := f.helper.Stats()
	require.NoError(t, err)
	require.Equal(t, Stats{IncomingCount: 2, IncomingSize: 10, IncomingSizeOld: 5, EncodingCount: 1, EncodingSize: 5, EncodingSizeOld: 5}, stats)
}

func FuzzRecord(f *testing.F) {
	f.Add(formatRecord("b1946ac9-2492-4a5b-8b6b-2d1d3f0f5c5e", 1<<40))
	f.Add("x -1\n")
	f.Add(strings.Repeat("9", 300))
	f.Fuzz(func(t *testing.T, text string) {
		boot, size := parseRecord(text)
		require.GreaterOrEqual(t, size, int64(0))
		if boot != "" {
			boot2, size2 := parseRecord(formatRecord(boot, size))
			require.Equal(t, boot, boot2)
			require.Equal(t, size, size2)
		}
	})
}
