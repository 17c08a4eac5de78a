package upload

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/placement"
)

// maxAsking is how many servers are asked at the same time.
const maxAsking = 20

// selection finds servers for one attempt.
type selection struct {
	params     grid.Params
	candidates []*candidate
	selector   *placement.Selector
	failures   []Failure
	outcome    placement.Outcome
}

// run asks until there is a home for every share that can have one. On any error
// nothing is left allocated.
func (s *selection) run(ctx context.Context) error {
	err := s.explore(ctx)
	if err == nil {
		err = s.rounds(ctx)
	}
	if err == nil {
		s.outcome, err = s.selector.Result()
	}
	s.giveBack(ctx)
	var unhappy *placement.UnhappinessError
	if errors.As(err, &unhappy) {
		return &UnhappinessError{Selection: unhappy, Reason: unhappy.Reason(), Failures: s.failures}
	}
	return err
}

// explore asks every candidate once, as if nothing of the file was there.
func (s *selection) explore(ctx context.Context) error {
	guess := make([]placement.Candidate, len(s.candidates))
	for i, c := range s.candidates {
		guess[i].ReadOnly = c.readOnly
	}
	p, err := placement.Place(s.params.N, guess)
	if err != nil {
		return err
	}
	inParallel(len(s.candidates), func(i int) {
		if shares := p.Shares(i); len(shares) > 0 {
			s.candidates[i].allocate(ctx, shares)
		} else {
			s.candidates[i].locate(ctx)
		}
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.begin()
}

// begin tells the selector what was found.
func (s *selection) begin() (err error) {
	if s.selector, err = placement.NewSelector(s.params, len(s.candidates)); err != nil {
		return err
	}
	for i, c := range s.candidates {
		if c.readOnly {
			s.selector.ReadOnly(i)
		}
		switch {
		case c.err == nil:
			s.selector.Found(i, c.already)
		case len(c.requested) == 0:
			s.selector.Exclude(i, c.err)
			s.failures = append(s.failures, c.failure())
		}
	}
	return nil
}

// rounds puts the selector's questions to the servers. Most have been answered
// before they are asked.
func (s *selection) rounds(ctx context.Context) error {
	for asks := s.selector.Next(); asks != nil; asks = s.selector.Next() {
		inParallel(len(asks), func(i int) { s.candidates[asks[i].Server].answer(ctx, asks[i].Shares) })
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for _, ask := range asks {
			s.report(ask.Server)
		}
	}
	return nil
}

// answer makes sure that the server was asked for the shares.
func (c *candidate) answer(ctx context.Context, shares []grid.ShareNum) {
	missing := slices.DeleteFunc(slices.Clone(shares), func(n grid.ShareNum) bool {
		return slices.Contains(c.requested, n) || slices.Contains(c.already, n)
	})
	if c.err == nil && (len(missing) > 0 || !c.renewed) {
		c.allocate(ctx, missing)
	}
}

// report tells the selector what the server said.
func (s *selection) report(server int) {
	c := s.candidates[server]
	if c.err != nil {
		s.selector.Failed(server, c.err)
		s.failures = append(s.failures, c.failure())
		return
	}
	s.selector.Answer(server, c.already, c.granted())
}

// giveBack aborts what is allocated and not to be written.
func (s *selection) giveBack(ctx context.Context) {
	keep := make([][]grid.ShareNum, len(s.candidates))
	for _, ask := range s.outcome.Write {
		keep[ask.Server] = ask.Shares
	}
	var wg sync.WaitGroup
	for i, c := range s.candidates {
		for n, w := range c.writers {
			if !slices.Contains(keep[i], n) {
				delete(c.writers, n)
				wg.Go(func() { abort(ctx, w) })
			}
		}
	}
	wg.Wait()
}

// inParallel calls f for 0..n-1, maxAsking at a time, and waits.
func inParallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	turn := make(chan struct{}, maxAsking)
	for i := range n {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			f(i)
		})
	}
	wg.Wait()
}
