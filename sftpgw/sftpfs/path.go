package sftpfs

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// Limits of paths in bytes, those of Linux. Names that are there already may be
// longer than MaxName.
const (
	MaxPath = 4096
	MaxName = 255
)

// place is a path below a root.
type place struct {
	tree Tree
	path []string
}

// key returns what names the place in maps.
func (p place) key() string { return p.tree.ID() + "\x00/" + strings.Join(p.path, "/") }

// splitPath returns the names of an absolute or relative path, with "." and ".."
// resolved.
func splitPath(path string) ([]string, error) {
	switch {
	case len(path) > MaxPath:
		return nil, syscall.ENAMETOOLONG
	case !utf8.ValidString(path) || strings.Contains(path, "\x00"):
		return nil, fmt.Errorf("the name is not UTF-8: %w", syscall.ENOENT)
	}
	var names []string
	for name := range strings.SplitSeq(path, "/") {
		switch name {
		case "", ".":
		case "..":
			names = names[:max(0, len(names)-1)]
		default:
			names = append(names, norm.NFC.String(name))
		}
	}
	return names, nil
}

// resolve finds the place of a path.
func (s *Session) resolve(path string) (place, error) {
	names, err := splitPath(path)
	if err != nil {
		return place{}, err
	}
	if len(names) == 0 || names[0] != "uri" {
		return place{s.root, names}, nil
	}
	if len(names) == 1 {
		return place{}, syscall.ENOENT
	}
	return s.below(secret.NewCapText([]byte(names[1])), names[2:])
}

// below finds a place below a cap.
func (s *Session) below(cap secret.CapText, names []string) (place, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.gateway.config.Timeout)
	defer cancel()
	tree, err := s.gateway.roots.Root(ctx, cap)
	return place{tree, names}, err
}

// resolveNew finds a place where something is to be made.
func (s *Session) resolveNew(path string) (place, error) {
	p, err := s.resolve(path)
	if err == nil && len(p.path) > 0 && len(p.path[len(p.path)-1]) > MaxName {
		err = syscall.ENAMETOOLONG
	}
	return p, err
}
