package fscmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
)

// Link makes an entry for the object at from, as ln does. A to that ends in a
// slash is a directory, in which the entry gets the name that it has at from.
func (s *Session) Link(ctx context.Context, from, to string) error {
	if _, err := s.link(ctx, from, to, false); err != nil {
		return err
	}
	fmt.Fprintln(s.Stdout, "OK")
	return nil
}

// Move makes an entry as Link does and removes the one at from.
func (s *Session) Move(ctx context.Context, from, to string) error {
	source, err := s.link(ctx, from, to, true)
	if err != nil {
		return err
	}
	answer := s.Gateway.Do(ctx, "DELETE", source, gateway.Body{})
	defer answer.Close()
	if !succeeded(answer) {
		return &Failure{answer.Complaint("Error deleting original after move"), 2}
	}
	fmt.Fprintln(s.Stdout, "OK")
	return nil
}

func succeeded(answer *gateway.Answer) bool { return answer.Status >= 200 && answer.Status < 300 }

// link is tahoe_mv.py mv up to the removal of the original, which it returns.
func (s *Session) link(ctx context.Context, from, to string, move bool) (gateway.Object, error) {
	origin, err := s.Aliases.Resolve(from, false)
	if err != nil {
		return gateway.Object{}, err
	}
	source := gateway.At(origin.Root, origin.Path)
	c, err := s.capOf(ctx, source)
	if err != nil {
		return gateway.Object{}, err
	}
	goal, err := s.Aliases.Resolve(to, false)
	if err != nil {
		return gateway.Object{}, err
	}
	target := gateway.At(goal.Root, goal.Path)
	if target.EndsWithSlash() {
		target = target.Append(origin.Path[strings.LastIndexByte(origin.Path, '/')+1:])
	}
	if move && target.Equal(source) {
		return gateway.Object{}, errors.New("source and target are the same entry")
	}
	answer := s.Gateway.Do(ctx, "PUT", target.Query("t=uri", "replace=only-files"), gateway.Text(c.RevealString()))
	defer answer.Close()
	return source, linkFailure(answer, move)
}

func linkFailure(answer *gateway.Answer, move bool) error {
	switch {
	case succeeded(answer):
		return nil
	case answer.Status == 409:
		return failed("Error: You can't overwrite a directory with a file")
	case move:
		return failed(answer.Complaint("Error") + "\nNOT removing the original")
	}
	return refused("Error", answer)
}

// capOf asks for the cap of an object that permits most.
func (s *Session) capOf(ctx context.Context, object gateway.Object) (c secret.CapText, err error) {
	answer := s.Gateway.Do(ctx, "GET", object.Query("t=json"), gateway.Body{})
	defer answer.Close()
	if !succeeded(answer) {
		return c, refused("Error", answer)
	}
	node, err := gateway.ReadNode(answer.Body, func(string, gateway.Node) error { return nil })
	if err != nil {
		return c, err
	}
	if node.Best().IsZero() {
		return c, errors.New("the gateway knows no cap of this object: it is of a kind that a later version of Tahoe-LAFS may know")
	}
	return node.Best(), nil
}
