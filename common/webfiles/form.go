package webfiles

import (
	"errors"
	"io"
	"mime/multipart"
	"net/url"
)

// form is the body of a POST from an HTML form (webish.py FileUploadFieldStorage).
type form struct {
	values url.Values
	// file is the field of that name, nil without one; it is kept before the
	// fields behind it are read, which browsers send in the order of the page.
	file     Spool
	fileName string // as the browser named it; may be empty
}

func (f *form) close() {
	if f.file != nil {
		f.file.Close()
	}
}

// readForm reads the body if it is a form. Then its fields are arguments.
func (q *request) readForm() error {
	mediaType, params := q.contentType()
	switch mediaType {
	case "application/x-www-form-urlencoded":
		body, err := q.readAll(MaxFields)
		if err != nil {
			return err
		}
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return badRequest("The form in the body is malformed.")
		}
		q.form = &form{values: values}
	case "multipart/form-data":
		q.form = &form{values: url.Values{}}
		return q.readParts(multipart.NewReader(q.r.Body, params["boundary"]))
	}
	return nil
}

func (q *request) readParts(parts *multipart.Reader) error {
	left := int64(MaxFields)
	for {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return bodyError(err)
		case part.FormName() == "file":
			if err := q.readFile(part); err != nil {
				return err
			}
			continue
		}
		value, err := io.ReadAll(io.LimitReader(part, min(left, MaxField)+1))
		if err != nil {
			return bodyError(err)
		}
		if left -= int64(len(value)); left < 0 || len(value) > MaxField {
			return tooLarge("the field %.100q of the form is too long", part.FormName())
		}
		q.form.values.Add(part.FormName(), string(value))
	}
}

// readFile keeps the file of a form.
func (q *request) readFile(part *multipart.Part) error {
	if q.form.file != nil {
		return badRequest("The form has two fields named \"file\".")
	}
	done, err := q.transfer()
	if err != nil {
		return err
	}
	defer done()
	file, err := q.Files.Spool(q.ctx, &bodyReader{r: part}, nil)
	if err != nil {
		return err
	}
	q.form.file, q.form.fileName = file, part.FileName()
	return nil
}

// uploaded is the file of the form.
func (q *request) uploaded() (Spool, error) {
	if q.form == nil || q.form.file == nil {
		return nil, badRequest("t=upload requires a form with the file in a field named \"file\", sent as multipart/form-data")
	}
	return q.form.file, nil
}

// bodyReader marks the errors of a body, to tell them from those of a disk. Above
// all, a body that was cut short must not look like one that ended: readers such
// as io.ReadFull give io.ErrUnexpectedEOF for both.
type bodyReader struct{ r io.Reader }

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // anything but the end itself
		err = &bodyReadError{err.Error()}
	}
	return n, err
}

// bodyReadError says that the body of the request could not be read. It does not
// unwrap, see bodyReader.
type bodyReadError struct{ text string }

func (e *bodyReadError) Error() string { return e.text }
