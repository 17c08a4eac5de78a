package webfiles

import (
	"errors"
	"net/http"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// newDirectory stores a directory as the arguments say.
func (q *request) newDirectory(children []dirnode.Initial, immutable bool) (uri.Directory, error) {
	if immutable {
		return q.Directories.CreateImmutableDirectory(q.ctx, children)
	}
	layout, err := q.directoryLayout()
	if err != nil {
		return uri.Directory{}, err
	}
	key, err := q.key()
	if err != nil {
		return uri.Directory{}, err
	}
	return q.Directories.CreateDirectory(q.ctx, layout, key, children)
}

// mkdirAt makes a directory where nothing is. If somebody else made one meanwhile,
// that one counts, unless this one has children.
func (q *request) mkdirAt(p place, children []dirnode.Initial, immutable bool) error {
	made, err := q.newDirectory(children, immutable)
	if err != nil {
		return err
	}
	err = q.link(p, uri.ChildOf(made), dirformat.Nothing)
	if _, exists := errors.AsType[*dirformat.ExistsError](err); exists && len(children) == 0 && !immutable {
		if now, err := q.step(p.parent, p.name, true); err == nil {
			if dir, ok := now.directory(); ok {
				return q.done(http.StatusOK, dir.Text())
			}
		}
	}
	if err != nil {
		return err
	}
	return q.done(http.StatusOK, made.Text())
}

// mkdirNamed makes a directory under a name that may be taken (_POST_mkdir).
func (q *request) mkdirNamed(dir uri.Directory, name string) error {
	overwrite := dirformat.Anything
	if replace, err := q.boolean("replace", true); err != nil {
		return err
	} else if !replace {
		overwrite = dirformat.Nothing
	}
	if err := q.mayLink(dir, name, overwrite); err != nil {
		return err
	}
	made, err := q.newDirectory(nil, false)
	if err != nil {
		return err
	}
	if _, err := q.Directories.Do(q.ctx, dir, dirnode.Link{Name: name, Child: uri.ChildOf(made), Overwrite: overwrite}); err != nil {
		return err
	}
	return q.done(http.StatusOK, made.Text())
}

// mkdirFromBody makes a directory of the children in the body, which replaces
// nothing.
func (q *request) mkdirFromBody(p place, immutable bool) error {
	children, err := q.initialChildren()
	if err != nil {
		return err
	}
	if err := q.mayLink(p.parent, p.name, dirformat.Nothing); err != nil {
		return err
	}
	return q.mkdirAt(p, children, immutable)
}

// mayLink notices that a name is taken before there is a directory to be linked.
func (q *request) mayLink(dir uri.Directory, name string, overwrite dirformat.Overwrite) error {
	if overwrite != dirformat.Nothing {
		return nil
	}
	_, err := q.Directories.Child(q.ctx, dir, name)
	if _, missing := errors.AsType[*dirformat.NotFoundError](err); missing {
		return nil
	}
	if err != nil {
		return err
	}
	return &dirformat.ExistsError{Name: name}
}
