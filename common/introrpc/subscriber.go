package introrpc

import (
	"context"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
)

// Subscriber calls a subscriber. It does not own the reference.
type Subscriber struct{ Reference *foolscap.Reference }

// Announce tells the subscriber and waits until it has taken notice. The slices of
// the announcements must not be changed afterwards.
func (s Subscriber) Announce(ctx context.Context, announcements []announce.Signed) error {
	if _, err := s.Reference.Call(ctx, methodAnnounce, encodeSet(announcements)); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}

// Announced takes announcements that came from an introducer, unchecked; their
// slices become its own. Malformed is the number of others in the message. It
// must not wait for peers.
type Announced func(ctx context.Context, announcements []announce.Signed, malformed int)

// subscriber is the server adapter.
type subscriber struct{ announced Announced }

// NewSubscriber returns an object that introducers call, which calls announced:
// for one connection one call after another.
func NewSubscriber(announced Announced) foolscap.Referenceable { return &subscriber{announced} }

// RemoteInterface implements foolscap.Referenceable.
func (*subscriber) RemoteInterface() string { return SubscriberInterface }

// MethodLimits implements foolscap.MethodLimiter.
func (*subscriber) MethodLimits(_ string, limits *banana.Limits) error {
	subscriberLimits(limits)
	return nil
}

// RemoteCall implements foolscap.Referenceable.
func (s *subscriber) RemoteCall(ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	if r.Method != methodAnnounce {
		return nil, foolscap.UnknownMethod(r, SubscriberInterface)
	}
	args := r.Args("announcements")
	items := args.Set(0, MaxAnnouncements)
	if err := args.Err(); err != nil {
		return nil, err
	}
	announcements, malformed := decodeSet(items)
	s.announced(ctx, announcements, malformed)
	return nil, nil
}
