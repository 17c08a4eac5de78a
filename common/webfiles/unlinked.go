package webfiles

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/immutable"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/common/webapi"
)

const unlinkedText = "/uri accepts only PUT, PUT?t=mkdir, POST?t=upload, and POST?t=mkdir"

// unlinked answers /uri and /cap themselves, where base says which (root.py
// URIHandler, unlinked.py).
func (q *request) unlinked(base string) error {
	switch q.r.Method {
	case http.MethodGet, http.MethodHead:
		return q.redirectToCap(base)
	case http.MethodPut:
		return q.putUnlinked()
	case http.MethodPost:
		return q.postUnlinked()
	}
	return q.unknownMethod()
}

// redirectToCap: /uri?uri=CAP is /uri/CAP, with all other arguments.
func (q *request) redirectToCap(base string) error {
	text, given := q.arg("uri")
	if !given {
		return badRequest("GET /uri requires uri=")
	}
	text = strings.TrimSpace(text)
	if _, err := uri.Parse(text); err != nil {
		return badRequest("Invalid capability")
	}
	rest := url.Values{}
	for name, values := range q.query {
		if name != "uri" {
			rest[name] = values
		}
	}
	to := webapi.Path(base, text)
	if len(rest) > 0 {
		to += "?" + rest.Encode()
	}
	return q.redirect(http.StatusFound, to)
}

func (q *request) putUnlinked() error {
	switch q.t() {
	case "":
		made, err := q.newFile(nil)
		if err != nil {
			return err
		}
		return q.text(http.StatusOK, made.Text())
	case "mkdir":
		return q.mkdirUnlinked(nil, false)
	}
	return badRequest(unlinkedText)
}

func (q *request) postUnlinked() error {
	if !isChildrenJSON(q.query.Get("t")) {
		if err := q.readForm(); err != nil {
			return err
		}
	}
	switch t := q.t(); t {
	case "", "upload":
		return q.uploadUnlinked()
	case "mkdir":
		if err := q.noChildrenInBody(); err != nil {
			return err
		}
		return q.mkdirUnlinked(nil, false)
	case "mkdir-with-children", "mkdir-immutable":
		children, err := q.initialChildren()
		if err != nil {
			return err
		}
		return q.mkdirUnlinked(children, t == "mkdir-immutable")
	}
	return badRequest(unlinkedText)
}

// noChildrenInBody refuses t=mkdir with the body of t=mkdir-with-children.
func (q *request) noChildrenInBody() error {
	if q.form != nil {
		return nil
	}
	if n, err := q.r.Body.Read(make([]byte, 1)); n == 0 && errors.Is(err, io.EOF) {
		return nil
	}
	return badRequest("t=mkdir does not accept children=, try t=mkdir-with-children instead")
}

// mkdirUnlinked makes a directory that is in no other.
func (q *request) mkdirUnlinked(children []dirnode.Initial, isImmutable bool) error {
	if f, err := q.format(); err != nil {
		return err
	} else if f.given && !f.mutable && !isImmutable {
		return badRequest("format=CHK not accepted for %s /uri?t=mkdir", q.r.Method)
	}
	made, err := q.newDirectory(children, isImmutable)
	if err != nil {
		return err
	}
	if redirect, err := q.boolean("redirect_to_result", false); err != nil {
		return err
	} else if redirect {
		return q.redirect(http.StatusSeeOther, webapi.Path("uri", made.Text()))
	}
	return q.text(http.StatusOK, made.Text())
}

// uploadUnlinked stores the file of a form (POSTUnlinkedCHK, POSTUnlinkedSSK).
func (q *request) uploadUnlinked() error {
	spool, err := q.uploaded()
	if err != nil {
		return err
	}
	if f, err := q.format(); err != nil {
		return err
	} else if f.mutable {
		made, err := q.newFile(spool)
		if err != nil {
			return err
		}
		return q.text(http.StatusOK, made.Text())
	}
	done, err := q.transfer()
	if err != nil {
		return err
	}
	defer done()
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	made, result, err := q.Files.Upload(q.ctx, spool, spool.Size())
	if err != nil {
		return err
	}
	return q.uploadedUnlinked(made, result)
}

func (q *request) uploadedUnlinked(made uri.Cap, result *upload.Result) error {
	if to := q.get("when_done", ""); to != "" {
		return q.redirect(http.StatusFound, strings.ReplaceAll(to, "%(uri)s", strings.TrimPrefix(webapi.Path(made.Text()), "/")))
	}
	return q.resultPage(made, result)
}

// The size of a body that does not say it is -1 in net/http, too.
var _ = [1]struct{}{}[immutable.UnknownSize+1]
