package fscopy

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/besn0847/arm-tahoe/tools/tahoe/fscmd"
	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
)

// counts is what --verbose tells of.
type counts struct{ files, allFiles, folders, allFolders int }

// transfer copies the files of all folders, several at a time. Whoever copies the
// last file of a folder finishes it.
func (c *copier) transfer(ctx context.Context, folders []*folder) error {
	c.counts = counts{allFiles: countFiles(folders), allFolders: len(folders)}
	c.say("starting copy, %d files, %d directories", c.counts.allFiles, c.counts.allFolders)
	for _, to := range folders {
		to.left = len(to.files)
		for _, f := range to.files {
			c.meter.Expect(1, f.size)
		}
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for _, to := range folders {
		for _, f := range to.files {
			if inner.Err() == nil {
				group.Go(func() error { return c.copyTo(inner, to, f) })
			}
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func (c *copier) copyTo(ctx context.Context, to *folder, f *file) error {
	if err := to.put(ctx, f); err != nil {
		return err
	}
	c.meter.FileDone()
	if !c.fileDone(to) {
		return nil
	}
	if err := to.finish(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.folders++
	c.say("%d/%d directories", c.counts.folders, c.counts.allFolders)
	return nil
}

// fileDone counts a file and says whether it was the last one of its folder.
func (c *copier) fileDone(to *folder) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := &c.counts
	n.files++
	c.say("%d/%d files, %d/%d directories", n.files, n.allFiles, n.folders, n.allFolders)
	to.left--
	return to.left == 0
}

// copyFile copies one file to a name (tahoe_cp.py copy_file_to_file).
func (c *copier) copyFile(ctx context.Context, f *file, t target) error {
	c.meter.Expect(1, f.size)
	var err error
	switch {
	case t.path != "":
		err = c.toPath(ctx, f, t.path)
	case c.linkable(f) && t.entry && !t.node.Mutable:
		_, err = c.capFrom(c.gateway.Do(ctx, "PUT", t.object.Query("t=uri"), gateway.Text(f.node.Read.RevealString())), "Error during PUT")
	default:
		_, err = c.store(ctx, f, t.object)
	}
	if err != nil {
		return err
	}
	return c.success("file copied")
}

// open opens what is in a file, here or in the grid. The caller must call the
// function when it is done.
func (c *copier) open(ctx context.Context, f *file) (body gateway.Body, done func(), err error) {
	switch {
	case f.path != "":
		body, done, err = fscmd.OpenFile(f.path)
	case c.CapsOnly:
		body, done = gateway.Text(f.node.Read.RevealString()), func() {}
	default:
		answer := c.gateway.Do(ctx, "GET", gateway.At(f.node.Read, ""), gateway.Body{})
		if answer.Status != 200 {
			defer answer.Close()
			return body, nil, refused("Error during GET", answer)
		}
		body, done = gateway.Body{Reader: answer.Body, Size: answer.Size}, answer.Close
	}
	if err == nil {
		body.Reader = c.meter.Reader(body.Reader)
	}
	return body, done, err
}
