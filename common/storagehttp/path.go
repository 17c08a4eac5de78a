package storagehttp

import (
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// pathPrefix begins the path of every request.
const pathPrefix = "/storage/v1/"

// endpoint is what a path asks for.
type endpoint int

// The endpoints. Which of them exist for mutable shares, see methods.
const (
	endVersion  endpoint = iota + 1 // version
	endLease                        // lease/SI
	endAllocate                     // immutable/SI
	endSlot                         // mutable/SI/read-test-write
	endShares                       // KIND/SI/shares
	endShare                        // KIND/SI/N
	endAbort                        // immutable/SI/N/abort
	endCorrupt                      // KIND/SI/N/corrupt
)

// place is a path that was understood. Fields that the endpoint does not have
// are zero.
type place struct {
	end  endpoint
	kind grid.ShareKind
	si   grid.StorageIndex
	n    grid.ShareNum // maybe not Valid: then there is no such share
}

// String is the path.
func (p place) String() string {
	share := p.kind.String() + "/" + p.si.String()
	number := "/" + strconv.Itoa(int(p.n))
	switch p.end {
	case endLease:
		return pathPrefix + "lease/" + p.si.String()
	case endAllocate:
		return pathPrefix + share
	case endSlot:
		return pathPrefix + share + "/read-test-write"
	case endShares:
		return pathPrefix + share + "/shares"
	case endShare:
		return pathPrefix + share + number
	case endAbort:
		return pathPrefix + share + number + "/abort"
	case endCorrupt:
		return pathPrefix + share + number + "/corrupt"
	}
	return pathPrefix + "version"
}

// parsePath reads what String writes; share numbers may begin with zeros and
// are cut to 2^31-1. ok is false for all other paths.
func parsePath(path string) (p place, ok bool) {
	rest, ok := strings.CutPrefix(path, pathPrefix)
	if !ok || strings.Count(rest, "/") > 3 {
		return place{}, false
	}
	parts := strings.Split(rest, "/")
	if parts[0] == "version" {
		return place{end: endVersion}, len(parts) == 1
	}
	if len(parts) < 2 {
		return place{}, false
	}
	si, err := grid.ParseStorageIndex(parts[1])
	if err != nil {
		return place{}, false
	}
	if parts[0] == "lease" {
		return place{end: endLease, si: si}, len(parts) == 2
	}
	kind, err := grid.ParseShareKind(parts[0])
	if err != nil {
		return place{}, false
	}
	return parseShare(place{kind: kind, si: si}, parts[2:])
}

// parseShare reads what follows KIND/SI.
func parseShare(p place, parts []string) (place, bool) {
	switch {
	case len(parts) == 0:
		p.end = endAllocate
		return p, p.kind == grid.Immutable
	case len(parts) == 1 && parts[0] == "read-test-write":
		p.end = endSlot
		return p, p.kind == grid.Mutable
	case len(parts) == 1 && parts[0] == "shares":
		p.end = endShares
		return p, true
	}
	n, ok := parseDigits(parts[0])
	if !ok || !onlyOf(parts[0], "0123456789") {
		return place{}, false
	}
	p.n = grid.ShareNum(min(n, 1<<31-1))
	switch {
	case len(parts) == 1:
		p.end = endShare
		return p, true
	case len(parts) == 2 && parts[1] == "abort":
		p.end = endAbort
		return p, p.kind == grid.Immutable
	case len(parts) == 2 && parts[1] == "corrupt":
		p.end = endCorrupt
		return p, true
	}
	return place{}, false
}
