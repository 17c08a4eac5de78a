package fscmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// Get writes a file of the grid to a path of this machine, or to standard output
// if that is empty. A file that is there is written over once the gateway has
// begun to answer; after an error, which names it, what is there is not whole.
func (s *Session) Get(ctx context.Context, from, to string) error {
	location, err := s.Aliases.Resolve(from, false)
	if err != nil {
		return err
	}
	answer := s.Gateway.Do(ctx, "GET", gateway.At(location.Root, location.Path), gateway.Body{})
	defer answer.Close()
	if !answer.OK() {
		return refused("Error during GET", answer)
	}
	s.Meter.Expect(1, max(answer.Size, 0))
	if to == "" {
		return s.stream(s.Stdout, answer)
	}
	if err := s.writeTo(to, answer); err != nil {
		return err
	}
	fmt.Fprintf(s.Stderr, "%s retrieved and written to %s\n", from, to)
	return nil
}

func (s *Session) writeTo(path string, answer *gateway.Answer) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	err = errors.Join(s.stream(file, answer), file.Close())
	if err != nil {
		return fmt.Errorf("%w\nthe file %s is not whole: get it again, or remove it", err, pyquote.Path(path))
	}
	return nil
}

// stream copies the whole answer or fails.
func (s *Session) stream(to io.Writer, answer *gateway.Answer) error {
	_, err := io.CopyBuffer(onlyWriter{to}, s.Meter.Reader(answer.Body), make([]byte, copyBuffer))
	if err == nil {
		s.Meter.Stop()
		return nil
	}
	return fmt.Errorf("get: %w", err)
}

// copyBuffer is the size of the pieces that files are copied in, in bytes.
const copyBuffer = 256 << 10

// onlyWriter keeps io.CopyBuffer to its buffer.
type onlyWriter struct{ io.Writer }
