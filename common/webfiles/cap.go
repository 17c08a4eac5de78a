package webfiles

import (
	"net/http"

	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/webapi"
)

// cap answers a request below /uri/CAP.
func (q *request) cap(capText string, names []string) error {
	switch q.r.Method {
	case http.MethodGet, http.MethodHead:
		return q.read(capText, names)
	case http.MethodPut:
		return q.put(capText, names)
	case http.MethodPost:
		return q.post(capText, names)
	case http.MethodDelete:
		return q.delete(capText, names)
	}
	return q.unknownMethod()
}

func (q *request) unknownMethod() error {
	return &webapi.Error{
		Status: http.StatusNotImplemented,
		Text:   "I don't know how to treat a " + header(q.r.Method) + " request.",
	}
}

// read answers GET and HEAD.
func (q *request) read(capText string, names []string) error {
	p, err := q.walk(capText, names)
	if err != nil {
		return err
	}
	if !p.found {
		return p.missing()
	}
	if dir, ok := p.directory(); ok {
		return q.readDirectory(dir)
	}
	if file, ok := p.file(); ok {
		return q.readFileCap(p, file, p.name)
	}
	return q.readUnknown(p)
}

// delete removes a child (directory.py and filenode.py render_DELETE).
func (q *request) delete(capText string, names []string) error {
	p, err := q.walk(capText, names)
	if err != nil {
		return err
	}
	switch {
	case !p.found:
		return p.missing()
	case !p.inDirectory:
		return badRequest("DELETE takes a name out of a directory: the path must be that of a child, /uri/DIRCAP/NAME")
	}
	if _, err := q.Directories.Do(q.ctx, p.parent, dirnode.Unlink{Name: p.name}); err != nil {
		return err
	}
	return q.text(http.StatusOK, p.cap())
}

// named answers /file/CAP/NAME and /named/CAP/NAME (root.py FileHandler). All names
// but the last are of no account.
func (q *request) named(parts []string) error {
	if !isReading(q.r.Method) {
		return badRequest("/file can only be used with GET or HEAD")
	}
	if len(parts) < 2 || parts[1] == "" {
		return &webapi.Error{Status: http.StatusNotFound, Text: "/file must be followed by a file-cap and a name"}
	}
	p, err := q.walk(parts[1], nil)
	if err != nil {
		return err
	}
	file, ok := p.file()
	if !ok {
		return badRequest("/file takes the cap of a file, and this is none")
	}
	name := ""
	if len(parts) > 2 {
		name = parts[len(parts)-1]
	}
	return q.readFileCap(p, file, name)
}

func isReading(method string) bool { return method == http.MethodGet || method == http.MethodHead }
