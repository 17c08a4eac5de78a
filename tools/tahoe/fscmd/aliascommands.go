package fscmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// aliasName takes a colon off an alias's name and refuses what cannot be one.
func aliasName(argument string) (string, error) {
	name := strings.TrimSuffix(argument, ":")
	switch {
	case strings.Contains(name, ":"):
		return "", failed("Alias names cannot contain colons.")
	case strings.Contains(name, " "):
		return "", failed("Alias names cannot contain spaces.")
	}
	return name, nil
}

func aliasExists(name string) error {
	return failed(fmt.Sprintf("Alias %s already exists!", pyquote.Path(name)))
}

// checkNewAlias returns the name if it can become an alias.
func checkNewAlias(dir *nodeconf.Dir, argument string) (string, error) {
	name, err := aliasName(argument)
	if err != nil {
		return "", err
	}
	list, err := dir.Aliases()
	if err == nil && slices.ContainsFunc(list, func(a nodeconf.Alias) bool { return a.Name == name }) {
		err = aliasExists(name)
	}
	return name, err
}

// writeAlias makes the node's directory if it has to.
func writeAlias(dir *nodeconf.Dir, name string, c secret.CapText) error {
	dir, err := nodeconf.OpenDir(dir.Path(""))
	if err != nil {
		return err
	}
	err = dir.AddAlias(nodeconf.Alias{Name: name, Cap: c})
	if errors.Is(err, nodeconf.ErrAliasExists) {
		return aliasExists(name)
	}
	return err
}

// AddAlias gives a directory an alias. It needs no gateway.
func (s *Session) AddAlias(dir *nodeconf.Dir, alias string, directory secret.CapText) error {
	name, err := checkNewAlias(dir, alias)
	if err != nil {
		return err
	}
	text, err := directoryCap(directory)
	if err != nil {
		return err
	}
	if err := writeAlias(dir, name, text); err != nil {
		return err
	}
	fmt.Fprintf(s.Stdout, "Alias %s added\n", pyquote.Path(name))
	return nil
}

// CreateAlias makes a directory and gives it an alias.
func (s *Session) CreateAlias(ctx context.Context, dir *nodeconf.Dir, alias string) error {
	name, err := checkNewAlias(dir, alias)
	if err != nil {
		return err
	}
	answer := s.Gateway.Do(ctx, "POST", gateway.Unlinked().Query("t=mkdir"), gateway.Body{})
	defer answer.Close()
	if answer.Status < 200 || answer.Status >= 300 {
		return refused("Error during HTTP request", answer)
	}
	text, err := answer.Text()
	if err != nil {
		return err
	}
	made, err := directoryCap(capText(strings.TrimSpace(text)))
	if err != nil {
		return fmt.Errorf("the gateway's answer to mkdir is not understood: %w", err)
	}
	if err := writeAlias(dir, name, made); err != nil {
		return err
	}
	fmt.Fprintf(s.Stdout, "Alias %s created\n", pyquote.Path(name))
	return nil
}

func capText(text string) (c secret.CapText) {
	if text != "" {
		c = secret.NewCapText([]byte(text))
	}
	return c
}

// aliasDetails is an alias as list-aliases shows it.
type aliasDetails struct {
	name            string
	readOnly, write string // texts of caps, which it is asked to show
}

// ListAliases shows all aliases in the order of their names. It needs no gateway.
func (s *Session) ListAliases(dir *nodeconf.Dir, readOnly, asJSON bool) error {
	list, err := dir.Aliases()
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b nodeconf.Alias) int { return strings.Compare(a.Name, b.Name) })
	var all []aliasDetails
	for _, alias := range list {
		details, err := detailsOf(alias)
		if err != nil {
			return err
		}
		all = append(all, details)
	}
	if asJSON {
		return s.writeAliasJSON(all)
	}
	width := 0
	for _, a := range all {
		width = max(width, utf8.RuneCountInString(pyquote.Path(a.name)))
	}
	for _, a := range all {
		shown := a.write
		if readOnly {
			shown = a.readOnly
		}
		fmt.Fprintf(s.Stdout, "%*s: %s\n", width, a.name, shown)
	}
	return nil
}

func detailsOf(alias nodeconf.Alias) (aliasDetails, error) {
	parsed, err := uri.Parse(alias.Cap.RevealString())
	if err != nil {
		return aliasDetails{}, fmt.Errorf("what the alias %s stands for is no cap; repair its line in private/aliases", pyquote.Path(alias.Name))
	}
	return aliasDetails{alias.Name, parsed.ReadOnly().Text(), parsed.Text()}, nil
}

// writeAliasJSON writes what Python's json.dumps makes of it with indent=4.
func (s *Session) writeAliasJSON(all []aliasDetails) error {
	var b bytes.Buffer
	b.WriteString("{")
	for i, a := range all {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n    %s: {\n        \"readwrite\": %s,\n        \"readonly\": %s\n    }", pythonJSON(a.name), pythonJSON(a.write), pythonJSON(a.readOnly))
	}
	if len(all) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("}\n")
	_, err := b.WriteTo(s.Stdout)
	return err
}

// pythonJSON writes a text with ASCII alone.
func pythonJSON(text string) string {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(text) != nil { // it is a string: that cannot be
		return `""`
	}
	var b strings.Builder
	for _, r := range strings.TrimSuffix(quoted.String(), "\n") {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, "\\u%04x\\u%04x", high, low)
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}
