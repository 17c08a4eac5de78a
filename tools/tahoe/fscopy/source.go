package fscopy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/besn0847/arm-tahoe/tools/tahoe/fscmd"
	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// source is an argument to copy from: a file or a directory.
type source struct {
	named     bool // false for a cap without a path
	file      *file
	directory *directory
}

// file is a file to copy, here or in the grid.
type file struct {
	name string
	path string // of this machine, or empty
	node gateway.Node
	size int64 // in bytes; 0 if not known
}

// directory is one to copy, with what is in it once it was scanned.
type directory struct {
	name        string
	path        string // of this machine, or empty
	node        gateway.Node
	info        fs.FileInfo // of path, to find it again
	parent      *directory
	depth       int
	entries     []entry // of a directory of the grid before it was scanned
	directories []*directory
	files       []*file
	listed      bool // entries were read
}

// entry is a line of a directory of the grid.
type entry struct {
	name string
	node gateway.Node
}

func missingSource(spec string) error {
	return failed("No such file or directory " + pyquote.Path(spec))
}

func fileWithSlash(spec string) error {
	return failed("source '" + pyquote.Path(spec) + "' is not a directory, but ends with a slash")
}

// source is tahoe_cp.py get_source_info.
func (c *copier) source(ctx context.Context, spec string) (source, error) {
	location, err := c.aliases.Resolve(spec, true)
	if err != nil {
		return source{}, err
	}
	if location.Local {
		return localSource(spec, location.Path)
	}
	return c.gridSource(ctx, spec, location)
}

func localSource(spec, path string) (source, error) {
	absolute, err := fscmd.Absolute(path)
	if err != nil {
		return source{}, err
	}
	name := filepath.Base(absolute)
	info, err := os.Stat(absolute)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNotDirectory):
		return source{}, missingSource(spec)
	case err != nil:
		return source{}, err
	case info.IsDir():
		return source{named: true, directory: &directory{name: name, path: absolute, info: info}}, nil
	case strings.HasSuffix(path, "/"):
		return source{}, fileWithSlash(spec)
	case !info.Mode().IsRegular():
		return source{}, failed("source '" + pyquote.Path(absolute) + "' is neither a file nor a directory, I can't handle it")
	}
	return source{named: true, file: &file{name: name, path: absolute, size: info.Size()}}, nil
}

func (c *copier) gridSource(ctx context.Context, spec string, l fscmd.Location) (source, error) {
	path := strings.TrimSuffix(l.Path, "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	answer := c.gateway.Do(ctx, "GET", gateway.At(l.Root, path).Query("t=json"), gateway.Body{})
	defer answer.Close()
	switch answer.Status {
	case 200:
	case 404:
		return source{}, missingSource(spec)
	default:
		return source{}, refused("Error examining source "+pyquote.Path(spec), answer)
	}
	node, entries, err := c.readEntries(answer)
	switch {
	case err != nil:
		return source{}, err
	case node.Type == gateway.Directory:
		return source{named: l.Path != "", directory: &directory{name: name, node: node, entries: entries, listed: true}}, nil
	case strings.HasSuffix(l.Path, "/"):
		return source{}, fileWithSlash(spec)
	case node.Type != gateway.File || node.Read.IsZero():
		return source{}, errUnknown
	}
	return source{named: l.Path != "", file: &file{name: name, node: node, size: node.Bytes()}}, nil
}

var errUnknown error = failed("Cannot copy unknown nodes (ticket #839). You probably need to use a later version of Tahoe-LAFS to copy this directory.")

// readEntries reads a description, with the entries if it is of a directory.
func (c *copier) readEntries(answer *gateway.Answer) (node gateway.Node, entries []entry, err error) {
	node, err = gateway.ReadNode(answer.Body, func(name string, n gateway.Node) error {
		entries = append(entries, entry{name, n})
		return c.count(1)
	})
	return node, entries, err
}

// list reads a directory of the grid.
func (c *copier) list(ctx context.Context, node gateway.Node, doing string) ([]entry, error) {
	if node.Best().IsZero() {
		return nil, errUnknown
	}
	answer := c.gateway.Do(ctx, "GET", gateway.At(node.Best(), "").Query("t=json"), gateway.Body{})
	defer answer.Close()
	if answer.Status != 200 {
		return nil, refused(doing, answer)
	}
	found, entries, err := c.readEntries(answer)
	if err == nil && found.Type != gateway.Directory {
		err = fmt.Errorf("the gateway says that a directory is none any more")
	}
	return entries, err
}
