package fscopy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// localPlace is a directory of this machine.
type localPlace struct {
	copier *copier
	path   string
}

// checkName refuses names that would lead elsewhere. Whoever wrote the directory
// in the grid has chosen them.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("the name %s cannot be that of a file on this machine: rename it in the grid (tahoe mv)", pyquote.Path(name))
	}
	return nil
}

func (p *localPlace) key(name string) string { return name }

func (p *localPlace) child(_ context.Context, name string) (place, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	path := filepath.Join(p.path, name)
	err := os.Mkdir(path, 0o777)
	if errors.Is(err, fs.ErrExist) {
		info, statErr := os.Stat(path)
		if err = statErr; err == nil && !info.IsDir() {
			err = clash(path, "a file", "a directory")
		}
	}
	return &localPlace{p.copier, path}, err
}

func (p *localPlace) put(ctx context.Context, f *file) error {
	if err := checkName(f.name); err != nil {
		return err
	}
	return p.copier.toPath(ctx, f, filepath.Join(p.path, f.name))
}

func (p *localPlace) finish(context.Context) error { return nil }

// toPath writes a file to a path of this machine, over what is there, which is
// touched only when the source can be read.
func (c *copier) toPath(ctx context.Context, f *file, path string) error {
	if info, err := os.Stat(path); err == nil {
		switch {
		case info.IsDir():
			return clash(path, "a directory", "a file")
		case f.isPath(info):
			return fmt.Errorf("source and target are the same file %s", pyquote.Path(path))
		}
	}
	body, done, err := c.open(ctx, f)
	if err != nil {
		return err
	}
	defer done()
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(onlyWriter{out}, body.Reader, make([]byte, copyBuffer))
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("%w\nthe file %s is not whole: copy it again, or remove it", err, pyquote.Path(path))
	}
	return nil
}

// isPath says whether it is the file with this description.
func (f *file) isPath(info fs.FileInfo) bool {
	if f.path == "" {
		return false
	}
	own, err := os.Stat(f.path)
	return err == nil && os.SameFile(own, info)
}

// onlyWriter keeps io.CopyBuffer to its buffer.
type onlyWriter struct{ io.Writer }
