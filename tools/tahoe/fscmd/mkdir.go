package fscmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// Mkdir makes a directory, at a place or unlinked if there is none, and writes
// its cap. format is SDMF, MDMF in any case, or empty.
//
// A directory that cannot be made at its place is said so, but the command ends
// well, with an empty line for the cap: so does 1.20 (tahoe_mkdir.py does not
// look at what check_http_error returned).
func (s *Session) Mkdir(ctx context.Context, where, format string) error {
	location, err := s.mkdirAt(where)
	if err != nil {
		return err
	}
	query := []string{"t=mkdir"}
	if format != "" {
		query = append(query, "format="+gateway.Escape(format))
	}
	object := gateway.Unlinked()
	if location.Path != "" {
		object = gateway.In(location.Root, strings.TrimSuffix(location.Path, "/"))
	}
	answer := s.Gateway.Do(ctx, "POST", object.Query(query...), gateway.Body{})
	defer answer.Close()
	if answer.Status < 200 || answer.Status >= 300 {
		failure := refused("Error during HTTP request", answer)
		if location.Path == "" || answer.Status == gateway.Broken {
			return failure
		}
		fmt.Fprintln(s.Stdout)
		return &Failure{Text: failure.Error(), Code: 0}
	}
	text, err := answer.Text()
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Stdout, pyquote.Text(strings.TrimSpace(text)))
	return nil
}

func (s *Session) mkdirAt(where string) (Location, error) {
	if where == "" {
		return Location{}, nil
	}
	return s.Aliases.Resolve(where, false)
}
