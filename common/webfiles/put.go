package webfiles

import (
	"io"
	"net/http"
	"strings"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/common/webapi"
)

// put answers PUT below /uri/CAP (filenode.py and directory.py render_PUT).
func (q *request) put(capText string, names []string) error {
	if q.r.Header.Get("Content-Range") != "" {
		return &webapi.Error{Status: http.StatusNotImplemented, Text: "Content-Range in PUT not yet supported"}
	}
	overwrite, err := q.replace()
	if err != nil {
		return err
	}
	p, err := q.walk(capText, names)
	if err != nil {
		return err
	}
	if dir, ok := p.directory(); ok {
		return q.putDirectory(p, dir, overwrite)
	}
	switch t := q.t(); {
	case t == "":
		return q.putFile(p, overwrite)
	case t == "uri":
		return q.putCap(p, overwrite)
	case t == "mkdir" && !p.found:
		return q.mkdirAt(p, nil, false)
	case !p.found:
		return p.missing()
	default:
		return badRequest("PUT to a file: bad t=%.100s", t)
	}
}

func (q *request) putDirectory(p place, dir uri.Directory, overwrite dirformat.Overwrite) error {
	switch q.t() {
	case "mkdir": // it was there, or was made on the way
		return q.text(http.StatusOK, dir.Text())
	case "uri":
		return q.putCap(p, overwrite)
	}
	return badRequest("PUT to a directory")
}

// putCap links a cap from the body (filenode.py replace_me_with_a_childcap).
func (q *request) putCap(p place, overwrite dirformat.Overwrite) error {
	switch {
	case !p.inDirectory:
		return badRequest("PUT t=uri links a cap in a directory: the path must be /uri/DIRCAP/NAME")
	case p.found && overwrite == dirformat.Nothing:
		return &dirformat.ExistsError{Name: p.name}
	}
	body, err := q.readAll(MaxField)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(body))
	if err := q.link(p, uri.NewChild(text, "", false), overwrite); err != nil {
		return err
	}
	return q.text(http.StatusOK, text)
}

// link attaches a child at a place.
func (q *request) link(p place, child uri.Child, overwrite dirformat.Overwrite) error {
	if err := child.Err(); err != nil {
		return err
	}
	_, err := q.Directories.Do(q.ctx, p.parent, dirnode.Link{Name: p.name, Child: child, Overwrite: overwrite})
	return err
}

// putFile stores the body at a place where there is a file, or nothing.
func (q *request) putFile(p place, overwrite dirformat.Overwrite) error {
	offset, err := q.offset()
	if err != nil {
		return err
	}
	file, isFile := p.file()
	switch {
	case p.found && overwrite == dirformat.Nothing:
		return &dirformat.ExistsError{Name: p.name}
	case isFile && file.Kind().IsMutable():
		return q.putMutable(file, offset)
	case p.found && offset != nil:
		return badRequest("PUT to a file: append operation invoked on an immutable cap")
	case !p.inDirectory:
		return badRequest("PUT to a file: this cap is that of an immutable file; PUT to /uri makes a new one")
	}
	return q.putNew(p, overwrite)
}

// putMutable replaces a mutable file, or a part of it.
func (q *request) putMutable(file uri.Cap, offset *int64) error {
	switch {
	case !file.Kind().IsWritable():
		return badRequest("PUT to a mutable file: replace or update requested with read-only cap")
	case offset != nil && *offset < 0:
		return badRequest("PUT to a mutable file: Invalid offset")
	}
	done, err := q.transfer()
	if err != nil {
		return err
	}
	defer done()
	body, err := q.spoolBody(layoutOf(file))
	if err != nil {
		return err
	}
	defer body.Close()
	if offset == nil {
		err = q.Files.Overwrite(q.ctx, file, body)
	} else {
		err = q.Files.Update(q.ctx, file, *offset, body)
	}
	if err != nil {
		return err
	}
	return q.text(http.StatusOK, file.Text())
}

// layoutOf is the layout of a mutable file.
func layoutOf(file uri.Cap) uri.Layout {
	switch file := file.(type) {
	case uri.MutableWrite:
		return file.Layout
	case uri.MutableRead:
		return file.Layout
	}
	return uri.SDMF
}

// spoolBody keeps the body for a mutable file.
func (q *request) spoolBody(layout uri.Layout) (Spool, error) {
	return q.Files.Spool(q.ctx, &bodyReader{r: q.r.Body}, &layout)
}

// putNew makes a new file of the body and links it (filenode.py
// replace_me_with_a_child).
func (q *request) putNew(p place, overwrite dirformat.Overwrite) error {
	made, err := q.newFile(nil)
	if err != nil {
		return err
	}
	if err := q.link(p, uri.ChildOf(made), overwrite); err != nil {
		return err
	}
	if p.found {
		return q.text(http.StatusOK, made.Text())
	}
	return q.text(http.StatusCreated, made.Text())
}

// newFile stores the spool, or the body if there is none, in the format that was
// asked for.
func (q *request) newFile(spool Spool) (uri.Cap, error) {
	format, err := q.format()
	if err != nil {
		return nil, err
	}
	key, err := q.key()
	if err != nil {
		return nil, err
	}
	done, err := q.transfer()
	if err != nil {
		return nil, err
	}
	defer done()
	switch {
	case format.mutable:
		return q.newMutable(spool, format.layout, key)
	case spool != nil:
		made, _, err := q.Files.Upload(q.ctx, spool, spool.Size())
		return made, err
	}
	made, _, err := q.Files.Upload(q.ctx, &bodyReader{r: q.r.Body}, q.r.ContentLength)
	return made, err
}

func (q *request) newMutable(spool Spool, layout uri.Layout, key rsakey.PrivateKey) (uri.Cap, error) {
	if spool == nil {
		body, err := q.spoolBody(layout)
		if err != nil {
			return nil, err
		}
		defer body.Close()
		spool = body
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return q.Files.CreateMutable(q.ctx, layout, key, spool)
}
