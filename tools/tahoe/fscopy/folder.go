package fscopy

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// place is where a folder is: a directory here or in the grid.
type place interface {
	// key is what names are compared by: equal ones are one entry.
	key(name string) string
	// child finds or makes a directory in it.
	child(ctx context.Context, name string) (place, error)
	// put copies a file into it.
	put(ctx context.Context, f *file) error
	// finish enters what was put. It is called once, after all files.
	finish(ctx context.Context) error
}

// folder is a directory of the target with the files that go into it.
type folder struct {
	place
	mu      sync.Mutex
	folders map[string]*folder
	names   map[string]bool // of files
	files   []*file
	left    int // files that were not copied yet; under copier.mu
}

func newFolder(p place) *folder {
	return &folder{place: p, folders: map[string]*folder{}, names: map[string]bool{}}
}

// folder returns the folder of a name, which is found or made but once.
func (f *folder) folder(ctx context.Context, name string) (*folder, error) {
	if name == "" || name == "/" {
		return nil, fmt.Errorf("the root directory of this machine has no name to be copied by: copy what is in it")
	}
	name = f.key(name)
	f.mu.Lock()
	defer f.mu.Unlock() // over the request: another call for this name waits for it
	if known := f.folders[name]; known != nil {
		return known, nil
	}
	p, err := f.child(ctx, name)
	if err != nil {
		return nil, err
	}
	f.folders[name] = newFolder(p)
	return f.folders[name], nil
}

// add takes files to copy and says whether all names are new.
func (f *folder) add(files []*file) (unique bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	unique = true
	for _, file := range files {
		name := f.key(file.name)
		unique = unique && !f.names[name]
		f.names[name] = true
	}
	f.files = append(f.files, files...)
	return unique
}

// assignment is the third step.
type assignment struct {
	*copier
	group *errgroup.Group

	mu        sync.Mutex
	folders   []*folder // with files
	known     map[*folder]bool
	collision bool
}

// assign finds a folder for each directory of the sources, and returns those with
// files to copy.
func (c *copier) assign(ctx context.Context, sources []source, root *folder) ([]*folder, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	a := &assignment{copier: c, group: group, known: map[*folder]bool{}}
	files := 0
	for _, s := range sources {
		if s.file != nil {
			files++
		}
	}
	c.say("attaching sources to targets, %d files / %d dirs in root", files, len(sources)-files)
	for _, s := range sources {
		if s.file != nil {
			a.take(root, []*file{s.file})
			continue
		}
		group.Go(func() error { return a.source(ctx, s, root) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	c.say("targets assigned, %d dirs, %d files", len(a.folders), countFiles(a.folders))
	if a.collision {
		return nil, failed("cannot copy multiple files with the same name into the same target directory")
	}
	return a.folders, nil
}

func (a *assignment) source(ctx context.Context, s source, root *folder) (err error) {
	goal := root
	if s.named {
		if goal, err = root.folder(ctx, s.directory.name); err != nil {
			return err
		}
	}
	return a.directory(ctx, s.directory, goal)
}

func (a *assignment) directory(ctx context.Context, d *directory, goal *folder) error {
	a.take(goal, d.files)
	for _, child := range d.directories {
		err := spread(a.group, func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			next, err := goal.folder(ctx, child.name)
			if err != nil {
				return err
			}
			return a.directory(ctx, child, next)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *assignment) take(goal *folder, files []*file) {
	if len(files) == 0 {
		return
	}
	unique := goal.add(files)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.collision = a.collision || !unique
	if !a.known[goal] {
		a.known[goal] = true
		a.folders = append(a.folders, goal)
	}
}

func countFiles(folders []*folder) (count int) {
	for _, f := range folders {
		count += len(f.files)
	}
	return count
}

// clash words that a file and a directory of the target have one name.
func clash(name, there, wanted string) error {
	return fmt.Errorf("in the target, %s is %s: %s cannot take its place; remove or rename one of them", pyquote.Path(name), there, wanted)
}
