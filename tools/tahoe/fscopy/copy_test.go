package fscopy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/tools/tahoe/fscmd"
	"github.com/besn0847/arm-tahoe/tools/tahoe/gateway"
	"github.com/besn0847/arm-tahoe/tools/tahoe/gatewaytest"
)

// bench is a gateway with the aliases tahoe and ro, which only reads it, and a
// directory of this machine, for which BASE stands.
type bench struct {
	*gatewaytest.Gateway
	dir, root string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{Gateway: gatewaytest.New(t), dir: t.TempDir()}
	b.root = b.Mkdir()
	return b
}

type outcome struct {
	stdout, stderr string
	err            error
}

func (b *bench) session(out, errOut io.Writer) *fscmd.Session {
	alias := func(name, text string) nodeconf.Alias {
		return nodeconf.Alias{Name: name, Cap: secret.NewCapText([]byte(text))}
	}
	return &fscmd.Session{
		Gateway: gateway.New(b.URL), Stdout: out, Stderr: errOut,
		Aliases: fscmd.NewAliases([]nodeconf.Alias{alias("tahoe", b.root), alias("ro", b.ReadCap(b.root))}),
	}
}

// cp runs the words of a line; -r, -v and --caps-only are options.
func (b *bench) cp(t *testing.T, line string) outcome {
	t.Helper()
	var o Options
	var args []string
	for _, word := range strings.Fields(line) {
		switch word {
		case "-r":
			o.Recursive = true
		case "-v":
			o.Verbose = true
		case "--caps-only":
			o.CapsOnly = true
		default:
			args = append(args, strings.ReplaceAll(word, "BASE", b.dir))
		}
	}
	var out, errOut bytes.Buffer
	err := Copy(t.Context(), b.session(&out, &errOut), args[:len(args)-1], args[len(args)-1], o)
	return outcome{out.String(), errOut.String(), err}
}

func (b *bench) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(b.dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (b *bench) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	require.NoError(t, err)
	return string(text)
}

func requireFailure(t *testing.T, want string, got outcome) {
	t.Helper()
	var failure *fscmd.Failure
	require.ErrorAs(t, got.err, &failure)
	require.Equal(t, want, failure.Text)
	require.Equal(t, 1, failure.Code)
	require.Empty(t, got.stdout)
}

func TestCopy_fileToFile(t *testing.T) {
	b := newBench(t)
	b.write(t, "a", "A")
	done := outcome{stdout: "Success: file copied\n"}
	require.Equal(t, done, b.cp(t, "BASE/a tahoe:sub/x"))
	require.Equal(t, done, b.cp(t, "tahoe:sub/x BASE/b"))
	require.Equal(t, "A", b.read(t, "b"))
	require.Equal(t, done, b.cp(t, "BASE/a BASE/c"))
	require.Equal(t, "A", b.read(t, "c"))

	b.Requests()
	require.Equal(t, done, b.cp(t, "tahoe:sub/x tahoe:y"))
	require.Equal(t, []string{"GET y?t=json", "GET sub/x?t=json", "PUT y?t=uri"}, b.Requests(), "no data is moved")
	require.Equal(t, done, b.cp(t, "--caps-only tahoe:y BASE/cap"))
	require.Equal(t, b.Entry(b.root, "y"), b.read(t, "cap"))

	// What is mutable is written over where it is, and copied into what is not.
	mutable := b.StoreMutable("old")
	b.Link(b.root, "mutable", mutable)
	require.Equal(t, done, b.cp(t, "tahoe:y tahoe:mutable"))
	require.Equal(t, "A", b.Text(mutable))
	require.Equal(t, done, b.cp(t, "tahoe:mutable tahoe:fixed"))
	require.Equal(t, b.Store("A"), b.Entry(b.root, "fixed"))
	require.Equal(t, done, b.cp(t, "BASE/a "+mutable))
}

func TestCopy_refuses(t *testing.T) {
	b := newBench(t)
	b.write(t, "a", "A")
	b.write(t, "dir/a", "A")
	b.write(t, "dir2/a", "A")
	file := b.Store("x")
	b.Link(b.root, "file", file)
	b.Link(b.root, "dir", b.Mkdir())
	for line, want := range map[string]string{
		"BASE/nix tahoe:x":         "No such file or directory '" + b.dir + "/nix'",
		"BASE/a/nix tahoe:x":       "No such file or directory '" + b.dir + "/a/nix'",
		"tahoe:nix tahoe:x":        "No such file or directory 'tahoe:nix'",
		"BASE/a/ tahoe:x":          "source ''" + b.dir + "/a/'' is not a directory, but ends with a slash",
		"tahoe:file/ tahoe:x":      "source ''tahoe:file/'' is not a directory, but ends with a slash",
		"/dev/null tahoe:x":        "source ''/dev/null'' is neither a file nor a directory, I can't handle it",
		"BASE/dir tahoe:x":         "cannot copy directories without --recursive",
		"BASE/a tahoe:x/":          "target is not a directory, but ends with a slash",
		"BASE/a BASE/a tahoe:file": "copying multiple things requires target be a directory",
		"-r BASE/dir tahoe:file":   "cannot copy directory into a file",
		file + " tahoe:":           "when copying into a directory, all source files must have names, but '" + file + "' is unnamed",
		"BASE/a BASE/dir/a tahoe:": "cannot copy multiple files with the same name into the same target directory",
		"nix:x tahoe:x":            "error: Unknown alias 'nix', please create it with 'tahoe add-alias' or 'tahoe create-alias'.",
	} {
		requireFailure(t, want, b.cp(t, line))
	}
	for line, want := range map[string]string{
		"BASE/a BASE/a":              "source and target are the same file",
		"BASE/a BASE/nix/dir/x":      "no such file or directory",
		"-r BASE/dir2 ro:":           "can only read",
		"BASE/a ro:":                 "can only read",
		"tahoe:file BASE/dir/a/sub/": "ends with a slash",
	} {
		got := b.cp(t, line)
		require.ErrorContains(t, got.err, want, line)
		require.Empty(t, got.stdout)
	}
	require.Equal(t, "A", b.read(t, "a"))
}

func TestCopy_trees(t *testing.T) {
	b := newBench(t)
	want := map[string]string{"tree/": "", "tree/größe": "G", "tree/dir/": "", "tree/dir/x": "X", "tree/dir/empty/": "", "tree/zero": ""}
	b.write(t, "tree/größe", "G")
	b.write(t, "tree/dir/x", "X")
	b.write(t, "tree/zero", "")
	require.NoError(t, os.Mkdir(filepath.Join(b.dir, "tree", "dir", "empty"), 0o700))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(b.dir, "tree", "dangling")))
	done := outcome{stdout: "Success: files copied\n"}

	require.Equal(t, done, b.cp(t, "-r BASE/tree tahoe:"))
	require.Equal(t, want, b.Tree(b.root))
	require.Equal(t, done, b.cp(t, "-r BASE/tree/ tahoe:"), "once more, over it")
	require.Equal(t, want, b.Tree(b.root))

	tree := b.Entry(b.root, "tree")
	require.Equal(t, done, b.cp(t, "-r tahoe:tree BASE/named"))
	require.Equal(t, "X", b.read(t, "named/tree/dir/x"))
	require.DirExists(t, filepath.Join(b.dir, "named/tree/dir/empty"))
	require.Equal(t, done, b.cp(t, "-r "+tree+" BASE/unnamed"))
	require.Equal(t, "G", b.read(t, "unnamed/größe"))
	require.Equal(t, done, b.cp(t, "-r tahoe:tree BASE/named"), "over what is there")

	b.Requests()
	require.Equal(t, done, b.cp(t, "-r "+tree+" tahoe:copy"))
	for _, request := range b.Requests() {
		require.NotContains(t, request, "PUT", "no data is moved")
	}
	copied := b.Entry(b.root, "copy")
	require.NotEqual(t, tree, copied)
	require.Equal(t, b.Tree(tree), b.Tree(copied))
	require.NotEqual(t, b.Entry(tree, "dir"), b.Entry(copied, "dir"))
}

func TestCopy_intoWhatIsThere(t *testing.T) {
	b := newBench(t)
	b.write(t, "tree/a", "new")
	b.write(t, "tree/m", "new")
	tree, mutable := b.Mkdir(), b.StoreMutable("old")
	b.Link(b.root, "tree", tree)
	b.Link(tree, "a", b.Store("old"))
	b.Link(tree, "m", mutable)
	b.Link(tree, "other", b.Store("other"))
	require.NoError(t, b.cp(t, "-r BASE/tree tahoe:").err)
	require.Equal(t, map[string]string{"a": "new", "m": "new", "other": "other"}, b.Tree(tree))
	require.Equal(t, mutable, b.Entry(tree, "m"), "written over in its place")

	b.write(t, "clash/tree", "a file")
	require.ErrorContains(t, b.cp(t, "-r BASE/clash/tree tahoe:").err, "'tree' is a directory: a file cannot take its place")
	b.write(t, "clash2/a/x", "in a directory")
	require.ErrorContains(t, b.cp(t, "-r BASE/clash2/a tahoe:tree").err, "'a' is a file: a directory cannot take its place")
	b.write(t, "here/tree", "a file")
	require.ErrorContains(t, b.cp(t, "-r tahoe:tree BASE/here").err, "is a file: a directory cannot take its place")
	require.NoError(t, os.MkdirAll(filepath.Join(b.dir, "here2", "a"), 0o700))
	require.ErrorContains(t, b.cp(t, "tahoe:tree/a BASE/here2").err, "is a directory: a file cannot take its place")
}

func TestCopy_namesThatLeadElsewhere(t *testing.T) {
	for _, name := range []string{"..", ".", "../up", "a/b", "", "nul\x00"} {
		b := newBench(t)
		evil := b.Mkdir()
		b.Link(evil, name, b.Store("x"))
		require.ErrorContains(t, b.cp(t, "-r "+evil+" BASE/out").err, "cannot be that of a file", name)
		b.Link(b.root, "good", b.Mkdir())
		dirs := b.Mkdir()
		b.Link(dirs, name, b.Mkdir())
		require.Error(t, b.cp(t, "-r "+dirs+" BASE/out").err, name)
		entries, err := os.ReadDir(b.dir)
		require.NoError(t, err)
		require.Len(t, entries, 1)
	}
}

func TestCopy_cycles(t *testing.T) {
	b := newBench(t)
	inner := b.Mkdir()
	b.Link(b.root, "inner", inner)
	b.Link(inner, "root", b.root)
	require.ErrorContains(t, b.cp(t, "-r tahoe: BASE/out").err, "contains itself")
	b.write(t, "tree/dir/x", "X")
	require.NoError(t, os.Symlink("..", filepath.Join(b.dir, "tree", "dir", "up")))
	require.ErrorContains(t, b.cp(t, "-r BASE/tree tahoe:").err, "contains itself, by a symbolic link")
	require.NoError(t, os.Remove(filepath.Join(b.dir, "tree", "dir", "up")))
	require.NoError(t, os.Symlink("../dir", filepath.Join(b.dir, "tree", "dir", "side")))
	require.ErrorContains(t, b.cp(t, "-r BASE/tree tahoe:").err, "contains itself, by a symbolic link")
}

// A name in two forms would become one entry, and one of the files be lost.
func TestCopy_normalizes(t *testing.T) {
	b := newBench(t)
	b.write(t, "tree/e\u0301", "decomposed")
	require.NoError(t, b.cp(t, "-r BASE/tree tahoe:").err)
	require.Equal(t, "decomposed", b.Tree(b.root)["tree/\u00e9"])
	b.write(t, "tree/\u00e9", "composed")
	requireFailure(t, "cannot copy multiple files with the same name into the same target directory", b.cp(t, "-r BASE/tree tahoe:"))
	require.NoError(t, b.cp(t, "-r BASE/tree BASE/here").err, "here they are two")
	require.Equal(t, "composed", b.read(t, "here/tree/\u00e9"))
	require.Equal(t, "decomposed", b.read(t, "here/tree/e\u0301"))

	b.write(t, "bad/\xff", "x")
	require.ErrorContains(t, b.cp(t, "-r BASE/bad tahoe:").err, "is not in UTF-8")
}

func TestCopy_unknown(t *testing.T) {
	b := newBench(t)
	b.write(t, "a", "A")
	b.Link(b.root, "odd", "URI:FUTURE:x")
	const text = "Cannot copy unknown nodes (ticket #839). You probably need to use a later version of Tahoe-LAFS to copy this directory."
	requireFailure(t, text, b.cp(t, "-r tahoe: BASE/out"))
	requireFailure(t, text, b.cp(t, "tahoe:odd BASE/out"))
	requireFailure(t, text, b.cp(t, "BASE/a tahoe:"))
}

func TestCopy_failingGateway(t *testing.T) {
	var b *bench
	start := func(failing string) {
		b = newBench(t)
		b.write(t, "tree/a", "A")
		b.write(t, "tree/dir/b", "B")
		b.Before = func(w http.ResponseWriter, r *http.Request) bool {
			fails := strings.HasPrefix(r.Method+" "+r.URL.Query().Get("t"), failing)
			if fails {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return fails
		}
	}
	for kind, doing := range map[string]string{
		"GET json": "Error examining target 'tahoe:'", "POST mkdir": "Error during mkdir",
		"POST set_children": "Error during POST", "PUT ": "Error during PUT",
	} {
		start(kind)
		got := b.cp(t, "-r BASE/tree tahoe:")
		require.EqualError(t, got.err, "\""+doing+": 503 Service Unavailable\nb''\"", kind)
		require.NotContains(t, b.Tree(b.root), "tree/a", kind)
	}
	start("never")
	require.NoError(t, b.cp(t, "-r BASE/tree tahoe:").err)
	b.Before = func(w http.ResponseWriter, r *http.Request) bool {
		fails := r.Method == "GET"
		if fails {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return fails
	}
	require.ErrorContains(t, b.cp(t, "tahoe:tree/a BASE/x").err, "Error examining source 'tahoe:tree/a': 503")
	b.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("t") == "" {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("12345"))
		}
		return r.URL.Query().Get("t") == ""
	}
	got := b.cp(t, "tahoe:tree/a BASE/x")
	require.ErrorIs(t, got.err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, got.err, "is not whole")
}

// A file that breaks off on its way through must not become a shorter one.
func TestCopy_breaksOffWithinTheGrid(t *testing.T) {
	b := newBench(t)
	b.Link(b.root, "mutable", b.StoreMutable("12345678"))
	b.Before = func(w http.ResponseWriter, r *http.Request) bool {
		breaks := r.Method == "GET" && r.URL.Query().Get("t") == ""
		if breaks {
			w.(http.Flusher).Flush() // in chunks
			_, _ = w.Write([]byte("1234"))
			panic(http.ErrAbortHandler)
		}
		return breaks
	}
	require.Error(t, b.cp(t, "tahoe:mutable tahoe:copy").err)
	require.Empty(t, b.Entry(b.root, "copy"))
}

func TestCopy_manySideBySide(t *testing.T) {
	b := newBench(t)
	for i := range 300 {
		b.write(t, fmt.Sprintf("tree/%d/%d/file %d", i%5, i%20, i), strings.Repeat(fmt.Sprint(i), i))
	}
	got := b.cp(t, "-r -v BASE/tree tahoe:")
	require.NoError(t, got.err)
	require.Contains(t, got.stderr, "attaching sources to targets, 0 files / 1 dirs in root\n")
	require.Contains(t, got.stderr, "targets assigned, 20 dirs, 300 files\nstarting copy, 300 files, 20 directories\n")
	require.Contains(t, got.stderr, "\n300/300 files, ")
	require.True(t, strings.HasSuffix(got.stderr, "\n20/20 directories\n"), got.stderr[len(got.stderr)-100:])
	require.LessOrEqual(t, b.MostAtOnce(), workers)
	require.NoError(t, b.cp(t, "-r tahoe:tree BASE/back").err)
	for i := range 300 {
		name := fmt.Sprintf("%d/%d/file %d", i%5, i%20, i)
		require.Equal(t, b.read(t, "tree/"+name), b.read(t, "back/tree/"+name))
	}
}
