package webfiles

import (
	"io"
	"net/http"
	"strings"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// post answers POST below /uri/CAP (filenode.py and directory.py render_POST).
func (q *request) post(capText string, names []string) error {
	if !isChildrenJSON(q.query.Get("t")) {
		if err := q.readForm(); err != nil {
			return err
		}
	}
	p, err := q.walk(capText, names)
	if err != nil {
		return err
	}
	if dir, ok := p.directory(); ok {
		return q.postDirectory(p, dir)
	}
	if !p.found {
		return q.postMissing(p)
	}
	switch t := q.t(); {
	case t == "check":
		return errDeep
	case t != "upload":
		return badRequest("POST to file: bad t=%.100s", t)
	}
	return q.postFile(p)
}

// isChildrenJSON says whether the body is the JSON of a directory's children,
// whatever type the client gives it.
func isChildrenJSON(t string) bool {
	switch strings.TrimSpace(t) {
	case "mkdir-with-children", "mkdir-immutable", "set_children", "set-children":
		return true
	}
	return false
}

// postMissing makes directories, and nothing else, where nothing is.
func (q *request) postMissing(p place) error {
	switch t := q.t(); t {
	case "mkdir":
		return q.mkdirAt(p, nil, false)
	case "mkdir-with-children", "mkdir-immutable":
		return q.mkdirFromBody(p, t == "mkdir-immutable")
	}
	return p.missing()
}

// postFile replaces a file by that of the form.
func (q *request) postFile(p place) error {
	overwrite, err := q.replace()
	if err != nil {
		return err
	}
	spool, err := q.uploaded()
	if err != nil {
		return err
	}
	if file, ok := p.file(); ok && file.Kind().IsMutable() {
		return q.overwriteByForm(file, spool)
	}
	switch {
	case overwrite == dirformat.Nothing:
		return &dirformat.ExistsError{Name: p.name}
	case !p.inDirectory:
		return badRequest("POST t=upload to a file: this cap is that of an immutable file; POST to /uri makes a new one")
	}
	return q.uploadTo(p, spool, overwrite)
}

func (q *request) overwriteByForm(file uri.Cap, spool Spool) error {
	if !file.Kind().IsWritable() {
		return badRequest("POST to a mutable file: replace requested with read-only cap")
	}
	done, err := q.transfer()
	if err != nil {
		return err
	}
	defer done()
	if err := q.Files.Overwrite(q.ctx, file, spool); err != nil {
		return err
	}
	return q.done(http.StatusOK, file.Text())
}

// uploadTo makes a new file of the form and links it.
func (q *request) uploadTo(p place, spool Spool, overwrite dirformat.Overwrite) error {
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	made, err := q.newFile(spool)
	if err != nil {
		return err
	}
	if err := q.link(p, uri.ChildOf(made), overwrite); err != nil {
		return err
	}
	return q.done(http.StatusOK, made.Text())
}

// postDirectory answers POST to a directory.
func (q *request) postDirectory(p place, dir uri.Directory) error {
	t := q.t()
	switch t {
	case "mkdir", "mkdir-with-children", "mkdir-immutable":
		name := q.get("name", "")
		switch {
		case name == "": // it was there, or was made on the way
			return q.done(http.StatusOK, dir.Text())
		case t == "mkdir":
			return q.mkdirNamed(dir, name)
		}
		return q.mkdirFromBody(place{inDirectory: true, parent: dir, name: name}, t == "mkdir-immutable")
	case "upload":
		return q.postUpload(dir)
	case "uri":
		return q.postCap(dir)
	case "delete", "unlink":
		return q.unlink(dir)
	case "rename":
		return q.rename(dir)
	case "relink":
		return q.relink(dir)
	case "set_children", "set-children":
		return q.setChildren(dir)
	}
	return q.postDeep(t)
}

// postUpload puts the file of a form into a directory (_POST_upload).
func (q *request) postUpload(dir uri.Directory) error {
	spool, err := q.uploaded()
	if err != nil {
		return err
	}
	name := strings.TrimSpace(q.get("name", q.form.fileName))
	switch {
	case name == "":
		return badRequest("upload requires a name")
	case strings.Contains(name, "/"):
		return badRequest("name= may not contain a slash")
	}
	p, err := q.step(dir, name, true)
	if err != nil {
		return err
	}
	if p.found {
		if _, isDir := p.directory(); isDir {
			return &dirformat.ExistsError{Name: name, Directory: true}
		}
		return q.postFile(p)
	}
	overwrite, err := q.replace()
	if err != nil {
		return err
	}
	return q.uploadTo(p, spool, overwrite)
}

// postCap links a cap (_POST_uri).
func (q *request) postCap(dir uri.Directory) error {
	text, name := q.get("uri", ""), q.get("name", "")
	switch {
	case text == "":
		return badRequest("set-uri requires a uri")
	case name == "":
		return badRequest("set-uri requires a name")
	}
	overwrite, err := q.replace()
	if err != nil {
		return err
	}
	p := place{inDirectory: true, parent: dir, name: name}
	if err := q.link(p, uri.NewChild(text, "", false), overwrite); err != nil {
		return err
	}
	return q.done(http.StatusOK, text)
}

func (q *request) unlink(dir uri.Directory) error {
	if _, err := q.Directories.Do(q.ctx, dir, dirnode.Unlink{Name: q.get("name", "")}); err != nil {
		return err
	}
	return q.done(http.StatusOK, "thing unlinked")
}

// rename is relink in the same directory (_POST_rename).
func (q *request) rename(dir uri.Directory) error {
	if _, given := q.arg("to_dir"); given {
		return badRequest("to_dir= is not valid for rename")
	}
	if _, given := q.arg("to_name"); !given {
		return badRequest("to_name= is required for rename")
	}
	return q.relink(dir)
}

// relink moves a child (_POST_relink).
func (q *request) relink(dir uri.Directory) error {
	overwrite, err := q.replace()
	if err != nil {
		return err
	}
	from, given := q.arg("from_name")
	if !given {
		return badRequest("from_name= is required")
	}
	from = strings.TrimSpace(from)
	to := strings.TrimSpace(q.get("to_name", from))
	switch {
	case strings.Contains(from, "/"):
		return badRequest("from_name= may not contain a slash")
	case strings.Contains(to, "/"):
		return badRequest("to_name= may not contain a slash")
	}
	target, err := q.target(dir)
	if err != nil {
		return err
	}
	if err := q.Directories.Move(q.ctx, dir, from, target, to, overwrite); err != nil {
		return err
	}
	return q.done(http.StatusOK, "thing moved")
}

// target is the directory that to_dir means: CAP[/NAME...].
func (q *request) target(dir uri.Directory) (uri.Directory, error) {
	text, given := q.arg("to_dir")
	if !given {
		return dir, nil
	}
	capText, path, hasPath := strings.Cut(strings.TrimSpace(text), "/")
	var names []string
	if hasPath {
		names = strings.Split(path, "/")
	}
	if _, ok := (place{found: true, child: uri.NewChild(capText, "", false)}).directory(); !ok {
		return uri.Directory{}, badRequest("to_dir is not a directory")
	}
	p, err := q.walk(capText, names)
	if err != nil {
		return uri.Directory{}, err
	}
	target, ok := p.directory()
	switch {
	case ok:
		return target, nil
	case !p.found:
		return uri.Directory{}, p.missing()
	}
	return uri.Directory{}, badRequest("to_dir is not a directory")
}
