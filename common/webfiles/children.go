package webfiles

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/besn0847/arm-tahoe/common/dirformat"
	"github.com/besn0847/arm-tahoe/common/dirnode"
	"github.com/besn0847/arm-tahoe/common/uri"
)

// childJSON is one child in a body: [type, {rw_uri, ro_uri, metadata}]. The type is
// not looked at.
type childJSON struct {
	name     string
	child    uri.Child
	metadata *dirformat.Metadata // nil: none were given
}

// childProperties is the object of a child. Whatever else is in it is ignored.
type childProperties struct {
	Write    string          `json:"rw_uri"` // null is empty
	Read     string          `json:"ro_uri"`
	Metadata json.RawMessage `json:"metadata"`
}

// UnmarshalJSON reads all but the name.
func (c *childJSON) UnmarshalJSON(text []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return errPair
	}
	var p childProperties
	if err := json.Unmarshal(pair[1], &p); err != nil {
		return err
	}
	c.child = uri.NewChild(p.Write, p.Read, false)
	if len(p.Metadata) == 0 || string(p.Metadata) == "null" {
		return nil
	}
	metadata, err := dirformat.ParseMetadata(p.Metadata)
	c.metadata = &metadata
	return err
}

var errPair = errors.New("each child must be [type, {\"rw_uri\": .., \"ro_uri\": .., \"metadata\": {..}}]")

// parseChildren reads {name: [type, {..}]} (common.py convert_children_json), in
// the order of the names. No text at all is no children.
func parseChildren(body []byte) ([]childJSON, error) {
	if len(strings.TrimSpace(string(body))) == 0 {
		return nil, nil
	}
	var byName map[string]*childJSON
	if err := json.Unmarshal(body, &byName); err != nil {
		return nil, badRequest("the children in the body are not the JSON of a directory's children: %v", err)
	}
	children := make([]childJSON, 0, len(byName))
	for name, child := range byName {
		if child == nil {
			return nil, badRequest("the children in the body are not the JSON of a directory's children: %v", errPair)
		}
		if err := child.child.Err(); err != nil {
			return nil, err
		}
		child.name = name
		children = append(children, *child)
	}
	slices.SortFunc(children, func(a, b childJSON) int { return strings.Compare(a.name, b.name) })
	return children, nil
}

func (q *request) children() ([]childJSON, error) {
	if q.form != nil { // its body has been read, for its fields
		return nil, badRequest("the children must be the body of the request, as JSON, and t= in its URL")
	}
	body, err := q.readAll(MaxChildren)
	if err != nil {
		return nil, err
	}
	return parseChildren(body)
}

// initialChildren are those of a new directory.
func (q *request) initialChildren() ([]dirnode.Initial, error) {
	children, err := q.children()
	initial := make([]dirnode.Initial, len(children))
	for i, c := range children {
		initial[i] = dirnode.Initial{Name: c.name, Child: c.child}
		if c.metadata != nil {
			initial[i].Metadata = *c.metadata
		}
	}
	return initial, err
}

// setChildren links several children (_POST_set_children). The argument that the
// documentation calls overwrite= is ignored, as in 1.20; it reads replace=.
func (q *request) setChildren(dir uri.Directory) error {
	overwrite, err := q.replace()
	if err != nil {
		return err
	}
	children, err := q.children()
	if err != nil {
		return err
	}
	links := make(dirnode.SetChildren, len(children))
	for i, c := range children {
		links[i] = dirnode.Link{Name: c.name, Child: c.child, Metadata: c.metadata, Overwrite: overwrite}
	}
	if _, err := q.Directories.Do(q.ctx, dir, links); err != nil {
		return err
	}
	return q.done(http.StatusOK, "Okay so I did it.")
}
