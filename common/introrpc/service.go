package introrpc

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
)

// Names of the remote interfaces.
const (
	ServiceInterface    = "RIIntroducerPublisherAndSubscriberService_v2.tahoe.allmydata.com"
	SubscriberInterface = "RIIntroducerSubscriberClient_v2.tahoe.allmydata.com"
)

// Methods.
const (
	methodVersion   = "get_version"
	methodPublish   = "publish_v2"
	methodSubscribe = "subscribe_v2"
	methodAnnounce  = "announce_v2"
)

// Keys of get_version's answer.
const (
	keyProtocolV2  = "http://allmydata.org/tahoe/protocols/introducer/v2"
	keyApplication = "application-version"
)

// Types of failures of publish_v2, as 1.20 names them.
const (
	typeUnknownKey   = "allmydata.introducer.common.UnknownKeyError"
	typeBadSignature = "allmydata.crypto.error.BadSignature"
	typeValueError   = "builtins.ValueError"
)

// Service is what an introducer does. Its methods are called concurrently.
type Service interface {
	// Publish takes an announcement, whose slices become the service's own. The
	// publisher's canary tells when its connection is lost; it is released
	// afterwards (Retain it to keep it). Errors of announce become the failures of
	// 1.20; others reach the publisher with their text. It must not wait for peers.
	Publish(ctx context.Context, a announce.Signed, canary *foolscap.Reference) error
	// Subscribe adds a subscriber and tells it what is known. It may wait for the
	// subscriber. The reference is released afterwards, as above.
	Subscribe(ctx context.Context, s Subscriber, serviceName string, info SubscriberInfo) error
}

// service is the server adapter.
type service struct {
	Service
	application string
}

// NewService returns the object that peers call, which calls s. The application
// is what get_version says, as in "tahoe-lafs/1.20.0".
func NewService(s Service, application string) foolscap.Referenceable {
	return &service{s, application}
}

// RemoteInterface implements foolscap.Referenceable.
func (*service) RemoteInterface() string { return ServiceInterface }

// MethodLimits implements foolscap.MethodLimiter.
func (*service) MethodLimits(method string, limits *banana.Limits) error {
	serviceLimits(method, limits)
	return nil
}

// RemoteCall implements foolscap.Referenceable.
func (s *service) RemoteCall(ctx context.Context, r *foolscap.Request) (banana.Value, error) {
	switch r.Method {
	case methodVersion:
		return s.version(), r.Args().Err()
	case methodPublish:
		return nil, s.publish(ctx, r)
	case methodSubscribe:
		return nil, s.subscribe(ctx, r)
	}
	return nil, foolscap.UnknownMethod(r, ServiceInterface)
}

func (s *service) version() banana.Value {
	return banana.NewDict(
		banana.Pair{Key: banana.Bytes(keyApplication), Value: banana.Bytes(s.application)},
		banana.Pair{Key: banana.Bytes(keyProtocolV2), Value: banana.NewDict()},
	)
}

func (s *service) publish(ctx context.Context, r *foolscap.Request) error {
	args := r.Args("announcement", "canary")
	canary := args.Reference(1, "")
	if err := args.Err(); err != nil {
		return err
	}
	a, err := decodeSigned(args.Value(0))
	if err != nil {
		return err
	}
	return publishFailure(s.Publish(ctx, a, canary))
}

// publishFailure turns an error into what 1.20 answers.
func publishFailure(err error) error {
	var unknownKey *announce.UnknownKeyError
	var format *announce.FormatError
	switch {
	case errors.As(err, &unknownKey):
		return &foolscap.RemoteError{Type: typeUnknownKey, Value: unknownKey.Text}
	case errors.Is(err, announce.ErrBadSignature):
		return &foolscap.RemoteError{Type: typeBadSignature}
	case errors.As(err, &format):
		return &foolscap.RemoteError{Type: typeValueError, Value: format.Error()}
	}
	return err
}

func (s *service) subscribe(ctx context.Context, r *foolscap.Request) error {
	args := r.Args("subscriber", "service_name", "subscriber_info")
	subscriber := args.Reference(0, SubscriberInterface)
	name := args.Bytes(1, 0, MaxServiceName)
	dict := args.Dict(2, MaxInfoKeys)
	if err := args.Err(); err != nil {
		return err
	}
	if !utf8.Valid(name) {
		return &foolscap.RemoteError{Type: "builtins.UnicodeDecodeError", Value: "service_name is not UTF-8"}
	}
	info, err := decodeInfo(dict)
	if err != nil {
		return err
	}
	r.Unblock()
	return s.Subscribe(ctx, Subscriber{subscriber}, string(name), info)
}
