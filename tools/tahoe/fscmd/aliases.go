package fscmd

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// Aliases are the names that stand for caps. It is not safe for concurrent use
// while it is changed.
type Aliases struct {
	caps  map[string]secret.CapText
	given map[string]bool // by Give: may be files
}

// NewAliases returns the aliases of a list; of equal names the later counts.
func NewAliases(list []nodeconf.Alias) *Aliases {
	a := &Aliases{caps: map[string]secret.CapText{}, given: map[string]bool{}}
	for _, alias := range list {
		a.caps[alias.Name] = alias.Cap
	}
	return a
}

// Set makes a name stand for a directory, as the option --dir-cap does.
func (a *Aliases) Set(name string, directory secret.CapText) {
	a.caps[name] = directory
	delete(a.given, name)
}

// Give makes a name stand for any cap for the time of this command. It goes
// before an alias of that name.
func (a *Aliases) Give(name string, c secret.CapText) {
	a.caps[name] = c
	a.given[name] = true
}

// Location is what an argument means.
type Location struct {
	Local bool           // Path is one of this machine, and Root nothing
	Root  secret.CapText // where the path begins
	Path  string         // in UTF-8, between slashes, as it was written
	Whole bool           // Root is what was given for a name by Aliases.Give
}

// Resolve says what an argument means (scripts/common.py get_alias): a cap and a
// path behind it, an alias and a path, or a path, which begins at the alias
// tahoe. With local, a path without an alias is one of this machine instead.
func (a *Aliases) Resolve(argument string, local bool) (Location, error) {
	if !utf8.ValidString(argument) {
		return Location{}, fmt.Errorf("the argument %s is not in UTF-8", pyquote.Text(argument))
	}
	path := strings.Trim(argument, " ")
	if hasCapPrefix(path) {
		return splitCap(path), nil
	}
	name, rest, found := strings.Cut(path, ":")
	if !found || strings.Contains(name, "/") {
		if local {
			return Location{Local: true, Path: path}, nil
		}
		name, rest = DefaultAlias, path
		if _, known := a.caps[name]; !known {
			return Location{}, failed("error: No alias specified, and the default 'tahoe' alias doesn't exist. To create it, use 'tahoe create-alias tahoe'.")
		}
	}
	return a.expand(name, rest)
}

func (a *Aliases) expand(name, path string) (Location, error) {
	text, known := a.caps[name]
	if !known {
		return Location{}, failed(fmt.Sprintf("error: Unknown alias %s, please create it with 'tahoe add-alias' or 'tahoe create-alias'.", pyquote.Path(name)))
	}
	if a.given[name] {
		return Location{Root: text, Path: path, Whole: true}, nil
	}
	directory, err := directoryCap(text)
	if err != nil {
		return Location{}, fmt.Errorf("the alias %s does not stand for a directory: %w", pyquote.Path(name), err)
	}
	return Location{Root: directory, Path: path}, nil
}

// hasCapPrefix is uri.py has_uri_prefix.
func hasCapPrefix(text string) bool {
	text, readOnly := strings.CutPrefix(text, uri.PrefixReadOnly)
	if !readOnly {
		text, _ = strings.CutPrefix(text, uri.PrefixImmutable)
	}
	return strings.HasPrefix(text, "URI:")
}

// splitCap takes the path off a cap: it follows a slash, or ":./" as in old
// releases.
func splitCap(text string) Location {
	root, path, found := strings.Cut(text, ":./")
	if !found {
		root, path, _ = strings.Cut(text, "/")
	}
	return Location{Root: secret.NewCapText([]byte(root)), Path: path}
}

// errNoDirectory does not repeat what it is about.
type errNoDirectory struct{ what string }

func (e errNoDirectory) Error() string { return e.what }

// directoryCap returns the text of a directory's cap in its usual form (uri.py
// from_string_dirnode).
func directoryCap(text secret.CapText) (secret.CapText, error) {
	if text.IsZero() {
		return text, errNoDirectory{"there is no cap"}
	}
	parsed, err := uri.Parse(text.RevealString())
	if err != nil {
		return secret.CapText{}, errNoDirectory{"that is no cap: copy the whole of it, from URI:DIR2 on"}
	}
	directory, ok := parsed.(uri.Directory)
	if !ok {
		return secret.CapText{}, errNoDirectory{"that is the cap of a file, not of a directory"}
	}
	return secret.NewCapText([]byte(directory.Text())), nil
}
