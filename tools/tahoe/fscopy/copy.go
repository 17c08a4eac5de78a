package fscopy

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/besn0847/arm-tahoe/tools/tahoe/fscmd"
	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
	"github.com/besn0847/arm-tahoe/tools/tahoe/progress"
	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

const (
	// workers bounds the requests and copies side by side. A Pi has four cores,
	// which the gateway uses; more only takes memory there.
	workers = 4
	// maxEntries bounds the files and directories of one copy: what is kept of
	// each takes some 300 bytes.
	maxEntries = 1 << 20
	// maxDepth bounds directories within directories.
	maxDepth = 1000
	// copyBuffer is the size of the pieces that files are copied in, in bytes.
	copyBuffer = 256 << 10
)

// Options are those of cp.
type Options struct {
	Recursive, Verbose bool
	// CapsOnly stores the read caps of files in the grid instead of what they
	// hold.
	CapsOnly bool
}

// copier is one call of cp.
type copier struct {
	Options
	gateway        *gateway.Client
	aliases        *fscmd.Aliases
	stdout, stderr io.Writer
	quiet          bool
	meter          *progress.Meter

	sayMu   sync.Mutex // for stderr; taken last
	mu      sync.Mutex
	entries int // found so far, bounded by maxEntries
	counts  counts
}

// Copy copies sources to the target, which are arguments of cp.
func Copy(ctx context.Context, s *fscmd.Session, sources []string, target string, o Options) error {
	c := &copier{
		Options: o, gateway: s.Gateway, aliases: s.Aliases, stdout: s.Stdout, stderr: s.Stderr, quiet: s.Quiet, meter: s.Meter,
	}
	err := c.copy(ctx, sources, target)
	c.meter.Stop()
	return err
}

func failed(text string) error { return &fscmd.Failure{Text: text, Code: 1} }

func refused(doing string, answer *gateway.Answer) error { return failed(answer.Complaint(doing)) }

// copy is tahoe_cp.py Copier.try_copy.
func (c *copier) copy(ctx context.Context, specs []string, targetSpec string) error {
	target, err := c.target(ctx, targetSpec)
	if err != nil {
		return err
	}
	var sources []source
	for _, spec := range specs {
		s, err := c.source(ctx, spec)
		if err != nil {
			return err
		}
		sources = append(sources, s)
	}
	if err := c.check(sources, target, targetSpec); err != nil {
		return err
	}
	if target.isFile(sources) {
		return c.copyFile(ctx, sources[0].file, target)
	}
	for _, s := range sources {
		if s.file != nil && !s.named {
			return failed("when copying into a directory, all source files must have names, but " + pyquote.Path(specs[0]) + " is unnamed")
		}
	}
	return c.copyInto(ctx, sources, target)
}

// check refuses what does not fit together.
func (c *copier) check(sources []source, target target, targetSpec string) error {
	directories := 0
	for _, s := range sources {
		if s.directory != nil {
			directories++
		}
	}
	toFile := target.isFile(sources)
	switch {
	case directories > 0 && !c.Recursive:
		return failed("cannot copy directories without --recursive")
	case toFile && strings.HasSuffix(targetSpec, "/"):
		return failed("target is not a directory, but ends with a slash")
	case toFile && len(sources) > 1:
		return failed("copying multiple things requires target be a directory")
	case toFile && directories > 0:
		return failed("cannot copy directory into a file")
	}
	return nil
}

// copyInto copies sources into a directory.
func (c *copier) copyInto(ctx context.Context, sources []source, target target) error {
	root, err := c.makeRoot(ctx, target)
	if err != nil {
		return err
	}
	if err := c.scan(ctx, sources); err != nil {
		return err
	}
	folders, err := c.assign(ctx, sources, root)
	if err != nil {
		return err
	}
	if err := c.transfer(ctx, folders); err != nil {
		return err
	}
	return c.success("files copied")
}

func (c *copier) success(what string) error {
	if c.quiet {
		return nil
	}
	c.meter.Stop()
	_, err := fmt.Fprintf(c.stdout, "Success: %s\n", what)
	return err
}

// say shows what --verbose shows.
func (c *copier) say(format string, args ...any) {
	if c.Verbose && !c.quiet {
		c.sayMu.Lock()
		defer c.sayMu.Unlock()
		fmt.Fprintf(c.stderr, format+"\n", args...)
	}
}

// count takes room for n more entries.
func (c *copier) count(n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries += n; c.entries > maxEntries {
		return fmt.Errorf("there are more than %d files and directories: copy the directories in it one by one", maxEntries)
	}
	return nil
}
