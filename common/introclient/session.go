package introclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/introrpc"
)

// session is one connection to an introducer: what has been asked of it. It
// belongs to one goroutine.
type session struct {
	*link
	remote     introrpc.Introducer
	versioned  bool
	published  map[string]*announce.Signed // what it has taken, by service
	subscribed map[string]bool
}

// run asks for what is to be asked, again when there is something new or when a
// call was refused, until ctx ends with the connection.
func (s *session) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.catchUp(ctx)
		if ctx.Err() != nil {
			return
		}
		s.note(func() { s.problem = err })
		var retry <-chan time.Time
		if err != nil {
			s.log.Warn("introducer does not take what we ask", "err", err)
			s.useCache()
			retry = time.After(retryInterval)
		}
		select {
		case <-s.wake:
		case <-retry:
		case <-ctx.Done():
		}
	}
}

// catchUp makes the calls that are outstanding, in the order of 1.20.
func (s *session) catchUp(ctx context.Context) error {
	if err := s.version(ctx); err != nil {
		return err
	}
	return errors.Join(s.publish(ctx), s.subscribe(ctx))
}

// call limits the time of one call. An introducer that does not answer at all is
// left: the next connection may be better.
func (s *session) call(ctx context.Context, f func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := f(limited)
	if err != nil && errors.Is(limited.Err(), context.DeadlineExceeded) {
		s.remote.Reference.Drop()
	}
	return err
}

func (s *session) version(ctx context.Context) error {
	if s.versioned {
		return nil
	}
	return s.call(ctx, func(ctx context.Context) error {
		version, err := s.remote.Version(ctx)
		if err != nil {
			return redacted("ask for the version", err)
		}
		s.versioned = true
		s.note(func() { s.link.version = version })
		return nil
	})
}

// publish hands over what the introducer does not have. One that refuses may still
// take the others.
func (s *session) publish(ctx context.Context) error {
	var errs []error
	for service, a := range s.client.publications() {
		if s.published[service] == a {
			continue
		}
		err := s.call(ctx, func(ctx context.Context) error { return s.remote.Publish(ctx, *a, s.canary) })
		if err != nil {
			errs = append(errs, redacted("publish "+service, err))
			continue
		}
		s.published[service] = a
	}
	return errors.Join(errs...)
}

func (s *session) subscribe(ctx context.Context) error {
	var errs []error
	for _, service := range s.client.config.Services {
		if s.subscribed[service] {
			continue
		}
		err := s.call(ctx, func(ctx context.Context) error {
			return s.remote.Subscribe(ctx, s.subscriber, service, s.client.info())
		})
		if err != nil {
			errs = append(errs, redacted("subscribe to "+service, err))
			continue
		}
		s.subscribed[service] = true
	}
	return errors.Join(errs...)
}

// redacted keeps of a failure that the introducer sent only its type: the text may
// repeat what we sent, FURLs included.
func redacted(op string, err error) error {
	var remote *foolscap.RemoteError
	if errors.As(err, &remote) {
		return fmt.Errorf("%s: %w", op, &foolscap.RemoteError{Type: remote.Type, Value: "(text not shown)"})
	}
	return err
}
