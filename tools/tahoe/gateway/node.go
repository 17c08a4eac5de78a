package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// MaxDescription bounds the description of an object (t=json), in bytes: that of
// a directory has some 700 for each entry.
const MaxDescription = 256 << 20

// Types of objects, as they are called in descriptions. There may be others.
const (
	File      = "filenode"
	Directory = "dirnode"
)

// Node is what t=json says about an object (web/directory.py, web/filenode.py),
// as far as the command line looks at it.
type Node struct {
	Type        string         // File, Directory, or what is unknown to the gateway
	Write, Read secret.CapText // the zero value if there is none
	Mutable     bool
	// Size is as Python prints it: a number of bytes, ? if there is none, or None.
	Size string
	// Created and Modified say when the link was, in seconds since 1970; 0 if
	// that is not known.
	Created, Modified float64
}

// Bytes returns the size in bytes, 0 if it is not known.
func (n Node) Bytes() (size int64) {
	if json.Unmarshal([]byte(n.Size), &size) != nil {
		return 0
	}
	return size
}

// Best returns the cap that permits most.
func (n Node) Best() secret.CapText {
	if !n.Write.IsZero() {
		return n.Write
	}
	return n.Read
}

// capText keeps the zero value for no cap.
func capText(text string) (c secret.CapText) {
	if text != "" {
		c = secret.NewCapText([]byte(text))
	}
	return c
}

// attributes is a Node on the wire.
type attributes struct {
	Write    string          `json:"rw_uri"`
	Read     string          `json:"ro_uri"`
	Mutable  bool            `json:"mutable"`
	Size     json.RawMessage `json:"size"`
	Metadata json.RawMessage `json:"metadata"`
}

func (a attributes) node(kind string) Node {
	n := Node{Type: kind, Write: capText(a.Write), Read: capText(a.Read), Mutable: a.Mutable}
	switch text := string(a.Size); {
	case text == "":
		n.Size = "?"
	case text == "null":
		n.Size = "None"
	case json.Unmarshal(a.Size, &n.Size) != nil: // it is no string
		n.Size = text
	}
	n.Created, n.Modified = times(a.Metadata)
	return n
}

// times finds the times of a link where Tahoe writes them, and else where
// releases before 1.4 did. Anybody who may write the directory writes metadata,
// so what has another form is ignored.
func times(metadata json.RawMessage) (created, modified float64) {
	var outer map[string]json.RawMessage
	if json.Unmarshal(metadata, &outer) != nil {
		return 0, 0
	}
	var inner map[string]json.RawMessage
	_ = json.Unmarshal(outer["tahoe"], &inner)
	return either(inner["linkcrtime"], outer["ctime"]), either(inner["linkmotime"], outer["mtime"])
}

func either(a, b json.RawMessage) (number float64) {
	if json.Unmarshal(a, &number) == nil && number != 0 {
		return number
	}
	number = 0
	_ = json.Unmarshal(b, &number)
	return number
}

// UnmarshalJSON reads [type, attributes] of an entry of a directory.
func (n *Node) UnmarshalJSON(data []byte) error {
	var kind string
	var a attributes
	if err := json.Unmarshal(data, &[]any{&kind, &a}); err != nil {
		return err
	}
	*n = a.node(kind)
	return nil
}

// errDescription does not repeat what was read: there are caps in it.
var errDescription = errors.New("the gateway's description of the object is not understood")

// ReadNode reads a description. If it is that of a directory, child is called
// for each entry, which ends the reading with an error of its own. Only one
// entry is kept in memory at a time.
func ReadNode(r io.Reader, child func(name string, n Node) error) (Node, error) {
	d := &nodeReader{decoder: json.NewDecoder(io.LimitReader(r, MaxDescription)), child: child}
	node, err := d.read()
	var own *childError
	switch {
	case err == nil:
		return node, nil
	case errors.As(err, &own):
		return Node{}, own.err
	case d.decoder.InputOffset() >= MaxDescription:
		return Node{}, fmt.Errorf("the gateway's description of the object is longer than %d bytes", MaxDescription)
	case isSyntax(err):
		return Node{}, errDescription
	}
	return Node{}, fmt.Errorf("the gateway's answer broke off: %w", err)
}

// isSyntax tells mistakes in the text from errors of reading it.
func isSyntax(err error) bool {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	return errors.Is(err, errDescription) || errors.As(err, &syntax) || errors.As(err, &kind)
}

type childError struct{ err error }

func (e *childError) Error() string { return e.err.Error() }

type nodeReader struct {
	decoder *json.Decoder
	child   func(name string, n Node) error
}

func (d *nodeReader) read() (Node, error) {
	var kind string
	if err := errors.Join(d.expect('['), d.decoder.Decode(&kind), d.expect('{')); err != nil {
		return Node{}, err
	}
	fields := map[string]json.RawMessage{}
	for d.decoder.More() {
		if err := d.field(fields); err != nil {
			return Node{}, err
		}
	}
	if err := errors.Join(d.expect('}'), d.expect(']')); err != nil {
		return Node{}, err
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return Node{}, err
	}
	var a attributes
	if err := json.Unmarshal(text, &a); err != nil {
		return Node{}, err
	}
	return a.node(kind), nil
}

func (d *nodeReader) field(fields map[string]json.RawMessage) error {
	name, err := d.key()
	if err != nil {
		return err
	}
	if name == "children" {
		return d.children()
	}
	var value json.RawMessage
	if err := d.decoder.Decode(&value); err != nil {
		return err
	}
	fields[name] = value
	return nil
}

func (d *nodeReader) children() error {
	if err := d.expect('{'); err != nil {
		return err
	}
	for d.decoder.More() {
		name, err := d.key()
		if err != nil {
			return err
		}
		var n Node
		if err := d.decoder.Decode(&n); err != nil {
			return err
		}
		if err := d.child(name, n); err != nil {
			return &childError{err}
		}
	}
	return d.expect('}')
}

func (d *nodeReader) key() (string, error) {
	token, err := d.decoder.Token()
	if err != nil {
		return "", err
	}
	name, ok := token.(string)
	if !ok {
		return "", errDescription
	}
	return name, nil
}

func (d *nodeReader) expect(want json.Delim) error {
	token, err := d.decoder.Token()
	if err == nil && token != want {
		err = errDescription
	}
	return err
}
