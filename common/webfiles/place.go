package webfiles

import (
	"errors"
	"net/http"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/common/webapi"
)

// place is where a path leads to.
type place struct {
	// found says that something is there, child what.
	found bool
	child uri.Child
	// parent and name are where it is, or would be. Without inDirectory the place
	// is the beginning of the path.
	inDirectory bool
	parent      uri.Directory
	name        string
	metadata    dirformat.Metadata
}

// directory returns the cap of a directory, if that is what is there.
func (p place) directory() (uri.Directory, bool) {
	known, _ := p.child.Known()
	dir, ok := known.(uri.Directory)
	return dir, ok && p.found
}

// file returns the cap of a file, if that is what is there.
func (p place) file() (uri.Cap, bool) {
	known, ok := p.child.Known()
	if !ok || !p.found {
		return nil, false
	}
	_, isDir := known.(uri.Directory)
	return known, !isDir
}

// cap is the best cap for what is there.
func (p place) cap() string {
	if text := p.child.WriteText(); text != "" {
		return text
	}
	if known, ok := p.child.Known(); ok {
		return known.Text()
	}
	return p.child.ReadText()
}

// missing is the error that nothing is there.
func (p place) missing() error { return &dirformat.NotFoundError{Name: p.name} }

// creates says whether directories on the way are made (common.py
// should_create_intermediate_directories).
func (q *request) creates() bool {
	switch q.t() {
	case "delete", "unlink", "rename", "rename-form", "check", "relink":
		return false
	}
	return q.r.Method == http.MethodPut || q.r.Method == http.MethodPost
}

// walk follows a path from a cap (directory.py getChild). A last name that is not
// there is a place where nothing was found.
func (q *request) walk(capText string, names []string) (place, error) {
	p := place{found: true, child: uri.NewChild(capText, "", false)}
	onlyDirectory := false
	if n := len(names); n > 0 && names[n-1] == "" {
		if names, onlyDirectory = names[:n-1], true; n == 1 {
			return p, q.mayEndInSlash(p)
		}
	}
	if err := webapi.Names(names); err != nil {
		return place{}, err
	}
	for i, name := range names {
		dir, ok := p.directory()
		if !ok {
			return place{}, q.noChildren(p, name)
		}
		var err error
		if p, err = q.step(dir, name, i == len(names)-1 && !onlyDirectory); err != nil {
			return place{}, err
		}
	}
	if onlyDirectory {
		return p, q.mayEndInSlash(p)
	}
	return p, nil
}

// step goes to a child, which may be missing at the end of the path.
func (q *request) step(dir uri.Directory, name string, last bool) (place, error) {
	p := place{inDirectory: true, parent: dir, name: name}
	entry, err := q.Directories.Child(q.ctx, dir, name)
	_, missing := errors.AsType[*dirformat.NotFoundError](err)
	switch {
	case err == nil:
		p.found, p.child, p.metadata = true, entry.Child(), entry.Metadata()
		return p, entry.Err()
	case missing && last:
		return p, nil
	case missing && q.creates():
		made, err := q.intermediate(dir, name)
		p.found, p.child = true, made
		return p, err
	}
	return place{}, err
}

// intermediate makes a directory on the way to something, or takes the one that
// somebody else has made meanwhile.
func (q *request) intermediate(dir uri.Directory, name string) (uri.Child, error) {
	made, err := q.Directories.CreateDirectory(q.ctx, q.MutableLayout, rsakey.PrivateKey{}, nil)
	if err != nil {
		return uri.Child{}, err
	}
	child := uri.ChildOf(made)
	_, err = q.Directories.Do(q.ctx, dir, dirnode.Link{Name: name, Child: child, Overwrite: dirformat.Nothing})
	if _, exists := errors.AsType[*dirformat.ExistsError](err); exists {
		entry, err := q.Directories.Child(q.ctx, dir, name)
		return entry.Child(), err
	}
	return child, err
}

// mayEndInSlash: only a directory's path does.
func (q *request) mayEndInSlash(p place) error {
	if _, isFile := p.file(); isFile {
		return q.noChildren(p, "")
	}
	return nil
}

// noChildren is the error for a path that goes on behind something that is no
// directory.
func (q *request) noChildren(p place, name string) error {
	_, isFile := p.file()
	switch {
	case !isFile:
		return &webapi.Error{Status: http.StatusNotFound, Text: "No Such Resource: what this path leads through is of a type that this node does not know."}
	case q.creates() && p.inDirectory:
		return &webapi.Error{Status: http.StatusConflict, Text: "Unable to create directory '" + p.name + "': a file was in the way"}
	case q.creates():
		return &webapi.Error{Status: http.StatusConflict, Text: "Cannot create directory '" + name + "', because its parent is a file, not a directory"}
	}
	return badRequest("Files have no children named '%s'", name)
}
