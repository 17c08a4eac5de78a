package interop

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// stopTimeout is how long a program may take to obey SIGTERM.
const stopTimeout = 30 * time.Second

// process is a running program with its output in a file. Its methods are safe
// for concurrent use.
type process struct {
	cmd    *exec.Cmd
	output string        // path of the file
	start  int64         // offset of this process's output in the file
	ended  chan struct{} // closed when the process has been waited for
}

// startProcess starts cmd with its output appended to the file named output.
func startProcess(cmd *exec.Cmd, output string) (*process, error) {
	file, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = file, file
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, output: output, start: info.Size(), ended: make(chan struct{})}
	go p.wait()
	return p, nil
}

// wait ends with the process, at the latest when kill is called.
func (p *process) wait() {
	_ = p.cmd.Wait() // how it ended is in cmd.ProcessState
	close(p.ended)
}

// hasEnded tells whether the process is over.
func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill ends the whole process group at once and returns when it is over.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // fails if it is over
	<-p.ended
}

// stop sends SIGTERM to the program and returns when it is over. A program that
// does not obey is killed, which is an error.
func (p *process) stop() error {
	defer p.kill()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails if it is over
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
		return fmt.Errorf("process %d ignored SIGTERM for %s", p.cmd.Process.Pid, stopTimeout)
	}
}

// text returns up to limit bytes from the end of what this process wrote.
func (p *process) text(limit int64) string {
	file, err := os.Open(p.output)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err.Error()
	}
	from := max(p.start, info.Size()-limit)
	text, err := io.ReadAll(io.NewSectionReader(file, from, info.Size()-from))
	if err != nil {
		return err.Error()
	}
	return string(text)
}
