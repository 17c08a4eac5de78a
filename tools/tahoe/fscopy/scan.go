package fscopy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// errNotDirectory is what the system says of a path through a file.
var errNotDirectory error = syscall.ENOTDIR

// scan reads all directories of the sources.
func (c *copier) scan(ctx context.Context, sources []source) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for _, s := range sources {
		if s.directory != nil {
			group.Go(func() error { return c.scanDirectory(ctx, group, s.directory) })
		}
	}
	return group.Wait()
}

// spread runs f in the group if there is room, and otherwise here: what runs in
// the group and spreads work itself never waits for room.
func spread(group *errgroup.Group, f func() error) error {
	if group.TryGo(f) {
		return nil
	}
	return f()
}

func (c *copier) scanDirectory(ctx context.Context, group *errgroup.Group, d *directory) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.depth > maxDepth {
		return fmt.Errorf("there are more than %d directories within one another", maxDepth)
	}
	read := c.scanGrid
	if d.path != "" {
		read = c.scanLocal
	}
	if err := read(ctx, d); err != nil {
		return err
	}
	for _, child := range d.directories {
		if err := spread(group, func() error { return c.scanDirectory(ctx, group, child) }); err != nil {
			return err
		}
	}
	return nil
}

// scanLocal follows symbolic links, and passes over what is neither file nor
// directory.
func (c *copier) scanLocal(_ context.Context, d *directory) error {
	names, err := readNames(d.path)
	if err != nil {
		return err
	}
	if err := c.count(len(names)); err != nil {
		return err
	}
	for i, name := range names {
		c.say("examining %d of %d", i+1, len(names))
		path := filepath.Join(d.path, name)
		info, err := os.Stat(path)
		switch {
		case err != nil: // such as a symbolic link to nothing
		case info.IsDir():
			child := &directory{name: name, path: path, info: info, parent: d, depth: d.depth + 1}
			if child.within(func(a *directory) bool { return a.info != nil && os.SameFile(a.info, info) }) {
				return fmt.Errorf("the directory %s contains itself, by a symbolic link: remove that, or copy the parts", pyquote.Path(path))
			}
			d.directories = append(d.directories, child)
		case info.Mode().IsRegular():
			d.files = append(d.files, &file{name: name, path: path, size: info.Size()})
		}
	}
	return nil
}

func readNames(path string) ([]string, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(maxEntries + 1)
	if errors.Is(err, io.EOF) { // there are none
		err = nil
	}
	return names, errors.Join(err, dir.Close())
}

func (c *copier) scanGrid(ctx context.Context, d *directory) error {
	if !d.listed {
		entries, err := c.list(ctx, d.node, "Error examining source directory")
		if err != nil {
			return err
		}
		d.entries = entries
	}
	for i, e := range d.entries {
		c.say("examining %d of %d", i+1, len(d.entries))
		if err := d.add(e); err != nil {
			return err
		}
	}
	d.entries = nil
	return nil
}

// add sorts an entry of a directory of the grid into files and directories.
func (d *directory) add(e entry) error {
	switch {
	case e.node.Type == gateway.File && !e.node.Read.IsZero():
		d.files = append(d.files, &file{name: e.name, node: e.node, size: e.node.Bytes()})
	case e.node.Type == gateway.Directory:
		child := &directory{name: e.name, node: e.node, parent: d, depth: d.depth + 1}
		if child.within(func(a *directory) bool { return sameCap(a.node.Read, e.node.Read) }) {
			return fmt.Errorf("the directory %s contains itself: copy the parts", pyquote.Path(e.name))
		}
		d.directories = append(d.directories, child)
	default:
		return errUnknown
	}
	return nil
}

func sameCap(a, b secret.CapText) bool { return !a.IsZero() && !b.IsZero() && a.Equal(b) }

// within asks about every directory that this one is in.
func (d *directory) within(is func(*directory) bool) bool {
	for a := d.parent; a != nil; a = a.parent {
		if is(a) {
			return true
		}
	}
	return false
}
