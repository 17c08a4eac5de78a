package spool

import "slices"

// Extent is a part of a file: Size bytes from Offset on.
type Extent struct{ Offset, Size int64 }

// End is the offset of what follows.
func (e Extent) End() int64 { return e.Offset + e.Size }

// extents are parts in the order of their offsets, which neither overlap nor
// touch.
type extents []Extent

// add returns the extents with another one.
func (list extents) add(e Extent) extents {
	if e.Size == 0 {
		return list
	}
	first := list.search(e.Offset, true)
	last := first
	for ; last < len(list) && list[last].Offset <= e.End(); last++ {
		end := max(e.End(), list[last].End())
		e.Offset = min(e.Offset, list[last].Offset)
		e.Size = end - e.Offset
	}
	return slices.Replace(list, first, last, e)
}

// covered returns how many bytes of a part the extents hold.
func (list extents) covered(e Extent) (sum int64) {
	for _, old := range list[list.search(e.Offset, false):] {
		if old.Offset >= e.End() {
			break
		}
		sum += max(0, min(old.End(), e.End())-max(old.Offset, e.Offset))
	}
	return sum
}

// truncate returns the extents below size, and how many bytes that takes away.
func (list extents) truncate(size int64) (result extents, removed int64) {
	for i := len(list) - 1; i >= 0 && list[i].End() > size; i-- {
		if list[i].Offset < size {
			removed += list[i].End() - size
			list[i].Size = size - list[i].Offset
			break
		}
		removed += list[i].Size
		list = list[:i]
	}
	return list, removed
}

// search returns the index of the first extent that ends behind offset, or, if
// touching, at it.
func (list extents) search(offset int64, touching bool) int {
	i, _ := slices.BinarySearchFunc(list, offset, func(e Extent, offset int64) int {
		if e.End() > offset || touching && e.End() == offset {
			return 1
		}
		return -1
	})
	return i
}

// smallestGap returns the smallest part between two extents.
func (list extents) smallestGap() (gap Extent, ok bool) {
	for i := 1; i < len(list); i++ {
		g := Extent{list[i-1].End(), list[i].Offset - list[i-1].End()}
		if !ok || g.Size < gap.Size {
			gap, ok = g, true
		}
	}
	return gap, ok
}
