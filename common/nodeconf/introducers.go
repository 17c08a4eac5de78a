package nodeconf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// defaultPetname is the name of the introducer in tahoe.cfg, and of the one that
// create-node is given.
const defaultPetname = "default"

// Introducer is an introducer that a node knows.
type Introducer struct {
	Petname string
	FURL    secret.CapText
}

// Introducers returns the introducers of private/introducers.yaml, in the order
// of that file, and after them the one of tahoe.cfg, whose petname is default
// (node.py get_introducer_configuration). A missing file is an empty one.
func (d *Dir) Introducers(config *Config) ([]Introducer, error) {
	file, err := readYAML(d.Private(introducersName))
	if err != nil {
		return nil, err
	}
	var list []Introducer
	if file != nil {
		if list, err = file.introducers(); err != nil {
			return nil, err
		}
	}
	if config.Client.IntroducerFURL.IsZero() {
		return list, nil
	}
	for _, in := range list {
		if in.Petname == defaultPetname {
			return nil, &Error{File: d.Path(ConfigName), Section: "client", Key: "introducer.furl",
				Reason: "names an introducer, and private/" + introducersName + " has one named default too", Advice: "remove one of the two"}
		}
	}
	return append(list, Introducer{defaultPetname, config.Client.IntroducerFURL}), nil
}

func (f *yamlFile) introducers() ([]Introducer, error) {
	if isNull(f.root) {
		return nil, f.error(nil, "is empty", "write introducers: {} if there are none")
	}
	top, err := f.mapping(f.root, "the file")
	if err != nil {
		return nil, err
	}
	node := find(top, "introducers")
	if node == nil {
		return nil, nil
	}
	pairs, err := f.mapping(node, "introducers")
	if err != nil {
		return nil, err
	}
	var list []Introducer
	for _, p := range pairs {
		in, err := f.introducer(p)
		if err != nil {
			return nil, err
		}
		list = append(list, in)
	}
	return list, nil
}

func (f *yamlFile) introducer(p pair) (Introducer, error) {
	if !isPetname(p.key) {
		return Introducer{}, f.error(p.value, fmt.Sprintf("the petname %s cannot be part of a file name", quote(p.key)), "use letters, digits and dashes")
	}
	what := "introducer " + p.key
	settings, err := f.mapping(p.value, what)
	if err != nil {
		return Introducer{}, err
	}
	furl, err := f.text(find(settings, "furl"), "the furl of "+what)
	if err != nil {
		return Introducer{}, err
	}
	return Introducer{p.key, secret.NewCapText([]byte(furl))}, nil
}

// isPetname: the petname becomes part of the cache's file name.
func isPetname(name string) bool {
	return name != "" && len(name) <= 200 && !strings.ContainsAny(name, "/\x00")
}

// WriteIntroducers replaces private/introducers.yaml.
func (d *Dir) WriteIntroducers(list []Introducer) error {
	text := []byte("introducers: {}\n")
	if len(list) > 0 {
		var err error
		if text, err = marshalIntroducers(list); err != nil {
			return err
		}
	}
	return WriteFile(d.Private(introducersName), text, privateMode)
}

func marshalIntroducers(list []Introducer) ([]byte, error) {
	all := &yaml.Node{Kind: yaml.MappingNode}
	for _, in := range list {
		settings := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{textNode("furl"), textNode(in.FURL.RevealString())}}
		all.Content = append(all.Content, textNode(in.Petname), settings)
	}
	return marshalYAML(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{textNode("introducers"), all}})
}

func textNode(text string) *yaml.Node {
	node := new(yaml.Node)
	node.SetString(text)
	return node
}

// marshalYAML indents by two spaces, as Python does.
func marshalYAML(node any) ([]byte, error) {
	var text strings.Builder
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	err := errors.Join(encoder.Encode(node), encoder.Close())
	return []byte(text.String()), err
}

// StaticServer is a server of private/servers.yaml.
type StaticServer struct {
	ID           string // any text
	Announcement json.RawMessage
	// Connections says how kinds of hints are reached, as in tcp: tor.
	Connections map[string]string
}

// StaticServers returns the servers of private/servers.yaml (client.py
// load_static_servers). A missing file is an empty one.
func (d *Dir) StaticServers() ([]StaticServer, error) {
	file, err := readYAML(d.Private(serversName))
	if err != nil || file == nil || isNull(file.root) {
		return nil, err
	}
	top, err := file.mapping(file.root, "the file")
	if err != nil {
		return nil, err
	}
	node := find(top, "storage")
	if isNull(node) {
		return nil, nil
	}
	pairs, err := file.mapping(node, "storage")
	if err != nil {
		return nil, err
	}
	var servers []StaticServer
	for _, p := range pairs {
		server, err := file.staticServer(p)
		if err != nil {
			return nil, err
		}
		servers = append(servers, server)
	}
	return servers, nil
}

func (f *yamlFile) staticServer(p pair) (StaticServer, error) {
	what := "the server " + quote(p.key)
	settings, err := f.mapping(p.value, what)
	if err != nil {
		return StaticServer{}, err
	}
	server := StaticServer{ID: p.key}
	if server.Announcement, err = f.announcement(find(settings, "ann"), "ann of "+what); err != nil {
		return StaticServer{}, err
	}
	node := find(settings, "connections")
	if isNull(node) {
		return server, nil
	}
	connections, err := f.mapping(node, "connections of "+what)
	if err != nil {
		return StaticServer{}, err
	}
	server.Connections = map[string]string{}
	for _, c := range connections {
		if server.Connections[c.key], err = f.text(c.value, "connections of "+what); err != nil {
			return StaticServer{}, err
		}
	}
	return server, nil
}

// announcement reads a mapping as JSON.
func (f *yamlFile) announcement(node *yaml.Node, what string) (json.RawMessage, error) {
	if t := target(node); t == nil || t.Kind != yaml.MappingNode {
		return nil, f.error(t, what+" is missing or not a mapping", "")
	}
	f.nodes = 0
	return f.json(nil, node, 0)
}

// CachedAnnouncement is an element of the cache.
type CachedAnnouncement = announce.Cached

// cachePath returns the path of the cache of an introducer.
func (d *Dir) cachePath(petname string) string {
	return d.Private("introducer_" + petname + "_cache.yaml")
}

// CachedAnnouncements reads private/introducer_PETNAME_cache.yaml
// (introducer/client.py _load_announcements). A missing file is an empty one.
func (d *Dir) CachedAnnouncements(petname string) ([]CachedAnnouncement, error) {
	if !isPetname(petname) {
		return nil, fmt.Errorf("the petname %s cannot be part of a file name", quote(petname))
	}
	file, err := readYAML(d.cachePath(petname))
	if err != nil || file == nil || isNull(file.root) {
		return nil, err
	}
	if file.root.Kind != yaml.SequenceNode {
		return nil, file.error(file.root, "is not a list", "remove the file: it is written again")
	}
	var list []CachedAnnouncement
	for _, element := range file.root.Content {
		entry, err := file.mapping(element, "an entry")
		if err != nil {
			return nil, err
		}
		var cached CachedAnnouncement
		if cached.Key, err = file.text(find(entry, "key_s"), "key_s"); err != nil {
			return nil, err
		}
		if cached.Announcement, err = file.announcement(find(entry, "ann"), "ann"); err != nil {
			return nil, err
		}
		list = append(list, cached)
	}
	return list, nil
}

// WriteCachedAnnouncements replaces the cache of an introducer. The order of
// members stays.
func (d *Dir) WriteCachedAnnouncements(petname string, list []CachedAnnouncement) error {
	if !isPetname(petname) {
		return fmt.Errorf("the petname %s cannot be part of a file name", quote(petname))
	}
	entries := &yaml.Node{Kind: yaml.SequenceNode}
	for _, cached := range list {
		decoder := json.NewDecoder(bytes.NewReader(cached.Announcement))
		decoder.UseNumber()
		announcement, err := jsonNode(decoder, 0)
		if err != nil {
			return fmt.Errorf("cache an announcement: %w", err)
		}
		entries.Content = append(entries.Content, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
			textNode("ann"), announcement, textNode("key_s"), textNode(cached.Key),
		}})
	}
	text, err := marshalYAML(entries)
	if err != nil {
		return err
	}
	return WriteFile(d.cachePath(petname), text, privateMode)
}

// jsonNode reads the next value of a JSON text; members keep their order. (YAML
// has all of JSON but its escapes beyond U+FFFF.)
func jsonNode(decoder *json.Decoder, depth int) (*yaml.Node, error) {
	if depth > maxYAMLDepth {
		return nil, errors.New("nested too deep")
	}
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	node := new(yaml.Node)
	switch value := token.(type) {
	case json.Delim:
		if node.Kind = yaml.SequenceNode; value == '{' {
			node.Kind = yaml.MappingNode
		}
		for decoder.More() {
			child, err := jsonNode(decoder, depth+1)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, child)
		}
		_, err = decoder.Token()
		return node, err
	case string:
		return textNode(value), nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: value.String()}, nil
	default:
		return node, node.Encode(value)
	}
}

// RemoveCachedAnnouncements removes the cache of an introducer, if there is one.
func (d *Dir) RemoveCachedAnnouncements(petname string) error {
	err := os.Remove(d.cachePath(petname))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
