package fscmd

import (
	"context"
	"fmt"

	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
)

// Unlink removes an entry from its directory. command is the name that the
// command was called by.
func (s *Session) Unlink(ctx context.Context, where, command string) error {
	location, err := s.Aliases.Resolve(where, false)
	if err != nil {
		return err
	}
	if location.Path == "" {
		return failed(fmt.Sprintf("\n'tahoe %s' can only unlink directory entries, so a path must be given.", command))
	}
	answer := s.Gateway.Do(ctx, "DELETE", gateway.At(location.Root, location.Path), gateway.Body{})
	defer answer.Close()
	if answer.Status != 200 {
		return refused("ERROR", answer)
	}
	fmt.Fprintln(s.Stdout, answer.Success())
	return nil
}
