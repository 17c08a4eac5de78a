package webfiles

import (
	"net/http"

	"github.com/besn0847/arm-tahoe/common/uri"
)

// readDirectory answers GET and HEAD of a directory (directory.py render_GET).
func (q *request) readDirectory(dir uri.Directory) error {
	t := q.t()
	if q.unchanged(dir, "DIR:", t) {
		return nil
	}
	switch t {
	case "":
		return q.directoryPage(dir)
	case "json":
		return q.directoryJSON(dir)
	case "info":
		return q.info(place{found: true, child: uri.ChildOf(dir)})
	case "uri":
		return q.text(http.StatusOK, dir.Text())
	case "readonly-uri":
		return q.text(http.StatusOK, dir.ReadOnly().Text())
	case "rename-form":
		return q.renamePage(dir)
	}
	return badRequest("GET directory: bad t=%.100s", t)
}

// readUnknown answers GET and HEAD of what is neither file nor directory
// (directory.py UnknownNodeHandler).
func (q *request) readUnknown(p place) error {
	switch t := q.t(); t {
	case "info":
		return q.info(p)
	case "json":
		return q.unknownJSON(p)
	default:
		return badRequest(unknownTypeText, t)
	}
}
