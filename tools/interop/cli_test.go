package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
	"github.com/besn0847/arm-tahoe/tools/tahoe/cli"
)

// ourTahoe runs our tahoe, or grid-manager, in this process.
func ourTahoe(t testing.TB, stdin string, name string, args ...string) Result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := cli.Command{Name: name, Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr}
	run := c.Tahoe
	if name == "grid-manager" {
		run = c.GridManager
	}
	code := run(context.Background(), args)
	return Result{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), ExitCode: code}
}

// cliStep is a command line that both programs run in directories of their own;
// DIR stands for that.
type cliStep struct {
	line  string // words between spaces
	stdin string
	// stderr: standard error is compared, too.
	stderr bool
}

const aFURL = "pb://4vvrocf4clbseg7vgcydwhljwvrtuwxv@tcp:127.0.0.1:29999/nosuchswissnum"

const (
	aPrivateKey = "priv-v0-aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"
	aPublicKey  = "pub-v0-rkeihxlqidzk4ka5lx7wjkeudaeqvd3p6uj3dsk73xvx4jmwgrya"
)

var cliSteps = []cliStep{
	{line: "tahoe create-client DIR/client"},
	{line: "tahoe create-client DIR/client", stderr: true},
	{line: "tahoe create-client --nickname=Pi --introducer=" + aFURL + " --webport=none --shares-needed=1 --shares-happy=2 --shares-total=3 DIR/it's"},
	{line: "tahoe -q create-client -C DIR/quiet"},
	{line: "tahoe -d DIR/global create-client --hide-ip -n x"},
	{line: "tahoe create-node --hostname=pi.local --storage-dir=/mnt/disk -i " + aFURL + " DIR/node"},
	{line: "tahoe create-node --port=tcp:8098:interface=127.0.0.1 --location=tcp:h:8098,tor:x.onion:1 --no-storage --helper -p 3456 DIR/helper"},
	{line: "tahoe create-node --listen=none DIR/none"},
	{line: "tahoe create-introducer --hostname=pi.local DIR/introducer"},
	{line: "tahoe create-introducer --port=tcp:44190 --location=tcp:h:44190 --basedir DIR/introducer2"},
	{line: "tahoe create-introducer --hostname=pi.local --hide-ip DIR/introducer3"},
	{line: "tahoe create-client DIR/no/such/parent"},
	{line: "tahoe create-node DIR/x"},
	{line: "tahoe create-node --listen=none --port=tcp:1 DIR/x"},
	{line: "tahoe create-node --listen=none --hostname=x DIR/x"},
	{line: "tahoe create-node --port=tcp:1 DIR/x"},
	{line: "tahoe create-node --location=tcp:1 DIR/x"},
	{line: "tahoe create-node --location=tcp:h:1 --port=tcp:1 --hostname=h DIR/x"},
	{line: "tahoe create-node --hostname=h --tor-launch DIR/x"},
	{line: "tahoe create-client --shares-happy=x DIR/x"},
	{line: "tahoe create-client DIR/x DIR/y"},
	{line: "tahoe create-introducer --hostname=h"},
	{line: "tahoe frob"},
	{line: "tahoe --frob"},
	{line: "tahoe"},
	{line: "tahoe run DIR/nosuch", stderr: true},
	{line: "tahoe admin"},
	{line: "tahoe admin generate-keypair"},
	{line: "tahoe admin derive-pubkey " + aPrivateKey},
	{line: "tahoe admin derive-pubkey"},
	{line: "tahoe admin derive-pubkey priv-v0-xxx"},
	{line: "tahoe admin migrate-crawler --basedir DIR/client"},
	{line: "tahoe admin migrate-crawler --basedir DIR/crawler"},
	{line: "tahoe admin migrate-crawler --basedir DIR/crawler"},
	{line: "grid-manager"},
	{line: "grid-manager create"},
	{line: "grid-manager --config DIR/gm frob"},
	{line: "grid-manager --config DIR/gm create"},
	{line: "grid-manager --config DIR/gm create", stderr: true},
	{line: "grid-manager --config DIR/gm add storage1 " + aPublicKey},
	{line: "grid-manager --config DIR/gm add storage1 " + aPublicKey, stderr: true},
	{line: "grid-manager --config DIR/gm add storage2 pub-v0-xxx"},
	{line: "grid-manager --config DIR/gm sign nobody 1", stderr: true},
	{line: "grid-manager --config DIR/gm sign storage1 0"},
	{line: "grid-manager --config DIR/gm sign storage1 30"},
	{line: "grid-manager --config DIR/gm list"},
	{line: "grid-manager --config DIR/gm public-identity"},
	{line: "grid-manager --config - create"},
	{line: "grid-manager --config - public-identity", stdin: `{"grid_manager_config_version": 0, "private_key": "` + aPrivateKey + `"}`},
	{line: "grid-manager --config - add x " + aPublicKey, stdin: `{"grid_manager_config_version": 0, "private_key": "` + aPrivateKey + `"}`},
	{line: "tahoe -d DIR/client admin add-grid-manager-cert --name Pi --filename DIR/gm/storage1.cert.0", stderr: true},
	{line: "tahoe -d DIR/client admin add-grid-manager-cert --name Pi --filename DIR/gm/storage1.cert.0", stderr: true},
	{line: "tahoe -d DIR/client admin add-grid-manager-cert --name Pi"},
	{line: "grid-manager --config DIR/gm remove storage1"},
	{line: "grid-manager --config DIR/gm remove storage1", stderr: true},
}

// forkScript runs command lines, each in a fork of a Python that has loaded
// Tahoe: loading takes longer than all they do.
const forkScript = `
import json, os, sys, tempfile, traceback
from allmydata.scripts import runner
from allmydata.cli import grid_manager

def child(step, files):
    for fd, file in enumerate(files):
        os.dup2(file.fileno(), fd)
    code = 0
    try:
        sys.argv[:] = step["args"]
        if step["args"][0] == "tahoe":
            runner.run()
        else:
            grid_manager.grid_manager(prog_name="grid-manager")
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else 0 if e.code is None else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 255)

results = []
for step in json.load(sys.stdin):
    files = [tempfile.TemporaryFile() for _ in range(3)]
    files[0].write(step["stdin"].encode())
    files[0].seek(0)
    pid = os.fork()
    if pid == 0:
        child(step, files)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for file in files:
        file.seek(0)
    results.append({"code": code, "stdout": files[1].read().decode(), "stderr": files[2].read().decode()})
print(json.dumps(results))
`

// pythonStep is a command line for forkScript.
type pythonStep struct {
	Args  []string `json:"args"`
	Stdin string   `json:"stdin"`
}

// pythonSteps runs all lines with Python.
func pythonSteps(t *testing.T, root *Root, steps []pythonStep) (results []Result) {
	t.Helper()
	text, err := json.Marshal(steps)
	require.NoError(t, err)
	var answers []struct {
		Code           int
		Stdout, Stderr string
	}
	require.NoError(t, json.Unmarshal(root.Run(t, text, "python3", "-W", "ignore", "-c", forkScript).OK(t), &answers))
	for _, a := range answers {
		results = append(results, Result{Stdout: []byte(a.Stdout), Stderr: []byte(a.Stderr), ExitCode: a.Code})
	}
	return results
}

// statesScript writes states of crawlers from before 1.17, of a node that has
// run for a while, as pickles of each protocol.
const statesScript = `
import os, pickle, sys
cycle = {"cycle-start-finish-times": (1.5, 1e9), "configured-expiration-mode": ("age", None, None, ("mutable", "immutable")),
    "corrupt-shares": [("aaaa", 3)], "leases-per-share-histogram": {1: 3, 10: 2}, "expiration-enabled": False,
    "space-recovered": {"examined-buckets": 12, "actual-diskbytes": 2**40, "x": -1, "ratio": 1e-7, "large": 1e22}}
state = {"version": 1, "last-cycle-finished": None, "current-cycle": 7, "last-complete-prefix": "ab", "flag": True,
    "cycle-to-date": dict(cycle, **{"lease-age-histogram": {(0, 86400): 5, (86400, 172800): 1}})}
history = {1: dict(cycle, **{"lease-age-histogram": [(0, 86400, 5)]}), 2: cycle}
os.makedirs(sys.argv[1])
for name, value, protocol in (("lease_checker.state", state, 0), ("bucket_counter.state", state, 2), ("lease_checker.history", history, 4)):
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        pickle.dump(value, f, protocol)
`

// TestCommandLines runs each line with both programs and compares exit codes,
// standard output, and in the end the files.
func TestCommandLines(t *testing.T) {
	root := Require(t)
	theirs, ours := filepath.Join(root.Dir, "theirs"), filepath.Join(root.Dir, "ours")
	for _, dir := range []string{theirs, ours} {
		root.Run(t, nil, "python3", "-c", statesScript, filepath.Join(dir, "crawler", "storage")).OK(t)
	}
	var steps []pythonStep
	for _, s := range cliSteps {
		steps = append(steps, pythonStep{words(s.line, theirs), s.stdin})
	}
	for i, python := range pythonSteps(t, root, steps) {
		step := cliSteps[i]
		t.Run(fmt.Sprintf("%02d %.60s", i, step.line), func(t *testing.T) {
			args := words(step.line, ours)
			us := ourTahoe(t, step.stdin, args[0], args[1:]...)
			require.Equal(t, python.ExitCode, us.ExitCode, "Python: %s%s\nours: %s%s", python.Stdout, python.Stderr, us.Stdout, us.Stderr)
			require.Equal(t, comparable(string(python.Stdout), theirs), comparable(string(us.Stdout), ours))
			if step.stderr {
				require.Equal(t, comparable(string(python.Stderr), theirs), comparable(string(us.Stderr), ours))
			}
		})
	}
	require.Equal(t, tree(t, theirs), tree(t, ours))
	for _, name := range []string{"client", "it's", "node", "helper", "introducer"} {
		_, err := nodeconf.Load(filepath.Join(theirs, name))
		require.NoError(t, err, "what Python has made is understood")
	}
}

func words(line, dir string) []string {
	return strings.Fields(strings.ReplaceAll(line, "DIR", dir))
}

// drawn matches what each program draws for itself: keys, signatures, times,
// ports of --hostname.
var drawn = regexp.MustCompile(`(priv|pub)-v0-[a-z2-7]{52}|"signature": "[a-z2-7]{103}"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?\+00:00|pi\.local:\d+`)

// comparable leaves out what may differ: drawn parts, and of usage everything but
// the complaint on the last line.
func comparable(text, dir string) string {
	text = drawn.ReplaceAllString(strings.ReplaceAll(text, dir, "DIR"), "DRAWN")
	if !strings.Contains(text, "Usage:") && !strings.Contains(text, "usage:") {
		return text
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	_, complaint, found := strings.Cut(lines[len(lines)-1], ":  ")
	if !found {
		return "(help)"
	}
	return complaint
}

// stricterHere are the files that 1.20 makes readable, or even executable, for
// others, and relies on the directory's mode.
var stricterHere = map[string]fs.FileMode{"private/introducers.yaml": 0o600, "gm/config.json": 0o600}

// tree describes the files below a directory: names, modes, and what is in them.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		mode := info.Mode()
		for suffix, strict := range stricterHere {
			if strings.HasSuffix(name, suffix) {
				mode = strict
			}
		}
		found[name] = mode.String()
		if !entry.IsDir() && !strings.HasSuffix(name, ".tac") {
			found[name] += " " + fileText(t, path, dir)
		}
		return nil
	}))
	return found
}

var port = regexp.MustCompile(`tcp:\d{5}`)

// fileText is a file's text without drawn parts; of tahoe.cfg only what it says.
func fileText(t *testing.T, path, dir string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	if filepath.Base(path) == nodeconf.ConfigName {
		config, err := nodeconf.ParseFile(path, text)
		require.NoError(t, err)
		text, err = config.AppendPython(nil)
		require.NoError(t, err)
	}
	result := drawn.ReplaceAllString(strings.ReplaceAll(string(text), dir, "DIR"), "DRAWN")
	if strings.Contains(result, "DRAWN") {
		result = port.ReplaceAllString(result, "tcp:PORT")
	}
	return result
}

// TestPythonRunsOurDirectories makes an introducer and a node with our tahoe, has
// Python run them, and reads with ours what Python has made of them.
func TestPythonRunsOurDirectories(t *testing.T) {
	root := Require(t)
	introducerDir, nodeDir := filepath.Join(root.Dir, "in"), filepath.Join(root.Dir, "sto")
	ports := [2]int{}
	for i := range ports {
		var err error
		ports[i], err = freePort()
		require.NoError(t, err)
	}
	where := func(port int) []string {
		return []string{fmt.Sprintf("--port=tcp:%d:interface=127.0.0.1", port), fmt.Sprintf("--location=tcp:127.0.0.1:%d", port)}
	}
	ourTahoe(t, "", "tahoe", append([]string{"create-introducer", "--basedir", introducerDir}, where(ports[0])...)...).OK(t)
	in := root.StartIntroducer(t, IntroducerOptions{BaseDir: introducerDir})
	ourTahoe(t, "", "tahoe", append([]string{"create-node", "--nickname=50% Ü", "--webport=tcp:0:interface=127.0.0.1",
		"--introducer", in.FURL(), "--basedir", nodeDir, "--shares-needed=1", "--shares-happy=1", "--shares-total=1"}, where(ports[1])...)...).OK(t)
	node := root.StartNode(t, NodeOptions{BaseDir: nodeDir})
	node.WaitConnected(t, 1)
	fileCap := strings.TrimSpace(string(node.Tahoe(t, bytes.Repeat([]byte("x"), 1000), "put", "-").OK(t)))
	require.True(t, strings.HasPrefix(fileCap, "URI:CHK:"), fileCap)

	for _, n := range []*Node{in.Node, node} {
		requireRefused(t, n)
	}
	node.Stop(t)
	in.Stop(t)
	requireLoaded(t, nodeDir, in.FURL())
	config, err := nodeconf.Load(introducerDir)
	require.NoError(t, err)
	require.Equal(t, nodeconf.KindIntroducer, config.Kind)
	requirePythonRefused(t, root, nodeDir)
}

// requireRefused: the running Python node holds its directory against us.
func requireRefused(t *testing.T, n *Node) {
	t.Helper()
	dir, err := nodeconf.OpenDir(n.BaseDir)
	require.NoError(t, err)
	_, err = dir.Lock()
	var inUse *nodeconf.InUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, n.PID(), inUse.PID)
	result := ourTahoe(t, "", "tahoe", "run", n.BaseDir)
	require.Equal(t, 1, result.ExitCode)
	require.Contains(t, string(result.Stderr), "ERROR: a process is already running as PID")
}

// requirePythonRefused: we hold a directory against Python.
func requirePythonRefused(t *testing.T, root *Root, baseDir string) {
	t.Helper()
	dir, err := nodeconf.OpenDir(baseDir)
	require.NoError(t, err)
	lock, err := dir.Lock()
	require.NoError(t, err, "Python has given it back")
	result := root.Run(t, nil, "tahoe", "run", baseDir)
	require.Equal(t, 1, result.ExitCode)
	require.Contains(t, string(result.Stderr), fmt.Sprintf("ERROR: A process is already running as PID %d", os.Getpid()))
	require.NoError(t, lock.Release())
}

// requireLoaded: we read what Python has written.
func requireLoaded(t *testing.T, baseDir, introducerFURL string) {
	t.Helper()
	config, err := nodeconf.Load(baseDir)
	require.NoError(t, err)
	require.Equal(t, "50% Ü", config.Node.Nickname)
	require.Equal(t, 1, config.Client.Shares.N)
	require.True(t, config.Storage.Enabled)
	require.Equal(t, int64(1_000_000_000), config.Storage.ReservedSpace)
	dir, err := nodeconf.OpenDir(baseDir)
	require.NoError(t, err)

	publicKey := readLine(t, dir.Path("node.pubkey"))
	key, err := dir.NodeKey()
	require.NoError(t, err)
	require.Equal(t, publicKey, key.VerifyingKey().String())
	secret, err := dir.LeaseSecret()
	require.NoError(t, err)
	require.False(t, secret.IsZero())
	convergence, err := dir.ConvergenceSecret()
	require.NoError(t, err)
	require.Equal(t, 32, convergence.Len())
	token, ok, err := dir.APIToken()
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, 44, token.Len())

	tubID := nodeID(t, dir)
	swissnum, ok, err := dir.Swissnum(nodeconf.StorageFURLName, tubID)
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, strings.HasSuffix(readLine(t, dir.Private("storage.furl")), "/"+swissnum.RevealString()))
	seed, err := dir.PermutationSeed(func() (bool, error) { return true, nil }, tubID, key.VerifyingKey())
	require.NoError(t, err)
	require.Equal(t, readLine(t, dir.Path("permutation-seed")), seed)
	require.NoError(t, os.Remove(dir.Path("permutation-seed")))
	again, err := dir.PermutationSeed(func() (bool, error) { return false, nil }, tubID, key.VerifyingKey())
	require.NoError(t, err)
	require.Equal(t, seed, again, "a fresh server's seed is made of the key, as Python's")

	introducers, err := dir.Introducers(config)
	require.NoError(t, err)
	require.Len(t, introducers, 1)
	require.Equal(t, introducerFURL, introducers[0].FURL.RevealString())
	cached, err := dir.CachedAnnouncements(introducers[0].Petname)
	require.NoError(t, err)
	require.Len(t, cached, 1)
	require.Equal(t, strings.TrimPrefix(publicKey, "pub-"), cached[0].Key)
	require.Contains(t, string(cached[0].Announcement), `"nickname":"50% Ü"`)
	number := readLine(t, dir.Path("announcement-seqnum"))
	next, err := dir.NextSeqnum()
	require.NoError(t, err)
	require.NotEqual(t, number, fmt.Sprint(next))
}

func readLine(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

func nodeID(t *testing.T, dir *nodeconf.Dir) [nodeconf.TubIDSize]byte {
	t.Helper()
	id, err := base32.Decode(readLine(t, dir.Path("my_nodeid")))
	require.NoError(t, err)
	return [nodeconf.TubIDSize]byte(id)
}
