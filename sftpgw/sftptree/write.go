package sftptree

import (
	"context"
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfs"
)

// maxUpdates is how many parts of an MDMF file are changed in place, each as a
// version of its own; of more, the file is replaced.
const maxUpdates = 4

// Store implements sftpfs.Tree.
func (t *tree) Store(ctx context.Context, path []string, content sftpfs.Content, exclusive bool) (sftpfs.Entry, error) {
	if len(path) == 0 {
		return describe("", t.cap, true), t.overwrite(ctx, t.cap, content)
	}
	dir, err := t.directory(ctx, path[:len(path)-1])
	if err != nil {
		return sftpfs.Entry{}, err
	}
	name := path[len(path)-1]
	old, exists, err := child(ctx, dir, name)
	if err != nil {
		return sftpfs.Entry{}, err
	}
	cap, known := old.Child().Known()
	switch {
	case exists && exclusive:
		return sftpfs.Entry{}, syscall.EEXIST
	case exists && !known:
		return sftpfs.Entry{}, syscall.EACCES
	case exists && old.IsDirectory():
		return sftpfs.Entry{}, syscall.EISDIR
	case exists && describe(name, cap, false).Mutable:
		err = t.storeMutable(ctx, dir, old, cap, content)
	case !dir.Writable():
		return sftpfs.Entry{}, syscall.EACCES
	default:
		return t.storeImmutable(ctx, dir, name, old.Metadata(), content, exclusive)
	}
	if err != nil {
		return sftpfs.Entry{}, err
	}
	return t.Stat(ctx, path)
}

// storeImmutable uploads a file and links it.
func (t *tree) storeImmutable(ctx context.Context, dir *dirnode.Directory, name string, old dirformat.Metadata, content sftpfs.Content, exclusive bool) (sftpfs.Entry, error) {
	made, _, err := t.client.Upload(ctx, io.NewSectionReader(content, 0, content.Size), content.Size)
	if err != nil {
		return sftpfs.Entry{}, translate(err)
	}
	overwrite := dirformat.OnlyFiles
	if exclusive {
		overwrite = dirformat.Nothing
	}
	metadata := withAttributes(old.Without(mtimeKey), content.Attributes, true)
	entry := describe(name, made, false)
	entry.Modified = time.Now()
	readAttributes(&entry, metadata)
	return entry, translate(dir.Link(ctx, name, uri.ChildOf(made), &metadata, overwrite))
}

// storeMutable changes a mutable file, and its attributes.
func (t *tree) storeMutable(ctx context.Context, dir *dirnode.Directory, old dirformat.Entry, cap uri.Cap, content sftpfs.Content) error {
	if err := t.overwrite(ctx, cap, content); err != nil {
		return err
	}
	if !dir.Writable() {
		return nil
	}
	metadata := withAttributes(old.Metadata().Without(mtimeKey), content.Attributes, false)
	return translate(dir.SetMetadata(ctx, old.Name(), metadata))
}

// overwrite gives a mutable file another content.
func (t *tree) overwrite(ctx context.Context, cap uri.Cap, content sftpfs.Content) error {
	file, ok := cap.(uri.MutableWrite)
	if !ok {
		return syscall.EACCES
	}
	whole := content.Base < 0 || content.Size < content.Base || len(content.Changed) > maxUpdates
	if whole || file.Kind() != uri.KindMDMF {
		return translate(t.client.Overwrite(ctx, cap, io.NewSectionReader(content, 0, content.Size)))
	}
	for _, part := range content.Changed {
		if err := t.client.Update(ctx, cap, part.Offset, io.NewSectionReader(content, part.Offset, part.Size)); err != nil {
			return translate(err)
		}
	}
	return nil
}

// Mkdir implements sftpfs.Tree.
func (t *tree) Mkdir(ctx context.Context, path []string) error {
	dir, name, err := t.parent(ctx, path)
	if err != nil {
		return err
	}
	_, err = dir.Mkdir(ctx, name, t.client.MutableLayout(), nil, nil, dirformat.Nothing)
	return translate(err)
}

// Remove implements sftpfs.Tree. An entry that somebody else has replaced
// meanwhile stays.
func (t *tree) Remove(ctx context.Context, path []string, directory bool) error {
	dir, name, err := t.parent(ctx, path)
	if err != nil {
		return err
	}
	entry, ok, err := child(ctx, dir, name)
	switch {
	case err != nil:
		return err
	case !ok:
		return syscall.ENOENT
	case directory && !entry.IsDirectory():
		return syscall.ENOTDIR
	case !directory && entry.IsDirectory():
		return syscall.EISDIR
	case directory:
		if err := t.mustBeEmpty(ctx, entry); err != nil {
			return err
		}
	}
	_, err = dir.Unlink(ctx, dirnode.Unlink{Name: name, Only: &entry})
	return translate(err)
}

// mustBeEmpty returns ENOTEMPTY for a directory with children.
func (t *tree) mustBeEmpty(ctx context.Context, entry dirformat.Entry) error {
	known, _ := entry.Child().Known()
	cap, ok := known.(uri.Directory)
	if !ok {
		return syscall.ENOTDIR
	}
	listing, err := t.client.List(ctx, cap)
	if err != nil {
		return translate(err)
	}
	if listing.Len() > 0 {
		return syscall.ENOTEMPTY
	}
	return nil
}

// Rename implements sftpfs.Tree. It is one step in one directory; between two the
// entry is linked first and then removed.
func (t *tree) Rename(ctx context.Context, from []string, other sftpfs.Tree, to []string, replace bool) error {
	source, oldName, err := t.parent(ctx, from)
	if err != nil {
		return err
	}
	target, newName, err := other.(*tree).parent(ctx, to)
	if err != nil {
		return err
	}
	moved, ok, err := child(ctx, source, oldName)
	if err != nil {
		return err
	}
	if !ok {
		return syscall.ENOENT
	}
	if t.id == other.(*tree).id && slices.Equal(from, to) {
		return nil
	}
	overwrite, err := t.mayReplace(ctx, moved, target, newName, replace)
	if err != nil {
		return err
	}
	return translate(source.Move(ctx, oldName, target, newName, overwrite))
}

// mayReplace says what a rename may replace, or why it must not.
func (t *tree) mayReplace(ctx context.Context, moved dirformat.Entry, target *dirnode.Directory, name string, replace bool) (dirformat.Overwrite, error) {
	if !replace {
		return dirformat.Nothing, nil
	}
	old, exists, err := child(ctx, target, name)
	switch {
	case err != nil || !exists:
		return dirformat.OnlyFiles, err
	case old.IsDirectory() && !moved.IsDirectory():
		return dirformat.Nothing, syscall.EISDIR
	case !old.IsDirectory() && moved.IsDirectory():
		return dirformat.Nothing, syscall.ENOTDIR
	case old.IsDirectory():
		return dirformat.Anything, t.mustBeEmpty(ctx, old)
	}
	return dirformat.OnlyFiles, nil
}

// Link implements sftpfs.Tree.
func (t *tree) Link(ctx context.Context, from []string, other sftpfs.Tree, to []string) error {
	if len(from) == 0 {
		return fmt.Errorf("a root cannot be linked: %w", syscall.EPERM)
	}
	entry, err := t.entry(ctx, from)
	switch {
	case err != nil:
		return err
	case entry.Err() != nil:
		return syscall.EACCES
	case entry.IsDirectory():
		return syscall.EPERM
	}
	target, name, err := other.(*tree).parent(ctx, to)
	if err != nil {
		return err
	}
	metadata := entry.Metadata()
	return translate(target.Link(ctx, name, entry.Child(), &metadata, dirformat.Nothing))
}

// SetAttributes implements sftpfs.Tree.
func (t *tree) SetAttributes(ctx context.Context, path []string, a sftpfs.Attributes) error {
	dir, name, err := t.parent(ctx, path)
	if err != nil {
		return err
	}
	entry, ok, err := child(ctx, dir, name)
	if err != nil {
		return err
	}
	if !ok {
		return syscall.ENOENT
	}
	cap, known := entry.Child().Known()
	immutableFile := known && !entry.IsDirectory() && !describe(name, cap, false).Mutable
	return translate(dir.SetMetadata(ctx, name, withAttributes(entry.Metadata(), a, immutableFile)))
}
