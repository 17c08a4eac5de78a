package fscmd

import (
	"os"
	"path/filepath"
	"strings"
)

// ExpandHome puts the home directory in the place of a ~ at the beginning. Those
// of other users are not known.
func ExpandHome(path string) string {
	if path != "~" && !strings.HasPrefix(path, "~/") {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	return filepath.Join(home, path[1:])
}

// Absolute makes a path of this machine absolute, without a slash at the end
// (util/fileutil.py abspath_expanduser_unicode).
func Absolute(path string) (string, error) { return filepath.Abs(ExpandHome(path)) }
