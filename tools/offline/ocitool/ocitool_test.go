package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"
)

// file writes text to a new file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o755))
	return path
}

func TestParseMtreeRefuses(t *testing.T) {
	const rest = " uid=0 gid=0 mode=0755 time=0 "
	for _, c := range []struct{ name, line, want string }{
		{"no owner", "bin gid=0 mode=0755 time=0 type=dir", "has no uid="},
		{"no time", "bin uid=0 gid=0 mode=0755 type=dir", "has no time="},
		{"no type", "bin" + rest, "has no type="},
		{"other type", "bin" + rest + "type=fifo", "one of file, dir, link"},
		{"other key", "bin" + rest + "type=dir flags=schg", "key not known"},
		{"mode not octal", "bin uid=0 gid=0 mode=0999 time=0 type=dir", "invalid syntax"},
		{"file without content", "bin/a" + rest + "type=file", "needs content="},
		{"link without target", "bin/a" + rest + "type=link", "needs link="},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseMtree(strings.NewReader("#mtree\n\n" + c.line + "\n"))
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "mtree line 3")
		})
	}
}

func TestLayerHoldsWhatTheSpecificationSays(t *testing.T) {
	spec := "#mtree\nbin uid=0 gid=0 mode=0755 time=0 type=dir\n" +
		"./bin/storage uid=1 gid=2 mode=0755 time=5.0 type=file content=" + file(t, "program") + "\n" +
		"bin/cat uid=0 gid=0 mode=0777 time=0 type=link link=storage\n"
	out := filepath.Join(t.TempDir(), "layer.tar.gz")
	require.NoError(t, layerCommand([]string{"--mtree", file(t, spec), "--out", out, "--gzip"}))
	compressed, err := os.Open(out)
	require.NoError(t, err)
	defer compressed.Close()
	unzip, err := gzip.NewReader(compressed)
	require.NoError(t, err)
	archive := tar.NewReader(unzip)

	dir, err := archive.Next()
	require.NoError(t, err)
	require.Equal(t, "bin/", dir.Name)
	require.Equal(t, byte(tar.TypeDir), dir.Typeflag)
	program, err := archive.Next()
	require.NoError(t, err)
	require.Equal(t, "bin/storage", program.Name)
	require.Equal(t, []int{1, 2, 0o755}, []int{program.Uid, program.Gid, int(program.Mode)})
	require.Equal(t, int64(5), program.ModTime.Unix())
	content, err := io.ReadAll(archive)
	require.NoError(t, err)
	require.Equal(t, "program", string(content))
	link, err := archive.Next()
	require.NoError(t, err)
	require.Equal(t, "storage", link.Linkname)
	_, err = archive.Next()
	require.ErrorIs(t, err, io.EOF)
}

// image builds an image for an architecture and returns its layout.
func image(t *testing.T, architecture, variant string, more ...string) (dir, digest string) {
	t.Helper()
	spec := "bin/a uid=0 gid=0 mode=0755 time=0 type=file content=" + file(t, architecture) + "\n"
	layer := filepath.Join(t.TempDir(), "layer.tar.gz")
	require.NoError(t, layerCommand([]string{"--mtree", file(t, spec), "--out", layer, "--gzip"}))
	dir, digest = filepath.Join(t.TempDir(), "image"), filepath.Join(t.TempDir(), "digest")
	args := []string{"--out", dir, "--digest-out", digest, "--os", "linux", "--architecture", architecture, "--layer", layer}
	if variant != "" {
		args = append(args, "--variant", variant)
	}
	require.NoError(t, imageCommand(append(args, more...)))
	text, err := os.ReadFile(digest)
	require.NoError(t, err)
	return dir, strings.TrimSpace(string(text))
}

func TestImageHasItsConfiguration(t *testing.T) {
	dir, digest := image(t, "arm", "v7",
		"--user", "65532:65532", "--workdir", "/work",
		"--entrypoint", file(t, "/bin/a\nwith%5Cnnewline"),
		"--cmd", file(t, "--flag"),
		"--env", file(t, "PATH=/bin"),
		"--labels", file(t, "a=b=c"),
		"--annotations", file(t, "org.opencontainers.image.title=A\n"),
		"--exposed_ports", file(t, "1/tcp,2/tcp\n"),
		"--volumes", file(t, "/etc/tahoe"),
		"--created", file(t, "2026-01-02T03:04:05Z\n"))
	img, descriptor, err := readImage(dir)
	require.NoError(t, err)
	require.Equal(t, digest, descriptor.Digest.String())
	require.Equal(t, &v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, descriptor.Platform)
	config, err := img.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, "arm", config.Architecture)
	require.Equal(t, "v7", config.Variant)
	require.Equal(t, []string{"/bin/a", "with\nnewline"}, config.Config.Entrypoint)
	require.Equal(t, []string{"--flag"}, config.Config.Cmd)
	require.Equal(t, []string{"PATH=/bin"}, config.Config.Env)
	require.Equal(t, map[string]string{"a": "b=c"}, config.Config.Labels)
	require.Equal(t, map[string]struct{}{"1/tcp": {}, "2/tcp": {}}, config.Config.ExposedPorts)
	require.Equal(t, map[string]struct{}{"/etc/tahoe": {}}, config.Config.Volumes)
	require.Equal(t, "65532:65532", config.Config.User)
	require.Equal(t, "/work", config.Config.WorkingDir)
	require.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), config.Created.UTC())
	require.Len(t, config.RootFS.DiffIDs, 1)
	manifest, err := img.Manifest()
	require.NoError(t, err)
	require.Equal(t, "A", manifest.Annotations["org.opencontainers.image.title"])
}

func TestImageIsReproducible(t *testing.T) {
	_, first := image(t, "amd64", "")
	_, second := image(t, "amd64", "")
	require.Equal(t, first, second)
}

func TestImageNeedsAPlatform(t *testing.T) {
	require.ErrorContains(t, imageCommand([]string{"--out", t.TempDir(), "--os", "linux"}), "os and architecture")
}

// index builds an index over images for arm and amd64.
func index(t *testing.T) (dir, digest string) {
	t.Helper()
	arm, _ := image(t, "arm", "v7")
	amd64, _ := image(t, "amd64", "")
	dir, digestFile := filepath.Join(t.TempDir(), "index"), filepath.Join(t.TempDir(), "digest")
	require.NoError(t, indexCommand([]string{"--out", dir, "--digest-out", digestFile, "--image", arm, "--image", amd64}))
	text, err := os.ReadFile(digestFile)
	require.NoError(t, err)
	return dir, strings.TrimSpace(string(text))
}

func TestPushIndexAndReadItBack(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/arm-tahoe/storage"
	dir, digest := index(t)
	require.NoError(t, pushCommand([]string{"--image", dir, "--tags", file(t, "latest\n"), "--repository", repository, "--tag", "v1"}))
	for _, tag := range []string{"latest", "v1"} {
		ref, err := name.ParseReference(repository + ":" + tag)
		require.NoError(t, err)
		pushed, err := remote.Index(ref)
		require.NoError(t, err)
		got, err := pushed.Digest()
		require.NoError(t, err)
		require.Equal(t, digest, got.String())
		manifest, err := pushed.IndexManifest()
		require.NoError(t, err)
		require.Len(t, manifest.Manifests, 2)
		require.Equal(t, "linux/arm/v7", manifest.Manifests[0].Platform.String())
		require.Equal(t, "linux/amd64", manifest.Manifests[1].Platform.String())
	}
}

func TestPushImage(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/a"
	dir, digest := image(t, "arm64", "v8")
	require.NoError(t, pushCommand([]string{"--image", dir, "--repository", repository}))
	ref, err := name.ParseReference(repository + "@" + digest)
	require.NoError(t, err)
	_, err = remote.Image(ref)
	require.NoError(t, err)
}

func TestPushSaysWhatIsMissing(t *testing.T) {
	dir, _ := image(t, "amd64", "")
	require.ErrorContains(t, pushCommand([]string{"--image", dir}), "pass --repository")
	require.ErrorContains(t, pushCommand([]string{"--image", dir, "--repository", "127.0.0.1:1/a"}), "push to 127.0.0.1:1/a")
}

func TestLayoutBehindSymbolicLinks(t *testing.T) {
	dir, digest := image(t, "amd64", "")
	links := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(dir, "index.json"), filepath.Join(links, "index.json")))
	_, descriptor, err := readImage(links)
	require.NoError(t, err)
	require.Equal(t, digest, descriptor.Digest.String())
}

func TestArchiveForTheEngine(t *testing.T) {
	dir, _ := image(t, "amd64", "")
	img, _, err := readImage(dir)
	require.NoError(t, err)
	var archive bytes.Buffer
	require.NoError(t, writeArchive(&archive, img, []string{"arm-tahoe-a:latest"}))
	require.Contains(t, archive.String(), "arm-tahoe-a:latest")
	require.ErrorContains(t, writeArchive(io.Discard, img, nil), "no tag given")
}

func TestPipeToEngine(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	write := func(w io.Writer) error { _, err := io.WriteString(w, "archive"); return err }
	require.NoError(t, pipeToEngine(exec.Command("sh", "-c", `cat > "$0"`, out), write))
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, "archive", string(text))
	require.Error(t, pipeToEngine(exec.Command("sh", "-c", "cat >/dev/null; exit 3"), write))
}

func TestNoEngine(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := findEngine()
	require.ErrorContains(t, err, "install a container engine")
}
