package nodeconf

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a configuration file, in bytes. Tahoe has none.
const (
	MaxFileSize  = 1 << 20
	MaxValueSize = 1 << 20 // after interpolation
)

// defaultSection holds values for all sections, as in Python.
const defaultSection = "DEFAULT"

// File is a configuration file as Python's ConfigParser(strict=False) sees it:
// sections with keys in lower case and values not yet interpolated. It is
// not changed after it was parsed but by Set.
type File struct {
	name     string
	sections []*section
	defaults *section
}

// section keeps its options in the order of their first appearance, as a
// Python dict does.
type section struct {
	name    string
	line    int
	options []*option
}

type option struct {
	key   string
	lines []string // before they are joined
	value string   // raw
	line  int      // of the latest definition
}

func (s *section) find(key string) *option {
	for _, o := range s.options {
		if o.key == key {
			return o
		}
	}
	return nil
}

// define starts a new value; of equal keys the later wins.
func (s *section) define(key, value string, line int) *option {
	o := s.find(key)
	if o == nil {
		o = &option{key: key}
		s.options = append(s.options, o)
	}
	o.lines, o.line = []string{value}, line
	return o
}

// ParseFile parses a configuration file. The name is for errors, which are of
// type *Error. text is not kept.
func ParseFile(name string, text []byte) (*File, error) {
	if len(text) > MaxFileSize {
		return nil, &Error{File: name, Reason: fmt.Sprintf("has %d bytes, more than the %d allowed", len(text), MaxFileSize)}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if line := invalidLine(text); line > 0 {
		return nil, &Error{File: name, Line: line, Reason: "is not UTF-8", Advice: "save the file as UTF-8"}
	}
	p := &parser{file: &File{name: name, defaults: &section{name: defaultSection}}}
	for i, line := range strings.Split(string(text), "\n") {
		if err := p.line(i+1, line); err != nil {
			return nil, err
		}
	}
	p.file.join()
	return p.file, nil
}

// invalidLine returns the number of the first line that is not UTF-8, or 0.
func invalidLine(text []byte) int {
	for i, line := range bytes.Split(text, []byte("\n")) {
		if !utf8.Valid(line) {
			return i + 1
		}
	}
	return 0
}

// join ends all values as _join_multiline_values does.
func (f *File) join() {
	for _, s := range append([]*section{f.defaults}, f.sections...) {
		for _, o := range s.options {
			o.value = strings.TrimRightFunc(strings.Join(o.lines, "\n"), isPythonSpace)
			o.lines = nil
		}
	}
}

// isPythonSpace is str.isspace: Unicode's spaces and four separators that Go
// does not count.
func isPythonSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func strip(text string) string { return strings.TrimFunc(text, isPythonSpace) }

// parser is the state of _read_inner.
type parser struct {
	file    *File
	section *section // nil before the first header
	option  *option  // nil after a header
	indent  int      // of the latest header or key, in characters
}

func (p *parser) line(number int, line string) error {
	clean := strip(line)
	switch {
	case strings.HasPrefix(clean, "#") || strings.HasPrefix(clean, ";"):
		return nil
	case clean == "":
		if p.option != nil {
			p.option.lines = append(p.option.lines, "")
		}
		return nil
	}
	indent := utf8.RuneCountInString(line[:strings.IndexFunc(line, func(r rune) bool { return !isPythonSpace(r) })])
	if p.option != nil && indent > p.indent {
		p.option.lines = append(p.option.lines, clean)
		return nil
	}
	p.indent = indent
	if name, ok := header(clean); ok {
		p.enter(name, number)
		return nil
	}
	return p.define(number, clean)
}

// header reads "[name]"; the last bracket of the line counts and what follows it
// is ignored.
func header(clean string) (string, bool) {
	end := strings.LastIndexByte(clean, ']')
	if clean[0] != '[' || end < 2 {
		return "", false
	}
	return clean[1:end], true
}

func (p *parser) enter(name string, number int) {
	p.option = nil
	if name == defaultSection {
		p.section = p.file.defaults
		return
	}
	if p.section = p.file.section(name); p.section == nil {
		p.section = &section{name: name, line: number}
		p.file.sections = append(p.file.sections, p.section)
	}
}

func (p *parser) define(number int, clean string) error {
	if p.section == nil {
		return &Error{File: p.file.name, Line: number, Reason: "stands before the first section",
			Advice: "begin with a section header such as [node]"}
	}
	at := strings.IndexAny(clean, "=:")
	if at < 0 {
		return &Error{File: p.file.name, Line: number, Section: p.section.name, Reason: "neither a section header nor a setting",
			Advice: `write "key = value"; the lines after the first of a long value are indented`}
	}
	key := strings.ToLower(strip(clean[:at]))
	if key == "" {
		return &Error{File: p.file.name, Line: number, Section: p.section.name, Reason: fmt.Sprintf("no key before the %q", clean[at]),
			Advice: `write "key = value"`}
	}
	p.option = p.section.define(key, strip(clean[at+1:]), number)
	return nil
}

func (f *File) section(name string) *section {
	for _, s := range f.sections {
		if s.name == name {
			return s
		}
	}
	return nil
}

// Sections returns the names of the sections in the order of the file, without
// [DEFAULT].
func (f *File) Sections() []string {
	names := make([]string, len(f.sections))
	for i, s := range f.sections {
		names[i] = s.name
	}
	return names
}

// Keys returns the keys of a section, in lower case, those of [DEFAULT] behind
// them. There are none if the section is missing.
func (f *File) Keys(sectionName string) []string {
	s := f.section(sectionName)
	if s == nil {
		return nil
	}
	var keys []string
	for _, o := range append(slices.Clone(s.options), f.defaults.options...) {
		if !slices.Contains(keys, o.key) {
			keys = append(keys, o.key)
		}
	}
	return keys
}

// lookup finds a key in a section that exists, or for it in [DEFAULT].
func (f *File) lookup(sectionName, key string) *option {
	s := f.section(sectionName)
	if s == nil {
		return nil
	}
	key = strings.ToLower(key)
	if o := s.find(key); o != nil {
		return o
	}
	return f.defaults.find(key)
}

// Line returns the line of a key, 0 if it is not there.
func (f *File) Line(sectionName, key string) int {
	if o := f.lookup(sectionName, key); o != nil {
		return o.line
	}
	return 0
}

// Get returns the value of a key with everything interpolated, and whether the
// key is there. The error, of type *Error, is about the interpolation.
func (f *File) Get(sectionName, key string) (value string, ok bool, err error) {
	o := f.lookup(sectionName, key)
	if o == nil {
		return "", false, nil
	}
	e := expansion{file: f, section: sectionName}
	if reason := e.expand(o.value, 1); reason != "" {
		return "", true, &Error{File: f.name, Line: o.line, Section: sectionName, Key: o.key, Reason: reason,
			Advice: `write "%%" for a percent sign`}
	}
	return e.text.String(), true, nil
}

// Set gives a key a value, which is written as it is: percent signs are doubled
// by Set. The key goes to the end of its section, or of the file.
func (f *File) Set(sectionName, key, value string) {
	s := f.section(sectionName)
	if s == nil {
		s = &section{name: sectionName}
		f.sections = append(f.sections, s)
	}
	o := s.define(strings.ToLower(key), "", 0)
	o.value, o.lines = strings.ReplaceAll(value, "%", "%%"), nil
}

// AppendPython appends the file as 1.20 writes it back after it has changed a
// setting (util/configutil.py copy_config, ConfigParser.write): comments are
// gone, keys are in lower case, references are replaced by what they stand for.
func (f *File) AppendPython(dst []byte) ([]byte, error) {
	for _, s := range f.sections {
		dst = fmt.Appendf(dst, "[%s]\n", s.name)
		for _, key := range f.writtenKeys(s) {
			value, _, err := f.Get(s.name, key)
			if err != nil {
				return nil, err
			}
			value = strings.ReplaceAll(value, "%", "%%")
			dst = fmt.Appendf(dst, "%s = %s\n", key, lineEnds.Replace(value))
		}
		dst = append(dst, '\n')
	}
	return dst, nil
}

// lineEnds makes continuation lines (RawConfigParser._write_section).
var lineEnds = strings.NewReplacer("\r\n", "\n\t", "\r", "\n\t", "\n", "\n\t")

// writtenKeys are those of [DEFAULT] before the section's own (RawConfigParser.items).
func (f *File) writtenKeys(s *section) []string {
	var keys []string
	for _, o := range append(slices.Clone(f.defaults.options), s.options...) {
		if !slices.Contains(keys, o.key) {
			keys = append(keys, o.key)
		}
	}
	return keys
}
