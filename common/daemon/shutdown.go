package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ShutdownTimeout is how long a node may take to end after it was told to.
const ShutdownTimeout = 5 * time.Second

// drainTimeout is what of it may pass before data is synced all the same.
const drainTimeout = 3 * time.Second

// Stage is a part of the shutdown. Stages come one after the other, in this
// order.
type Stage int

// The stages of a shutdown.
const (
	StopAccepting Stage = iota // close listeners
	Drain                      // let requests that have begun end
	Sync                       // put on disk what is not there
	Close                      // close connections, databases, files
	numStages
)

// Shutdown collects what is to be done when the node ends. The zero value is
// ready. Safe for concurrent use.
type Shutdown struct {
	mu    sync.Mutex // guards steps
	steps [numStages][]step
}

type step struct {
	name string
	do   func(context.Context) error
}

// Add adds a step to a stage. The steps of a stage run in the reverse order of
// being added. The context of a step ends when it should give up; StopAccepting
// and Drain are given less time, so that Sync and Close have some in any case.
func (s *Shutdown) Add(stage Stage, name string, do func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps[stage] = append(s.steps[stage], step{name, do})
}

// Run runs all steps, whatever errors they return, and joins the errors. A
// second call runs what was added since.
func (s *Shutdown) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ShutdownTimeout)
	defer cancel()
	early, cancelEarly := context.WithTimeout(ctx, drainTimeout)
	defer cancelEarly()
	var errs []error
	for stage := range numStages {
		stageContext := ctx
		if stage <= Drain {
			stageContext = early
		}
		for _, step := range s.take(stage) {
			if err := step.do(stageContext); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", step.name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// take removes the steps of a stage and returns them, the latest first.
func (s *Shutdown) take(stage Stage) []step {
	s.mu.Lock()
	defer s.mu.Unlock()
	var steps []step
	for i := len(s.steps[stage]) - 1; i >= 0; i-- {
		steps = append(steps, s.steps[stage][i])
	}
	s.steps[stage] = nil
	return steps
}
