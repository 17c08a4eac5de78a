package webfiles

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// readFileCap answers GET and HEAD of a file (filenode.py FileNodeHandler).
func (q *request) readFileCap(p place, file uri.Cap, name string) error {
	t := q.t()
	if t != "info" && q.unchanged(file, "", t) {
		return nil
	}
	switch {
	case t == "":
		return q.send(file, q.get("filename", name))
	case q.r.Method == http.MethodHead:
		return badRequest("HEAD file: bad t=%.100s", t)
	}
	switch t {
	case "json":
		return q.fileJSON(p, file)
	case "info":
		return q.info(p)
	case "uri":
		return q.text(http.StatusOK, file.Text())
	case "readonly-uri":
		return q.text(http.StatusOK, file.ReadOnly().Text())
	}
	return badRequest("GET file: bad t=%.100s", t)
}

// unchanged sets the ETag of something immutable, and answers if the client has
// it already (twisted Request.setETag; the tags are not quoted there).
func (q *request) unchanged(c uri.Cap, prefix, t string) bool {
	si, ok := c.StorageIndex()
	if !ok || c.Kind().IsMutable() {
		return false
	}
	switch t {
	case "", "json", "uri", "readonly-uri":
	default:
		return false
	}
	tag := prefix + si.String() + "-" + t
	q.w.Header().Set("ETag", tag)
	if !matches(q.r.Header.Get("If-None-Match"), tag) {
		return false
	}
	q.w.WriteHeader(http.StatusNotModified)
	return true
}

// matches looks for a tag in the value of If-None-Match or If-Range.
func matches(list, tag string) bool {
	for one := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		one = strings.Trim(strings.TrimPrefix(one, "W/"), `"`)
		if one == tag || one == "*" {
			return true
		}
	}
	return false
}

// send answers with the content of a file (filenode.py FileDownloader).
func (q *request) send(c uri.Cap, name string) error {
	save, err := q.boolean("save", false)
	if err != nil {
		return err
	}
	done, err := q.transfer()
	if err != nil {
		return err
	}
	defer done()
	file, err := q.Files.Open(q.ctx, c)
	if err != nil {
		return err
	}
	defer file.Close()
	h := q.w.Header()
	h.Set("Accept-Ranges", "bytes")
	span, partial, err := q.span(file.Size())
	if err != nil {
		return err
	}
	status := http.StatusOK
	if partial {
		status = http.StatusPartialContent
		h.Set("Content-Range", span.contentRange(file.Size()))
	}
	h.Set("Content-Type", mediaType(name))
	if mediaType(name) == "application/pdf" { // browsers show none in a sandbox
		h.Del("Content-Security-Policy")
	}
	if save {
		h.Set("Content-Disposition", attachment(name))
	}
	h.Set("Content-Length", strconv.FormatInt(span.length, 10))
	return q.stream(file, span, status)
}

// attachment is a header that has a browser keep a file under a name.
func attachment(name string) string {
	name = strings.NewReplacer(`"`, "", `\`, "").Replace(header(name))
	return `attachment; filename="` + cmp.Or(name, "unknown") + `"`
}

// span is the part of a file that is wanted.
func (q *request) span(size int64) (span, bool, error) {
	text := q.r.Header.Get("Range")
	if condition := q.r.Header.Get("If-Range"); condition != "" && !matches(condition, q.w.Header().Get("ETag")) {
		text = ""
	}
	return parseRange(text, size)
}

// stream sends part of a file. The status goes out with the first bytes, so that
// a file without shares can still be answered with an error.
func (q *request) stream(file File, part span, status int) error {
	if q.r.Method == http.MethodHead || part.length == 0 {
		q.w.WriteHeader(status)
		return nil
	}
	out := &lateHeader{w: q.w, status: status}
	n, err := file.WriteRange(q.ctx, out, part.offset, part.length)
	if err == nil && n < part.length {
		err = io.ErrUnexpectedEOF
	}
	switch {
	case err == nil:
		return nil
	case out.begun:
		if q.ctx.Err() == nil && out.err == nil {
			q.Log.Warn("a download ended in the middle", "err", err)
		}
		panic(http.ErrAbortHandler) // the client must see that bytes are missing
	}
	for _, name := range []string{"Content-Length", "Content-Range", "Content-Disposition", "Content-Type"} {
		q.w.Header().Del(name)
	}
	return err
}

// lateHeader sends the status with the first bytes.
type lateHeader struct {
	w      http.ResponseWriter
	status int
	begun  bool
	err    error // of the client's connection
}

func (l *lateHeader) Write(p []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.w.WriteHeader(l.status)
	}
	n, err := l.w.Write(p)
	if err != nil {
		l.err = err
	}
	return n, err
}

// size is that of a file. That of a mutable file has to be asked for, and is not
// known if it cannot be read.
func (q *request) size(ctx context.Context, c uri.Cap) (size int64, known bool, err error) {
	file, err := q.Files.Open(ctx, c)
	if _, lost := errors.AsType[*mutable.UnrecoverableError](err); lost {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer file.Close()
	return file.Size(), true, nil
}

// knownSize is the size that a cap itself tells.
func knownSize(c uri.Cap) (size int64, known bool) {
	switch c := c.(type) {
	case uri.CHK:
		return c.Size, true
	case uri.Literal:
		return int64(c.Data.Len()), true
	}
	return 0, false
}
