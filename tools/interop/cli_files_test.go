package interop

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fileStep is a command line on files that both programs run, each with a node's
// directory of its own in BASE and both with one gateway. "~" in a word stands
// for a space, {} around a name for a cap. What stdout and stderr differ in by
// nature is left out by plain.
type fileStep struct {
	line  string
	stdin string
	// loose: standard error is not compared, because Python's is a traceback.
	loose bool
}

var fileSteps = []fileStep{
	{line: "ls"},
	{line: "create-alias tahoe"},
	{line: "create-alias tahoe"},
	{line: "create-alias tahoe:"},
	{line: "create-alias a:b"},
	{line: "create-alias a~b"},
	{line: "create-alias"},
	{line: "add-alias größe: {dir}"},
	{line: "add-alias größe {dir}"},
	{line: "add-alias ro {dirro}"},
	{line: "add-alias 😀 {dirro}"},
	{line: "add-alias bad {file}", loose: true},
	{line: "add-alias bad nonsense", loose: true},
	{line: "list-aliases"},
	{line: "list-aliases --readonly-uri"},
	{line: "list-aliases --json"},
	{line: "ls"},
	{line: "ls nosuch:"},
	{line: "ls nosuch:a/b"},
	{line: "ls nosuch"},
	{line: "ls nosuch/"},
	{line: "ls a b"},

	{line: "put - a.txt", stdin: "hello"},
	{line: "put - a.txt", stdin: "hello again"},
	{line: "-q put - quiet", stdin: "quiet"},
	{line: "put -", stdin: strings.Repeat("x", 100000)},
	{line: "put", stdin: ""},
	{line: "put BASE/local/one.txt sub/dir/one~é.txt"},
	{line: "put BASE/local/nosuch", loose: true},
	{line: "put BASE/local/nosuch nosuch:x"},
	{line: "put BASE/local/one.txt tahoe:/one"},
	{line: "put BASE/local/one.txt /one"},
	{line: "put --mutable BASE/local/one.txt mut"},
	{line: "put --format=mdmf - mdmf", stdin: "m"},
	{line: "put --format=CHK - chk", stdin: "m"},
	{line: "put --format=tar - x", stdin: "m"},
	{line: "put - {mutable}", stdin: "written over"},
	{line: "get {mutable}"},
	{line: "put - {file}", stdin: "no"},
	{line: "put - ro:x", stdin: "no"},
	{line: "put -", stdin: "it's"},
	{line: "put a b c"},

	{line: "get a.txt"},
	{line: "get tahoe:a.txt -"},
	{line: "get tahoe:sub/dir/one~é.txt BASE/got"},
	{line: "get a.txt BASE/local", loose: true},
	{line: "get nosuch"},
	{line: "get nosuch:x"},
	{line: "get {file}"},
	{line: "get {dir}/shared.txt"},
	{line: "get {dir}:./shared.txt"},
	{line: "get"},

	{line: "mkdir"},
	{line: "mkdir --format=mdmf"},
	{line: "mkdir --format=x"},
	{line: "mkdir tahoe:new~dir/sub/"},
	{line: "mkdir a.txt/x"},
	{line: "mkdir nosuch:x"},
	{line: "mkdir ro:x", loose: true},

	{line: "ls"},
	{line: "ls tahoe:"},
	{line: "ls -l"},
	{line: "ls -lF"},
	{line: "ls -F --uri"},
	{line: "ls --readonly-uri -l sub"},
	{line: "ls -l a.txt"},
	{line: "ls -l sub/dir/"},
	{line: "ls --json sub/dir"},
	{line: "ls -l --uri {file}"},
	{line: "ls --json {file}"},
	{line: "ls -lF {dir}"},
	{line: "ls sub/nosuch"},
	{line: "ls a.txt/nosuch"},
	{line: "ls {unknown}"},
	{line: "ls -l --dir-cap {dir}"},

	{line: "ln a.txt linked"},
	{line: "ln a.txt sub"},
	{line: "ln a.txt sub/"},
	{line: "ln nosuch x"},
	{line: "ln a.txt nosuch:x"},
	{line: "mv linked sub/moved"},
	{line: "mv linked sub/moved"},
	{line: "mv sub/moved new~dir/"},
	{line: "mv a.txt new~dir"},
	{line: "mv a.txt {file}"},
	{line: "mv a.txt ro:x"},
	{line: "mv a.txt"},
	{line: "unlink quiet"},
	{line: "unlink quiet"},
	{line: "unlink tahoe:"},
	{line: "unlink ro:shared.txt"},
	{line: "unlink"},
	{line: "ls -lF new~dir"},

	{line: "cp BASE/local/one.txt tahoe:copied"},
	{line: "cp BASE/local/one.txt tahoe:mut"},
	{line: "get mut"},
	{line: "cp BASE/local/one.txt tahoe:sub"},
	{line: "cp BASE/local/one.txt BASE/local/two.txt tahoe:several"},
	{line: "cp BASE/local/one.txt tahoe:x/"},
	{line: "cp BASE/local/one.txt tahoe:a.txt/"},
	{line: "cp BASE/local/one.txt BASE/local/two.txt tahoe:a.txt"},
	{line: "cp BASE/local/one.txt BASE/local/deep/one.txt tahoe:sub"},
	{line: "cp BASE/local/deep tahoe:x"},
	{line: "cp -r BASE/local/deep tahoe:a.txt"},
	{line: "cp -r BASE/local tahoe:tree"},
	{line: "cp -r BASE/local/ tahoe:tree/"},
	{line: "cp BASE/local/one.txt/ tahoe:x"},
	{line: "cp BASE/local/nosuch tahoe:x"},
	{line: "cp tahoe:nosuch tahoe:x"},
	{line: "cp tahoe:a.txt/ tahoe:x"},
	{line: "cp nosuch:x tahoe:x"},
	{line: "cp tahoe:a.txt"},
	{line: "cp BASE/fifo tahoe:x"},
	{line: "cp {file} {dir}"},
	{line: "cp {file} tahoe:from-cap"},
	{line: "cp tahoe:a.txt tahoe:again"},
	{line: "cp tahoe:a.txt tahoe:again"},
	{line: "cp tahoe:mut tahoe:no-longer-mutable"},
	{line: "cp tahoe:a.txt tahoe:mdmf"},
	{line: "get mdmf"},
	{line: "cp tahoe:a.txt BASE/out1"},
	{line: "cp tahoe:a.txt BASE/local/deep"},
	{line: "cp --caps-only {dir}/shared.txt BASE/caps"},
	{line: "cp tahoe:a.txt BASE/no/such/dir", loose: true},
	{line: "cp -r tahoe:tree BASE/out"},
	{line: "cp -r {dir} BASE/unnamed"},
	{line: "cp tahoe:tree BASE/out"},
	{line: "cp -r tahoe:tree tahoe:tree2"},
	{line: "cp -r {dir} tahoe:unnamed"},
	{line: "cp -r tahoe:tree ro:", loose: true},
	{line: "cp BASE/local/one.txt ro:x"},
	{line: "cp BASE/local/one.txt BASE/local-copy"},
	{line: "-q cp BASE/local/one.txt tahoe:quiet"},
	{line: "cp BASE/local/one.txt {mutable}"},
	{line: "cp BASE/local/one.txt {file}"},
	{line: "ls -lF"},
	{line: "ls -lF tree2/tree/local"},
	{line: "ls -F --uri unnamed"},

	{line: "ls -u nonsense"},
	{line: "ls -u http://127.0.0.1:1"},
	{line: "get -u http://127.0.0.1:1/ a.txt"},
	{line: "put -u http://127.0.0.1:1/ - a.txt", stdin: "x"},
	{line: "mkdir -u http://127.0.0.1:1/ x"},
	{line: "mkdir -u http://127.0.0.1:1/"},
	{line: "unlink -u http://127.0.0.1:1/ x"},
	{line: "mv -u http://127.0.0.1:1/ x y"},
	{line: "cp -u http://127.0.0.1:1/ tahoe:x BASE/y"},
}

// plainRules take away what two runs cannot have alike: keys of directories and
// mutable files, times, and the caps in the address of a gateway that is not
// there, which ours does not show.
var plainRules = []struct {
	match   *regexp.Regexp
	replace string
}{
	{regexp.MustCompile(`(URI:(?:DIR2|SSK|MDMF|DIR2-MDMF)(?:-RO|-Verifier)?):[a-z2-7]{26}:[a-z2-7]{52}`), "$1:KEY"},
	{regexp.MustCompile(`"(linkcrtime|linkmotime)": [\d.]+`), `"$1": TIME`},
	{regexp.MustCompile(`[A-Z][a-z][a-z] \d\d \d\d:\d\d`), "DATE"},
	{regexp.MustCompile(`(Error trying to connect to http://127.0.0.1:1/)[^ ]*:`), "$1:"},
}

func plain(text []byte, dir string) string {
	result := comparable(string(text), dir)
	for _, rule := range plainRules {
		result = rule.match.ReplaceAllString(result, rule.replace)
	}
	return result
}

// fileWords makes arguments of a line.
func fileWords(line, base string, caps map[string]string) []string {
	args := []string{"tahoe", "-d", filepath.Join(base, "node")}
	for _, word := range strings.Fields(line) {
		word = strings.ReplaceAll(strings.ReplaceAll(word, "BASE", base), "~", " ")
		for name, c := range caps {
			word = strings.ReplaceAll(word, "{"+name+"}", c)
		}
		args = append(args, word)
	}
	return args
}

// makeFiles makes a directory with what the steps start from.
func makeFiles(t *testing.T, base, gateway string) {
	t.Helper()
	for name, text := range map[string]string{
		"node/node.url": gateway + "/\n", "node/private/README": "",
		"local/one.txt": "one", "local/two.txt": "two\n", "local/größe~é": strings.Repeat("large", 40000), "local/empty": "",
		"local/deep/one.txt": "another one", "local/deep/deeper/x": "x", "local/.hidden": "h",
	} {
		path := filepath.Join(base, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(base, "local", "nothing in it"), 0o700))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(base, "local", "dangling")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(base, "fifo"), 0o600))
}

// ask sends a request to a gateway and returns the answer, which must be good.
func ask(t *testing.T, method, url, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Less(t, answer.StatusCode, 300, string(text))
	return strings.TrimSpace(string(text))
}

// sharedCaps makes what the steps name between braces, one set for each program.
func sharedCaps(t *testing.T, gateway string) map[string]string {
	t.Helper()
	caps := map[string]string{"dir": ask(t, "POST", gateway+"/uri?t=mkdir", ""), "unknown": "URI:FUTURE:x"}
	caps["file"] = ask(t, "PUT", gateway+"/uri/"+caps["dir"]+"/shared.txt", strings.Repeat("shared ", 20))
	caps["mutable"] = ask(t, "PUT", gateway+"/uri?format=sdmf", "mutable")
	text := ask(t, "GET", gateway+"/uri/"+caps["dir"]+"?t=json", "")
	caps["dirro"] = regexp.MustCompile(`URI:DIR2-RO:[a-z2-7:]+`).FindString(text)
	return caps
}

// filesGrid is an introducer and one node of Python with storage and gateway.
func filesGrid(t *testing.T) (*Root, *Node) {
	t.Helper()
	root := Require(t)
	in := root.StartIntroducer(t, IntroducerOptions{})
	node := root.StartNode(t, NodeOptions{Introducers: []string{in.FURL()}, Storage: true, Shares: "1/1/1"})
	node.WaitConnected(t, 1)
	return root, node
}

func TestFileCommands(t *testing.T) {
	root, node := filesGrid(t)
	t.Run("lines", func(t *testing.T) { compareLines(t, root, node) })
	t.Run("trees", func(t *testing.T) { exchangeTrees(t, root, node) })
}

// compareLines runs each line with both programs, on one Python gateway, and
// compares exit codes, output and in the end the files.
func compareLines(t *testing.T, root *Root, node *Node) {
	theirs, ours := filepath.Join(root.Dir, "theirs"), filepath.Join(root.Dir, "ours")
	makeFiles(t, theirs, node.WebURL())
	makeFiles(t, ours, node.WebURL())
	theirCaps, ourCaps := sharedCaps(t, node.WebURL()), sharedCaps(t, node.WebURL())

	var steps []pythonStep
	for _, s := range fileSteps {
		steps = append(steps, pythonStep{fileWords(s.line, theirs, theirCaps), s.stdin})
	}
	start := time.Now()
	answers := pythonSteps(t, root, steps)
	t.Logf("Python: %v", time.Since(start))
	for i, python := range answers {
		step := fileSteps[i]
		t.Run(fmt.Sprintf("%03d %.60s", i, step.line), func(t *testing.T) {
			args := fileWords(step.line, ours, ourCaps)
			us := ourTahoe(t, step.stdin, args[0], args[1:]...)
			both := fmt.Sprintf("Python: %d %s%s\nours: %d %s%s", python.ExitCode, python.Stdout, python.Stderr, us.ExitCode, us.Stdout, us.Stderr)
			require.Equal(t, python.ExitCode, us.ExitCode, both)
			require.Equal(t, plain(python.Stdout, theirs), plain(us.Stdout, ours), both)
			if !step.loose {
				require.Equal(t, plain(python.Stderr, theirs), plain(us.Stderr, ours), both)
			}
		})
	}
	require.Equal(t, localFiles(t, theirs), localFiles(t, ours))
}

// localFiles is what is in the files below a directory, but for the node's.
func localFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		require.NoError(t, err)
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		switch {
		case name == "node":
			return filepath.SkipDir
		case entry.Type().IsRegular():
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			found[name] = string(text)
		default:
			found[name] = entry.Type().String()
		}
		return nil
	}))
	return found
}

// exchangeTrees copies a tree of 300 files with names in many scripts into the
// grid with either program and back with the other.
func exchangeTrees(t *testing.T, root *Root, node *Node) {
	from := filepath.Join(root.Dir, "from")
	names := []string{"größe", "Ελλάδα", "日本語", "😀 smile", "a'b\"c", "%41&x=1", "naïve é", "..x", "#1?", "back\\slash", "tab\tname", "עברית"}
	for i := range 300 {
		path := filepath.Join(from, fmt.Sprintf("%s %d", names[i%len(names)], i%len(names)), fmt.Sprintf("%s-%d", names[i%7], i))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte{byte(i)}, i*i), 0o600))
	}
	want := localFiles(t, from)
	node.OurTahoe(t, nil, "create-alias", "tahoe").OK(t)

	start := time.Now()
	require.Equal(t, "Success: files copied\n", string(node.OurTahoe(t, nil, "cp", "-r", from, "tahoe:ours").OK(t)))
	t.Logf("ours, in: %v", time.Since(start))
	start = time.Now()
	require.Equal(t, "Success: files copied\n", string(node.Tahoe(t, nil, "cp", "-r", from, "tahoe:theirs").OK(t)))
	t.Logf("Python, in: %v", time.Since(start))

	start = time.Now()
	node.OurTahoe(t, nil, "cp", "-r", "tahoe:theirs", filepath.Join(root.Dir, "by-us")).OK(t)
	t.Logf("ours, out: %v", time.Since(start))
	start = time.Now()
	node.Tahoe(t, nil, "cp", "-r", "tahoe:ours", filepath.Join(root.Dir, "by-them")).OK(t)
	t.Logf("Python, out: %v", time.Since(start))
	require.Equal(t, want, localFiles(t, filepath.Join(root.Dir, "by-us", "theirs", "from")))
	require.Equal(t, want, localFiles(t, filepath.Join(root.Dir, "by-them", "ours", "from")))

	node.OurTahoe(t, nil, "cp", "-r", "tahoe:ours/from/größe 0", "tahoe:ours/from/tab\tname 10", "tahoe:within").OK(t)
	list := func(path string) string { return string(node.OurTahoe(t, nil, "ls", "--readonly-uri", path).OK(t)) }
	for _, name := range []string{"größe 0", "tab\tname 10"} {
		require.Equal(t, list("tahoe:theirs/from/"+name), list("tahoe:within/"+name), "the same files have the same caps")
	}
}
