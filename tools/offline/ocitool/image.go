package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// imageFlags are the inputs of one image. The file-valued ones hold what the
// rules_oci macros write: one value (or key=value) a line, ports and volumes
// separated by commas.
type imageFlags struct {
	out, digestOut                          string
	os, architecture, variant               string
	user, workdir                           string
	entrypoint, cmd, env                    string
	labels, annotations, ports, volumes, at string
	layers                                  words
}

// words collects a flag that may be given several times.
type words []string

func (w *words) String() string     { return strings.Join(*w, " ") }
func (w *words) Set(s string) error { *w = append(*w, s); return nil }

func imageCommand(args []string) error {
	var f imageFlags
	flags := flag.NewFlagSet("image", flag.ExitOnError)
	flags.StringVar(&f.out, "out", "", "OCI layout directory to write")
	flags.StringVar(&f.digestOut, "digest-out", "", "file for the digest")
	flags.StringVar(&f.os, "os", "", "")
	flags.StringVar(&f.architecture, "architecture", "", "")
	flags.StringVar(&f.variant, "variant", "", "")
	flags.StringVar(&f.user, "user", "", "")
	flags.StringVar(&f.workdir, "workdir", "", "")
	flags.StringVar(&f.entrypoint, "entrypoint", "", "file")
	flags.StringVar(&f.cmd, "cmd", "", "file")
	flags.StringVar(&f.env, "env", "", "file")
	flags.StringVar(&f.labels, "labels", "", "file")
	flags.StringVar(&f.annotations, "annotations", "", "file")
	flags.StringVar(&f.ports, "exposed_ports", "", "file")
	flags.StringVar(&f.volumes, "volumes", "", "file")
	flags.StringVar(&f.at, "created", "", "file")
	flags.Var(&f.layers, "layer", "tar file, once for each layer")
	flags.Parse(args)
	image, err := buildImage(f)
	if err != nil {
		return err
	}
	return writeLayout(f.out, f.digestOut, func(path layout.Path) (v1.Hash, error) {
		digest, err := image.Digest()
		if err != nil {
			return v1.Hash{}, err
		}
		return digest, path.AppendImage(image, layout.WithPlatform(v1.Platform{
			OS: f.os, Architecture: f.architecture, Variant: f.variant,
		}))
	})
}

// buildImage makes an image from scratch.
func buildImage(f imageFlags) (v1.Image, error) {
	if f.os == "" || f.architecture == "" {
		return nil, fmt.Errorf("an image without a base needs os and architecture")
	}
	config, err := f.config()
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return nil, err
	}
	for _, file := range f.layers {
		layer, err := tarball.LayerFromFile(file, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", file, err)
		}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, MediaType: types.OCILayer}); err != nil {
			return nil, err
		}
	}
	annotations, err := pairs(f.annotations)
	if err != nil || len(annotations) == 0 {
		return image, err
	}
	return mutate.Annotations(image, annotations).(v1.Image), nil
}

// config is the image's configuration without its layers.
func (f imageFlags) config() (*v1.ConfigFile, error) {
	c := &v1.ConfigFile{
		OS: f.os, Architecture: f.architecture, Variant: f.variant,
		Config: v1.Config{User: f.user, WorkingDir: f.workdir},
		RootFS: v1.RootFS{Type: "layers"},
	}
	var err error
	read := func(out *[]string, file string) {
		if err == nil {
			*out, err = lines(file)
		}
	}
	read(&c.Config.Entrypoint, f.entrypoint)
	read(&c.Config.Cmd, f.cmd)
	read(&c.Config.Env, f.env)
	if err == nil {
		c.Config.Labels, err = pairs(f.labels)
	}
	if err == nil {
		c.Config.ExposedPorts, err = set(f.ports)
	}
	if err == nil {
		c.Config.Volumes, err = set(f.volumes)
	}
	if err == nil {
		c.Created, err = created(f.at)
	}
	return c, err
}

// created reads the one time that an image carries; the zero time without a
// file, so that ordinary builds are reproducible.
func created(file string) (v1.Time, error) {
	if file == "" {
		return v1.Time{}, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return v1.Time{}, err
	}
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	return v1.Time{Time: t}, err
}

// lines reads a file of one value a line, where %5Cn stands for a newline. No
// file, no lines.
func lines(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.SplitSeq(string(text), "\n") {
		if line != "" {
			out = append(out, strings.ReplaceAll(line, "%5Cn", "\n"))
		}
	}
	return out, nil
}

// pairs reads a file of key=value lines.
func pairs(file string) (map[string]string, error) {
	all, err := lines(file)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	out := map[string]string{}
	for _, line := range all {
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("%s: %q is not key=value", file, line)
		}
		out[key] = value
	}
	return out, nil
}

// set reads a file of values separated by commas.
func set(file string) (map[string]struct{}, error) {
	all, err := lines(file)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	out := map[string]struct{}{}
	for value := range strings.SplitSeq(strings.Join(all, ","), ",") {
		out[value] = struct{}{}
	}
	return out, nil
}

// writeLayout makes an OCI layout in dir with what add puts there, and writes
// the digest that add returns to digestOut.
func writeLayout(dir, digestOut string, add func(layout.Path) (v1.Hash, error)) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	digest, err := add(path)
	if err != nil {
		return err
	}
	return os.WriteFile(digestOut, []byte(digest.String()+"\n"), 0o644)
}

// indexCommand joins images of several platforms into one index.
func indexCommand(args []string) error {
	flags := flag.NewFlagSet("index", flag.ExitOnError)
	out := flags.String("out", "", "OCI layout directory to write")
	digestOut := flags.String("digest-out", "", "file for the digest")
	annotationsFile := flags.String("annotations", "", "file")
	var images words
	flags.Var(&images, "image", "OCI layout directory, once for each image")
	flags.Parse(args)
	annotations, err := pairs(*annotationsFile)
	if err != nil {
		return err
	}
	index, err := buildIndex(images, annotations)
	if err != nil {
		return err
	}
	return writeLayout(*out, *digestOut, func(path layout.Path) (v1.Hash, error) {
		digest, err := index.Digest()
		if err != nil {
			return v1.Hash{}, err
		}
		return digest, path.AppendIndex(index)
	})
}

func buildIndex(dirs []string, annotations map[string]string) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, dir := range dirs {
		image, descriptor, err := readImage(dir)
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: descriptor.Platform},
		})
	}
	if len(annotations) == 0 {
		return index, nil
	}
	return mutate.Annotations(index, annotations).(v1.ImageIndex), nil
}

// onlyManifest returns the layout in dir and the one descriptor that it holds.
// In Bazel's sandbox and runfiles dir is made of symbolic links, which package
// layout refuses; the files themselves lie side by side where index.json does.
func onlyManifest(dir string) (v1.ImageIndex, v1.Descriptor, error) {
	real, err := filepath.EvalSymlinks(filepath.Join(dir, "index.json"))
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	path, err := layout.FromPath(filepath.Dir(real))
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	index, err := path.ImageIndex()
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, v1.Descriptor{}, fmt.Errorf("%s holds %d manifests, not one", dir, len(manifest.Manifests))
	}
	return index, manifest.Manifests[0], nil
}

// readImage returns the image that imageCommand wrote to dir.
func readImage(dir string) (v1.Image, v1.Descriptor, error) {
	index, descriptor, err := onlyManifest(dir)
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	if !match.MediaTypes(string(types.OCIManifestSchema1))(descriptor) {
		return nil, v1.Descriptor{}, fmt.Errorf("%s is not an image but %s", dir, descriptor.MediaType)
	}
	image, err := index.Image(descriptor.Digest)
	return image, descriptor, err
}
