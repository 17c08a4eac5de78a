package storageserver

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// numSamples is how many durations of an operation are kept (server.py
// add_latency): 8 KB for each of eight operations.
const numSamples = 1000

// observations count what the store does, and remember how long it took. The
// zero value is empty. Safe for concurrent use.
type observations struct {
	mu       sync.Mutex // guards everything below
	counters map[string]int64
	latency  map[string]*samples
}

// samples are the last numSamples durations.
type samples struct {
	took []time.Duration
	next int // the oldest, once there are numSamples
}

func (s *samples) add(d time.Duration) {
	if len(s.took) < numSamples {
		s.took = append(s.took, d)
		return
	}
	s.took[s.next] = d
	s.next = (s.next + 1) % numSamples
}

// observe is the store's Observe: an operation has happened.
func (o *observations) observe(op string, took time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.latency == nil {
		o.latency = map[string]*samples{}
	}
	s := o.latency[op]
	if s == nil {
		s = &samples{}
		o.latency[op] = s
	}
	s.add(took)
	o.countLocked(op, 1)
}

// count is the store's Count.
func (o *observations) count(name string, delta int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.countLocked(name, delta)
}

// countLocked counts. The mutex is held.
func (o *observations) countLocked(name string, delta int64) {
	if o.counters == nil {
		o.counters = map[string]int64{}
	}
	o.counters[name] += delta
}

func (o *observations) counts() map[string]int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.counters)
}

// sorted returns the durations of each operation, the shortest first.
func (o *observations) sorted() map[string][]time.Duration {
	o.mu.Lock()
	all := make(map[string][]time.Duration, len(o.latency))
	for op, s := range o.latency {
		all[op] = slices.Clone(s.took)
	}
	o.mu.Unlock()
	for _, took := range all {
		slices.Sort(took)
	}
	return all
}

// percentiles are those that 1.20 tells, each if there are enough samples for it
// to mean something (server.py get_latencies).
var percentiles = []struct {
	name  string
	part  float64
	least int
}{
	{"01_0_percentile", 0.01, 100},
	{"10_0_percentile", 0.1, 10},
	{"50_0_percentile", 0.5, 10},
	{"90_0_percentile", 0.9, 10},
	{"95_0_percentile", 0.95, 20},
	{"99_0_percentile", 0.99, 100},
	{"99_9_percentile", 0.999, 1000},
}

// summary is what is told of the durations of one operation, sorted, in seconds;
// nil for what there are too few samples for.
func summary(sorted []time.Duration) map[string]any {
	told := map[string]any{"samplesize": int64(len(sorted)), "mean": nil}
	if len(sorted) > 1 {
		var sum time.Duration
		for _, took := range sorted {
			sum += took
		}
		told["mean"] = sum.Seconds() / float64(len(sorted))
	}
	for _, p := range percentiles {
		told[p.name] = nil
		if len(sorted) >= p.least {
			told[p.name] = sorted[int(p.part*float64(len(sorted)))].Seconds()
		}
	}
	return told
}
