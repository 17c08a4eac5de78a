package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// engines are the command lines that can `load`, in the order in which
// rules_oci looks for them.
var engines = []string{"docker", "podman", "nerdctl"}

// loadCommand gives an image to the container engine under the tags of a file.
func loadCommand(args []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	dir := flags.String("image", "", "OCI layout directory")
	tagsFile := flags.String("tags", "", "file of repository:tag lines")
	flags.Parse(args)
	image, _, err := readImage(*dir)
	if err != nil {
		return err
	}
	tags, err := lines(*tagsFile)
	if err != nil {
		return err
	}
	engine, err := findEngine()
	if err != nil {
		return err
	}
	return pipeToEngine(exec.Command(engine, "load"), func(w io.Writer) error { return writeArchive(w, image, tags) })
}

func findEngine() (string, error) {
	for _, engine := range engines {
		if path, err := exec.LookPath(engine); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("none of %v is on PATH; install a container engine, or push to a registry instead", engines)
}

// writeArchive writes image in the form that `docker load` reads.
func writeArchive(w io.Writer, image v1.Image, tags []string) error {
	named := map[name.Tag]v1.Image{}
	for _, text := range tags {
		tag, err := name.NewTag(text)
		if err != nil {
			return err
		}
		named[tag] = image
	}
	if len(named) == 0 {
		return fmt.Errorf("no tag given")
	}
	return tarball.MultiWrite(named, w)
}

// pipeToEngine runs command with what write writes as its standard input.
func pipeToEngine(command *exec.Cmd, write func(io.Writer) error) error {
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	written := errors.Join(write(stdin), stdin.Close())
	return errors.Join(command.Wait(), written)
}
