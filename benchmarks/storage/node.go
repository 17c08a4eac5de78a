package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/besn0847/arm-tahoe/tools/interop"
)

// startTimeout is how long a node may take until it serves.
const startTimeout = 2 * time.Minute

// programs start nodes of both kinds.
type programs struct {
	dir  string
	root *interop.Root
}

// newPrograms builds ours, as go build does, and finds Python's.
func newPrograms(ctx context.Context, dir string) (*programs, error) {
	root, err := interop.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("no Tahoe-LAFS 1.20 to compare with: %w", err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(dir, "bin")+"/",
		"github.com/besn0847/arm-tahoe/storage", "github.com/besn0847/arm-tahoe/introducer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build our programs: %w\n%s", err, output)
	}
	return &programs{dir: root.Dir, root: root}, nil
}

// Roles of nodes: the names of our programs.
const (
	storageRole    = "storage"
	introducerRole = "introducer"
)

// node is a base directory and the process that runs it, if there is one.
type node struct {
	programs *programs
	role     string
	ours     bool
	baseDir  string
	port     int
	cmd      *exec.Cmd
	ended    chan struct{}
}

// newNode makes a base directory. introducer is a FURL or "".
func (p *programs) newNode(role, name string, ours bool, introducer string) (*node, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	n := &node{programs: p, role: role, ours: ours, baseDir: filepath.Join(p.dir, name), port: port}
	return n, n.configure(introducer)
}

func (n *node) configure(introducer string) error {
	kind := "introducer"
	config := fmt.Sprintf("[node]\nnickname = bench\ntub.port = tcp:%d:interface=127.0.0.1\n"+
		"tub.location = tcp:127.0.0.1:%d\nweb.port = tcp:0:interface=127.0.0.1\n", n.port, n.port)
	files := map[string]string{}
	if n.role == storageRole {
		kind = "client"
		config += "[storage]\nenabled = true\nreserved_space = 0\n"
		files["private/introducers.yaml"] = "introducers: {}\n"
		if introducer != "" {
			files["private/introducers.yaml"] = fmt.Sprintf("introducers:\n  one:\n    furl: %q\n", introducer)
		}
	}
	files["tahoe.cfg"], files["tahoe-"+kind+".tac"] = config, ""
	if err := os.MkdirAll(n.path("private"), 0o700); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(n.path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) path(name string) string { return filepath.Join(n.baseDir, name) }

// command is the program for the base directory.
func (n *node) command() *exec.Cmd {
	if !n.ours {
		return n.programs.root.Command(context.Background(), "tahoe", "-d", n.baseDir, "run", "--allow-stdin-close")
	}
	cmd := exec.Command(filepath.Join(n.programs.dir, "bin", n.role), "--basedir="+n.baseDir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// exec starts the process and does not wait for it to be ready. Its output goes
// to the file "log" in the base directory.
func (n *node) exec() error {
	log, err := os.Create(n.path("log"))
	if err != nil {
		return err
	}
	defer log.Close()
	if err := os.Remove(n.path("node.url")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	n.cmd = n.command()
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if err := n.cmd.Start(); err != nil {
		return err
	}
	n.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait()
		close(ended)
	}(n.cmd, n.ended)
	return nil
}

// start starts the process and returns when it has said that it is ready.
func (n *node) start(ctx context.Context) error {
	if err := n.exec(); err != nil {
		return err
	}
	return n.waitFor(ctx, func() bool {
		log, err := os.ReadFile(n.path("log"))
		_, missing := os.Stat(n.path("node.url"))
		return err == nil && missing == nil && strings.Contains(string(log), " running")
	})
}

// waitFor polls until the condition holds.
func (n *node) waitFor(ctx context.Context, condition func() bool) error {
	for end := time.Now().Add(startTimeout); !condition(); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.ended:
			log, _ := os.ReadFile(n.path("log"))
			return fmt.Errorf("%s ended: %s", n, log)
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s is not ready after %s", n, startTimeout)
		}
	}
	return nil
}

// stop ends the process by SIGTERM, or kills it if it does not obey.
func (n *node) stop() {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.ended:
	case <-time.After(30 * time.Second):
	}
	_ = syscall.Kill(-n.cmd.Process.Pid, syscall.SIGKILL)
	<-n.ended
	n.cmd = nil
}

func (n *node) String() string {
	if n.ours {
		return "our " + n.role
	}
	return "Python's " + n.role
}

// furl reads a FURL from the private directory.
func (n *node) furl(file string) (string, error) {
	text, err := os.ReadFile(n.path("private/" + file))
	return strings.TrimSpace(string(text)), err
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}
