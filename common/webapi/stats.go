package webapi

import (
	"encoding/json"
	"maps"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Stats are the statistics of a node, under Tahoe's names (stats.py StatsProvider):
// counters, and values that services work out when somebody asks. Make them with
// NewStats. Safe for concurrent use.
type Stats struct {
	started time.Time // with monotonic clock
	cpu     cpuMonitor

	mu        sync.Mutex // guards all below
	counters  map[string]*Counter
	latencies map[string]*Latency
	producers []func(Values)
	counts    []func() map[string]int64
}

// Values are named statistics; NaN is what 1.20 calls None. Names are Tahoe's, as
// "storage_server.disk_total".
type Values map[string]float64

// MarshalJSON writes NaN as null and whole numbers as such.
func (v Values) MarshalJSON() ([]byte, error) {
	texts := make(map[string]json.RawMessage, len(v))
	for name, value := range v {
		texts[name] = json.RawMessage("null")
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			texts[name] = json.RawMessage(number(value))
		}
	}
	return json.Marshal(texts)
}

// number writes whole numbers without a point or an exponent: a disk has 2^43
// bytes.
func number(value float64) string {
	if value == math.Trunc(value) && math.Abs(value) < 1<<63 {
		return strconv.FormatInt(int64(value), 10)
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}

// Counter only grows. Safe for concurrent use.
type Counter struct{ n atomic.Int64 }

// Add adds delta, which must not be negative.
func (c *Counter) Add(delta int64) { c.n.Add(delta) }

// NewStats returns statistics with those of the process in them: node.uptime
// (client.py get_stats), which begins now, and cpu_monitor.*.
func NewStats() *Stats {
	s := &Stats{started: time.Now(), counters: map[string]*Counter{}, latencies: map[string]*Latency{}}
	s.Produce(func(v Values) { v["node.uptime"] = time.Since(s.started).Seconds() })
	s.Produce(s.cpu.produce)
	return s
}

// Counter returns the counter of a name, as "storage_server.allocate", new or not.
// Keep it: the look-up is not free.
func (s *Stats) Counter(name string) *Counter {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counters[name]
	if c == nil {
		c = new(Counter)
		s.counters[name] = c
	}
	return c
}

// Latency returns the samples of a name, as "storage_server.latencies.allocate",
// new or not. Keep it.
func (s *Stats) Latency(name string) *Latency {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.latencies[name]
	if l == nil {
		l = new(Latency)
		s.latencies[name] = l
	}
	return l
}

// Produce adds a function that puts a service's values in, each time somebody
// asks. It must not block for long; several may run it at once.
func (s *Stats) Produce(producer func(Values)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.producers = append(s.producers, producer)
}

// ProduceCounters adds a function that returns counters which a service keeps by
// itself; like Produce.
func (s *Stats) ProduceCounters(count func() map[string]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts = append(s.counts, count)
}

// Snapshot is what 1.20 calls get_stats.
type Snapshot struct {
	Counters map[string]int64 `json:"counters"`
	Stats    Values           `json:"stats"`
}

// Snapshot returns all statistics as they are now.
func (s *Stats) Snapshot() Snapshot {
	shot := Snapshot{Counters: map[string]int64{}, Stats: Values{}}
	s.mu.Lock()
	producers := s.producers[:len(s.producers):len(s.producers)]
	counts := s.counts[:len(s.counts):len(s.counts)]
	for name, c := range s.counters {
		shot.Counters[name] = c.n.Load()
	}
	for name, l := range s.latencies {
		l.produce(name, shot.Stats)
	}
	s.mu.Unlock()
	for _, produce := range producers {
		produce(shot.Stats)
	}
	for _, count := range counts {
		maps.Copy(shot.Counters, count())
	}
	return shot
}
