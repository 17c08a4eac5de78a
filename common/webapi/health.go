package webapi

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// HealthTime is how long the checks of a request may take; one that takes longer
// has failed. The healthcheck subcommand waits a second more.
const HealthTime = 3 * time.Second

// Health answers /healthz: 200 if all checks of the services are well, otherwise
// 503, and JSON such as {"status": "ok", "checks": {"storage": "ok"}}. What is
// wrong is told to programs on this machine only; to others it is "failed". Make
// it with NewHealth. Safe for concurrent use.
type Health struct {
	mu     sync.Mutex // guards checks
	checks []*healthCheck
}

// healthCheck is run by one goroutine at a time, however many ask: its result is
// for all who wait.
type healthCheck struct {
	name  string
	check func(context.Context) error

	mu      sync.Mutex // guards running
	running *healthRun // nil: not running
}

type healthRun struct {
	done chan struct{} // closed when err is set
	err  error
}

// NewHealth returns a Health without checks, which is well.
func NewHealth() *Health { return new(Health) }

// Register adds a check. Its context ends after HealthTime. While it does not
// return, nobody else calls it, and it counts as failed.
func (h *Health) Register(name string, check func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, &healthCheck{name: name, check: check})
}

// Results runs all checks at once and returns their errors by name, nil for those
// that are well. It returns after HealthTime at the latest.
func (h *Health) Results(ctx context.Context) map[string]error {
	h.mu.Lock()
	checks := h.checks[:len(h.checks):len(h.checks)]
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, HealthTime)
	defer cancel()
	var runs []*healthRun
	for _, c := range checks {
		runs = append(runs, c.start())
	}
	results := make(map[string]error, len(checks))
	for i, run := range runs {
		results[checks[i].name] = run.result(ctx)
	}
	return results
}

// start joins the run in progress, or begins one.
func (c *healthCheck) start() *healthRun {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		return c.running
	}
	run := &healthRun{done: make(chan struct{})}
	c.running = run
	go c.run(run)
	return run
}

// run has a context of its own: whoever asked first may go, others wait.
func (c *healthCheck) run(run *healthRun) {
	ctx, cancel := context.WithTimeout(context.Background(), HealthTime)
	defer cancel()
	run.err = errors.New("check panicked")
	defer func() {
		_ = recover()
		c.mu.Lock()
		c.running = nil
		c.mu.Unlock()
		close(run.done)
	}()
	run.err = c.check(ctx)
}

func (r *healthRun) result(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return errors.New("no answer in time")
	}
}

// ServeHTTP answers /healthz.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := struct {
		Status string            `json:"status"`
		Checks map[string]string `json:"checks"`
	}{"ok", map[string]string{}}
	status := http.StatusOK
	for name, err := range h.Results(r.Context()) {
		answer.Checks[name] = "ok"
		if err == nil {
			continue
		}
		status, answer.Status = http.StatusServiceUnavailable, "failed"
		answer.Checks[name] = "failed"
		if Local(r) {
			answer.Checks[name] = "failed: " + err.Error()
		}
	}
	if err := WriteJSON(w, status, "application/json", answer); err != nil {
		panic(err) // texts are always JSON
	}
}
