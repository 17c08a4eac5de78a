package interop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The kinds of nodes, in the words of tahoe run.
const (
	clientKind     = "client"
	introducerKind = "introducer"
)

const (
	// startTimeout is how long a node may take to be ready: about two seconds
	// on an idle machine.
	startTimeout = 2 * time.Minute
	// tubTimeout is how long the Tub may take after the node says that it runs;
	// in 1.20 the Tub listens before that.
	tubTimeout = 10 * time.Second
	// fileTimeout is how long a file of a running node may take to appear.
	fileTimeout = time.Minute
	// pollInterval is the pause between two looks.
	pollInterval = 50 * time.Millisecond
	// logTail is how much of a log goes into a failed test's output, in bytes.
	logTail = 16 << 10
	// startAttempts is how often another port is tried.
	startAttempts = 3
)

// errPortTaken says that another program has opened a node's port first.
var errPortTaken = errors.New("the port is taken")

// Node is a node of a grid, run by Python or by our program: a client, with storage
// server and helper or without.
// Use it from the test's goroutine; Tahoe may be called from several if each has
// a testing.TB of its own.
type Node struct {
	// Name is the nickname.
	Name string
	// BaseDir is the absolute path of the base directory, the same in and
	// outside the root.
	BaseDir string

	root    *Root
	kind    string
	options NodeOptions
	webURL  string
	process *process // nil before the first start
}

// StartNode starts one node: see StartNodes.
func (r *Root) StartNode(t testing.TB, options NodeOptions) *Node {
	t.Helper()
	return r.StartNodes(t, options)[0]
}

// StartNodes starts nodes side by side, which is the faster way to several, and
// returns them in the order of options once all of them are ready: their Tubs
// and web servers listen. Being connected to servers is another matter: see
// Node.WaitConnected. They are killed at the end of the test, and their logs
// printed if it failed.
func (r *Root) StartNodes(t testing.TB, options ...NodeOptions) []*Node {
	t.Helper()
	nodes := make([]*Node, len(options))
	for i, o := range options {
		r.numNodes++
		nodes[i] = r.newNode(t, clientKind, fmt.Sprintf("node%d", r.numNodes), o)
		nodes[i].launch(t)
	}
	for _, n := range nodes {
		n.await(t)
	}
	return nodes
}

// newNode makes the base directory, unless it is there, and has t clean up.
func (r *Root) newNode(t testing.TB, kind, defaultName string, options NodeOptions) *Node {
	t.Helper()
	if options.Name == "" {
		options.Name = defaultName
	}
	n := &Node{Name: options.Name, BaseDir: options.BaseDir, root: r, kind: kind, options: options}
	if err := n.prepare(); err != nil {
		t.Fatalf("interop: prepare %s: %v", n.Name, err)
	}
	t.Cleanup(func() { n.cleanUp(t) })
	return n
}

func (n *Node) prepare() error {
	if n.options.BaseDir == "" {
		n.BaseDir = filepath.Join(n.root.Dir, n.Name)
		return n.configure()
	}
	dir, err := resolve(n.BaseDir)
	if err != nil {
		return err
	}
	n.BaseDir = dir
	if !n.root.shows(dir) {
		return fmt.Errorf("base directory %s is not in Root.Dir: call Root.Share first", dir)
	}
	_, err = os.Stat(filepath.Join(dir, "tahoe.cfg"))
	return err
}

// shows tells whether programs in the root see the directory.
func (r *Root) shows(dir string) bool {
	for _, shared := range r.shared {
		rel, err := filepath.Rel(shared, dir)
		if err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// configure writes the configuration with a fresh port.
func (n *Node) configure() error {
	port, err := freePort()
	if err != nil {
		return err
	}
	config := nodeConfig(n.Name, port)
	if n.kind == introducerKind {
		return writeBaseDir(n.BaseDir, n.kind, config+n.options.ExtraConfig, nil)
	}
	rest, err := clientConfig(n.options)
	if err != nil {
		return err
	}
	return writeBaseDir(n.BaseDir, n.kind, config+rest, n.options.Introducers)
}

// launch starts the process. A node.url of an earlier run would name a port
// that is no longer the node's.
func (n *Node) launch(t testing.TB) {
	t.Helper()
	err := os.Remove(n.path("node.url"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("interop: start %s: %v", n.Name, err)
	}
	cmd := n.root.Command(context.Background(), "tahoe", "-d", n.BaseDir, "run", "--allow-stdin-close")
	if n.options.Ours {
		cmd = n.root.OurCommand(t, context.Background(), "-d", n.BaseDir, "run", "--allow-stdin-close")
	}
	n.process, err = startProcess(cmd, filepath.Join(n.root.Dir, n.Name+".log"))
	if err != nil {
		t.Fatalf("interop: start %s: %v", n.Name, err)
	}
}

// await returns when the node is ready. If another program was faster to take
// the port, it tries others, unless the configuration is not ours.
func (n *Node) await(t testing.TB) {
	t.Helper()
	err := n.ready()
	for range startAttempts - 1 {
		if n.options.BaseDir != "" || !errors.Is(err, errPortTaken) {
			break
		}
		n.process.kill()
		if err := n.configure(); err != nil {
			t.Fatalf("interop: start %s: %v", n.Name, err)
		}
		n.launch(t)
		err = n.ready()
	}
	if err != nil {
		t.Fatalf("interop: start %s: %v", n.Name, err)
	}
}

// ready returns when Tub and web server listen, as far as they are configured.
func (n *Node) ready() error {
	config, err := os.ReadFile(n.path("tahoe.cfg"))
	if err != nil {
		return err
	}
	if err := poll(startTimeout, n.isRunning); err != nil {
		return err
	}
	if port := listeningPort(configValue(string(config), "tub.port")); port != 0 && !n.options.Ours {
		// A node that cannot open its Tub's port says that it runs all the
		// same, and nothing of the port.
		if err := poll(tubTimeout, n.logs(fmt.Sprintf("Listener starting on %d\n", port))); err != nil {
			return fmt.Errorf("%w: %d: %w", errPortTaken, port, err)
		}
	}
	if configValue(string(config), "web.port") == "" {
		return nil
	}
	url, err := n.waitFile("node.url")
	n.webURL = strings.TrimSuffix(url, "/")
	return err
}

// isRunning is true once tahoe run has said so (client.py and
// introducer/server.py: "client running", "introducer running").
func (n *Node) isRunning() (bool, error) {
	line := n.kind + " running\n"
	if !n.options.Ours {
		line = "] " + line // behind the time, in its log
	}
	return n.logs(line)()
}

// logs returns a condition for poll: the present process has written text.
func (n *Node) logs(text string) func() (bool, error) {
	return func() (bool, error) {
		ended := n.process.hasEnded() // before the log is read, or its end may be missed
		log := n.process.text(1 << 20)
		if strings.Contains(log, text) {
			return true, nil
		}
		if strings.Contains(strings.ToLower(log), "address already in use") {
			return false, errPortTaken
		}
		if ended {
			return false, errors.New("tahoe run ended: see its log")
		}
		return false, nil
	}
}

// poll waits until condition holds; its error and the time limit end the wait.
func poll(limit time.Duration, condition func() (bool, error)) error {
	for end := time.Now().Add(limit); ; time.Sleep(pollInterval) {
		done, err := condition()
		if done || err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("nothing came for %s", limit)
		}
	}
}

// Use says whose program runs the node from its next start on.
func (n *Node) Use(ours bool) { n.options.Ours = ours }

// Tahoe runs Python's command line `tahoe -d BASEDIR args` with stdin as its input.
func (n *Node) Tahoe(t testing.TB, stdin []byte, args ...string) Result {
	t.Helper()
	return n.root.Run(t, stdin, "tahoe", append([]string{"-d", n.BaseDir}, args...)...)
}

// WebURL returns the base URL of the node's web server, without a slash at the
// end, "" if the node has none. It changes with Restart.
func (n *Node) WebURL() string { return n.webURL }

// FURL returns the FURL in a file of the node's private directory, such as
// storage.furl or helper.furl, and waits until the node has written it.
func (n *Node) FURL(t testing.TB, file string) string {
	t.Helper()
	furl, err := n.waitFile(filepath.Join("private", file))
	if err != nil {
		t.Fatalf("interop: %s: %v", n.Name, err)
	}
	return furl
}

// waitFile returns the only line of a file once it is there as a whole line.
func (n *Node) waitFile(name string) (string, error) {
	var text []byte
	err := poll(fileTimeout, func() (bool, error) {
		var err error
		text, err = os.ReadFile(n.path(name))
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return strings.HasSuffix(string(text), "\n"), err
	})
	if err != nil {
		return "", fmt.Errorf("wait for %s: %w", name, err)
	}
	return strings.TrimSpace(string(text)), nil
}

func (n *Node) path(name string) string { return filepath.Join(n.BaseDir, name) }

// PID returns the process id of the node, of this or the last run.
func (n *Node) PID() int { return n.process.cmd.Process.Pid }

// Log returns up to 1 MiB from the end of what the node has written since its
// last start.
func (n *Node) Log() string { return n.process.text(1 << 20) }

// Stop ends the node as an operator does, by SIGTERM, and returns when it is
// over. A node that does not obey within 30 seconds is killed and fails the
// test. Stopping a stopped node does nothing.
func (n *Node) Stop(t testing.TB) {
	t.Helper()
	if err := n.process.stop(); err != nil {
		t.Fatalf("interop: stop %s: %v", n.Name, err)
	}
}

// Kill ends the node without warning, by SIGKILL, and returns when it is over.
func (n *Node) Kill() { n.process.kill() }

// Restart stops the node, if it runs, and starts it from the same base
// directory; it returns when the node is ready.
func (n *Node) Restart(t testing.TB) {
	t.Helper()
	n.Stop(t)
	n.launch(t)
	if err := n.ready(); err != nil {
		t.Fatalf("interop: restart %s: %v", n.Name, err)
	}
}

func (n *Node) cleanUp(t testing.TB) {
	if n.process == nil {
		return
	}
	n.process.kill()
	if t.Failed() {
		t.Logf("interop: end of the log of %s:\n%s", n.Name, n.process.text(logTail))
	}
}
