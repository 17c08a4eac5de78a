package sftpfs

import (
	"fmt"
	"slices"
	"syscall"
)

// lockBoth locks the change of up to two nodes, which may be nil or the same, in
// the order of their ids, and returns how to unlock.
func lockBoth(a, b *node) (unlock func()) {
	nodes := slices.DeleteFunc([]*node{a, b}, func(n *node) bool { return n == nil })
	slices.SortFunc(nodes, func(x, y *node) int {
		if x.id < y.id {
			return -1
		}
		return 1
	})
	nodes = slices.Compact(nodes)
	for _, n := range nodes {
		n.change.Lock()
	}
	return func() {
		for _, n := range nodes {
			n.change.Unlock()
		}
	}
}

// vanish makes a node that of a file that is no more.
func (n *node) vanish() {
	n.mu.Lock()
	n.gone = true
	n.mu.Unlock()
	n.gateway.forget(n)
}

// rename moves a file or directory; with replace, onto one that exists.
func (s *Session) rename(from, to string, replace bool) error {
	source, err := s.resolve(from)
	if err != nil {
		return err
	}
	target, err := s.resolveNew(to)
	if err != nil {
		return err
	}
	if err := checkRename(source, target); err != nil {
		return err
	}
	g := s.gateway
	one, two := g.find(source), g.find(target)
	for _, n := range []*node{one, two} {
		if n != nil {
			defer g.release(n)
		}
	}
	defer lockBoth(one, two)()
	if two != nil && two.present() && one != two && !replace {
		return syscall.EEXIST
	}
	if one != nil && one.onlyHere() {
		return s.renameNew(one, two, target, replace)
	}
	return s.renameStored(source, target, one, two, replace)
}

func checkRename(from, to place) error {
	if len(from.path) == 0 || len(to.path) == 0 {
		return fmt.Errorf("a root cannot be moved: %w", syscall.EBUSY)
	}
	inside := from.tree.ID() == to.tree.ID() && len(to.path) > len(from.path)
	if inside && slices.Equal(to.path[:len(from.path)], from.path) {
		return fmt.Errorf("a directory cannot move into itself: %w", syscall.EINVAL)
	}
	return nil
}

// renameNew moves a file that is not on the grid yet. It is stored first, so that
// what the client sees afterwards is what is there.
func (s *Session) renameNew(n, old *node, target place, replace bool) error {
	if err := n.storeNow(); err != nil {
		return err
	}
	return s.renameStored(s.gateway.placeOf(n), target, n, old, replace)
}

func (s *Session) renameStored(source, target place, n, old *node, replace bool) error {
	if old != nil && old != n && old.onlyHere() {
		old.vanish()
	}
	ctx, cancel := s.operation()
	defer cancel()
	if err := source.tree.Rename(ctx, source.path, target.tree, target.path, replace); err != nil {
		return err
	}
	if old != nil && old != n {
		old.vanish()
	}
	if n != nil {
		s.gateway.move(n, target)
	}
	s.gateway.moveBelow(source, target)
	return nil
}

// remove removes a file. Handles keep what it was.
func (s *Session) remove(path string) error {
	p, err := s.resolve(path)
	if err != nil {
		return err
	}
	if len(p.path) == 0 {
		return fmt.Errorf("a root cannot be removed: %w", syscall.EBUSY)
	}
	n := s.gateway.find(p)
	if n != nil {
		defer s.gateway.release(n)
		n.change.Lock()
		defer n.change.Unlock()
		if n.onlyHere() {
			n.vanish()
			return nil
		}
	}
	ctx, cancel := s.operation()
	defer cancel()
	if err := p.tree.Remove(ctx, p.path, false); err != nil {
		return err
	}
	if n != nil {
		n.vanish()
	}
	return nil
}

// rmdir removes an empty directory.
func (s *Session) rmdir(path string) error {
	p, err := s.resolve(path)
	if err != nil {
		return err
	}
	if len(p.path) == 0 {
		return fmt.Errorf("a root cannot be removed: %w", syscall.EBUSY)
	}
	full := false
	for _, n := range s.gateway.below(p) {
		full = full || n.present()
		s.gateway.release(n)
	}
	if full {
		return syscall.ENOTEMPTY
	}
	ctx, cancel := s.operation()
	defer cancel()
	return p.tree.Remove(ctx, p.path, true)
}

// mkdir makes a directory.
func (s *Session) mkdir(path string) error {
	p, err := s.resolveNew(path)
	if err != nil {
		return err
	}
	if len(p.path) == 0 {
		return syscall.EEXIST
	}
	if n := s.gateway.find(p); n != nil {
		defer s.gateway.release(n)
		if n.present() {
			return syscall.EEXIST
		}
	}
	ctx, cancel := s.operation()
	defer cancel()
	return p.tree.Mkdir(ctx, p.path)
}

// link attaches a file a second time.
func (s *Session) link(from, to string) error {
	source, err := s.resolve(from)
	if err != nil {
		return err
	}
	target, err := s.resolveNew(to)
	if err != nil {
		return err
	}
	if len(source.path) == 0 || len(target.path) == 0 {
		return fmt.Errorf("a root cannot be linked: %w", syscall.EPERM)
	}
	if n := s.gateway.find(target); n != nil {
		defer s.gateway.release(n)
		if n.present() {
			return syscall.EEXIST
		}
	}
	if n := s.gateway.find(source); n != nil {
		defer s.gateway.release(n)
		if err := n.store(); err != nil {
			return err
		}
	}
	ctx, cancel := s.operation()
	defer cancel()
	return source.tree.Link(ctx, source.path, target.tree, target.path)
}

// setAttributes changes attributes of a file or directory, and its size.
func (s *Session) setAttributes(path string, size *int64, a Attributes) error {
	if size != nil {
		if err := s.truncate(path, *size); err != nil {
			return err
		}
	}
	if a.empty() {
		return nil
	}
	p, err := s.resolve(path)
	if err != nil {
		return err
	}
	if n := s.gateway.find(p); n != nil {
		defer s.gateway.release(n)
		if n.present() {
			ctx, cancel := s.operation()
			defer cancel()
			return n.setAttributes(ctx, a)
		}
	}
	if len(p.path) == 0 {
		return nil // a root has no entry that could hold them
	}
	ctx, cancel := s.operation()
	defer cancel()
	return p.tree.SetAttributes(ctx, p.path, a)
}

// truncate changes the size of a file at a path.
func (s *Session) truncate(path string, size int64) error {
	h, err := s.openFile(path, openFlags{write: true, truncate: size == 0})
	if err != nil {
		return err
	}
	s.withdraw(h)
	err = h.node.truncate(size)
	if closed := h.Close(); err == nil {
		err = closed
	}
	return err
}

// withdraw takes back what openFile told Opened, for a handle that no client
// gets.
func (s *Session) withdraw(h Handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = slices.DeleteFunc(s.opened, func(o Handle) bool { return o == h })
}
