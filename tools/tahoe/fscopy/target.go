package fscopy

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/tools/tahoe/fscmd"
	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// target is the last argument, as it was found.
type target struct {
	what    targetKind
	path    string         // of this machine, or empty
	object  gateway.Object // in the grid, as it was named
	entry   bool           // object is an entry of a directory, not a cap alone
	node    gateway.Node   // what is there in the grid
	entries []entry        // of a directory of the grid
}

type targetKind int

const (
	targetMissing targetKind = iota
	targetFile
	targetDirectory
)

// isFile says whether the target is a file, or becomes one: if nothing is there
// and one file is copied.
func (t target) isFile(sources []source) bool {
	return t.what == targetFile || t.what == targetMissing && len(sources) == 1 && sources[0].file != nil
}

// target is tahoe_cp.py get_target_info.
func (c *copier) target(ctx context.Context, spec string) (target, error) {
	location, err := c.aliases.Resolve(spec, true)
	if err != nil {
		return target{}, err
	}
	if location.Local {
		return localTarget(location.Path)
	}
	return c.gridTarget(ctx, spec, location)
}

func localTarget(path string) (target, error) {
	absolute, err := fscmd.Absolute(path)
	if err != nil {
		return target{}, err
	}
	t := target{path: absolute}
	info, err := os.Stat(absolute)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNotDirectory):
	case err != nil:
		return target{}, err
	case info.IsDir():
		t.what = targetDirectory
	default:
		t.what = targetFile
	}
	return t, nil
}

func (c *copier) gridTarget(ctx context.Context, spec string, l fscmd.Location) (target, error) {
	t := target{object: gateway.At(l.Root, l.Path), entry: l.Path != ""}
	answer := c.gateway.Do(ctx, "GET", t.object.Query("t=json"), gateway.Body{})
	defer answer.Close()
	switch answer.Status {
	case 200:
	case 404:
		return t, nil
	default:
		return target{}, refused("Error examining target "+pyquote.Path(spec), answer)
	}
	var err error
	t.node, t.entries, err = c.readEntries(answer)
	t.what = targetFile
	if t.node.Type == gateway.Directory {
		t.what = targetDirectory
	}
	return t, err
}

// makeRoot returns the directory that everything is copied into, and makes it if
// it is missing.
func (c *copier) makeRoot(ctx context.Context, t target) (*folder, error) {
	switch {
	case t.path != "":
		return newFolder(&localPlace{c, t.path}), os.MkdirAll(t.path, 0o777)
	case t.what == targetDirectory:
		place := &gridPlace{copier: c, write: t.node.Write, node: t.node}
		return newFolder(place), place.remember(t.entries)
	}
	write, err := c.mkdir(ctx, t.object)
	if err != nil {
		return nil, err
	}
	return newFolder(&gridPlace{copier: c, write: write, known: map[string]gateway.Node{}}), nil
}

// mkdir makes a directory at an entry of another and returns its cap.
func (c *copier) mkdir(ctx context.Context, object gateway.Object) (write secret.CapText, err error) {
	return c.capFrom(c.gateway.Do(ctx, "POST", object.Query("t=mkdir"), gateway.Body{}), "Error during mkdir")
}
