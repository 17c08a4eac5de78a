package nodeconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"go.yaml.in/yaml/v3"
)

const (
	// maxYAMLSize bounds the files below private/ that are YAML, in bytes: a
	// cache of a few thousand announcements.
	maxYAMLSize = 16 << 20
	// maxYAMLNodes and maxYAMLDepth bound what a file unfolds to, since aliases
	// (*name) can repeat parts of it.
	maxYAMLNodes = 1 << 20
	maxYAMLDepth = 100
)

// yamlFile is a parsed file with the name that errors carry.
type yamlFile struct {
	path  string
	root  *yaml.Node
	nodes int // unfolded so far
}

// readYAML returns nil if there is no file.
func readYAML(path string) (*yamlFile, error) {
	data, err := readLimited(path, maxYAMLSize+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(data) > maxYAMLSize {
		return nil, &Error{File: path, Reason: fmt.Sprintf("has more than %d bytes", maxYAMLSize)}
	}
	return parseYAML(path, data)
}

func parseYAML(path string, data []byte) (*yamlFile, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, &Error{File: path, Reason: "is not YAML", Err: yamlError(err)}
	}
	f := &yamlFile{path: path}
	if len(document.Content) == 1 {
		f.root = document.Content[0]
	}
	return f, nil
}

// yamlError keeps the position of a syntax error; the rest might quote a FURL.
func yamlError(err error) error {
	var number int
	if _, scanErr := fmt.Sscanf(err.Error(), "yaml: line %d:", &number); scanErr == nil {
		return fmt.Errorf("syntax error in line %d", number)
	}
	return errors.New("syntax error")
}

func (f *yamlFile) error(node *yaml.Node, reason, advice string) error {
	e := &Error{File: f.path, Reason: reason, Advice: advice}
	if node != nil {
		e.Line = node.Line
	}
	return e
}

// isNull tells whether a node is missing, empty or null.
func isNull(node *yaml.Node) bool {
	return node == nil || node.Kind == yaml.ScalarNode && node.Tag == "!!null"
}

// pair is an entry of a mapping.
type pair struct {
	key   string
	value *yaml.Node
}

// mapping returns the entries of a mapping in their order; of equal keys the
// later counts, in the place of the first, as in Python.
func (f *yamlFile) mapping(node *yaml.Node, what string) ([]pair, error) {
	node = target(node)
	if node == nil || node.Kind != yaml.MappingNode {
		return nil, f.error(node, what+" is not a mapping", "write NAME: VALUE lines")
	}
	var pairs []pair
	index := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, err := f.text(node.Content[i], "a name in "+what)
		if err != nil {
			return nil, err
		}
		if at, ok := index[key]; ok {
			pairs[at].value = node.Content[i+1]
			continue
		}
		index[key] = len(pairs)
		pairs = append(pairs, pair{key, node.Content[i+1]})
	}
	return pairs, nil
}

func find(pairs []pair, key string) *yaml.Node {
	for _, p := range pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

// target follows an alias.
func target(node *yaml.Node) *yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// text reads a string. The error does not quote it.
func (f *yamlFile) text(node *yaml.Node, what string) (string, error) {
	node = target(node)
	if node == nil || node.Kind != yaml.ScalarNode || node.Tag != "!!str" {
		return "", f.error(node, what+" is not a string", "put it in quotes")
	}
	return node.Value, nil
}

// json turns a node into JSON, in the order of the file.
func (f *yamlFile) json(dst []byte, node *yaml.Node, depth int) ([]byte, error) {
	node = target(node)
	f.nodes++
	if depth > maxYAMLDepth || f.nodes > maxYAMLNodes {
		return nil, f.error(node, "unfolds to too much", "")
	}
	switch node.Kind {
	case yaml.MappingNode:
		return f.jsonObject(dst, node, depth)
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i, element := range node.Content {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = f.json(dst, element, depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	return f.jsonScalar(dst, node)
}

func (f *yamlFile) jsonObject(dst []byte, node *yaml.Node, depth int) ([]byte, error) {
	pairs, err := f.mapping(node, "an announcement")
	if err != nil {
		return nil, err
	}
	dst = append(dst, '{')
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSON(dst, p.key), ':')
		if dst, err = f.json(dst, p.value, depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func (f *yamlFile) jsonScalar(dst []byte, node *yaml.Node) ([]byte, error) {
	if node.Kind != yaml.ScalarNode {
		return nil, f.error(node, "is of an unknown kind", "")
	}
	if node.Tag == "!!str" || node.Tag == "!!timestamp" {
		return appendJSON(dst, node.Value), nil
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, f.error(node, "a value cannot be read", "")
	}
	switch v := value.(type) {
	case nil, bool, int, int64, uint64:
		return appendJSON(dst, v), nil
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return appendJSON(dst, v), nil
		}
	}
	return nil, f.error(node, "is a value that announcements do not have", "put it in quotes")
}

// appendJSON appends a string, boolean, number or null.
func appendJSON(dst []byte, value any) []byte {
	text, err := json.Marshal(value)
	if err != nil { // not with these types
		return append(dst, "null"...)
	}
	return append(dst, text...)
}
