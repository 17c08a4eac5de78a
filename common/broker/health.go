package broker

import (
	"sync"
	"time"
)

const (
	// smallRequest is up to how many bytes a request tells about latency; those
	// above largeRequest tell about the rate.
	smallRequest = 4 << 10
	largeRequest = 32 << 10
	// defaultLatency stands for that of a server that was never asked.
	defaultLatency = 250 * time.Millisecond
)

// Health is what was observed of one server: how long it takes to answer, how
// fast bytes come and go, whether it failed lately. It outlives connections. A
// nil Health takes observations and has none. Safe for concurrent use.
type Health struct {
	mu       sync.Mutex // guards all below
	latency  time.Duration
	spread   time.Duration // mean deviation from what was expected
	perByte  float64       // nanoseconds
	observed bool
	failures int // in a row
	lastErr  time.Time
	suspect  func() // called when requests fail; may be nil
}

// Observe records that a request with so many bytes of share data, in either
// direction, took so long. The smoothing is that of TCP's round-trip times (RFC
// 6298).
func (h *Health) Observe(bytes int, took time.Duration) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures = 0
	if !h.observed {
		h.observed, h.latency, h.spread = true, took, took/2
		return
	}
	off := took - h.expected(bytes)
	h.spread += (off.Abs() - h.spread) / 4
	switch {
	case bytes <= smallRequest:
		h.latency += (took - h.latency) / 8
	case bytes >= largeRequest:
		rest := max(0, float64(took-min(h.latency, took)))
		h.perByte += (rest/float64(bytes) - h.perByte) / 4
	}
}

// Fail records that a request failed at now.
func (h *Health) Fail(now time.Time) {
	if h == nil {
		return
	}
	h.mu.Lock()
	h.failures++
	h.lastErr = now
	suspect := h.suspect
	if h.failures < suspectAfter {
		suspect = nil
	}
	h.mu.Unlock()
	if suspect != nil {
		suspect()
	}
}

// setSuspect sets what is called when requests fail.
func (h *Health) setSuspect(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.suspect = f
}

// known says whether there were any observations.
func (h *Health) known() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.observed
}

// Expect returns how long a request with so many bytes should take, and how far
// off that usually is.
func (h *Health) Expect(bytes int) (took, spread time.Duration) {
	if h == nil {
		return defaultLatency, defaultLatency
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.observed {
		return defaultLatency, defaultLatency
	}
	return h.expected(bytes), h.spread
}

func (h *Health) expected(bytes int) time.Duration {
	return h.latency + time.Duration(h.perByte*float64(bytes))
}

// Failures says how many requests failed since one succeeded, and when the last
// of them did.
func (h *Health) Failures() (inRow int, last time.Time) {
	if h == nil {
		return 0, time.Time{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failures, h.lastErr
}
