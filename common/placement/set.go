package placement

import (
	"slices"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Small sets of share numbers are sorted slices; at most 256 elements, and no
// hashing whose order could leak into a placement.

// union is the ascending set of the elements of a and b.
func union(a, b []grid.ShareNum) []grid.ShareNum {
	u := slices.Concat(a, b)
	slices.Sort(u)
	return slices.Compact(u)
}

// difference is the elements of a, ascending, that are not in b.
func difference(a, b []grid.ShareNum) []grid.ShareNum {
	return selectFrom(a, func(x grid.ShareNum) bool { return !slices.Contains(b, x) })
}

// intersection is the elements of a, ascending, that are in b.
func intersection(a, b []grid.ShareNum) []grid.ShareNum {
	return selectFrom(a, func(x grid.ShareNum) bool { return slices.Contains(b, x) })
}

func selectFrom(a []grid.ShareNum, keep func(grid.ShareNum) bool) []grid.ShareNum {
	var kept []grid.ShareNum
	for _, x := range a {
		if keep(x) {
			kept = append(kept, x)
		}
	}
	slices.Sort(kept)
	return kept
}
