package dirnode

import (
	"errors"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// Link attaches a child under a name (Adder).
type Link struct {
	Name  string
	Child uri.Child
	// Metadata replace those the name had before; nil keeps them.
	Metadata  *dirformat.Metadata
	Overwrite dirformat.Overwrite
}

func (l Link) apply(e *Edit, t *dirformat.Table) error {
	name, err := dirformat.Normalize(l.Name)
	if err != nil {
		return err
	}
	if e.madeBefore(t, name) {
		return nil
	}
	if err := t.Link(name, l.Child, l.Metadata, e.At, l.Overwrite); err != nil {
		return err
	}
	e.remember(t, name)
	e.result.Changed = true
	return nil
}

// SetChildren attaches several children, all or none of them (set_children).
type SetChildren []Link

func (s SetChildren) apply(e *Edit, t *dirformat.Table) error {
	trial := t.Clone()
	for _, l := range s {
		if err := l.apply(e, trial); err != nil {
			return err
		}
	}
	for _, l := range s {
		if err := l.copy(trial, t); err != nil {
			return err
		}
	}
	return nil
}

// copy puts what the name has in one table into another.
func (l Link) copy(from, to *dirformat.Table) error {
	entry, err := from.Get(l.Name)
	if err != nil {
		return err
	}
	return to.Put(entry.Name(), entry.Child(), entry.Metadata())
}

// Unlink removes the child of a name (Deleter).
type Unlink struct {
	Name string
	// MayBeMissing says that no child of the name is no error.
	MayBeMissing bool
	// MustBeFile and MustBeDirectory refuse children of the other kind.
	// Unknown children can be removed in any case.
	MustBeFile, MustBeDirectory bool
	// Only, if not nil, is the entry that may be removed; another one stays, and
	// this is no error. A move removes its source so.
	Only *dirformat.Entry
}

func (u Unlink) apply(e *Edit, t *dirformat.Table) error {
	entry, err := t.Get(u.Name)
	var missing *dirformat.NotFoundError
	if errors.As(err, &missing) && (u.MayBeMissing || u.Only != nil || e.tried) {
		return e.wasRemoved(missing.Name)
	}
	if err != nil {
		return err
	}
	if before, ok := e.found[entry.Name()]; e.tried && ok && !entry.Same(before) {
		return e.wasRemoved(entry.Name())
	}
	if u.Only != nil && !entry.Same(*u.Only) {
		return nil
	}
	if err := u.checkType(entry); err != nil {
		return err
	}
	if _, err := t.Remove(entry.Name()); err != nil {
		return err
	}
	e.removed(entry)
	return nil
}

// wasRemoved is the result if the name has gone, or stands for something else
// than what was to be removed.
func (e *Edit) wasRemoved(name string) error {
	e.result.Old = e.found[name]
	return nil
}

func (u Unlink) checkType(entry dirformat.Entry) error {
	_, known := entry.Child().Known()
	if known && u.MustBeDirectory && !entry.IsDirectory() {
		return &WrongTypeError{Name: entry.Name(), Directory: true}
	}
	if known && u.MustBeFile && entry.IsDirectory() {
		return &WrongTypeError{Name: entry.Name()}
	}
	return nil
}

// A WrongTypeError says that a child is not what it must be (ChildOfWrongTypeError).
type WrongTypeError struct {
	Name string
	// Directory says that a directory was required, otherwise a file.
	Directory bool
}

// Error is 1.20's text with the name.
func (e *WrongTypeError) Error() string {
	if e.Directory {
		return fmt.Sprintf("child %q: a directory is required, not a file", e.Name)
	}
	return fmt.Sprintf("child %q: a file is required, not a directory", e.Name)
}

// Rename gives a child another name in the same directory (move_child_to). Its
// metadata go with it. To rename a child to its own name does nothing, whether it
// exists or not.
type Rename struct {
	From, To  string
	Overwrite dirformat.Overwrite
}

func (r Rename) apply(e *Edit, t *dirformat.Table) error {
	from, err := dirformat.Normalize(r.From)
	if err != nil {
		return err
	}
	to, err := dirformat.Normalize(r.To)
	if err != nil || from == to {
		return err
	}
	entry, err := t.Get(from)
	if err != nil {
		if e.madeBefore(t, to) {
			e.result.Old = e.found[from]
			return nil
		}
		return err
	}
	if err := entry.Err(); err != nil {
		return err
	}
	metadata := entry.Metadata()
	if err := t.Link(to, entry.Child(), &metadata, e.At, r.Overwrite); err != nil {
		return err
	}
	if _, err := t.Remove(from); err != nil {
		return err
	}
	e.remember(t, to)
	e.removed(entry)
	return nil
}

// SetMetadata gives a child new metadata (MetadataSetter).
type SetMetadata struct {
	Name     string
	Metadata dirformat.Metadata
}

func (s SetMetadata) apply(e *Edit, t *dirformat.Table) error {
	name, err := dirformat.Normalize(s.Name)
	if err != nil {
		return err
	}
	if e.madeBefore(t, name) {
		return nil
	}
	if err := t.SetMetadata(name, s.Metadata, e.At); err != nil {
		return err
	}
	e.remember(t, name)
	e.result.Changed = true
	return nil
}

// names returns the names that an operation may change, as they were given.
func names(o Operation) []string {
	switch o := o.(type) {
	case Link:
		return []string{o.Name}
	case SetChildren:
		all := make([]string, len(o))
		for i, l := range o {
			all[i] = l.Name
		}
		return all
	case Unlink:
		return []string{o.Name}
	case Rename:
		return []string{o.From, o.To}
	case SetMetadata:
		return []string{o.Name}
	}
	return nil
}
