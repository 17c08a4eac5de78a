package sharestore

import (
	"slices"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// rangeSet is a set of offsets, as ascending ranges that do not touch. The
// zero value is empty.
type rangeSet []grid.Range

// find returns the ranges that touch r: those from i up to j.
func (s rangeSet) find(r grid.Range) (i, j int) {
	for i < len(s) && s[i].End < r.Begin {
		i++
	}
	for j = i; j < len(s) && s[j].Begin <= r.End; j++ {
	}
	return i, j
}

// add puts r into the set.
func (s *rangeSet) add(r grid.Range) {
	if r.Begin >= r.End {
		return
	}
	i, j := s.find(r)
	if i < j {
		r.Begin = min(r.Begin, (*s)[i].Begin)
		r.End = max(r.End, (*s)[j-1].End)
	}
	*s = slices.Replace(*s, i, j, r)
}

// overlaps yields the parts of r that are in the set.
func (s rangeSet) overlaps(r grid.Range, yield func(grid.Range) error) error {
	i, j := s.find(r)
	for _, part := range s[i:j] {
		part = grid.Range{Begin: max(part.Begin, r.Begin), End: min(part.End, r.End)}
		if part.Begin >= part.End {
			continue
		}
		if err := yield(part); err != nil {
			return err
		}
	}
	return nil
}

// missing returns the parts of 0..size that are not in the set.
func (s rangeSet) missing(size int64) []grid.Range {
	var gaps []grid.Range
	at := int64(0)
	for _, r := range s {
		if at < r.Begin {
			gaps = append(gaps, grid.Range{Begin: at, End: r.Begin})
		}
		at = r.End
	}
	if at < size {
		gaps = append(gaps, grid.Range{Begin: at, End: size})
	}
	return gaps
}
