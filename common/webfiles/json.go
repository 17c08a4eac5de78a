package webfiles

import (
	"encoding/json"
	"net/http"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// object is a JSON object that is being written. Names and texts are escaped to
// ASCII as Python's json does, since the type of the answer names no character set,
// and metadata are copied as they are: they may hold NaN, which package json
// refuses.
type object struct {
	text   []byte
	indent string
}

func newObject(indent string) *object { return &object{text: []byte("{"), indent: indent} }

// key begins a member.
func (o *object) key(name string) {
	if len(o.text) > 1 {
		o.text = append(o.text, ',')
	}
	o.text = append(o.text, "\n"+o.indent+" "...)
	o.text = append(appendASCII(o.text, name), ": "...)
}

// set adds a member whose value is JSON.
func (o *object) set(name string, value []byte) {
	o.key(name)
	o.text = append(o.text, value...)
}

// setText adds a member that is a text, unless it is empty.
func (o *object) setText(name, value string) {
	if value != "" {
		o.key(name)
		o.text = appendASCII(o.text, value)
	}
}

func (o *object) setBool(name string, value bool) { o.set(name, strconv.AppendBool(nil, value)) }
func (o *object) setInt(name string, value int64) { o.set(name, strconv.AppendInt(nil, value, 10)) }

// setCaps adds what gives access to a child.
func (o *object) setCaps(c uri.Child) {
	o.setText("rw_uri", c.WriteText())
	o.setText("ro_uri", c.ReadText())
	if known, ok := c.Known(); ok {
		if verifier := known.Verifier(); verifier != nil {
			o.setText("verify_uri", verifier.Text())
		}
	}
}

func (o *object) end() []byte {
	if len(o.text) == 1 {
		return append(o.text, '}')
	}
	return append(append(o.text, "\n"+o.indent...), '}')
}

// pair is ["type", {..}].
func pair(kind string, o *object, indent string) []byte {
	text := append([]byte("[\n"+indent+" "), strconv.Quote(kind)+",\n"+indent+" "...)
	return append(append(text, o.end()...), "\n"+indent+"]"...)
}

// appendASCII appends a text in quotes, with everything beyond ASCII escaped.
func appendASCII(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	escape := func(c uint16) {
		dst = append(dst, '\\', 'u', hex[c>>12], hex[c>>8&15], hex[c>>4&15], hex[c&15])
	}
	dst = append(dst, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r >= ' ' && r < utf8.RuneSelf:
			dst = append(dst, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			escape(uint16(high))
			escape(uint16(low))
		default:
			escape(uint16(r))
		}
	}
	return append(dst, '"')
}

// fileJSON is filenode.py _file_json_metadata.
func (q *request) fileJSON(p place, file uri.Cap) error {
	o := newObject(" ")
	size, known := knownSize(file)
	if !known {
		var err error
		if size, known, err = q.size(q.ctx, file); err != nil {
			return err
		}
	}
	describeFile(o, file)
	if known {
		o.setInt("size", size)
	}
	o.setCaps(p.child)
	if p.inDirectory {
		o.set("metadata", p.metadata.Append(nil))
	}
	return q.json(pair("filenode", o, ""))
}

// describeFile is common.py get_filenode_metadata without the size.
func describeFile(o *object, file uri.Cap) {
	o.setBool("mutable", file.Kind().IsMutable())
	o.setText("format", formatName(file))
}

func formatName(c uri.Cap) string {
	if !c.Kind().IsMutable() {
		return "CHK"
	}
	return layoutOf(c).String()
}

// unknownJSON is directory.py UnknownJSONMetadata.
func (q *request) unknownJSON(p place) error {
	o := newObject(" ")
	o.setText("ro_uri", p.child.ReadText())
	o.setText("rw_uri", p.child.WriteText())
	switch {
	case p.child.WriteText() != "":
		o.setBool("mutable", true)
	case p.child.AllegedImmutable() && p.child.ReadText() != "" || p.inDirectory && !p.parent.Kind().IsMutable():
		o.setBool("mutable", false)
	}
	if p.inDirectory {
		o.set("metadata", p.metadata.Append(nil))
	}
	return q.json(pair("unknown", o, ""))
}

// directoryJSON is directory.py _directory_json_metadata.
func (q *request) directoryJSON(dir uri.Directory) error {
	listing, err := q.Directories.List(q.ctx, dir)
	if err != nil {
		return q.errorJSON(err)
	}
	children := newObject("  ")
	for entry := range listing.All() {
		if entry.Err() == nil {
			children.set(entry.Name(), childOf(entry))
		}
	}
	o := newObject(" ")
	o.set("children", children.end())
	o.setCaps(uri.ChildOf(dir))
	o.setBool("mutable", dir.Kind().IsMutable())
	if dir.Kind().IsMutable() {
		o.setText("format", layoutOf(dir.File()).String())
	}
	return q.json(pair("dirnode", o, ""))
}

// childOf describes an entry of a directory.
func childOf(entry dirformat.Entry) []byte {
	o := newObject("    ")
	kind := "unknown"
	if known, ok := entry.Child().Known(); ok {
		if dir, isDir := known.(uri.Directory); isDir {
			kind = "dirnode"
			o.setBool("mutable", dir.Kind().IsMutable())
		} else {
			kind = "filenode"
			describeFile(o, known)
			if size, ok := knownSize(known); ok {
				o.setInt("size", size)
			}
		}
	}
	o.set("metadata", entry.Metadata().Append(nil))
	o.setCaps(entry.Child())
	return pair(kind, o, "   ")
}

// errorJSON answers a program that wants JSON.
func (q *request) errorJSON(err error) error {
	answer, known := humanize(err)
	status, text := http.StatusInternalServerError, "The node could not answer this; its log says why."
	if known {
		status, text = statusAndText(answer)
	} else {
		q.Log.Error("web request", "err", err)
	}
	body, err := json.Marshal(map[string]string{"error": text})
	if err != nil {
		return err
	}
	return q.text(status, string(body))
}

// json answers with JSON, which 1.20 calls text/plain.
func (q *request) json(text []byte) error {
	h := q.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)+1))
	if h.Get("ETag") == "" {
		h.Set("Cache-Control", "no-store")
	}
	q.w.WriteHeader(http.StatusOK)
	_, _ = q.w.Write(append(text, '\n')) // the peer has gone
	return nil
}
