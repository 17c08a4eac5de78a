package nodeconf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

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

// ErrAliasExists says that an alias of this name is there already.
var ErrAliasExists = errors.New("the alias exists already")

// AddAlias adds a line to private/aliases (scripts/tahoe_add_alias.py
// add_line_to_aliasfile), which it replaces as a whole: comments and order stay.
// The error is ErrAliasExists if the name is taken. Unlike the other methods it
// may be called while other processes and goroutines do the same.
func (d *Dir) AddAlias(alias Alias) (err error) {
	if strings.ContainsAny(alias.Name, ": \r\n") || strings.HasPrefix(alias.Name, "#") || strip(alias.Name) != alias.Name {
		return fmt.Errorf("an alias cannot be called %q: no colons, spaces or line ends, and no # at the beginning", alias.Name)
	}
	lock, err := lockDirectory(d.Private(""))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	list, err := d.Aliases()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(a Alias) bool { return a.Name == alias.Name }) {
		return ErrAliasExists
	}
	text, err := readLimited(d.Private(aliasesName), maxListFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	text = fmt.Appendf(text, "%s: %s\n", alias.Name, alias.Cap.RevealString())
	return WriteFile(d.Private(aliasesName), text, privateMode)
}

// lockDirectory waits for the lock on a directory itself, which needs no file for
// it. Closing it gives the lock up.
func lockDirectory(path string) (*os.File, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(dir.Fd()), syscall.LOCK_EX)
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), dir.Close())
		}
	}
}
