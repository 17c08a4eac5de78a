package cli

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/tools/tahoe/gatewaytest"
)

// fileBench is a gateway and the directory of a node that points to it, with the
// alias tahoe.
type fileBench struct {
	*gatewaytest.Gateway
	base, root string
}

func newFileBench(t *testing.T) *fileBench {
	t.Helper()
	b := &fileBench{Gateway: gatewaytest.New(t), base: t.TempDir()}
	b.root = b.Mkdir()
	b.write(t, "node.url", b.URL+"\n")
	b.write(t, "private/aliases", "tahoe: "+b.root+"\n")
	return b
}

func (b *fileBench) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(b.base, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (b *fileBench) run(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return tahoeRun(t, Command{Stdin: strings.NewReader(stdin)}, append([]string{"-d", b.base}, args...)...)
}

func (b *fileBench) ok(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	r := b.run(t, stdin, args...)
	require.Zero(t, r.code, r.stderr)
	return r.stdout
}

func TestFiles_usage(t *testing.T) {
	b := newFileBench(t)
	for _, c := range []struct {
		line, want string
	}{
		{"get", "Wrong number of arguments."},
		{"put a b c", "Wrong number of arguments."},
		{"mv a", "Wrong number of arguments."},
		{"cp a", "cp requires at least two arguments"},
		{"mkdir --format=x y", "x is an invalid format"},
		{"put --format=x y", "x is an invalid format"},
		{"ls -u ftp://x", `--node-url is required to be a string and look like "http://HOSTNAMEORADDR:PORT", not: 'ftp://x'`},
		{"ls --cap-file x", "--cap-file is required to look like NAME=FILE, with a NAME without colons, slashes and spaces"},
		{"ls --cap-file a:b=x", "--cap-file is required to look like NAME=FILE, with a NAME without colons, slashes and spaces"},
		{"get a -- -x", "Path argument '-x' cannot start with '-'.\nUse './-x' if you intended to refer to a file."},
	} {
		r := b.run(t, "", strings.Fields(c.line)...)
		require.Equal(t, 1, r.code, c.line)
		require.True(t, strings.HasSuffix(r.stdout, c.want+"\n\n"), r.stdout)
	}
	require.Empty(t, b.Requests())
}

func TestFiles_withoutNode(t *testing.T) {
	b := newFileBench(t)
	none := filepath.Join(b.base, "none")
	r := tahoeRun(t, Command{}, "-d", none, "ls", b.root)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "start the node, or give --node-url or --node-directory")
	require.NotContains(t, r.stderr, b.root)

	r = tahoeRun(t, Command{}, "-d", none, "ls", "-u", strings.TrimSuffix(b.URL, "/"), b.root)
	require.Equal(t, result{}, r)
	require.NoDirExists(t, none, "reading makes nothing")

	r = tahoeRun(t, Command{}, "-d", none, "add-alias", "work", b.root)
	require.Equal(t, result{0, "Alias 'work' added\n", ""}, r)
}

func TestAliases(t *testing.T) {
	b := newFileBench(t)
	require.Equal(t, "Alias 'new' created\n", b.ok(t, "", "create-alias", "new:"))
	require.Equal(t, "Alias 'größe' added\n", b.ok(t, "", "add-alias", "größe", b.ReadCap(b.root)))
	require.Equal(t, result{1, "", "Alias 'new' already exists!\n"}, b.run(t, "", "create-alias", "new"))
	require.Equal(t, result{1, "", "Alias 'new' already exists!\n"}, b.run(t, "", "add-alias", "new", b.root))
	require.Equal(t, result{1, "", "Alias names cannot contain colons.\n"}, b.run(t, "", "create-alias", "a:b"))
	require.Equal(t, result{1, "", "Alias names cannot contain spaces.\n"}, b.run(t, "", "create-alias", "a b"))

	table := b.ok(t, "", "list-aliases")
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	require.Len(t, lines, 3)
	require.Equal(t, "  größe: "+b.ReadCap(b.root), lines[0])
	require.Equal(t, "  tahoe: "+b.root, lines[2])
	require.Contains(t, b.ok(t, "", "list-aliases", "--readonly-uri"), "    new: URI:DIR2-RO:")
	require.Contains(t, b.ok(t, "", "list-aliases", "--json"), "    \"gr\\u00f6\\u00dfe\": {\n        \"readwrite\": \"URI:DIR2-RO:")

	file := b.Store("x")
	r := b.run(t, "", "add-alias", "file", file)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "the cap of a file, not of a directory")
	require.NotContains(t, r.stderr, file)
	r = b.run(t, "", "add-alias", "bad", "URI:DIR2:secret")
	require.Equal(t, 1, r.code)
	require.NotContains(t, r.stderr, "secret")
}

func TestAliases_createFails(t *testing.T) {
	b := newFileBench(t)
	b.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "no servers", http.StatusInternalServerError)
		return true
	}
	require.Equal(t, result{1, "", "\"Error during HTTP request: 500 Internal Server Error\nb'no servers\\\\n'\"\n"}, b.run(t, "", "create-alias", "new"))
	require.NotContains(t, b.ok(t, "", "list-aliases"), "new")
}

func TestCapsFromFiles(t *testing.T) {
	b := newFileBench(t)
	b.Link(b.root, "a", b.Store("text"))
	file := b.write(t, "dir.cap", b.root+"\n")
	require.Equal(t, "text", b.ok(t, "", "get", "--cap-file", "x="+file, "x:a"))
	require.Equal(t, "text", b.ok(t, b.Store("text")+"\n", "get", "--cap-file", "x=-", "x:"))
	require.Equal(t, "a\n", b.ok(t, b.root, "ls", "--cap-file=tahoe=-"))

	mutable := b.StoreMutable("old")
	b.ok(t, "new", "put", "--cap-file", "m="+b.write(t, "m.cap", mutable), "-", "m:")
	require.Equal(t, "new", b.Text(mutable))
	b.ok(t, b.root, "cp", "--cap-file", "x=-", file, "x:copied")
	require.NotEmpty(t, b.Entry(b.root, "copied"))

	b.ok(t, b.root, "add-alias", "one", "-")
	b.ok(t, "", "add-alias", "two", "@"+file)
	require.Equal(t, 3, strings.Count(b.ok(t, "", "list-aliases"), b.root))

	r := b.run(t, b.root, "put", "--cap-file", "x=-", "-", "x:y")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "standard input cannot be both")
	r = b.run(t, "URI:DIR2:secret", "ls", "--cap-file", "x=-", "x:")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "standard input holds no cap")
	require.NotContains(t, r.stderr, "secret")
	require.Contains(t, b.run(t, b.root, "ls", "--cap-file", "x=-", "--cap-file", "y=-").stdout, "only one cap can come from standard input")
}

func TestGet(t *testing.T) {
	b := newFileBench(t)
	b.Link(b.root, "größe", b.Store("text"))
	require.Equal(t, "text", b.ok(t, "", "get", "größe"))
	require.Equal(t, "text", b.ok(t, "", "-q", "get", "größe", "-"))
	path := filepath.Join(b.base, "got")
	require.Equal(t, result{0, "", "größe retrieved and written to " + path + "\n"}, b.run(t, "", "get", "größe", path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "text", string(text))

	require.Equal(t, result{1, "", "\"Error during GET: 404 Not Found\nb'No such child: nix\\\\n'\"\n"}, b.run(t, "", "get", "nix", path))
	require.FileExists(t, path, "what is there stays")
	r := b.run(t, "", "get", "größe", b.base)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "is a directory")
}

func TestGet_breaksOff(t *testing.T) {
	b := newFileBench(t)
	b.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("12345"))
		return true
	}
	path := filepath.Join(b.base, "got")
	r := b.run(t, "", "get", "a", path)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "unexpected EOF\nthe file '"+path+"' is not whole")
	require.Equal(t, 1, b.run(t, "", "get", "a").code)
}

func TestPut(t *testing.T) {
	b := newFileBench(t)
	path := b.write(t, "local", "from a file")
	c := b.Store("from a file")
	require.Equal(t, result{0, c + "\n", "201 Created\n"}, b.run(t, "", "put", path))
	require.Equal(t, result{0, c + "\n", "waiting for file data on stdin..\n201 Created\n"}, b.run(t, "from a file", "put"))
	require.Equal(t, result{0, "", "201 Created\n"}, b.run(t, "from a file", "-q", "put", "-", "sub/é"))
	require.Equal(t, map[string]string{"sub/": "", "sub/é": "from a file"}, b.Tree(b.root))

	require.Contains(t, b.ok(t, "", "put", "--mutable", path), "URI:SSK:")
	b.Requests()
	b.ok(t, "", "put", "--format=mDMF", path, "x")
	require.Equal(t, []string{"PUT x?format=mDMF"}, b.Requests())
	mutable := b.StoreMutable("old")
	b.ok(t, "", "put", path, mutable)
	require.Equal(t, "from a file", b.Text(mutable))

	r := b.run(t, "", "put", path, "tahoe:/x")
	require.Equal(t, result{1, "", "Error: The remote filename must not start with a slash\nPlease try again, perhaps with 'tahoe:x'\n"}, r)
	r = b.run(t, "", "put", filepath.Join(b.base, "nix"), "x")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "no such file or directory")
	require.Contains(t, b.run(t, "", "put", b.base, "x").stderr, "tahoe cp -r copies directories")
	require.Contains(t, b.run(t, "", "put", path, "sub").stderr, "Error: 409 Conflict")
	require.Contains(t, b.run(t, "", "put", "--private-key-path", path, path).stderr, "Can only supply a private key for mutables.")
	r = b.run(t, "", "put", "-m", "--private-key-path", path, path)
	require.Contains(t, r.stderr, "holds no RSA private key")
}

func TestMkdir(t *testing.T) {
	b := newFileBench(t)
	require.True(t, strings.HasPrefix(b.ok(t, "", "mkdir"), "URI:DIR2:"))
	made := b.ok(t, "", "mkdir", "a b/c/")
	require.Equal(t, b.Entry(b.Entry(b.root, "a b"), "c")+"\n", made)
	b.Requests()
	b.ok(t, "", "mkdir", "--format=MDMF")
	require.Equal(t, []string{"POST ?t=mkdir&format=MDMF"}, b.Requests())

	b.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadRequest)
		return true
	}
	require.Equal(t, result{1, "", "\"Error during HTTP request: 400 Bad Request\nb''\"\n"}, b.run(t, "", "mkdir"))
	require.Equal(t, result{0, "\n", "\"Error during HTTP request: 400 Bad Request\nb''\"\n"}, b.run(t, "", "mkdir", "x"), "as 1.20 does")
}

func TestUnlink(t *testing.T) {
	b := newFileBench(t)
	b.Link(b.root, "a", b.Store("x"))
	b.Link(b.root, "b", b.Store("x"))
	require.Equal(t, "200 OK\n", b.ok(t, "", "unlink", "a"))
	require.Equal(t, "200 OK\n", b.ok(t, "", "rm", "tahoe:b"))
	require.Empty(t, b.Tree(b.root))
	require.Equal(t, result{1, "", "\"ERROR: 404 Not Found\nb'No such child: a\\\\n'\"\n"}, b.run(t, "", "unlink", "a"))
	require.Equal(t, result{1, "", "\n'tahoe rm' can only unlink directory entries, so a path must be given.\n"}, b.run(t, "", "rm", "tahoe:"))
}

func TestMove(t *testing.T) {
	b := newFileBench(t)
	b.Link(b.root, "a", b.Store("x"))
	b.Link(b.root, "dir", b.Mkdir())
	require.Equal(t, "OK\n", b.ok(t, "", "ln", "a", "dir/"))
	require.Equal(t, "OK\n", b.ok(t, "", "mv", "a", "dir/b c"))
	require.Equal(t, map[string]string{"dir/": "", "dir/a": "x", "dir/b c": "x"}, b.Tree(b.root))

	require.Equal(t, result{1, "", "Error: You can't overwrite a directory with a file\n"}, b.run(t, "", "mv", "dir/a", "dir"))
	require.Contains(t, b.run(t, "", "ln", "nix", "x").stderr, "Error: 404 Not Found")
	r := b.run(t, "", "mv", "dir/a", "tahoe:dir/a")
	require.Equal(t, result{1, "", "tahoe: source and target are the same entry\n"}, r)
	require.Contains(t, b.Tree(b.root), "dir/a")

	b.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "DELETE" {
			w.WriteHeader(http.StatusGone)
		}
		return r.Method == "DELETE"
	}
	require.Equal(t, result{2, "", "\"Error deleting original after move: 410 Gone\nb''\"\n"}, b.run(t, "", "mv", "dir/a", "dir/c"))
	b.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "PUT" {
			w.WriteHeader(http.StatusGone)
		}
		return r.Method == "PUT"
	}
	require.Equal(t, result{1, "", "\"Error: 410 Gone\nb''\"\nNOT removing the original\n"}, b.run(t, "", "mv", "dir/a", "dir/d"))
}

func TestLs(t *testing.T) {
	b := newFileBench(t)
	b.Link(b.root, "file", b.Store("text"))
	b.Link(b.root, "mutable", b.StoreMutable("t"))
	dir := b.Mkdir()
	b.Link(b.root, "Dir", dir)
	require.Equal(t, "Dir\nfile\nmutable\n", b.ok(t, "", "ls"))
	require.Equal(t, "drwx - Sep 09  2001     Dir/\n-r-- 4 Sep 09  2001     file\n-rw- 1 Sep 09  2001 mutable*\n", b.ok(t, "", "ls", "-lF", "tahoe:"))
	require.Equal(t, "-r-- 4 Sep 09  2001 file\n", b.ok(t, "", "ls", "-l", "file"))
	require.Equal(t, "    Dir "+dir+"\n", strings.SplitAfter(b.ok(t, "", "ls", "--uri"), "\n")[0])
	require.Equal(t, "    Dir "+b.ReadCap(dir)+"\n", strings.SplitAfter(b.ok(t, "", "ls", "--readonly-uri"), "\n")[0])
	require.True(t, strings.HasPrefix(b.ok(t, "", "ls", "--json", "file"), `["filenode",{`))
	require.Empty(t, b.ok(t, "", "ls", "Dir/"))
	require.Equal(t, result{2, "", "No such file or directory\n"}, b.run(t, "", "ls", "nix"))

	b.Link(b.root, "odd", "URI:FUTURE:x")
	r := b.run(t, "", "ls", "-F")
	require.Equal(t, 0, r.code)
	require.Contains(t, r.stdout, "odd?\n")
	require.Contains(t, r.stderr, "\nThis listing included unknown objects.")
}

func TestLs_failures(t *testing.T) {
	b := newFileBench(t)
	status, text := 410, ""
	b.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
		return true
	}
	require.Equal(t, result{410 & 255, "", "\"Error during GET: 410 Gone\nb''\"\n"}, b.run(t, "", "ls"))
	status, text = 200, `["dirnode", {"children": {"URI:secret": 7}}]`
	r := b.run(t, "", "ls")
	require.Equal(t, result{1, "", "tahoe: the gateway's description of the object is not understood\n"}, r)
	text = "ü"
	require.Equal(t, result{1, "", "The JSON response contained unprintable characters:\nü\n"}, b.run(t, "", "ls", "--json"))
	require.Equal(t, 255, b.run(t, "", "ls", "-u", "http://127.0.0.1:1").code)
}

func TestUnknownAlias(t *testing.T) {
	b := newFileBench(t)
	b.write(t, "private/aliases", "file: "+b.Store("x")+"\n")
	for _, line := range []string{"ls no:", "get no:x", "put - no:x", "mkdir no:x", "unlink no:x", "mv no:x y", "ln no:x y", "cp no:x no:y"} {
		require.Equal(t, result{1, "", "error: Unknown alias 'no', please create it with 'tahoe add-alias' or 'tahoe create-alias'.\n"}, b.run(t, "", strings.Fields(line)...), line)
	}
	require.Contains(t, b.run(t, "", "ls", "x").stderr, "error: No alias specified, and the default 'tahoe' alias doesn't exist.")
	r := b.run(t, "", "ls", "file:")
	require.Equal(t, result{1, "", "tahoe: the alias 'file' does not stand for a directory: that is the cap of a file, not of a directory\n"}, r)
	require.Contains(t, b.run(t, "", "ls", "x\xff").stderr, "is not in UTF-8")
	require.Empty(t, b.Requests())
}

func TestCp(t *testing.T) {
	b := newFileBench(t)
	b.write(t, "from/a", "A")
	require.Equal(t, "Success: files copied\n", b.ok(t, "", "cp", "-r", filepath.Join(b.base, "from"), "tahoe:to"))
	require.Equal(t, map[string]string{"to/": "", "to/from/": "", "to/from/a": "A"}, b.Tree(b.root))
	require.Equal(t, result{1, "", "cannot copy directories without --recursive\n"}, b.run(t, "", "cp", filepath.Join(b.base, "from"), "tahoe:to"))
}
