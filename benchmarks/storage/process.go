package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticksPerSecond is the unit of times in /proc: USER_HZ, which is 100 on every
// architecture that Go runs on.
const ticksPerSecond = 100

// cpuSeconds is the processor time that a process has used, in user and kernel.
func cpuSeconds(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), ") ") // behind the name
	fields := strings.Fields(rest)
	if !found || len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat is not as expected", pid)
	}
	sum := 0
	for _, field := range fields[11:13] { // utime, stime
		ticks, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		sum += ticks
	}
	return float64(sum) / ticksPerSecond, nil
}

// Fields of /proc/PID/status.
const (
	resident     = "VmRSS"
	residentPeak = "VmHWM"
)

// memoryMiB reads a field of /proc/PID/status.
func memoryMiB(pid int, field string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), "\n"+field+":")
	if fields := strings.Fields(rest); found && len(fields) > 0 {
		kib, err := strconv.Atoi(fields[0])
		return float64(kib) / 1024, err
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, field)
}

// resetPeak makes residentPeak begin at what is resident now.
func resetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}
