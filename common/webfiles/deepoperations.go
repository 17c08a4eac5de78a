package webfiles

import (
	"net/http"
	"strings"

	"github.com/besn0847/arm-tahoe/common/webapi"
)

// errDeep answers what a later version does: checks, repair and deep operations
// belong here and into common/gridclient.
var errDeep = &webapi.Error{
	Status: http.StatusNotImplemented,
	Text:   "This version of arm-tahoe cannot check, repair or walk through directories yet; a Tahoe-LAFS 1.20 node on the same grid can.",
}

// postDeep answers POST to a directory with an argument t that nothing else took.
func (q *request) postDeep(t string) error {
	switch t {
	case "start-deep-check", "start-manifest", "start-deep-size", "start-deep-stats":
		if q.get("ophandle", "") == "" {
			return badRequest("slow operation requires ophandle=")
		}
		return errDeep
	case "check", "stream-deep-check", "stream-manifest":
		return errDeep
	}
	return badRequest("POST to a directory with bad t=%.100s", strings.TrimSpace(t))
}
