package nodeconf

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// maxListFile bounds aliases and access.blacklist, in bytes.
const maxListFile = 16 << 20

// rootAlias is the alias of private/root_dir.cap.
const rootAlias = "tahoe"

// Alias is a name for a directory.
type Alias struct {
	Name string
	Cap  secret.CapText // as it is written, also if it is no cap
}

// Aliases returns the lines "name: CAP" of private/aliases in the order of the
// file; of equal names the later counts, in the place of the first. The cap in
// private/root_dir.cap, the old form, comes first as the alias tahoe
// (scripts/common.py get_aliases).
func (d *Dir) Aliases() ([]Alias, error) {
	var list []Alias
	set := func(name, text string) {
		alias := Alias{name, secret.NewCapText([]byte(text))}
		for i := range list {
			if list[i].Name == name {
				list[i] = alias
				return
			}
		}
		list = append(list, alias)
	}
	root, _, err := line(d.Private(rootCapName))
	if err != nil {
		return nil, err
	}
	if root != "" {
		set(rootAlias, root)
	}
	data, err := readLimited(d.Private(aliasesName), maxListFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	number := 0
	for text := range strings.SplitSeq(string(data), "\n") {
		number++
		if text = strip(text); text == "" || text[0] == '#' {
			continue
		}
		name, capText, ok := strings.Cut(text, ":")
		if !ok {
			return nil, &Error{File: d.Private(aliasesName), Line: number, Reason: "has no colon", Advice: `write "name: CAP"`}
		}
		set(name, strip(capText))
	}
	return list, nil
}
