package interop_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/tools/interop"
)

// TestPythonCommandOnOurGateway: Python's command line against our gateway, on our
// storage nodes and on Python's, by both protocols.
func TestPythonCommandOnOurGateway(t *testing.T) {
	tests := []struct {
		name         string
		ours, python int // storage nodes
		shares       string
		foolscap     bool
	}{
		{"on ours over HTTPS", 3, 0, "1/2/3", false},
		{"on ours over Foolscap", 3, 0, "2/3/3", true},
		{"on Python's over HTTPS", 0, 3, "1/2/3", false},
		{"on Python's over Foolscap", 0, 3, "2/3/3", true},
		{"on both", 2, 2, "2/3/4", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := interop.Require(t)
			in := root.StartIntroducer(t, interop.IntroducerOptions{Ours: true})
			furls := []string{in.FURL()}
			gateway := root.StartNode(t, interop.NodeOptions{
				Name: "gateway", Introducers: furls, Shares: tt.shares, ForceFoolscap: tt.foolscap, Ours: true,
			})
			var servers []interop.NodeOptions
			for i := range tt.ours + tt.python {
				servers = append(servers, storageOnly(furls, i < tt.ours, false))
			}
			root.StartNodes(t, servers...)
			gateway.WaitConnected(t, len(servers))
			usesProtocol(t, gateway, tt.foolscap)
			usesGateway(t, root, gateway)
		})
	}
}

// usesGateway does what a person does with the command line, and reads back
// everything it wrote.
func usesGateway(t *testing.T, root *interop.Root, n *interop.Node) {
	t.Helper()
	n.Tahoe(t, nil, "create-alias", "home").OK(t)
	small, large := testData(10_000), testData(3*segmentSize+5)
	for _, tt := range []struct {
		name string
		data []byte
		args []string
	}{
		{"literal", testData(40), nil},
		{"small", small, nil},
		{"large", large, nil},
		{"SDMF", small, []string{"--format=SDMF"}},
		{"MDMF", large, []string{"--format=MDMF"}},
	} {
		cap := strings.TrimSpace(string(n.Tahoe(t, tt.data, append(append([]string{"put"}, tt.args...), "-")...).OK(t)))
		require.True(t, bytes.Equal(tt.data, n.Tahoe(t, nil, "get", cap).OK(t)), tt.name)
	}
	changesMDMFInPlace(t, n, large)
	namesThings(t, n, small)
	copiesTree(t, root, n)
}

// namesThings makes, links, moves and unlinks.
func namesThings(t *testing.T, n *interop.Node, data []byte) {
	t.Helper()
	n.Tahoe(t, nil, "mkdir", "home:docs").OK(t)
	cap := strings.TrimSpace(string(n.Tahoe(t, data, "put", "-", "home:docs/small file").OK(t)))
	n.Tahoe(t, nil, "ln", "home:docs/small file", "home:linked").OK(t)
	n.Tahoe(t, nil, "mv", "home:docs/small file", "home:docs/naïve").OK(t)
	require.Equal(t, "naïve\n", string(n.Tahoe(t, nil, "ls", "home:docs").OK(t)))
	require.Contains(t, string(n.Tahoe(t, nil, "ls", "--uri", "home:docs").OK(t)), cap)
	require.True(t, bytes.Equal(data, n.Tahoe(t, nil, "get", "home:docs/naïve").OK(t)))
	n.Tahoe(t, nil, "unlink", "home:linked").OK(t)
	require.Equal(t, "docs\n", string(n.Tahoe(t, nil, "ls", "home:").OK(t)))
	require.NotZero(t, n.Tahoe(t, nil, "get", "home:linked").ExitCode)
	require.NotZero(t, n.Tahoe(t, nil, "unlink", "home:linked").ExitCode)
	require.NotZero(t, n.Tahoe(t, nil, "mv", "home:nothing", "home:something").ExitCode)
}

// TestGatewaysReadEachOther: what our gateway writes Python's reads, and the other
// way around; with the same convergence secret the caps are the same.
func TestGatewaysReadEachOther(t *testing.T) {
	root := interop.Require(t)
	in := root.StartIntroducer(t, interop.IntroducerOptions{})
	furls := []string{in.FURL()}
	python := root.StartNode(t, interop.NodeOptions{Name: "python", Introducers: furls, Shares: "2/3/4"})
	ours := root.StartNode(t, interop.NodeOptions{Name: "ours", Introducers: furls, Shares: "2/3/4", Ours: true})
	root.StartNodes(t, storageOnly(furls, true, false), storageOnly(furls, true, false),
		storageOnly(furls, false, false), storageOnly(furls, false, false))
	shareConvergence(t, python, ours)
	for _, n := range []*interop.Node{python, ours} {
		n.WaitConnected(t, 4)
	}
	data := testData(2*segmentSize + 77)
	for _, size := range []int{0, 55, 56, 1000, segmentSize, len(data)} {
		caps := map[string]string{}
		for _, n := range []*interop.Node{ours, python} {
			caps[n.Name] = strings.TrimSpace(string(n.Tahoe(t, data[:size], "put", "-").OK(t)))
		}
		require.Equal(t, caps["python"], caps["ours"], "size %d", size)
	}
	readsOther(t, ours, python, data)
	readsOther(t, python, ours, data)
}

// shareConvergence gives both nodes the convergence secret of the first.
func shareConvergence(t *testing.T, from, to *interop.Node) {
	t.Helper()
	secret, err := os.ReadFile(filepath.Join(from.BaseDir, "private", "convergence"))
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(filepath.Join(to.BaseDir, "private", "convergence"), secret, 0o600))
	to.Restart(t)
}

// readsOther has one node read, and change, what another one has written.
func readsOther(t *testing.T, writer, reader *interop.Node, data []byte) {
	t.Helper()
	writer.Tahoe(t, nil, "create-alias", "from-"+writer.Name).OK(t)
	root := "from-" + writer.Name + ":"
	cap := aliasCap(t, writer, "from-"+writer.Name)
	for _, format := range []string{"CHK", "SDMF", "MDMF"} {
		writer.Tahoe(t, data, "put", "--format="+format, "-", root+"dir/é "+format).OK(t)
		require.True(t, bytes.Equal(data, reader.Tahoe(t, nil, "get", cap+"/dir/é "+format).OK(t)), format)
		reader.Tahoe(t, data[:4321], "put", "-", cap+"/dir/é "+format).OK(t)
		require.True(t, bytes.Equal(data[:4321], writer.Tahoe(t, nil, "get", root+"dir/é "+format).OK(t)), format)
	}
	reader.Tahoe(t, nil, "mv", cap+"/dir/é CHK", cap+"/dir/moved").OK(t)
	require.Equal(t, "moved\né MDMF\né SDMF\n", string(writer.Tahoe(t, nil, "ls", root+"dir").OK(t)))
}

func aliasCap(t *testing.T, n *interop.Node, alias string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(n.BaseDir, "private", "aliases"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if name, cap, ok := strings.Cut(line, ": "); ok && name == alias {
			return strings.TrimSpace(cap)
		}
	}
	require.Fail(t, "no alias "+alias)
	return ""
}

// TestOurNodeAlone: a storage node of ours uses its own disk through its own
// gateway, keeps what is on the blacklist to itself, and finds its files again.
func TestOurNodeAlone(t *testing.T) {
	root := interop.Require(t)
	in := root.StartIntroducer(t, interop.IntroducerOptions{Ours: true})
	n := root.StartNode(t, interop.NodeOptions{
		Name: "alone", Introducers: []string{in.FURL()}, Storage: true, Shares: "1/1/1", Ours: true,
	})
	n.WaitConnected(t, 1)
	welcome, err := n.Welcome()
	require.NoError(t, err)
	require.Equal(t, "Connected to this node", welcome.Servers[0].ConnectionStatus)
	data := testData(2*segmentSize + 3)
	n.Tahoe(t, nil, "create-alias", "home").OK(t)
	cap := strings.TrimSpace(string(n.Tahoe(t, data, "put", "-", "home:file").OK(t)))
	n.Restart(t)
	n.WaitConnected(t, 1)
	require.True(t, bytes.Equal(data, n.Tahoe(t, nil, "get", "home:file").OK(t)))

	for _, lost := range []struct{ cap, text string }{
		{"URI:CHK:" + strings.Repeat("a", 26) + ":" + strings.Repeat("a", 52) + ":1:1:200", "NoSharesError: no shares could be found."},
		{"URI:SSK:" + strings.Repeat("a", 26) + ":" + strings.Repeat("a", 52), "UnrecoverableFileError: the directory"},
		{"URI:DIR2:" + strings.Repeat("a", 26) + ":" + strings.Repeat("a", 52) + "/?t=json", `{"error":"UnrecoverableFileError: `},
	} {
		answer, err := http.Get(n.WebURL() + "/uri/" + lost.cap)
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		require.NoError(t, err)
		require.Equal(t, http.StatusGone, answer.StatusCode, "%s", text)
		require.True(t, strings.HasPrefix(string(text), lost.text), "%s", text)
	}

	si := strings.TrimSpace(string(n.Tahoe(t, nil, "debug", "dump-cap", cap).OK(t)))
	_, si, found := strings.Cut(si, "storage index: ")
	require.True(t, found)
	si, _, _ = strings.Cut(si, "\n")
	blacklist := filepath.Join(n.BaseDir, "access.blacklist")
	require.NoError(t, os.WriteFile(blacklist, []byte(si+" not for you\n"), 0o600))
	refused := n.Tahoe(t, nil, "get", "home:file")
	require.NotZero(t, refused.ExitCode)
	require.Contains(t, string(refused.Stderr), "403")
	require.Contains(t, string(refused.Stderr), "not for you")
	require.Equal(t, "file\n", string(n.Tahoe(t, nil, "ls", "home:").OK(t)))
}

// TestTreeThroughOurGateway copies 300 files there and back.
func TestTreeThroughOurGateway(t *testing.T) {
	root := interop.Require(t)
	in := root.StartIntroducer(t, interop.IntroducerOptions{Ours: true})
	furls := []string{in.FURL()}
	n := root.StartNode(t, interop.NodeOptions{Name: "gateway", Introducers: furls, Shares: "2/3/3", Ours: true})
	root.StartNodes(t, storageOnly(furls, true, false), storageOnly(furls, true, false), storageOnly(furls, false, false))
	n.WaitConnected(t, 3)
	n.Tahoe(t, nil, "create-alias", "home").OK(t)
	there, back := filepath.Join(root.Dir, "tree"), filepath.Join(root.Dir, "back")
	for i := range 300 {
		path := filepath.Join(there, fmt.Sprintf("d %d", i%7), fmt.Sprintf("é%d", i%3), fmt.Sprintf("файл 文 %d.txt", i))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, testData(i*i%5000), 0o644))
	}
	require.NoError(t, os.Mkdir(back, 0o755))
	n.Tahoe(t, nil, "cp", "-r", there, "home:").OK(t)
	n.Tahoe(t, nil, "cp", "-r", "home:tree", back).OK(t)
	require.Equal(t, readTree(t, there), readTree(t, filepath.Join(back, "tree")))
}

// TestOurGatewayWithPythonsHelper: our gateway gives ciphertext to a helper of 1.20.
func TestOurGatewayWithPythonsHelper(t *testing.T) {
	root := interop.Require(t)
	in := root.StartIntroducer(t, interop.IntroducerOptions{})
	helper := root.StartNode(t, interop.NodeOptions{
		Name: "helper", Introducers: []string{in.FURL()}, Storage: true, Shares: "1/1/1", RunHelper: true,
	})
	n := root.StartNode(t, interop.NodeOptions{
		Name: "gateway", Introducers: []string{in.FURL()}, Shares: "1/1/1", HelperFURL: helper.FURL(t, "helper.furl"), Ours: true,
	})
	helper.WaitConnected(t, 1)
	n.WaitConnected(t, 1)
	data := testData(2*segmentSize + 3)
	require.Eventually(t, func() bool {
		return strings.Contains(string(request(t, http.MethodGet, n.WebURL()+"/", nil)), "Connected, tahoe-lafs/1.20")
	}, 2*time.Minute, 100*time.Millisecond, "the helper on the welcome page")
	cap := strings.TrimSpace(string(n.Tahoe(t, data, "put", "-").OK(t)))
	require.True(t, bytes.Equal(data, helper.Tahoe(t, nil, "get", cap).OK(t)))
	status := string(request(t, http.MethodGet, helper.WebURL()+"/helper_status?t=json", nil))
	require.Contains(t, status, fmt.Sprintf(`"chk_upload_helper.encoded_bytes": %d`, len(data)))
}

// TestThreeGatewaysOneDirectory: what three gateways were told is done is there,
// and nothing else, though they all change one directory at once.
func TestThreeGatewaysOneDirectory(t *testing.T) {
	const numEdits = 60 // of each gateway
	root := interop.Require(t)
	in := root.StartIntroducer(t, interop.IntroducerOptions{Ours: true})
	options := interop.NodeOptions{Introducers: []string{in.FURL()}, Storage: true, Shares: "1/2/3", Ours: true}
	nodes := root.StartNodes(t, options, options, options)
	for _, n := range nodes {
		n.WaitConnected(t, 3)
	}
	dir := string(request(t, http.MethodPost, nodes[0].WebURL()+"/uri?t=mkdir", nil))
	var group sync.WaitGroup
	failures := make([]error, len(nodes))
	for i, n := range nodes {
		group.Go(func() { failures[i] = editsDirectory(n.WebURL()+"/uri/"+dir, i, numEdits) })
	}
	group.Wait()
	require.NoError(t, errors.Join(failures...))
	var want []string
	for i := range nodes {
		for k := range numEdits {
			if k%3 != 2 {
				want = append(want, editedName(i, k, k%3 == 1))
			}
		}
	}
	for _, n := range nodes {
		got := strings.Fields(string(n.Tahoe(t, nil, "ls", dir).OK(t)))
		require.ElementsMatch(t, want, got)
	}
}

func editedName(node, k int, renamed bool) string {
	if renamed {
		return fmt.Sprintf("renamed-%d-%d", node, k)
	}
	return fmt.Sprintf("made-%d-%d", node, k)
}

// editsDirectory makes children; of three it keeps one, renames one, unlinks one.
func editsDirectory(url string, node, numEdits int) error {
	for k := range numEdits {
		name, other := editedName(node, k, false), editedName(node, k, true)
		if err := asks(http.MethodPut, url+"/"+name, http.StatusCreated); err != nil {
			return err
		}
		edit := ""
		switch k % 3 {
		case 1:
			edit = "?t=rename&replace=false&from_name=" + name + "&to_name=" + other
		case 2:
			edit = "?t=unlink&name=" + name
		default:
			continue
		}
		if err := asks(http.MethodPost, url+edit, http.StatusOK); err != nil {
			return err
		}
	}
	return nil
}

// asks sends a request, with a few bytes, that must have an answer of a status.
func asks(method, url string, status int) error {
	r, err := http.NewRequest(method, url, strings.NewReader("a few bytes"))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if answer.StatusCode != status {
		return fmt.Errorf("%s: %s: %s", method, answer.Status, text)
	}
	return err
}
