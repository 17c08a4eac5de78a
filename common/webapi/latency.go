package webapi

import (
	"math"
	"slices"
	"sync"
	"time"
)

// maxSamples is how many of the latest are kept (storage/server.py add_latency).
const maxSamples = 1000

// Latency holds how long the latest calls of one kind took. The zero value is
// ready. Safe for concurrent use.
type Latency struct {
	mu      sync.Mutex // guards both
	samples []float64  // seconds
	next    int        // which one is replaced, once there are maxSamples
}

// Add notes a call.
func (l *Latency) Add(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.samples) < maxSamples {
		l.samples = append(l.samples, took.Seconds())
		return
	}
	l.samples[l.next] = took.Seconds()
	l.next = (l.next + 1) % maxSamples
}

// percentiles are what 1.20 shows, each from the number of samples on that it
// thinks it has a meaning with (get_latencies).
var percentiles = []struct {
	name       string
	fraction   float64
	minSamples int
}{
	{"01_0_percentile", 0.01, 100},
	{"10_0_percentile", 0.1, 10},
	{"50_0_percentile", 0.5, 10},
	{"90_0_percentile", 0.9, 10},
	{"95_0_percentile", 0.95, 20},
	{"99_0_percentile", 0.99, 100},
	{"99_9_percentile", 0.999, 1000},
}

// produce puts the values in, below the name; none if there are no samples.
func (l *Latency) produce(name string, v Values) {
	l.mu.Lock()
	sorted := slices.Clone(l.samples)
	l.mu.Unlock()
	count := len(sorted)
	if count == 0 {
		return
	}
	slices.Sort(sorted)
	v[name+".samplesize"] = float64(count)
	v[name+".mean"] = math.NaN()
	if count > 1 {
		v[name+".mean"] = mean(sorted)
	}
	for _, p := range percentiles {
		v[name+"."+p.name] = math.NaN()
		if count >= p.minSamples {
			v[name+"."+p.name] = sorted[int(p.fraction*float64(count))]
		}
	}
}

func mean(list []float64) float64 {
	sum := 0.0
	for _, x := range list {
		sum += x
	}
	return sum / float64(len(list))
}
