package webapi

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// cpuPoll and cpuHistory are POLL_INTERVAL and HISTORY_LENGTH of stats.py
// CPUUsageMonitor.
const (
	cpuPoll    = time.Minute
	cpuHistory = 15
)

// cpuMonitor knows what share of a processor the node has used in the last
// minutes. The zero value is ready. Safe for concurrent use.
type cpuMonitor struct {
	mu      sync.Mutex // guards samples
	samples []cpuSample
}

type cpuSample struct {
	at  time.Time
	cpu time.Duration
}

// run takes a sample each minute until ctx ends.
func (m *cpuMonitor) run(ctx context.Context) {
	ticker := time.NewTicker(cpuPoll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.add(cpuSample{time.Now(), cpuTime()})
		}
	}
}

func (m *cpuMonitor) add(sample cpuSample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.samples) > cpuHistory {
		m.samples = append(m.samples[:0], m.samples[1:]...)
	}
	m.samples = append(m.samples, sample)
}

// produce puts cpu_monitor.total and averages over 1, 5 and 15 minutes in, those
// that there are.
func (m *cpuMonitor) produce(v Values) {
	v["cpu_monitor.total"] = cpuTime().Seconds()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, minutes := range []int{1, 5, 15} {
		if n := len(m.samples); n > minutes {
			first, last := m.samples[n-1-minutes], m.samples[n-1]
			v[fmt.Sprintf("cpu_monitor.%dmin_avg", minutes)] = (last.cpu - first.cpu).Seconds() / last.at.Sub(first.at).Seconds()
		}
	}
}

// cpuTime is the time that processors have spent on this process.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0 // not on Linux
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
