package nodeconf

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// lockPatience is how long the short lock on the process file is waited for.
	lockPatience = 2 * time.Second
	lockPause    = 20 * time.Millisecond
	// clockTicks is the unit of start times in /proc: USER_HZ is 100 on every
	// architecture of Linux that we run on.
	clockTicks = 100
	// startTolerance is what two readings of one start time differ by at most,
	// in seconds, while nobody sets the clock.
	startTolerance = 2
)

// InUseError says that another process runs on the base directory.
type InUseError struct {
	File string // running.process
	PID  int    // 0 if not known
}

// Error names the process.
func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("another process is still locking %s; if none is starting or ending, remove that file", e.File)
	}
	return fmt.Sprintf("a process is already running as PID %d on this directory; stop it first, or, if it is not a node, remove %s", e.PID, e.File)
}

// Lock is the hold of this process on a base directory.
type Lock struct {
	path string
	file *os.File // running.process, locked until Release
}

// Lock takes the base directory for this process, as long as it lives. The error
// is an *InUseError if another process, ours or Python's, has it.
//
// The file running.process holds the process id and the time when the process
// was created, in seconds since 1970, and is read and written under a lock on
// running.process.lock (util/pid.py). Python asks only whether a process with
// that id exists. After a power cut that is often some other program, and in a
// container it is the new node itself; so a process that was created at another
// time, works in another directory and is no tahoe does not count here. That
// clocks are set cannot fool two of our programs: each holds a lock on
// running.process itself.
func (d *Dir) Lock() (lock *Lock, err error) {
	path := d.Path(pidName)
	short, err := lockShortly(path + ".lock")
	if err != nil {
		return nil, inUse(err, path)
	}
	defer func() { err = errors.Join(err, short.Close()) }()
	if err := d.checkHolder(path); err != nil {
		return nil, err
	}
	return takeProcessFile(path)
}

func inUse(err error, path string) error {
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return &InUseError{File: path}
	}
	return err
}

func lockShortly(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, publicMode)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockPatience); ; time.Sleep(lockPause) {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if time.Now().After(end) || !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(err, file.Close())
		}
	}
}

// checkHolder refuses if the process in running.process still has the directory.
func (d *Dir) checkHolder(path string) error {
	text, ok, err := line(path)
	if err != nil || !ok || text == "" { // empty: power was cut while it was written
		return err
	}
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return badProcessFile(path)
	}
	pid, err := strconv.Atoi(fields[0])
	started, err2 := strconv.ParseFloat(fields[1], 64)
	if err != nil || err2 != nil || pid <= 0 {
		return badProcessFile(path)
	}
	if pid != os.Getpid() && d.isHolder(pid, started) {
		return &InUseError{File: path, PID: pid}
	}
	return nil
}

func badProcessFile(path string) error {
	return &Error{File: path, Line: 1, Reason: "is not a process id and a start time", Advice: "if no node runs on this directory, remove the file"}
}

// isHolder tells whether a live process may be the one that was recorded.
func (d *Dir) isHolder(pid int, started float64) bool {
	now, err := processStart(pid)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return false
	}
	if err != nil || now-started < startTolerance && started-now < startTolerance {
		return true
	}
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	if cwd, err := os.Readlink(filepath.Join(proc, "cwd")); err == nil && cwd == d.path {
		return true // twistd works in the base directory
	}
	command, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	return err == nil && bytes.Contains(command, []byte("tahoe"))
}

// takeProcessFile writes this process into the file and keeps it locked. The
// file is written in place, since the lock is on it and not on its name; what a
// power cut leaves of it is of no interest.
func takeProcessFile(path string) (*Lock, error) {
	started, err := processStart(os.Getpid())
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, publicMode)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(holderOf(err, path), file.Close())
	}
	text := strconv.FormatFloat(started, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	err = file.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintf(file, "%d %s\n", os.Getpid(), text)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Lock{path, file}, nil
}

func holderOf(err error, path string) error {
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return err
	}
	text, _, _ := line(path)
	first, _, _ := strings.Cut(text, " ")
	pid, _ := strconv.Atoi(first)
	return &InUseError{File: path, PID: pid}
}

// Release gives the directory back and removes running.process.
func (l *Lock) Release() error {
	return errors.Join(os.Remove(l.path), l.file.Close())
}

// processStart returns when a process was created, in seconds since 1970, as
// psutil computes it: the time of the boot and the ticks since then.
func processStart(pid int) (float64, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	// The name in the second field may contain anything, also ") ".
	_, rest, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	fields := bytes.Fields(rest)
	const startField = 22 - 3 // fields count from 1, the third is the first of rest
	if len(fields) <= startField {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	ticks, err := strconv.ParseFloat(string(fields[startField]), 64)
	if err != nil {
		return 0, err
	}
	boot, err := bootTime()
	return ticks/clockTicks + boot, err
}

func bootTime() (float64, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	for text := range strings.SplitSeq(string(stat), "\n") {
		if number, ok := strings.CutPrefix(text, "btime "); ok {
			return strconv.ParseFloat(strings.TrimSpace(number), 64)
		}
	}
	return 0, errors.New("/proc/stat does not tell the boot time")
}
