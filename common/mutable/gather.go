package mutable

import (
	"context"
	"sync"
	"time"
)

// each calls f for all items, for at most maxCalls at the same time, and waits.
func each[T any](items []T, f func(T)) {
	if len(items) == 1 {
		f(items[0])
		return
	}
	var group sync.WaitGroup
	limit := make(chan struct{}, maxCalls)
	for _, item := range items {
		limit <- struct{}{}
		group.Go(func() {
			defer func() { <-limit }()
			f(item)
		})
	}
	group.Wait()
}

// gather calls servers, at most maxCalls at the same time, and gives their answers
// to take, one by one. It returns when all have answered; when those that have are
// enough and the others were given the grace time; or when ctx ends. Calls that are
// not waited for any more go on in the background until Config.CallTimeout: to
// cancel them would cost the connections.
func gather[T, R any](ctx context.Context, c *Client, servers []T, call func(context.Context, T) R, take func(R), enough func() bool, grace time.Duration) {
	answers := make(chan R, len(servers))
	limit := make(chan struct{}, maxCalls)
	background := context.WithoutCancel(ctx)
	for _, server := range servers {
		c.stragglers.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			ctx, cancel := context.WithTimeout(background, c.cfg.CallTimeout)
			defer cancel()
			answers <- call(ctx, server)
		})
	}
	var late <-chan time.Time
	for range servers {
		select {
		case answer := <-answers:
			take(answer)
		case <-late:
			return
		case <-ctx.Done():
			return
		}
		if late == nil && enough() {
			if grace == 0 {
				return
			}
			timer := time.NewTimer(grace)
			defer timer.Stop()
			late = timer.C
		}
	}
}
