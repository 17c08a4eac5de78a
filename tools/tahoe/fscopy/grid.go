package fscopy

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// gridPlace is a directory of the grid.
type gridPlace struct {
	copier *copier
	write  secret.CapText // the zero value if it may only be read
	node   gateway.Node

	mu    sync.Mutex
	known map[string]gateway.Node   // what is there; nil before it was read
	added map[string]secret.CapText // to be entered by finish
}

// remember keeps what is in the directory.
func (p *gridPlace) remember(entries []entry) error {
	p.known = make(map[string]gateway.Node, len(entries))
	for _, e := range entries {
		if e.node.Type != gateway.File && e.node.Type != gateway.Directory {
			return errUnknown
		}
		p.known[e.name] = e.node
	}
	return nil
}

// existing returns what has this name in the directory.
func (p *gridPlace) existing(ctx context.Context, name string) (gateway.Node, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock() // over the request: others need its answer too
	if p.known == nil {
		entries, err := p.copier.list(ctx, p.node, "Error examining target directory")
		if err == nil {
			err = p.remember(entries)
		}
		if err != nil {
			return gateway.Node{}, false, err
		}
	}
	node, found := p.known[name]
	return node, found, nil
}

var errReadOnly = errors.New("the target is a directory that this cap can only read: use its write cap")

// key is the form that directories keep names in (dirnode.py normalize).
func (p *gridPlace) key(name string) string { return norm.NFC.String(name) }

func (p *gridPlace) child(ctx context.Context, name string) (place, error) {
	there, found, err := p.existing(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case found && there.Type == gateway.Directory:
		return &gridPlace{copier: p.copier, write: there.Write, node: there}, nil
	case found:
		return nil, clash(name, "a file", "a directory")
	case p.write.IsZero():
		return nil, errReadOnly
	}
	if err := checkUTF8(name); err != nil {
		return nil, err
	}
	made, err := p.copier.mkdir(ctx, gateway.Child(p.write, name))
	return &gridPlace{copier: p.copier, write: made, known: map[string]gateway.Node{}}, err
}

func checkUTF8(name string) error {
	if utf8.ValidString(name) {
		return nil
	}
	return errors.New("the name " + pyquote.Text(name) + " is not in UTF-8, as all names in the grid are: rename the file")
}

// put stores a file and notes its cap, or overwrites the mutable file that has
// its name.
func (p *gridPlace) put(ctx context.Context, f *file) error {
	name := p.key(f.name)
	if err := checkUTF8(name); err != nil {
		return err
	}
	there, found, err := p.existing(ctx, name)
	switch {
	case err != nil:
		return err
	case p.write.IsZero():
		return errReadOnly
	case found && there.Type == gateway.Directory:
		return clash(name, "a directory", "a file")
	case found && there.Mutable:
		_, err := p.copier.store(ctx, f, gateway.Child(p.write, name))
		return err
	}
	stored := f.node.Read
	if !p.copier.linkable(f) {
		if stored, err = p.copier.store(ctx, f, gateway.Unlinked()); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.added == nil {
		p.added = map[string]secret.CapText{}
	}
	p.added[name] = stored
	return nil
}

// finish enters all files at once (t=set_children).
func (p *gridPlace) finish(ctx context.Context) error {
	if len(p.added) == 0 {
		return nil
	}
	children := make(map[string][2]any, len(p.added))
	for name, c := range p.added {
		// The gateway finds out by itself what a cap permits.
		children[name] = [2]any{gateway.File, map[string]string{"rw_uri": c.RevealString()}}
	}
	p.added = nil
	text, err := json.Marshal(children)
	if err != nil {
		return errors.New("the entries cannot be written as JSON") // err could show them
	}
	answer := p.copier.gateway.Do(ctx, "POST", gateway.At(p.write, "").Query("t=set_children"), gateway.Text(string(text)))
	defer answer.Close()
	if !answer.OK() {
		return refused("Error during POST", answer)
	}
	return nil
}

// linkable says whether a file is in the grid and stays as it is, so that its cap
// is as good as a copy.
func (c *copier) linkable(f *file) bool { return f.path == "" && !f.node.Mutable && !c.CapsOnly }

// store sends what is in a file and returns the cap that it got.
func (c *copier) store(ctx context.Context, f *file, to gateway.Object) (secret.CapText, error) {
	body, done, err := c.open(ctx, f)
	if err != nil {
		return secret.CapText{}, err
	}
	defer done()
	return c.capFrom(c.gateway.Do(ctx, "PUT", to, body), "Error during PUT")
}

// capFrom reads the cap that a request is answered with, and closes the answer.
func (c *copier) capFrom(answer *gateway.Answer, doing string) (secret.CapText, error) {
	defer answer.Close()
	if !answer.OK() {
		return secret.CapText{}, refused(doing, answer)
	}
	text, err := answer.Text()
	if err == nil && strings.TrimSpace(text) == "" {
		err = errors.New("the gateway answered without a cap")
	}
	if err != nil {
		return secret.CapText{}, err
	}
	return secret.NewCapText([]byte(strings.TrimSpace(text))), nil
}
