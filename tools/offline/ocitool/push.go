package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// pushCommand pushes an image or index by digest and then tags it. Flags after
// the rule's own come from the user: --repository, --tag, --insecure, as
// rules_oci takes them.
func pushCommand(args []string) error {
	flags := flag.NewFlagSet("push", flag.ExitOnError)
	dir := flags.String("image", "", "OCI layout directory")
	tagsFile := flags.String("tags", "", "file of tags, one a line")
	var repository string
	var tags words
	var insecure bool
	flags.StringVar(&repository, "repository", "", "where to push, without tag or digest")
	flags.StringVar(&repository, "r", "", "the same")
	flags.Var(&tags, "tag", "tag to set, may be repeated")
	flags.Var(&tags, "t", "the same")
	flags.BoolVar(&insecure, "insecure", false, "allow a registry without TLS")
	flags.Parse(args)
	if repository == "" {
		return errors.New("repository not set; pass --repository HOST[:PORT]/NAME after --")
	}
	more, err := lines(*tagsFile)
	if err != nil {
		return err
	}
	options := []name.Option{}
	if insecure {
		options = append(options, name.Insecure)
	}
	repo, err := name.NewRepository(repository, options...)
	if err != nil {
		return err
	}
	return push(*dir, repo, append(tags, more...))
}

// push uploads what dir holds to repo, then points every tag at it.
func push(dir string, repo name.Repository, tags []string) error {
	index, descriptor, err := onlyManifest(dir)
	if err != nil {
		return err
	}
	auth := remote.WithAuthFromKeychain(authn.DefaultKeychain)
	target := repo.Digest(descriptor.Digest.String())
	if err := upload(target, index, descriptor, auth); err != nil {
		return fmt.Errorf("push to %s: %w", repo, err)
	}
	fmt.Println(target)
	return tagAll(target, tags, auth)
}

func upload(target name.Digest, index v1.ImageIndex, d v1.Descriptor, auth remote.Option) error {
	if d.MediaType.IsIndex() {
		child, err := index.ImageIndex(d.Digest)
		if err != nil {
			return err
		}
		return remote.WriteIndex(target, child, auth)
	}
	image, err := index.Image(d.Digest)
	if err != nil {
		return err
	}
	return remote.Write(target, image, auth)
}

func tagAll(target name.Digest, tags []string, auth remote.Option) error {
	if len(tags) == 0 {
		return nil
	}
	pushed, err := remote.Get(target, auth)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if err := remote.Tag(target.Context().Tag(strings.TrimSpace(tag)), pushed, auth); err != nil {
			return fmt.Errorf("tag %s: %w", tag, err)
		}
		fmt.Fprintln(os.Stderr, "tagged", target.Context().Tag(tag))
	}
	return nil
}
