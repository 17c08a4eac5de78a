package sharestore_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/storagetest"
	"github.com/besn0847/arm-tahoe/storage/sharefs"
	"github.com/besn0847/arm-tahoe/storage/sharestore"
)

// buildDate is when the program under test pretends to be built.
var buildDate = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// config of a store on a file system.
func config(fsys sharefs.FS) sharestore.Config {
	return sharestore.Config{
		FS: fsys, NodeID: storagetest.NodeID, ApplicationVersion: "test/1", BuildDate: buildDate,
		Now: func() time.Time { return buildDate.Add(24 * time.Hour) },
	}
}

// open opens a store and closes it at the end of the test.
func open(t testing.TB, cfg sharestore.Config) *sharestore.Store {
	t.Helper()
	s, err := sharestore.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func disk(t testing.TB, dir string) sharefs.FS {
	t.Helper()
	fsys, err := sharefs.NewOS(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, fsys.Close()) })
	return fsys
}

// shrunk is a disk with another amount of space.
type shrunk struct {
	sharefs.FS
	space int64
}

func (s shrunk) Space() (sharefs.Space, error) {
	return sharefs.Space{Total: s.space, FreeForRoot: s.space, FreeForNonRoot: s.space}, nil
}

func TestSuiteInMemory(t *testing.T) {
	storagetest.Run(t, storagetest.Suite{New: func(t *testing.T, s storagetest.Setup) grid.StorageServer {
		space := s.Space
		if space == 0 {
			space = 1 << 40
		}
		cfg := config(sharefs.NewMem(space))
		cfg.ReadOnly, cfg.NodeID = s.ReadOnly, s.NodeID
		return open(t, cfg)
	}})
}

func TestSuiteOnDisk(t *testing.T) {
	storagetest.Run(t, storagetest.Suite{New: func(t *testing.T, s storagetest.Setup) grid.StorageServer {
		dir := t.TempDir()
		cfg := config(disk(t, filepath.Join(dir, "storage")))
		if s.Space > 0 {
			cfg.FS = shrunk{cfg.FS, s.Space}
		}
		cfg.ReadOnly, cfg.NodeID = s.ReadOnly, s.NodeID
		cfg.IndexPath = filepath.Join(dir, "index")
		return open(t, cfg)
	}})
}

// files returns all files below dir by their paths in it.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(name)] = string(content)
		return err
	}))
	return found
}
