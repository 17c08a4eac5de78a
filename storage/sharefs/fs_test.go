package sharefs_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/storage/sharefs"
)

// both runs a test on a directory of the disk and on one in memory.
func both(t *testing.T, test func(t *testing.T, fsys sharefs.FS)) {
	t.Run("OS", func(t *testing.T) {
		fsys, err := sharefs.NewOS(filepath.Join(t.TempDir(), "made"))
		require.NoError(t, err)
		test(t, fsys)
		require.NoError(t, fsys.Close())
	})
	t.Run("Mem", func(t *testing.T) { test(t, sharefs.NewMem(1<<30)) })
}

func TestFilesAndDirectories(t *testing.T) {
	both(t, func(t *testing.T, fsys sharefs.FS) {
		require.ErrorIs(t, fsys.Mkdir("a/b"), fs.ErrNotExist)
		require.NoError(t, fsys.Mkdir("a"))
		require.ErrorIs(t, fsys.Mkdir("a"), fs.ErrExist)
		f, err := fsys.Create("a/file")
		require.NoError(t, err)
		_, err = fsys.Create("a/file")
		require.ErrorIs(t, err, fs.ErrExist)
		_, err = f.WriteAt([]byte("world"), 5)
		require.NoError(t, err)
		size, err := f.Size()
		require.NoError(t, err)
		require.EqualValues(t, 10, size)
		require.NoError(t, f.Sync())
		require.NoError(t, fsys.SyncDir("a"))
		require.NoError(t, fsys.SyncAll())
		require.NoError(t, fsys.Rename("a/file", "moved"))
		_, err = fsys.Open("a/file")
		require.ErrorIs(t, err, fs.ErrNotExist)
		names, err := fsys.ReadDir(".")
		require.NoError(t, err)
		slices.Sort(names)
		require.Equal(t, []string{"a", "moved"}, names)
		require.NoError(t, fsys.Remove("moved"), "an open file outlives its name")
		require.Equal(t, "\x00\x00\x00\x00\x00world", readAll(t, f))
		require.NoError(t, f.Truncate(7))
		require.NoError(t, f.Truncate(8))
		require.Equal(t, "\x00\x00\x00\x00\x00wo\x00", readAll(t, f))
		require.NoError(t, f.Close())
		require.NoError(t, fsys.Remove("a"))
		require.ErrorIs(t, fsys.Remove("a"), fs.ErrNotExist)
		space, err := fsys.Space()
		require.NoError(t, err)
		require.Positive(t, space.FreeForNonRoot)
		require.LessOrEqual(t, space.FreeForNonRoot, space.Total)
	})
}

func TestDirectoriesWithContentStay(t *testing.T) {
	both(t, func(t *testing.T, fsys sharefs.FS) {
		require.NoError(t, fsys.Mkdir("a"))
		require.NoError(t, fsys.Mkdir("a/b"))
		require.Error(t, fsys.Remove("a"))
		_, err := fsys.Open("a")
		require.Error(t, err, "a directory is no file")
		_, err = fsys.ReadDir("nowhere")
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

func TestOSDoesNotFollowLinksOut(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.Mkdir(outside, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600))
	dir := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	fsys, err := sharefs.NewOS(dir)
	require.NoError(t, err)
	defer fsys.Close()
	_, err = fsys.Open("link/secret")
	require.Error(t, err)
	_, err = fsys.Create("link/new")
	require.Error(t, err)
	require.Error(t, fsys.Remove("link/secret"))
	_, err = fsys.ReadDir("link")
	require.Error(t, err)
	require.FileExists(t, filepath.Join(outside, "secret"))
}

func TestMemForgetsWhatWasNotSynced(t *testing.T) {
	m := sharefs.NewMem(1 << 20)
	require.NoError(t, m.Mkdir("dir"))
	require.NoError(t, m.SyncDir("."))
	for _, name := range []string{"dir/kept", "dir/unsynced"} {
		f, err := m.Create(name)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte("old"), 0)
		require.NoError(t, err)
		if name == "dir/kept" {
			require.NoError(t, f.Sync())
		}
		_, err = f.WriteAt([]byte("new"), 0)
		require.NoError(t, err)
	}
	require.NoError(t, m.SyncDir("dir"))
	late, err := m.Create("dir/late")
	require.NoError(t, err)
	require.NoError(t, late.Sync())

	after := m.Crash(nil)
	names, err := after.ReadDir("dir")
	require.NoError(t, err)
	slices.Sort(names)
	require.Equal(t, []string{"kept", "unsynced"}, names, "the name of a file is synced with its directory")
	for name, want := range map[string]string{"dir/kept": "old", "dir/unsynced": ""} {
		f, err := after.Open(name)
		require.NoError(t, err)
		require.Equal(t, want, readAll(t, f), name)
	}
	require.Error(t, late.Sync(), "the machine is off")
}

func TestMemInjects(t *testing.T) {
	m := sharefs.NewMem(1 << 20)
	f, err := m.Create("file")
	require.NoError(t, err)
	m.OnCall(func(c sharefs.Call) sharefs.Fault {
		if c.Op == "write" {
			return sharefs.Fault{Err: sharefs.ErrFull, Short: 2}
		}
		return sharefs.Fault{}
	})
	n, err := f.WriteAt([]byte("abcd"), 0)
	require.ErrorIs(t, err, sharefs.ErrFull)
	require.Equal(t, 2, n)
	require.Equal(t, "ab", readAll(t, f))
	m.OnCall(func(sharefs.Call) sharefs.Fault { return sharefs.Fault{Crash: true} })
	require.Error(t, f.Sync())
	m.OnCall(nil)
	require.Error(t, f.Sync())
}

func readAll(t *testing.T, f sharefs.File) string {
	size, err := f.Size()
	require.NoError(t, err)
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if err != nil {
		require.ErrorIs(t, err, io.EOF)
	}
	return string(b[:n])
}
