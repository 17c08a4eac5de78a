package lint

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/daemon"
)

var update = flag.Bool("update", false, "rewrite common/BUILD.bazel and docs/configuration.md")

// root is the checkout; these tests read all of it. Under Bazel they are
// tagged manual, since visibility says the same there.
const root = "../.."

func TestTreeKeepsTheLayers(t *testing.T) {
	packages, err := ReadTree(root)
	require.NoError(t, err)
	require.Greater(t, len(packages), 5, "the checkout was not found")
	for _, p := range packages {
		for _, violation := range Violations(p) {
			t.Error(violation)
		}
	}
}

func TestLowerLayersTouchBytesOnly(t *testing.T) {
	found, err := ImpureSource(root)
	require.NoError(t, err)
	for _, violation := range found {
		t.Error(violation)
	}
}

func TestViolations(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Package
		want string // part of the one sentence; "" for none
	}{
		{"upwards", Package{Path: "common/base32", Imports: []string{"common/uri"}}, "never point upwards"},
		{"downwards", Package{Path: "common/uri", Imports: []string{"common/base32"}}, ""},
		{"later in its layer", Package{Path: "common/banana", Imports: []string{"common/foolscap"}}, "does not stand before it"},
		{"earlier in its layer", Package{Path: "common/foolscap", Imports: []string{"common/banana"}}, ""},
		{"unknown package", Package{Path: "common/util"}, "is in no layer"},
		{"role from common", Package{Path: "common/uri", Imports: []string{"storage/sharestore"}}, "common/ knows no role"},
		{"sideways", Package{Path: "helper/helperserver", Imports: []string{"storage/sharestore"}}, "sideways"},
		{"main composes", Package{Path: "storage", Main: true, Imports: []string{"sftpgw/sftpfs", "storage/sharestore"}}, ""},
		{"server with caps", Package{Path: "storage/storageserver", Imports: []string{"common/uri"}}, "decrypt"},
		{"server with the engine", Package{Path: "introducer/introserver", Imports: []string{"common/immutable"}}, "decrypt"},
		{"helper with keys", Package{Path: "helper/helperserver", Imports: []string{"common/immutable"}}, "decrypt"},
		{"helper with the encoder", Package{Path: "helper/helperserver", Imports: []string{"common/chkencode"}}, ""},
		{"test support in a program", Package{Path: "storage", Main: true, Imports: []string{"common/gridtest"}}, "tests only"},
		{"test support in a test", Package{Path: "common/uri", TestImports: []string{"common/vectors"}}, ""},
		{"test of a lower layer", Package{Path: "common/base32", TestImports: []string{"common/uri"}}, "the tests of common/base32"},
		{"external test", Package{Path: "common/uri", TestImports: []string{"common/uri"}}, ""},
		{"tools from a role", Package{Path: "storage", Main: true, Imports: []string{"tools/lint"}}, "depends on tools"},
		{"program in common", Package{Path: "common/uri", Main: true}, "mains live in"},
		{"program below a role", Package{Path: "storage/tool", Main: true}, "mains live in"},
		{"grid of all roles", Package{Path: "tools/grid", Main: true, Imports: []string{"helper/helperserver", "storage/storageserver"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(Violations(c.p), "\n")
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, c.want)
			require.NotContains(t, got, "\n", "one violation, one sentence")
		})
	}
}

func TestImpureSource(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	write("common/uri/a.go", "package uri\nimport \"os\"\nvar _ = os.Args\nfunc f() { go f() }\n")
	write("common/uri/b.go", "package uri\nimport \"time\"\nvar _ = time.Now()\nvar _ time.Time\n")
	write("common/uri/a_test.go", "package uri\nimport \"os\"\nvar _ = os.Args\n")
	write("common/foolscap/a.go", "package foolscap\nimport \"net\"\nvar _ net.Conn\n")
	found, err := ImpureSource(dir)
	require.NoError(t, err)
	require.Len(t, found, 3)
	require.Contains(t, found[0], "common/uri/a.go:2")
	require.Contains(t, found[1], "common/uri/a.go:4")
	require.Contains(t, found[2], "common/uri/b.go:3")
}

// TestVisibility: Bazel is told the same layers.
func TestVisibility(t *testing.T) {
	file := filepath.Join(root, "common", "BUILD.bazel")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(VisibilityFile()), 0o644))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, VisibilityFile(), string(text), "run go test ./tools/lint -update")
	packages, err := ReadTree(root)
	require.NoError(t, err)
	visibility := regexp.MustCompile(`\npackage\(default_visibility = \[([^\]]*)\]\)\n`)
	for _, p := range packages {
		want := Visibility(p.Path)
		if len(want) == 0 {
			continue
		}
		build, err := os.ReadFile(filepath.Join(root, p.Path, "BUILD.bazel"))
		require.NoError(t, err, "run tools/offline/bazel run //:gazelle")
		match := visibility.FindSubmatch(build)
		require.NotNil(t, match, "%s: no default_visibility", p.Path)
		got := strings.FieldsFunc(string(match[1]), func(r rune) bool { return strings.ContainsRune("\n\", ", r) })
		require.ElementsMatch(t, want, got,
			"%s: put `# gazelle:default_visibility %s` into its BUILD.bazel", p.Path, strings.Join(want, ","))
	}
}

// TestVersionsAgree: what is said in two places is the same in both.
func TestVersionsAgree(t *testing.T) {
	read := func(path, pattern string) string {
		text, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		match := regexp.MustCompile(pattern).FindSubmatch(text)
		require.NotNil(t, match, "%s has no %s", path, pattern)
		return string(match[1])
	}
	require.Equal(t, read("MODULE.bazel", `"rules_go", version = "([^"]*)"`),
		read("tools/offline/make-modules", `rules_go=(\S+)`))
	require.Equal(t, read("MODULE.bazel", `"gazelle", version = "([^"]*)"`),
		read("tools/offline/make-modules", `gazelle=(\S+)`))
	require.Regexp(t, `^\d+\.\d+\.\d+$`, read("go.mod", `(?m)^go (\S+)$`), "Bazel's go_sdk needs the full version")
}

// docs/configuration.md is made from the table of settings and the tables of
// keys.
func TestConfigurationPage(t *testing.T) {
	file := filepath.Join(root, "docs", "configuration.md")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(daemon.Documentation()), 0o644))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, daemon.Documentation(), string(text), "run go test ./tools/lint -update")
}
