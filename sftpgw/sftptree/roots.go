package sftptree

import (
	"context"
	"crypto/sha256"
	"fmt"
	"syscall"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/gridclient"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfs"
)

// Roots gives the trees of a grid; it implements sftpfs.Roots. Safe for concurrent
// use.
type Roots struct {
	client *gridclient.Client
	params grid.Params
}

// New returns the trees of a grid, on which files are stored with params.
func New(client *gridclient.Client, params grid.Params) *Roots { return &Roots{client, params} }

// Root implements sftpfs.Roots. It asks no server.
func (r *Roots) Root(_ context.Context, cap secret.CapText) (sftpfs.Tree, error) {
	parsed, err := uri.Parse(cap.RevealString())
	if err != nil {
		return nil, syscall.ENOENT // the error says no more of use, and the path is a secret
	}
	return &tree{roots: r, client: r.client, cap: parsed, id: sha256.Sum256([]byte(parsed.Text()))}, nil
}

// tree is what a cap leads to.
type tree struct {
	roots  *Roots
	client *gridclient.Client
	cap    uri.Cap
	id     [sha256.Size]byte
}

// ID is a hash of the cap.
func (t *tree) ID() string { return string(t.id[:]) }

// directory opens the directory at a path.
func (t *tree) directory(ctx context.Context, path []string) (*dirnode.Directory, error) {
	cap := t.cap
	if len(path) > 0 {
		entry, err := t.entry(ctx, path)
		if err != nil {
			return nil, err
		}
		known, ok := entry.Child().Known()
		if !ok {
			return nil, syscall.ENOTDIR
		}
		cap = known
	}
	dir, ok := cap.(uri.Directory)
	if !ok {
		return nil, syscall.ENOTDIR
	}
	opened, err := t.client.Directory(dir)
	return opened, translate(err)
}

// entry returns the entry at a path that is not empty.
func (t *tree) entry(ctx context.Context, path []string) (dirformat.Entry, error) {
	root, err := t.directory(ctx, nil)
	if err != nil {
		return dirformat.Entry{}, err
	}
	entry, err := root.Walk(ctx, path...)
	return entry, translate(err)
}

// parent opens the directory above a path, which is to be changed.
func (t *tree) parent(ctx context.Context, path []string) (dir *dirnode.Directory, name string, err error) {
	if len(path) == 0 {
		return nil, "", fmt.Errorf("it has no directory above it: %w", syscall.EACCES)
	}
	dir, err = t.directory(ctx, path[:len(path)-1])
	if err == nil && !dir.Writable() {
		err = syscall.EACCES
	}
	return dir, path[len(path)-1], err
}

// child returns the entry of a name, and whether there is one.
func child(ctx context.Context, dir *dirnode.Directory, name string) (entry dirformat.Entry, ok bool, err error) {
	entry, err = dir.Get(ctx, name)
	if is[*dirformat.NotFoundError](err) {
		return entry, false, nil
	}
	return entry, err == nil, translate(err)
}

// Space sums up what servers that accept shares report, in the bytes of files
// that fit. Nobody knows how much there was, so it is all free.
func (t *tree) Space(context.Context) (sftpfs.Space, error) {
	var free int64
	for _, s := range t.client.Status() {
		if s.Connected && s.UploadPermitted && s.Version.AvailableSpace > 0 {
			free += s.Version.AvailableSpace / int64(t.roots.params.N) * int64(t.roots.params.K)
		}
	}
	return sftpfs.Space{Total: free, Free: free}, nil
}
