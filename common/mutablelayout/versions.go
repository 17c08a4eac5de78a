package mutablelayout

import (
	"maps"
	"slices"
)

// A Census counts which shares of which versions of a file exist and tells the
// versions that can be recovered (mutable/servermap.py ServerMap). On how many
// servers a share is does not matter here. The zero value has counted nothing.
// Not safe for concurrent use.
//
// 1.20 also takes shares for different versions if their offsets differ, which
// nobody signs. Here the header alone counts.
type Census struct {
	shnums map[Header]map[int]bool
}

// Add counts a share. Its header must have passed CheckSignature. Shares whose
// number the version does not have are not counted.
func (c *Census) Add(h Header, shnum int) {
	if shnum < 0 || shnum >= h.N {
		return
	}
	if c.shnums == nil {
		c.shnums = make(map[Header]map[int]bool)
	}
	if c.shnums[h] == nil {
		c.shnums[h] = make(map[int]bool)
	}
	c.shnums[h][shnum] = true
}

// Shares returns the numbers of the shares of a version, ascending.
func (c *Census) Shares(h Header) []int {
	return slices.Sorted(maps.Keys(c.shnums[h]))
}

// Recoverable returns the versions of which enough different shares exist,
// newest first.
func (c *Census) Recoverable() []Header {
	return c.versions(func(h Header) bool { return len(c.shnums[h]) >= h.K })
}

// Best returns the newest recoverable version; ok is false if there is none.
func (c *Census) Best() (best Header, ok bool) {
	all := c.Recoverable()
	if len(all) == 0 {
		return Header{}, false
	}
	return all[0], true
}

// UnrecoverableNewer returns the versions that cannot be recovered and have a
// higher sequence number than any that can, newest first. Writing a new version
// gives them up (unrecoverable_newer_versions).
func (c *Census) UnrecoverableNewer() []Header {
	best, ok := c.Best()
	return c.versions(func(h Header) bool {
		return len(c.shnums[h]) < h.K && (!ok || h.Seqnum > best.Seqnum)
	})
}

// NeedsMerge reports whether two recoverable versions have the same sequence
// number: writing a new version loses the content of one (needs_merge).
func (c *Census) NeedsMerge() bool {
	seen := make(map[uint64]bool)
	for _, h := range c.Recoverable() {
		if seen[h.Seqnum] {
			return true
		}
		seen[h.Seqnum] = true
	}
	return false
}

// HighestSeqnum returns the highest sequence number of all versions, recoverable
// or not, and 0 if there is none. The next version has one more
// (highest_seqnum).
func (c *Census) HighestSeqnum() (highest uint64) {
	for h := range c.shnums {
		highest = max(highest, h.Seqnum)
	}
	return highest
}

// versions returns those that are wanted, newest first. Versions that compare
// equal come in the order of their signed bytes, so that all clients agree.
func (c *Census) versions(wanted func(Header) bool) []Header {
	var found []Header
	for h := range c.shnums {
		if wanted(h) {
			found = append(found, h)
		}
	}
	slices.SortFunc(found, func(a, b Header) int {
		if order := b.Compare(a); order != 0 {
			return order
		}
		return slices.Compare(b.AppendSigned(nil), a.AppendSigned(nil))
	})
	return found
}
