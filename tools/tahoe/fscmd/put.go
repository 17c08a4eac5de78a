package fscmd

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// PutOptions are those of put.
type PutOptions struct {
	Mutable bool
	Format  string // SDMF, MDMF or CHK in any case, or empty
	// PrivateKey is the path of a file with the RSA key of a new mutable file, in
	// PEM; empty for a key of its own.
	PrivateKey string
}

// Put stores a file of this machine, or standard input if from is empty, and
// writes its cap. It goes to a place in the grid, over the mutable file that to
// is the cap of, or nowhere but into its cap if to is empty.
func (s *Session) Put(ctx context.Context, from, to string, o PutOptions) error {
	query, err := o.query()
	if err != nil {
		return err
	}
	object, err := s.putAt(to)
	if err != nil {
		return err
	}
	body, closeBody, err := s.open(from)
	if err != nil {
		return err
	}
	defer closeBody()
	s.Meter.Expect(1, max(body.Size, 0))
	body.Reader = s.Meter.Reader(body.Reader)
	answer := s.Gateway.Do(ctx, "PUT", object.Query(query...), body)
	defer answer.Close()
	s.Meter.Stop()
	if !answer.OK() {
		return refused("Error", answer)
	}
	text, err := answer.Text()
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Stderr, answer.Success())
	fmt.Fprintln(s.Stdout, pyquote.Text(text))
	return nil
}

func (s *Session) putAt(to string) (gateway.Object, error) {
	switch {
	case to == "":
		return gateway.Unlinked(), nil
	case strings.HasPrefix(to, "URI:MDMF:"), strings.HasPrefix(to, "URI:SSK:"):
		return gateway.At(secret.NewCapText([]byte(to)), ""), nil
	}
	location, err := s.Aliases.Resolve(to, false)
	switch {
	case err != nil:
		return gateway.Object{}, err
	case strings.HasPrefix(location.Path, "/"):
		suggestion := strings.Replace(to, "/", "", 1)
		return gateway.Object{}, failed("Error: The remote filename must not start with a slash\nPlease try again, perhaps with " + pyquote.Path(suggestion))
	case location.Whole && location.Path == "":
		return gateway.At(location.Root, ""), nil
	}
	return gateway.In(location.Root, location.Path), nil
}

// open opens what is stored. Only the size of an ordinary file is known ahead;
// what is added to it from now on is not stored.
func (s *Session) open(path string) (gateway.Body, func(), error) {
	if path == "" {
		if !s.Quiet {
			fmt.Fprintln(s.Stderr, "waiting for file data on stdin..")
		}
		return gateway.Body{Reader: s.Stdin, Size: gateway.UnknownSize}, func() {}, nil
	}
	return OpenFile(path)
}

// OpenFile opens a file of this machine as the body of a request. The caller must
// call the function when the request is over.
func OpenFile(path string) (gateway.Body, func(), error) {
	file, err := os.Open(path)
	if err != nil {
		return gateway.Body{}, nil, err
	}
	done := func() { _ = file.Close() } // nothing was written
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory; tahoe cp -r copies directories", pyquote.Path(path))
	}
	if err != nil {
		done()
		return gateway.Body{}, nil, err
	}
	if !info.Mode().IsRegular() {
		return gateway.Body{Reader: file, Size: gateway.UnknownSize}, done, nil
	}
	return gateway.Body{Reader: io.LimitReader(file, info.Size()), Size: info.Size()}, done, nil
}

func (o PutOptions) query() (list []string, err error) {
	if o.Mutable {
		list = append(list, "mutable=true")
	}
	switch {
	case o.PrivateKey == "":
	case !o.Mutable:
		return nil, failed("Can only supply a private key for mutables.")
	default:
		der, err := readPrivateKey(o.PrivateKey)
		if err != nil {
			return nil, err
		}
		list = append(list, "private-key="+base64.URLEncoding.EncodeToString(der))
	}
	if o.Format != "" {
		list = append(list, "format="+o.Format)
	}
	return list, nil
}
