package interop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Environment variables, described in the package comment.
const (
	envRoot  = "ARM_TAHOE_INTEROP_ROOT"
	envCache = "ARM_TAHOE_CACHE"
	envMode  = "ARM_TAHOE_INTEROP"
)

// What make-root leaves in a whole root. The recipe's number is the script's.
const (
	markerName   = ".arm-tahoe-root"
	markerText   = "complete recipe 1\n"
	howToMake    = "make the root with: sudo tools/interop/make-root"
	rootDirName  = "tahoe-root"
	cacheDirName = "arm-tahoe" // below the user's cache directory
)

// Root is a root with Tahoe-LAFS for the time of one test. Its methods are safe
// for concurrent use once Share has been called for the last time, but those
// that take a testing.TB belong in the test's goroutine.
type Root struct {
	// Path is the directory of the root itself. Tests leave it as it is.
	Path string
	// Dir is the test's temporary directory, absolute and free of symbolic
	// links; programs in the root see it at the same path. Base directories of
	// nodes are made in it.
	Dir string

	shared   []string
	numNodes int

	buildMu sync.Mutex
	built   map[string]string // our programs by name; guarded by buildMu
}

// Require returns the root for the time of t. Where the root cannot be used, it
// skips t, or fails it if ARM_TAHOE_INTEROP=required, with one line that says why
// and what to do.
func Require(t testing.TB) *Root {
	t.Helper()
	if os.Getenv(envMode) == "off" {
		t.Skip("interop: " + envMode + "=off")
	}
	root, err := Open(t.TempDir())
	if err != nil {
		refuse(t, err)
	}
	return root
}

func refuse(t testing.TB, err error) {
	t.Helper()
	if os.Getenv(envMode) == "required" {
		t.Fatalf("interop: %v (%s=required)", err, envMode)
	}
	t.Skipf("interop: %v", err)
}

// Open returns the root for a program that is not a test, such as a benchmark:
// dir stands for the test's temporary directory and stays the caller's to remove.
// Only Command is of use then. Open checks everything a program in the root needs,
// by running one; the error says what to do.
func Open(dir string) (*Root, error) {
	path, err := findRoot()
	if err != nil {
		return nil, err
	}
	dir, err = resolve(dir)
	if err != nil {
		return nil, err
	}
	root := &Root{Path: path, Dir: dir, shared: []string{dir}}
	if err := root.probe(); err != nil {
		return nil, err
	}
	return root, nil
}

func (r *Root) probe() error {
	if os.Geteuid() != 0 {
		return errors.New("changing root needs root rights: run go test as root")
	}
	for _, dir := range r.shared {
		if err := checkShared(dir); err != nil {
			return err
		}
	}
	out, err := r.Command(context.Background(), "true").CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		return errors.New("no right to mount: run go test on the machine itself or in a privileged container")
	}
	if err != nil {
		return fmt.Errorf("cannot run programs in %s: %w: %s", r.Path, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Share makes dir, a directory outside Dir, visible to programs in the root, for
// a base directory or files that another program made. It returns the path at
// which they see it: dir, absolute and free of symbolic links. Share holds for
// programs started afterwards.
func (r *Root) Share(t testing.TB, dir string) string {
	t.Helper()
	path, err := resolve(dir)
	if err == nil {
		err = checkShared(path)
	}
	if err != nil {
		t.Fatalf("interop: share %s: %v", dir, err)
	}
	r.shared = append(r.shared, path)
	return path
}

func resolve(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir, err
	}
	return filepath.EvalSymlinks(abs)
}

// checkShared refuses directories that cannot be shown in the root without
// hiding what its programs need: see topOf.
func checkShared(dir string) error {
	switch topOf(dir) {
	case "/", "/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr":
		return fmt.Errorf("directory %s cannot be shown in the root: set TMPDIR to one elsewhere, such as /tmp", dir)
	}
	return nil
}

// findRoot returns the absolute path of a whole root of the present recipe.
func findRoot() (string, error) {
	path, err := rootPath()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(path, markerName))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("no Tahoe-LAFS in %s: %s", path, howToMake)
	}
	if err != nil {
		return "", err
	}
	if string(text) != markerText {
		return "", fmt.Errorf("the root %s is of another recipe: %s", path, howToMake)
	}
	return filepath.EvalSymlinks(path)
}

func rootPath() (string, error) {
	if path := os.Getenv(envRoot); path != "" {
		return filepath.Abs(path)
	}
	if cache := os.Getenv(envCache); cache != "" {
		return filepath.Abs(filepath.Join(cache, rootDirName))
	}
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, cacheDirName, rootDirName), err
}
